"""What the gateway tells about itself: logs, metrics, traces. Nothing here carries raw text."""
