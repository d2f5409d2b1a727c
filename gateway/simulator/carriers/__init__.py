"""The carriers' side of their protocols, read from their documents and not from ``gateway.legs``."""
