"""What an utterance sounds like, frame by frame, within a telephone's band: the features that templates compare.

Mel cepstra of 25 ms windows every 10 ms over 250-3500 Hz, their slopes and the loudness's slope. The line's noise is
measured on the quietest frames and taken off, frames of silence are left out, and the mean (the line's colour) is
taken out with a prior, so that one short word does not become its own mean.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 8000
Features = npt.NDArray[np.float32]

_HOP: Final = 80
_WINDOW: Final = 200
_FFT: Final = 256
_BANDS: Final = 22
_CEPSTRA: Final = 12
_LEAST_FRAMES: Final = 8
_FLOOR: Final = 10**-2.2
"""Of the loudest band: what lies below cannot be told from noise."""
_QUIET: Final = 10**-2.6
"""Of the loud frames: quieter ones are silence."""
_ABOVE_NOISE: Final = 10**0.3
_SPEECH_ABOVE_NOISE: Final = 10**0.8
"""By how much the loud frames of speech at least stand out of the line's noise."""
_HANGOVER: Final = 3
"""Frames on either side of a sound that belong to it."""
_PRIOR_FRAMES: Final = 60
_WEIGHTS: Final = (0.1, 0.3, 0.6)
"""Of cepstra, their slopes and the loudness's slope, so that each says about as much."""


def _mel_bank(low_hz: float = 250, high_hz: float = 3500) -> npt.NDArray[np.float64]:
    edges_mel = np.linspace(_mel(low_hz), _mel(high_hz), _BANDS + 2)
    edges_hz = 700 * (10 ** (edges_mel / 2595) - 1)
    bins_hz = np.arange(_FFT // 2 + 1) * RATE_HZ / _FFT
    below, middle, above = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - below) / (middle - below), (above - bins_hz) / (above - middle)
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None))


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


_BANK: Final = _mel_bank()
_ORDER: Final = np.arange(1, _CEPSTRA + 1)
_COSINES: Final = (
    np.cos(np.pi / _BANDS * (np.arange(_BANDS) + 0.5) * _ORDER[:, None])
    * np.sqrt(2 / _BANDS)
    * (1 + 6 * np.sin(np.pi * _ORDER / 14))[:, None]
)
_HAMMING: Final = np.hamming(_WINDOW)


class Sound(NamedTuple):
    """An utterance frame by frame, every 10 ms: cepstra, slopes, and which frames are not silent."""

    cepstra: npt.NDArray[np.float64]
    moving: npt.NDArray[np.float64]
    spoken: npt.NDArray[np.bool_]


def sound(pcm: bytes) -> Sound | None:
    """Measure an utterance; None if there is no speech in it.

    Args:
        pcm: 16-bit signed little-endian, mono, 8000 Hz; an even length.

    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    if len(samples) < _WINDOW + _LEAST_FRAMES * _HOP:
        return None
    samples = np.append(samples[0], samples[1:] - 0.95 * samples[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * _HAMMING
    energies = (np.abs(np.fft.rfft(frames, _FFT)) ** 2) @ _BANK.T
    loudness = energies.sum(axis=1)
    loud = float(np.percentile(loudness, 95))
    if loud <= 0:
        return None
    quietest = np.argsort(loudness)[: max(4, len(loudness) // 10)]
    noise, noise_loudness = energies[quietest].mean(axis=0), float(loudness[quietest].mean())
    if loud < noise_loudness * _SPEECH_ABOVE_NOISE:
        return None
    spoken = _widened(loudness > max(loud * _QUIET, noise_loudness * _ABOVE_NOISE))
    if spoken.sum() < _LEAST_FRAMES:
        return None
    clean = np.maximum(energies - noise, 0) + np.percentile(energies, 98) * _FLOOR
    cepstra = np.log(clean) @ _COSINES.T
    slopes = sum(step * (np.roll(cepstra, -step, 0) - np.roll(cepstra, step, 0)) for step in (1, 2)) / 5
    swell = np.gradient(np.log(np.maximum(loudness - noise_loudness, 0) + loud * _FLOOR))
    moving = np.hstack([slopes * _WEIGHTS[1], swell[:, None] * _WEIGHTS[2]])
    return Sound(cepstra, moving, spoken)


def spectra(pcm: bytes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Return cepstra and slopes of the frames that are not silent, or None if there is no speech.

    Args:
        pcm: as for :func:`sound`.

    """
    whole = sound(pcm)
    return None if whole is None else (whole.cepstra[whole.spoken], whole.moving[whole.spoken])


def features(
    cepstra: npt.NDArray[np.float64], moving: npt.NDArray[np.float64], usual: npt.NDArray[np.float64]
) -> Features:
    """Return frames fit to be compared: the mean taken out, ``usual`` being what it is for speech at large."""
    return _comparable(cepstra, moving, _colour(cepstra, usual))


def features_between(whole: Sound, first: int, last: int, usual: npt.NDArray[np.float64]) -> Features:
    """Return the frames from ``first`` to ``last`` that are not silent; the mean is that of the whole utterance."""
    chosen = np.flatnonzero(whole.spoken[max(0, first) : last + 1]) + max(0, first)
    colour = _colour(whole.cepstra[whole.spoken], usual)
    return _comparable(whole.cepstra[chosen], whole.moving[chosen], colour)


def _colour(cepstra: npt.NDArray[np.float64], usual: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((cepstra.sum(axis=0) + _PRIOR_FRAMES * usual) / (len(cepstra) + _PRIOR_FRAMES))


def _comparable(
    cepstra: npt.NDArray[np.float64], moving: npt.NDArray[np.float64], colour: npt.NDArray[np.float64]
) -> Features:
    return np.hstack([(cepstra - colour) * _WEIGHTS[0], moving]).astype(np.float32)


def _widened(spoken: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    wide = spoken.copy()
    for step in range(1, _HANGOVER + 1):
        wide[step:] |= spoken[:-step]
        wide[:-step] |= spoken[step:]
    return wide
