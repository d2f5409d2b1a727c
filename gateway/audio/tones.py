"""Sounds made from nothing: silence, tones, keys, noise, and the sound of a telephone line.

All but :func:`silence` give PCM16 (16-bit signed little-endian, mono). Levels are in dBFS as :mod:`gateway.audio.level`
measures them: ``dbfs(tone(…, level)) == level`` within a rounding. The same arguments give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from gateway.audio.format import AudioFormat, Encoding
from gateway.audio.g711 import ALAW_SILENCE, ULAW_SILENCE
from gateway.audio.level import FULL_SCALE

_SILENT_SAMPLE: Final[Mapping[Encoding, bytes]] = {
    Encoding.PCMU: ULAW_SILENCE,
    Encoding.PCMA: ALAW_SILENCE,
    Encoding.PCM16: b"\0\0",
}

_LOW_HZ: Final = (697, 770, 852, 941)
_HIGH_HZ: Final = (1209, 1336, 1477, 1633)
DTMF_HZ: Final[Mapping[str, tuple[int, int]]] = {
    key: (low, high)
    for low, keys in zip(_LOW_HZ, ("123A", "456B", "789C", "*0#D"), strict=True)
    for high, key in zip(_HIGH_HZ, keys, strict=True)
}
"""The two frequencies of each key in hertz (ITU-T Q.23)."""

BAND_HZ: Final = (300, 3400)
"""What a telephone line carries."""
_BAND_TAPS_PER_KHZ: Final = 24
"""Length of the band-pass: 24 ms, so that a line falls from open to -50 dB within about 140 Hz."""


def silence(format: AudioFormat, ms: float) -> bytes:
    """Return ``ms`` milliseconds of silence in any format, rounded down to a sample."""
    return _SILENT_SAMPLE[format.encoding] * (format.size_bytes(ms) // format.bytes_per_sample)


def tone(freq_hz: float, ms: float, rate_hz: int, dbfs: float = -12.0) -> bytes:
    """Return a sine of ``dbfs``, starting at zero. Raises ``ValueError`` at or above half of ``rate_hz``."""
    if not 0 < freq_hz < rate_hz / 2:
        raise ValueError(f"a tone at {rate_hz} samples per second lies between 0 and {rate_hz / 2} Hz; got {freq_hz}")
    return _pcm16(_sine(freq_hz, ms, rate_hz) * _amplitude(dbfs))


def dtmf(key: str, ms: float, rate_hz: int, dbfs: float = -10.0) -> bytes:
    """Return the two tones of a key at equal strength; ``dbfs`` is the level of both together.

    Raises:
        ValueError: ``key`` is none of ``0-9 * # A B C D``.

    """
    if key not in DTMF_HZ:
        raise ValueError("a key is one of 0-9, *, #, A, B, C and D")  # never which: keys may be a card number
    low, high = DTMF_HZ[key]
    both = _sine(low, ms, rate_hz) + _sine(high, ms, rate_hz)
    return _pcm16(both * (_amplitude(dbfs) / math.sqrt(2)))


def noise(ms: float, rate_hz: int, dbfs: float, seed: int, band: Literal["white", "telephone"] = "white") -> bytes:
    """Return Gaussian noise of ``dbfs``: over all frequencies, or only what a telephone line carries."""
    samples = np.random.default_rng(seed).standard_normal(_count(ms, rate_hz))
    if band == "telephone":
        samples = _band_passed(samples, rate_hz)
    power = float(np.dot(samples, samples)) / max(1, len(samples))
    return _pcm16(samples * (_amplitude(dbfs) / math.sqrt(2 * power))) if power else b""


def telephone_band(pcm: bytes, rate_hz: int) -> bytes:
    """Return the samples as a telephone line leaves them: 300 to 3400 Hz, same length, in time with the original."""
    return _pcm16(_band_passed(np.frombuffer(pcm, "<i2").astype(np.float64), rate_hz))


def _count(ms: float, rate_hz: int) -> int:
    return int(ms * rate_hz / 1000)


def _sine(freq_hz: float, ms: float, rate_hz: int) -> npt.NDArray[np.float64]:
    wave: npt.NDArray[np.float64] = np.sin(np.arange(_count(ms, rate_hz)) * (2 * math.pi * freq_hz / rate_hz))
    return wave


def _amplitude(dbfs: float) -> float:
    return float(FULL_SCALE * 10.0 ** (dbfs / 20.0))


def _pcm16(samples: npt.NDArray[np.float64]) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


def _band_passed(samples: npt.NDArray[np.float64], rate_hz: int) -> npt.NDArray[np.float64]:
    """Filter by overlap in the frequency domain: long stretches would take minutes sample by sample."""
    if not len(samples):
        return samples
    taps = _band_taps(rate_hz)
    length = len(samples) + len(taps) - 1
    size = 1 << (length - 1).bit_length()
    whole = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(taps, size), size)
    delay = len(taps) // 2
    passed: npt.NDArray[np.float64] = whole[delay : delay + len(samples)]
    return passed


@lru_cache(maxsize=8)
def _band_taps(rate_hz: int) -> npt.NDArray[np.float64]:
    """Return a linear-phase band-pass of odd length: the difference of two windowed low-passes."""
    half = _BAND_TAPS_PER_KHZ * rate_hz // 2000
    position = np.arange(-half, half + 1)
    low, high = (2.0 * min(edge / rate_hz, 0.5) for edge in BAND_HZ)
    ideal = high * np.sinc(high * position) - low * np.sinc(low * position)
    taps: npt.NDArray[np.float64] = ideal * np.hamming(len(position))
    return taps
