"""How loud samples are, and making them louder, softer or one.

Levels are in dBFS, where 0 dBFS is a sine that just fills the range (AES17): a sine's level and its peak read the
same, and a full square wave reads +3 dBFS. For G.711 a level of -3.14 dBFS is 0 dBm0.

``pcm`` is 16-bit signed little-endian, mono; an even length.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

FULL_SCALE: Final = 32767
"""The largest sample."""


def dbfs(pcm: bytes) -> float:
    """Return the level of the whole stretch; ``-inf`` for silence and for nothing."""
    if not pcm:
        return -math.inf
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return _decibels(math.sqrt(2.0 * float(np.dot(samples, samples)) / len(samples)))


def peak_dbfs(pcm: bytes) -> float:
    """Return the level of the largest sample; ``-inf`` for silence and for nothing."""
    return _decibels(float(_magnitudes(pcm).max(initial=0)))


def scale(pcm: bytes, db: float) -> bytes:
    """Return the samples ``db`` decibels louder (softer if negative), saturating at the ends of the range."""
    return _saturated(np.rint(np.frombuffer(pcm, "<i2") * 10.0 ** (db / 20.0)))


def mix(a: bytes, b: bytes) -> bytes:
    """Return both at once, saturating; the shorter one ends in silence."""
    longer = max(len(a), len(b))
    first, second = (np.frombuffer(pcm.ljust(longer, b"\0"), "<i2").astype(np.int32) for pcm in (a, b))
    return _saturated(first + second)


def envelope(pcm: bytes, buckets: int) -> list[float]:
    """Return the largest excursion, 0 to 1, in each of ``buckets`` equal stretches, for drawing.

    More buckets than samples repeat samples; no samples at all give zeros. Raises ``ValueError`` below one bucket.
    """
    if buckets < 1:
        raise ValueError(f"an envelope has at least one bucket; got {buckets}")
    samples = _magnitudes(pcm)
    if not len(samples):
        return [0.0] * buckets
    starts = np.arange(buckets) * len(samples) // buckets
    heights: list[float] = (np.maximum.reduceat(samples, starts) / 32768.0).tolist()
    return heights


def _magnitudes(pcm: bytes) -> npt.NDArray[np.int32]:
    return np.abs(np.frombuffer(pcm, "<i2").astype(np.int32))


def _saturated(samples: npt.NDArray[np.int32] | npt.NDArray[np.float64]) -> bytes:
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


def _decibels(amplitude: float) -> float:
    return 20.0 * math.log10(amplitude / FULL_SCALE) if amplitude > 0 else -math.inf
