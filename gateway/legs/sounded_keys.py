"""Keys that come as tones in the caller's sound, where a trunk on the way makes no events of them.

The carrier's own events, where there are any, tell of the same presses; whoever takes keys counts each press once.
Audio is looked at a tenth of a second at a time, behind its delivery, so that no frame waits for it.
"""

from __future__ import annotations

from typing import Final

from gateway.audio.dtmf import RATE_HZ, DtmfDetector, ToneKey
from gateway.audio.format import PCM16_8K, AudioFormat, AudioFrame
from gateway.audio.transcode import Transcoder
from gateway.contracts.leg import KeyPressed

SOURCE: Final = "sound"
LOOK_EVERY_MS: Final = 100
"""Audio that is looked at in one go."""
LOST_AT_MOST_MS: Final = 1000
"""Silence that stands for one loss at most: no press lasts longer over a gap."""


class SoundedKeys:
    """Hears the keys of one caller.

    Args:
        format: what the caller's frames are in.

    """

    def __init__(self, format: AudioFormat) -> None:
        self._detector = DtmfDetector()
        self._to_linear = Transcoder(format, PCM16_8K)
        self._gather_bytes = format.size_bytes(LOOK_EVERY_MS)
        self._waiting = bytearray()

    def push(self, frame: AudioFrame) -> list[KeyPressed]:
        """Return the presses that have ended by now. Raises ``ValueError`` for broken base64."""
        self._waiting += frame.raw
        return self._look() if len(self._waiting) >= self._gather_bytes else []

    def lose(self, lost_ms: int) -> list[KeyPressed]:
        """Return the presses that have ended, now that so much audio never came: a tone may go on behind the gap."""
        pressed = self._look()
        lost = self._detector.lose(min(lost_ms, LOST_AT_MOST_MS) * RATE_HZ // 1000)
        return pressed + [_pressed(key) for key in lost]

    def _look(self) -> list[KeyPressed]:
        pcm = self._to_linear.push(bytes(self._waiting))
        self._waiting.clear()
        return [_pressed(key) for key in self._detector.push(pcm)]


def _pressed(key: ToneKey) -> KeyPressed:
    return KeyPressed(key.key, key.duration_ms, SOURCE)
