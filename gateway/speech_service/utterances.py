"""Cuts a stream of speech at its pauses, without I/O: pieces to be relayed, and where an utterance ends.

Speech is what stands out from the noise before it; between utterances nothing is relayed, so silence costs nothing.
The longer an utterance has grown, the shorter a pause will do, and at the latest it is cut where it is: no session ever
holds more than that of audio which is not written down.

The clock is the samples pushed, so the result does not depend on how the input was cut, nor on when it came.
``pcm`` is 16-bit signed little-endian, mono.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.audio.format import AudioFormat, Encoding

WINDOW_MS: Final = 20
PIECE_MS: Final = 100
"""What is relayed at once."""
BEFORE_MS: Final = 300
"""Relayed from before speech stood out: soft first sounds."""
PAUSES: Final = ((0, 600), (12_000, 400), (20_000, 200), (26_000, 60))
"""From so many milliseconds of utterance on, a pause of so many ends it."""
LONGEST_MS: Final = 30_000
_SOUND_WINDOWS: Final = 3
"""So many windows of speech in a row begin an utterance; a click does not."""
_ABOVE_NOISE_DB: Final = 8.0
_SILENCE_DBFS: Final = -60.0
_LOUDEST_NOISE_DBFS: Final = -35.0
_FLOOR_WINDOWS: Final = 100
"""The noise is the softest window of the last two seconds: speech dips between syllables, noise does not."""
_UNTIL_TRUSTED: Final = 10
_FULL_SCALE: Final = 32767.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio of the utterance under way."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance whose pieces came before is over; its times are in the whole stream."""

    relayed_from_ms: int
    """Where its first piece began."""
    start_ms: int
    """Where speech began, as well as can be told."""
    end_ms: int


class Utterances:
    """One stream's utterances.

    Args:
        rate_hz: samples per second of what is pushed; a multiple of 50.

    """

    def __init__(self, rate_hz: int) -> None:
        self._format = AudioFormat(Encoding.PCM16, rate_hz)
        self._window = self._format.size_bytes(WINDOW_MS)
        self._held = b""
        self._now_ms = 0
        self._before: deque[bytes] = deque(maxlen=BEFORE_MS // WINDOW_MS)
        self._levels: deque[float] = deque(maxlen=_FLOOR_WINDOWS)
        self._run = 0
        self._start_ms: int | None = None
        self._sound_from_ms = self._sound_until_ms = 0
        self._piece: list[bytes] = []

    @property
    def heard_ms(self) -> int:
        """Milliseconds of audio that were pushed, in whole windows."""
        return self._now_ms

    def push(self, pcm: bytes) -> list[Piece | Ended]:
        """Return what a stretch of the stream brings."""
        self._held += pcm
        whole = len(self._held) - len(self._held) % self._window
        audio, self._held = self._held[:whole], self._held[whole:]
        out: list[Piece | Ended] = []
        for number, level in enumerate(self._levels_of(audio)):
            self._take(audio[number * self._window : (number + 1) * self._window], level, out)
        return out

    def finish(self) -> list[Piece | Ended]:
        """Return what the end of the stream brings: its last utterance ends there."""
        rest = self.push(bytes(self._window - len(self._held))) if self._held else []
        if self._start_ms is not None:
            self._end(rest)
        return rest

    def _levels_of(self, audio: bytes) -> list[float]:
        """Return each window's level in dBFS."""
        if not audio:
            return []
        windows = np.frombuffer(audio, "<i2").astype(np.float32).reshape(-1, self._window // 2)
        power = np.square(windows).mean(axis=1) * (2.0 / _FULL_SCALE**2)
        levels: list[float] = (10.0 * np.log10(np.maximum(power, 1e-12))).tolist()
        return levels

    def _take(self, window: bytes, level: float, out: list[Piece | Ended]) -> None:
        is_sound = level > self._threshold()
        self._levels.append(level)
        self._now_ms += WINDOW_MS
        self._run = self._run + 1 if is_sound else 0
        if self._start_ms is None:
            self._before.append(window)
            if self._run >= _SOUND_WINDOWS:
                self._start_ms = self._now_ms - len(self._before) * WINDOW_MS
                self._sound_from_ms = self._now_ms - self._run * WINDOW_MS
                self._sound_until_ms = self._now_ms
                self._piece = list(self._before)
                self._before.clear()
                self._relay(out)
            return
        self._piece.append(window)
        if is_sound:
            self._sound_until_ms = self._now_ms
        lasted_ms = self._now_ms - self._start_ms
        if lasted_ms >= LONGEST_MS or self._now_ms - self._sound_until_ms >= _pause_ms(lasted_ms):
            self._end(out)
        else:
            self._relay(out)

    def _threshold(self) -> float:
        """Return the level above which a window is speech."""
        if len(self._levels) < _UNTIL_TRUSTED:
            return _SILENCE_DBFS + _ABOVE_NOISE_DB
        noise = min(max(min(self._levels), _SILENCE_DBFS), _LOUDEST_NOISE_DBFS)
        return noise + _ABOVE_NOISE_DB

    def _relay(self, out: list[Piece | Ended]) -> None:
        size = PIECE_MS // WINDOW_MS
        while len(self._piece) >= size:
            out.append(Piece(b"".join(self._piece[:size])))
            del self._piece[:size]

    def _end(self, out: list[Piece | Ended]) -> None:
        assert self._start_ms is not None
        if self._piece:
            out.append(Piece(b"".join(self._piece)))
        out.append(Ended(self._start_ms, self._sound_from_ms, self._sound_until_ms))
        self._piece, self._start_ms, self._run = [], None, 0


def _pause_ms(lasted_ms: int) -> int:
    """Return how long a pause ends an utterance that has lasted so long."""
    return next(pause_ms for from_ms, pause_ms in reversed(PAUSES) if lasted_ms >= from_ms)
