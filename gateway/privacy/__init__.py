"""Keeping card data inside a call: what finds it and the one place that makes text fit to leave."""
