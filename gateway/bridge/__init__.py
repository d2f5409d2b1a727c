"""The heart: one conversation between a leg and a model, known only through the contracts."""
