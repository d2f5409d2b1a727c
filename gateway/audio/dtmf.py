"""Hears keys in telephone sound: DTMF by a bank of Goertzel filters, guarded against speech that sounds like one.

Short windows are looked at every 5 ms. A window holds a key when one low and one high tone carry nearly all of its
energy, stand out among the tones of their group, and are about as strong as each other. A key is what enough such
windows in a row agree on. Speech has energy elsewhere (its harmonics), which is what keeps it from passing.

Pure and streaming: samples in, keys out, in batches and off the frame path. After ITU-T Q.24 (1988): 40 ms are a key
and 20 ms are none, pauses of 40 ms part two, each tone may be 1.5 % off. It is laxer where Q.24 is about refusing: a
high tone is refused from 3.5 % off, a low one only from 4.5 % (a window of 13 ms tells no finer), and the high tone may
be 6 dB stronger or 10 dB weaker than the low one, where Q.24 asks for 4 and 8 to be taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.audio.tones import DTMF_HZ

RATE_HZ: Final = 8000
"""The only rate: what a telephone has."""
STEP: Final = 40
"""Samples from one window to the next: 5 ms."""
WINDOW: Final = 104
"""Samples of a window: 13 ms, so that a filter is as wide as the tolerance and narrower than the tones' distance."""
LEAST_HITS: Final = 5
"""Windows that make a key: sound of 33 ms, for a 40 ms tone gives at least this many wherever the windows fall."""
PAUSE_STEPS: Final = 8
"""Steps without the tone that end a key: a pause of 30 to 35 ms."""

_LEAST_DBFS: Final = -38.0
"""Weakest tone; Q.24 wants -25 dBm0, which is -28 dBFS."""
_PURITY: Final = 0.7
"""Part of a window's energy that the two tones carry; 1 for a clean key on its frequencies."""
_STANDS_OUT: Final = 4.0
"""Times the power of the next tone of its group."""
_LOW_STRONGER: Final = 10.0 ** (10.0 / 10.0)
_HIGH_STRONGER: Final = 10.0 ** (6.0 / 10.0)

_TONES_HZ: Final = sorted({hz for pair in DTMF_HZ.values() for hz in pair})
_KEYS: Final = {(_TONES_HZ.index(low), _TONES_HZ.index(high) - 4): key for key, (low, high) in DTMF_HZ.items()}
_AT: Final = np.arange(WINDOW) / RATE_HZ
_BANK: Final[npt.NDArray[np.float32]] = np.hstack(
    [wave(2 * np.pi * _AT[:, None] * np.array(_TONES_HZ)) for wave in (np.cos, np.sin)]
).astype(np.float32)
_NONE: Final = -1
_LEAST_PEAK: Final = int(32767.0 * 10.0 ** (_LEAST_DBFS / 20.0))
_LEAST_POWER: Final = float((32767.0 * 10.0 ** (_LEAST_DBFS / 20.0) * WINDOW / 2) ** 2)


@dataclass(frozen=True, slots=True)
class ToneKey:
    """A key that sounded, from sample ``start`` to ``end`` of the stream, about a window's length exact."""

    key: str
    start: int
    end: int

    @property
    def duration_ms(self) -> int:
        """How long it sounded, in milliseconds."""
        return (self.end - self.start) * 1000 // RATE_HZ

    def __repr__(self) -> str:
        return f"ToneKey(•, {self.start}, {self.end})"


def key_windows(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
    """Return for each whole window, a step apart, which key it holds: ``4 * row + column``, or -1."""
    if len(samples) < WINDOW:
        return np.empty(0, np.int8)
    if int(samples.max()) < _LEAST_PEAK and int(samples.min()) > -_LEAST_PEAK:  # silence, half of every talk
        return np.full((len(samples) - WINDOW) // STEP + 1, _NONE, np.int8)
    windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), WINDOW)[::STEP]
    parts = windows @ _BANK
    power = parts[:, :8] ** 2 + parts[:, 8:] ** 2
    energy = np.einsum("ij,ij->i", windows, windows) * (WINDOW / 2)
    low, high = power[:, :4], power[:, 4:]
    row, column = low.argmax(1), high.argmax(1)
    every = np.arange(len(windows))
    strongest_low, strongest_high = low[every, row], high[every, column]
    low[every, row] = high[every, column] = 0.0
    holds = (
        (strongest_low > _LEAST_POWER)
        & (strongest_high > _LEAST_POWER)
        & (strongest_low + strongest_high > _PURITY * energy)
        & (strongest_low > _STANDS_OUT * low.max(1))
        & (strongest_high > _STANDS_OUT * high.max(1))
        & (strongest_low < _LOW_STRONGER * strongest_high)
        & (strongest_high < _HIGH_STRONGER * strongest_low)
    )
    return np.where(holds, 4 * row + column, _NONE).astype(np.int8)


class DtmfDetector:
    """Hears the keys of one stream; PCM16 at 8000 Hz, cut anywhere.

    A key is told of when it ends, or with :meth:`flush`. Where audio is known to be lost (:meth:`lose`), a tone that
    goes on behind the gap is the same key.
    """

    def __init__(self) -> None:
        self._rest = np.empty(0, np.int16)
        self._odd = b""
        self._at = 0
        """Sample at which the next window begins."""
        self._lost: list[tuple[int, int]] = []
        self._key = _NONE
        self._first = self._last = self._hits = self._quiet = 0

    def push(self, pcm: bytes) -> list[ToneKey]:
        """Return the keys that have ended."""
        pcm = self._odd + pcm
        whole = len(pcm) & ~1
        self._odd = pcm[whole:]
        samples = np.concatenate([self._rest, np.frombuffer(pcm[:whole], "<i2")])
        found = key_windows(samples)
        self._rest = samples[len(found) * STEP :]
        return [key for held in found.tolist() if (key := self._step(held)) is not None]

    def lose(self, samples: int) -> list[ToneKey]:
        """Return the keys that have ended, now that so many samples never came."""
        start = self._at + len(self._rest)
        self._lost.append((start, start + samples))
        return self.push(bytes(2 * samples))

    def flush(self) -> list[ToneKey]:
        """Return the key that sounds at the stream's end, if it has sounded long enough; and start anew."""
        keys = self.push(bytes(2 * WINDOW))
        last = self._ended()
        self._rest, self._odd, self._at = np.empty(0, np.int16), b"", 0
        self._lost.clear()
        return keys if last is None else [*keys, last]

    def _step(self, held: int) -> ToneKey | None:
        """Take the next window."""
        at = self._at
        self._at += STEP
        if held == _NONE and self._is_lost(at):
            return None
        if held == self._key and held != _NONE:
            self._hits += 1
            self._last, self._quiet = at, 0
            return None
        if self._key != _NONE and held == _NONE:
            self._quiet += 1
            if self._quiet < PAUSE_STEPS:
                return None
        key = self._ended() if self._key != _NONE else None
        if held != _NONE:
            self._key, self._first, self._last, self._hits, self._quiet = held, at, at, 1, 0
        return key

    def _is_lost(self, at: int) -> bool:
        while self._lost and self._lost[0][1] <= at:
            self._lost.pop(0)
        return bool(self._lost) and self._lost[0][0] < at + WINDOW

    def _ended(self) -> ToneKey | None:
        held, self._key = self._key, _NONE
        if held == _NONE or self._hits < LEAST_HITS:
            return None
        return ToneKey(_KEYS[divmod(held, 4)], self._first, self._last + WINDOW)
