"""The operator's settings: their shape (``schema``), and how YAML, environment and files become one (``load``)."""
