"""Local speech engines (extra ``offline``): a voice, hearing, and voice activity. No cloud, no model download."""
