"""What the model and the recorder hear of the caller: all of it, or silence; and what is kept as a message.

Every frame of the caller goes through here once, on the short way. ``filter`` is where tones of keys are taken out of
the sound on legs that carry them so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.audio.tones import silence

MESSAGE_AT_MOST_MS: Final = 600_000
"""The longest message, whatever a flow allows."""


class Ear:
    """One caller's sound on its way in."""

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._message: list[AudioFrame] | None = None
        self._message_ms = 0.0
        self.deaf = False
        """While true, silence stands in place of every frame: the model's clock goes on, and nothing is recorded."""
        self.filter: Callable[[AudioFrame], AudioFrame] | None = None

    def hear(self, frame: AudioFrame) -> AudioFrame:
        """Return what the model and the recorder are to hear in place of a frame."""
        if self.deaf:
            return AudioFrame(self._format, raw=silence(self._format, frame.duration_ms))
        if self.filter is not None:
            frame = self.filter(frame)
        if self._message is not None and self._message_ms < MESSAGE_AT_MOST_MS:
            self._message.append(frame)
            self._message_ms += frame.duration_ms
        return frame

    def begin_message(self) -> None:
        """Keep what the caller says from now on."""
        self._message, self._message_ms = [], 0.0

    def end_message(self) -> tuple[AudioFrame, ...]:
        """Return what was kept."""
        message, self._message = self._message or [], None
        return tuple(message)
