"""The engine of call flows."""
