"""Takes keypad tones out of a fork of the audio: what is kept or passed on must not tell which keys were pressed.

The guard is jumpier than the detector: two windows that look like a key are enough, for a false alarm costs a few
milliseconds of speech and a miss may cost a digit. It looks back, so it holds audio back for :data:`HELD` samples; the
length of the whole never changes. Pure; PCM16 at 8000 Hz.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from gateway.audio.dtmf import STEP, WINDOW, key_windows

HELD: Final = 480
"""Samples held back: 60 ms, in which a tone is noticed and its beginning still taken out."""
BESIDE: Final = 120
"""Samples taken out before and after what was noticed: 15 ms, where a window was only partly in the tone."""
_LEAST_HITS: Final = 2
_NEAR_STEPS: Final = 6
"""Tone windows that are no further apart belong together: what lies between is taken out, too."""


class ToneGuard:
    """Takes tones out of one stream, cut anywhere."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._odd = b""
        self._looked = 0
        """Windows from the beginning of what is held that were looked at in earlier pushes."""
        self._hits: list[int] = []
        """Where tone windows begin, in samples from the beginning of what is held; may be negative."""
        self.removed_samples = 0
        """How much was taken out so far."""

    @property
    def held_bytes(self) -> int:
        """Bytes held back now."""
        return len(self._held) + len(self._odd)

    def push(self, pcm: bytes) -> bytes:
        """Return what is free of tones now; it lags what went in by :data:`HELD` samples."""
        pcm = self._odd + pcm
        whole = len(pcm) & ~1
        self._odd = pcm[whole:]
        self._held += pcm[:whole]
        self._look()
        return self._let_go(max(0, len(self._held) // 2 - HELD))

    def blank(self, start: int, end: int) -> None:
        """Silence samples of what is held back, counted from its beginning."""
        start, end = (2 * min(max(0, at), len(self._held) // 2) for at in (start, end))
        self._held[start:end] = bytes(end - start)

    def flush(self) -> bytes:
        """Return the rest and start anew."""
        rest = self._let_go(len(self._held) // 2)
        self._looked, self._odd = 0, b""
        self._hits.clear()
        return rest

    def _look(self) -> None:
        first = self._looked * STEP
        found = key_windows(np.frombuffer(bytes(self._held[2 * first :]), "<i2").astype(np.int16))
        keys = found.tolist()
        self._hits += [first + STEP * place for place, key in enumerate(keys) if key >= 0]
        self._looked += len(keys)

    def _let_go(self, samples: int) -> bytes:
        # Whole steps only, so that windows stay a step apart over pushes; at the end, all.
        if samples < len(self._held) // 2:
            samples -= samples % STEP
        free = self._held[: 2 * samples]
        del self._held[: 2 * samples]
        for start, end in self._spans():
            count = min(end, samples) - start
            if count > 0:
                free[2 * start : 2 * (start + count)] = bytes(2 * count)
                self.removed_samples += count
        self._looked = max(0, self._looked - samples // STEP)
        self._hits = [hit - samples for hit in self._hits if hit - samples > -(WINDOW + BESIDE + _NEAR_STEPS * STEP)]
        return bytes(free)

    def _spans(self) -> list[tuple[int, int]]:
        """Return what is to be silent: around tone windows that have another one near, in order, none overlapping."""
        spans: list[tuple[int, int]] = []
        for one, other in pairwise(self._hits):
            if other - one > _NEAR_STEPS * STEP:
                continue
            start, end = max(0, one - BESIDE), other + WINDOW + BESIDE
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            elif end > 0:
                spans.append((start, end))
        return spans
