"""What the model and the recorder hear of the caller: all of it, or silence; and what is kept as a message.

Every frame of the caller goes through here once, on the short way, before anything else has it: what is silent here is
silent for the model, for a session that takes over, for the recording and for a message.

A carrier may tell of a key before its tone has sounded to the end. So the ear stays deaf for a moment longer than it is
told to be, and as long as a tone of a key goes on.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gateway.audio.dtmf import WINDOW, key_windows
from gateway.audio.format import PCM16_8K, AudioFormat, AudioFrame
from gateway.audio.tones import silence
from gateway.audio.transcode import Transcoder

MESSAGE_AT_MOST_MS: Final = 600_000
"""The longest message, whatever a flow allows."""
LINGER_MS: Final = 250.0
"""Deaf for so long after the last key: a tone ends up to 200 ms after the event that tells of it (RFC 4733 section
2.5), and a frame or two may have waited."""
_NOTHING: Final = np.empty(0, np.int16)


class Ear:
    """One caller's sound on its way in."""

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._message: list[AudioFrame] | None = None
        self._message_ms = 0.0
        self._lingering = _Lingering(format)
        self.deaf = False
        """While true, silence stands in place of every frame: the model's clock goes on, and nothing is recorded."""

    def hear(self, frame: AudioFrame) -> AudioFrame:
        """Return what the model and the recorder are to hear in place of a frame."""
        if self.deaf:
            self._lingering.begin()
            return self._silent(frame)
        if self._lingering.left_ms > 0 and self._lingering.hides(frame):
            return self._silent(frame)
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

    def _silent(self, frame: AudioFrame) -> AudioFrame:
        return AudioFrame(self._format, raw=silence(self._format, frame.duration_ms))


class _Lingering:
    """The moment behind a deaf window, made longer by every tone of a key in it."""

    def __init__(self, format: AudioFormat) -> None:
        self._to_linear = Transcoder(format, PCM16_8K)
        self._rest = _NOTHING
        self.left_ms = 0.0
        """How long it lasts if no more tones come; 0 once it is over."""

    def begin(self) -> None:
        """Begin it anew with the next frame."""
        self._rest, self.left_ms = _NOTHING, LINGER_MS

    def hides(self, frame: AudioFrame) -> bool:
        """Whether a frame still belongs to it. Raises ``ValueError`` for broken base64."""
        samples = np.concatenate([self._rest, np.frombuffer(self._to_linear.push(frame.raw), "<i2")])
        self._rest = samples[max(0, len(samples) - WINDOW) :]
        if (key_windows(samples) >= 0).any():
            self.left_ms = LINGER_MS
        else:
            self.left_ms = max(0.0, self.left_ms - frame.duration_ms)
        return self.left_ms > 0
