"""Cepstra of telephone-band speech, in the form that PocketSphinx's en-us model was trained on.

The model knows 16 kHz speech through 25 mel filters of 130-6800 Hz; a telephone passes 300-3400 Hz. Everything is
brought to 8 kHz, where a 256-point transform has the bins that the model's 512-point one has at 16 kHz, and the model's
own filters are laid over it. Of the 25, the 16 within the band are kept: their log energies, less noise and less
the channel's mean, are mapped onto the model's 13 cepstra by a small network over eleven frames. It both guesses what
the missing filters would have said and leans towards the local voices; how it was found is told in
``gateway/speech/README.md``, and ``python -m tests.speech.adapt`` finds it again.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Any, Final, NamedTuple

import numpy as np

from gateway.audio.resample import resample

Array = np.ndarray[Any, np.dtype[np.float64]]

RATE_HZ: Final = 8000
FRAME_MS: Final = 10
CEPSTRA: Final = 13
CONTEXT: Final = 5
_WINDOW: Final = 205
_STEP: Final = 80
_BINS: Final = 256
_MODEL_HZ: Final = 16000
_FILTERS: Final = 25
_LOWEST_HZ: Final = 130.0
_HIGHEST_HZ: Final = 6800.0
_PREEMPHASIS: Final = 0.97
HEARD: Final = slice(2, 18)
"""The filters within the telephone band."""
_SPEECH_RMS: Final = 3276.8
"""-20 dBFS: the level that the voiced stretches are brought to before anything is measured."""
_LINE_FLOOR: Final = 100.0
"""Energy added to every filter, so that digital silence has a logarithm."""
_PRIOR_FRAMES: Final = 100
"""How much speech the average channel weighs against the one heard, in frames: a lone digit says little about its."""

_ENVELOPE_RISE: Final = 0.995
_ENVELOPE_FALL: Final = 0.5
_SMOOTHING: Final = 0.7
_MASKING: Final = 0.85
_MASKED: Final = 0.2
_LEAST_GAIN: Final = 0.05
_NEIGHBOURS: Final = 4


class Adaptation(NamedTuple):
    """What maps log energies onto cepstra: one hidden layer over eleven frames, and an average call's channel."""

    channel: Array
    """Mean log energies of an average call, used as the prior of each utterance's own mean."""
    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array


@cache
def adaptation() -> Adaptation:
    """Return the shipped map."""
    with as_file(files("gateway.speech") / "telephone_band.npz") as path, np.load(path) as held:
        return Adaptation(*(held[name].astype(np.float64) for name in Adaptation._fields))


class Cepstra:
    """One utterance's cepstra, through a vocal tract of any length; each is computed once.

    Args:
        pcm: 16-bit signed little-endian, mono, ``rate_hz``; an even length.
        rate_hz: samples per second.
    """

    def __init__(self, pcm: bytes, rate_hz: int) -> None:
        self._samples = samples_8k(pcm, rate_hz)
        self._made: dict[float, bytes] = {}

    def through(self, tract: float) -> bytes:
        """Return what the decoder takes: 32-bit floats, 13 a frame, a frame every 10 ms; empty if there is no frame.

        Args:
            tract: how the speaker's formants lie to the average's, 0.8 to 1.2; the filters move by this factor.
        """
        if tract not in self._made:
            energies = log_energies(self._samples, tract)
            self._made[tract] = _adapted(energies) if len(energies) else b""
        return self._made[tract]


def _adapted(energies: Array) -> bytes:
    known = adaptation()
    hidden = np.maximum(in_context(centred(energies, known.channel)) @ known.hidden + known.hidden_bias, 0.0)
    return (hidden @ known.output + known.output_bias).astype("<f4").tobytes()


def in_context(energies: Array) -> Array:
    """Return each frame with its five neighbours on either side, side by side."""
    padded = np.pad(energies, ((CONTEXT, CONTEXT), (0, 0)), "edge")
    return np.hstack([padded[at : at + len(energies)] for at in range(2 * CONTEXT + 1)])


def samples_8k(pcm: bytes, rate_hz: int) -> Array:
    """Return the samples of a recording at 8 kHz, its speech at one level."""
    samples = np.frombuffer(resample(pcm, rate_hz, RATE_HZ), "<i2").astype(np.float64)
    whole = samples[: samples.size // 160 * 160].reshape(-1, 160)
    if not whole.size:
        return samples
    power = np.square(whole - whole.mean(axis=1, keepdims=True)).mean(axis=1)
    speech = power[power >= power.max() * 1e-3].mean()
    return np.asarray(samples * (_SPEECH_RMS / max(float(np.sqrt(speech)), 1.0)))


def log_energies(samples: Array, warp: float = 1.0) -> Array:
    """Return the log energies of the heard filters, frames by 16, with steady noise taken off."""
    count = max(0, 1 + (samples.size - _WINDOW) // _STEP)
    if not count:
        return np.zeros((0, HEARD.stop - HEARD.start))
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_STEP][:count]
    # twice the rate has twice the samples under the same window: four times the power
    power = np.abs(np.fft.rfft(windows * np.hamming(_WINDOW), _BINS)) ** 2 * (_MODEL_HZ / RATE_HZ) ** 2
    return np.asarray(np.log(less_noise(power @ _bank(warp).T + _LINE_FLOOR)))


def centred(energies: Array, channel: Array) -> Array:
    """Take the channel off: the utterance's own mean, leaning on that of an average call."""
    mean = (energies.sum(axis=0) + _PRIOR_FRAMES * channel) / (energies.shape[0] + _PRIOR_FRAMES)
    return np.asarray(energies - mean)


def liftered_cosines() -> Array:
    """Return the model's transform from 25 log energies to 13 cepstra."""
    basis = np.cos(np.pi / _FILTERS * np.outer(np.arange(CEPSTRA), np.arange(_FILTERS) + 0.5)) * np.sqrt(2 / _FILTERS)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis * (1 + 11 * np.sin(np.pi * np.arange(CEPSTRA) / 22))[:, None])


def mel_filters(rate_hz: int, bins: int, warp: float = 1.0) -> Array:
    """Return the model's filters over a power spectrum of ``bins`` points at ``rate_hz``, pre-emphasis included."""
    mels = np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), _FILTERS + 2)
    width = rate_hz / bins
    edges = 700 * (10 ** (mels / 2595) - 1) * warp
    if warp == 1.0:
        edges = np.floor(edges / width + 0.5) * width  # as the model's own were, on whole bins
    at = np.arange(bins // 2 + 1) * width
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    shape = np.minimum((at - low) / (centre - low), (high - at) / (high - centre))
    emphasis = np.abs(1 - _PREEMPHASIS * np.exp(-2j * np.pi * at / _MODEL_HZ)) ** 2
    return np.asarray(np.clip(shape, 0, None) * 2 / (high - low) * emphasis)


@cache
def _bank(warp: float) -> Array:
    return mel_filters(RATE_HZ, _BINS, warp)[HEARD]


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def less_noise(energies: Array) -> Array:
    """Take steady noise off each filter, as the model's own training did.

    Noise is a lower envelope that rises slowly and falls fast; what stands above it, less what a louder sound just
    before masks, gives each filter's gain, and gains are averaged over neighbours. After C. Kim and R. M. Stern,
    "Power-normalized cepstral coefficients", section on asymmetric noise suppression with temporal masking.
    """
    width = energies.shape[1]
    first = np.maximum(np.arange(width) - _NEIGHBOURS, 0)
    last = np.minimum(np.arange(width) + _NEIGHBOURS, width - 1) + 1
    smooth = energies[0]
    noise = floor = energies[0] * _LEAST_GAIN
    peak = np.zeros(width)
    gains = np.empty_like(energies)
    for frame, energy in enumerate(energies):
        smooth = _SMOOTHING * smooth + (1 - _SMOOTHING) * energy
        noise = _envelope(noise, smooth)
        signal = np.maximum(smooth - noise, 1.0)
        floor = _envelope(floor, signal)
        peak = peak * _MASKING
        masked = np.where(signal < _MASKING * peak, peak * _MASKED, signal)
        peak = np.maximum(peak, signal)
        gains[frame] = np.clip(np.maximum(masked, floor) / smooth, _LEAST_GAIN, 1.0)
    sums = np.concatenate([np.zeros((len(gains), 1)), np.cumsum(gains, axis=1)], axis=1)
    return np.asarray(energies * (sums[:, last] - sums[:, first]) / (last - first))


def _envelope(low: Array, value: Array) -> Array:
    weight = np.where(value >= low, _ENVELOPE_RISE, _ENVELOPE_FALL)
    return np.asarray(weight * low + (1 - weight) * value)
