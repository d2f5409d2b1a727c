"""Prompts as sound: rendered once with a flow's voice, verified, kept by the hash of what they say, and played."""
