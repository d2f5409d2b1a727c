"""The telephone bank: carriers' protocols without I/O in ``carriers``, and the thin adapters that speak them."""
