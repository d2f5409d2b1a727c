"""A call that runs a flow: the engine's commands carried out on the bridge's own rooms, its events told from them."""
