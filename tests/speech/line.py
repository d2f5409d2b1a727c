"""A telephone line for tests: band, level, noise and mu-law, all from a seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from gateway.audio.g711 import decode_ulaw, encode_ulaw

RATE_HZ = 8000
Random = np.random.Generator
Samples = np.ndarray[Any, np.dtype[np.float64]]


@cache
def _band() -> Samples:
    """A linear-phase band-pass of 300-3400 Hz: a telephone's microphone, codec and line."""
    taps = 161
    at = np.arange(taps) - taps // 2
    low, high = 300 / RATE_HZ, 3400 / RATE_HZ
    kernel = 2 * high * np.sinc(2 * high * at) - 2 * low * np.sinc(2 * low * at)
    return np.asarray(kernel * np.hamming(taps), dtype=np.float64)


def noise(count: int, level_dbfs: float, random: Random) -> Samples:
    """Line noise within the band, ``level_dbfs`` RMS."""
    hiss = np.convolve(random.normal(size=count + _band().size), _band(), "same")[:count]
    return np.asarray(hiss / (np.sqrt(np.mean(hiss**2)) + 1e-12) * 32768 * 10 ** (level_dbfs / 20))


def over_the_line(
    pcm: bytes,
    random: Random,
    *,
    gain_db: float = 0.0,
    noise_dbfs: float = -50.0,
    before_ms: int = 300,
    after_ms: int = 500,
) -> bytes:
    """Send PCM16 at 8 kHz through the band, noise and mu-law, with noise-only line before and after it."""
    speech = np.frombuffer(pcm, "<i2").astype(np.float64) * 10 ** (gain_db / 20)
    padded = np.concatenate([np.zeros(before_ms * 8), speech, np.zeros(after_ms * 8)])
    line = np.convolve(padded, _band(), "same") + noise(padded.size, noise_dbfs, random)
    return decode_ulaw(encode_ulaw(np.clip(np.rint(line), -32768, 32767).astype("<i2").tobytes()))
