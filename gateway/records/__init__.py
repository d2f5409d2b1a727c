"""Where calls leave their traces: journal, recording, timeline. Sinks take redacted text only."""
