"""The model bank: Realtime dialects and the client that speaks them. No vendor's event name leaves this folder."""
