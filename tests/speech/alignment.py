"""Which phone sounds when in speech whose text is known, and where the acoustic model expects it.

Part of ``tests.speech.adapt``. Alignment is done on undisturbed wide-band speech, which the model was made for, and
then holds for the telephone version of the same utterance, frame by frame.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pocketsphinx

from gateway.audio.resample import resample
from gateway.speech import features
from gateway.speech.features import Array, centred, less_noise, liftered_cosines, mel_filters
from gateway.speech.grammar import SILENCE, Transition, is_spoken
from gateway.speech.pronunciation import Pronunciations

MODEL = Path(pocketsphinx.get_model_path()) / "en-us"
WIDE_HZ = 16000


def wide_energies(samples: Array) -> Array:
    """Log energies of all 25 filters at 16 kHz, as the model's own front end would see them."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, 410)[::160] * np.hamming(410)
    power = np.abs(np.fft.rfft(windows, 512)) ** 2
    return np.log(less_noise(power @ mel_filters(WIDE_HZ, 512).T + 100.0))


def wide_cepstra(energies: Array, channel: Array) -> Array:
    """The model's cepstra of wide-band speech."""
    return centred(energies, channel) @ liftered_cosines().T


class Gaussians:
    """The model's Gaussians of the static cepstra: for each phone 128 means and variances of 13 dimensions."""

    def __init__(self) -> None:
        mdef = (MODEL / "en-us" / "mdef").read_bytes()
        self.means = _parameters(MODEL / "en-us" / "means")[:, 0]
        self.variances = np.maximum(_parameters(MODEL / "en-us" / "variances")[:, 0], 1e-2)
        names = mdef[mdef.index(b"+NSN+\0") :].split(b"\0")[: len(self.means)]
        self.phones = [name.decode() for name in names]
        self.spread = np.sqrt(self.variances[2:].mean(axis=(0, 1)))


def _parameters(path: Path) -> Array:
    """Read a Sphinx-3 parameter file: codebooks by streams by Gaussians by dimensions (all streams alike here)."""
    raw = path.read_bytes()
    at = raw.index(b"endhdr\n") + 7
    order = "<" if struct.unpack_from("<I", raw, at)[0] == 0x11223344 else ">"
    codebooks, streams, densities = struct.unpack_from(f"{order}3I", raw, at + 4)
    at += 16 + 4 * streams
    (count,) = struct.unpack_from(f"{order}I", raw, at)
    flat = np.frombuffer(raw, f"{order}f4", count, at + 4).astype(np.float64)
    return flat.reshape(codebooks, streams, densities, -1)


class Aligner:
    """Finds the phones of an utterance whose words are known."""

    def __init__(self, gaussians: Gaussians) -> None:
        here = Path(features.__file__).parent
        self._decoder: Any = pocketsphinx.Decoder(
            hmm=str(MODEL / "en-us"),
            featparams=str(here / "feat.params"),
            fdict=str(here / "fillers.dict"),
            dict=None,
            lm=None,
            loglevel="FATAL",
            fsgusefiller=False,
            bestpath=False,
            lw=1.0,
            wip=1.0,
            pip=1.0,
        )
        self._index = {phone: index for index, phone in enumerate(gaussians.phones)}
        self._pronunciations = Pronunciations(MODEL / "cmudict-en-us.dict", "en")
        self._known: set[str] = set()
        self._made = 0

    def align(self, text: str, cepstra: Array) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        """Return each frame's phone as an index into ``Gaussians.phones``, or ``None`` if the words do not fit."""
        words = self._words(text.split(), cepstra)
        if words is None:
            return None
        phones = [phone for word in words for phone in self._phones(word)]
        found = self._decode(_chain([f"[{phone}]" for phone in phones]), len(phones), cepstra)
        if found is None:
            return None
        frames = np.full(len(cepstra), self._index["SIL"])
        for name, start, end in found:
            frames[start : end + 1] = self._index["SIL" if name == SILENCE else name.strip("[]")]
        return frames

    def _words(self, words: list[str], cepstra: Array) -> list[str] | None:
        for word in words:
            if word not in self._known:
                self._known.add(word)
                for index, phones in enumerate(self._pronunciations.of(word)):
                    self._decoder.add_word(word if index == 0 else f"{word}({index + 1})", phones, False)
        found = self._decode(_chain(words), len(words), cepstra)
        return None if found is None else [name for name, _, _ in found if is_spoken(name)]

    def _phones(self, word: str) -> list[str]:
        base, _, variant = word.partition("(")
        return self._pronunciations.of(base)[int(variant.rstrip(")") or 1) - 1].split()

    def _decode(self, steps: list[Transition], final: int, cepstra: Array) -> list[tuple[str, int, int]] | None:
        decoder = self._decoder
        self._made += 1
        name = f"text{self._made}"
        decoder.add_fsg(name, decoder.create_fsg(name, 0, final, steps))
        decoder.activate_search(name)
        decoder.start_utt()
        decoder.process_cep(np.ascontiguousarray(cepstra, "<f4").tobytes(), False, True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return None
        return [(part.word, part.start_frame, part.end_frame) for part in decoder.seg() if part.word != "(NULL)"]


def _chain(words: list[str]) -> list[Transition]:
    steps: list[Transition] = [(state, state, 0.1, SILENCE) for state in range(len(words) + 1)]
    return [*steps, *((state, state + 1, 1.0, word) for state, word in enumerate(words))]


def affine_fit(
    utterances: list[tuple[Array, np.ndarray[Any, np.dtype[np.int64]]]], gaussians: Gaussians, rounds: int = 4
) -> tuple[Array, Array]:
    """Return the affine map of cepstra under which aligned speech is likeliest.

    Constrained maximum-likelihood linear regression, row by row; M. J. F. Gales, "Maximum likelihood linear
    transformations for HMM-based speech recognition", 1998.
    """
    frames = np.concatenate([cepstra for cepstra, _ in utterances])
    phones = np.concatenate([aligned for _, aligned in utterances])
    size = frames.shape[1]
    extended = np.hstack([np.ones((len(frames), 1)), frames])
    rows = np.hstack([np.zeros((size, 1)), np.eye(size)])
    for _ in range(rounds):
        moved = extended @ rows.T
        squares, products = np.zeros((size, size + 1, size + 1)), np.zeros((size, size + 1))
        for phone in np.unique(phones):
            chosen = np.flatnonzero(phones == phone)
            means, variances = gaussians.means[phone], gaussians.variances[phone]
            shares = posteriors(moved[chosen], means, variances)
            precision, pull = shares @ (1 / variances), shares @ (means / variances)
            for row in range(size):
                squares[row] += (extended[chosen] * precision[:, row : row + 1]).T @ extended[chosen]
                products[row] += pull[:, row] @ extended[chosen]
        for _ in range(8):
            for row in range(size):
                rows[row] = _best_row(rows, row, squares[row], products[row], len(frames))
    return rows[:, 1:].T, rows[:, 0]


def posteriors(frames: Array, means: Array, variances: Array) -> Array:
    """Return each Gaussian's share in each frame."""
    logs = -0.5 * (((frames[:, None] - means) ** 2 / variances) + np.log(variances)).sum(axis=2)
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _best_row(rows: Array, row: int, square: Array, product: Array, count: int) -> Array:
    cofactor = np.concatenate([[0.0], np.linalg.inv(rows[:, 1:]).T[row]])
    inverse = np.linalg.inv(square)
    first, second = cofactor @ inverse @ cofactor, cofactor @ inverse @ product
    root = np.sqrt(second * second + 4 * first * count)
    candidates = [
        (scale * cofactor + product) @ inverse
        for scale in ((-second + root) / (2 * first), (-second - root) / (2 * first))
    ]

    def gain(candidate: Array) -> float:
        return float(
            count * np.log(abs(candidate @ cofactor)) - 0.5 * candidate @ square @ candidate + candidate @ product
        )

    return max(candidates, key=gain)


def at_16k(pcm: bytes, rate_hz: int) -> Array:
    """Samples at 16 kHz as floats."""
    return np.frombuffer(resample(pcm, rate_hz, WIDE_HZ), "<i2").astype(np.float64)
