"""Finding an expected phrase in an utterance by its sound: the local voice says it, and the two are laid side by side.

Each phrase is spoken by a handful of eSpeak voices that no caller of ours uses, sent through a telephone's band, and
matched anywhere within the utterance by dynamic time warping (one to the other at most twice as fast). How well it
fits is compared with how well *any* speech would fit there: a codebook of sounds without order. An utterance that no
phrase fits clearly better than that is rejected.

It knows no language but what the voice can speak, and hears synthetic voices far better than people: a guide for tests
and demonstrations, not a recogniser for the public.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.audio.tones import noise, telephone_band
from gateway.speech.mel import RATE_HZ, Features, Sound, features, features_between, spectra
from gateway.speech.voice import Voice

VOICES: Final = ("+Gene", "+Diogo", "+Mike", "+linda", "+aunty", "+Annie", "+victor")
"""eSpeak variants of different throats; none of them is a voice of ``Voice.voices()``."""
KEPT: Final = 2000
"""Templates kept: 200 phrases in all voices, about 20 MB."""
_LINE_NOISE_DBFS: Final = -55.0
_CODES: Final = 256
_BESIDE: Final = 1.6
"""Excess of what stands beside a phrase that should stand alone."""
_LEAST_FRAMES: Final = 6
_NEVER: Final = np.float32(1e9)
_EVERYDAY: Final = (
    "the weather is nice today and we walked along the river",
    "my neighbour has a very old blue car",
    "can you tell me something about yourself please",
    "he bought seven fresh apples and a thick book",
    "she usually works from home on thursday",
    "this machine makes a lot of noise",
    "they joined us for lunch yesterday",
    "what a lovely view from up there",
    "zero one two three four five six seven eight nine",
)
"""Sentences with all sounds in them; what they say does not matter, in whatever language they are read."""


class Fit(NamedTuple):
    """The phrase that fits best. ``excess``: its distance over that of any speech at that place; below 1 is close."""

    phrase: str
    excess: float


class Templates:
    """Phrases of one language as sounds; not thread-safe, and nothing is shared between instances."""

    def __init__(self, language: str, voice: Voice | None = None) -> None:
        self._language = language
        self._voice = voice or Voice()
        self._kept: OrderedDict[tuple[str, str], Features] = OrderedDict()
        everyday = [self._spoken(text, voice_name) for text in _EVERYDAY for voice_name in VOICES]
        self._usual: npt.NDArray[np.float64] = np.vstack([cepstra for cepstra, _ in everyday]).mean(axis=0)
        self._codes = _codebook(np.vstack([features(*spectrum, self._usual) for spectrum in everyday]))

    def best(self, pcm: bytes, phrases: Sequence[str], *, alone: bool = False) -> Fit | None:
        """Return the phrase that fits an utterance best, or None if there is no speech in it.

        Phrases that were never asked for are spoken and measured first, 10 ms each and voice, speech or not.

        Args:
            pcm: 16-bit signed little-endian, mono, 8000 Hz.
            phrases: what may be said, one of which may stand anywhere in the utterance.
            alone: nothing else is expected in the utterance: what the phrase does not cover counts against it.

        """
        templates = [self._template(phrase, voice_name) for phrase in phrases for voice_name in VOICES]
        spectrum = spectra(pcm)
        if spectrum is None or not templates:
            return None
        excess = self._excesses(templates, features(*spectrum, self._usual), alone=alone)
        index = int(excess.argmin())
        return Fit(phrases[index], float(excess[index]))

    def within(self, whole: Sound, first: int, last: int, phrases: Sequence[str]) -> npt.NDArray[np.float64] | None:
        """Return each phrase's excess over a stretch that one of them fills, or None if too little sounds there.

        Args:
            whole: the utterance.
            first: the stretch's first frame of 10 ms.
            last: its last.
            phrases: what may be said there.

        """
        heard = features_between(whole, first, last, self._usual)
        if len(heard) < _LEAST_FRAMES:
            return None
        templates = [self._template(phrase, voice_name) for phrase in phrases for voice_name in VOICES]
        return self._excesses(templates, heard, alone=True)

    def _excesses(self, templates: list[Features], heard: Features, *, alone: bool) -> npt.NDArray[np.float64]:
        """Return each phrase's excess: the mean of its two best voices'."""
        costs, starts, ends = _laid_within(templates, heard)
        anything = np.concatenate([[0.0], np.cumsum(_distances(self._codes, heard).min(axis=0))])
        covered = np.maximum(anything[ends + 1] - anything[starts], 1e-3)
        excesses = costs * (ends + 1 - starts) / covered
        if alone:
            share = covered / anything[-1]
            excesses = excesses * share + _BESIDE * (1 - share)
        return np.asarray(np.sort(excesses.reshape(-1, len(VOICES)), axis=1)[:, :2].mean(axis=1))

    def _template(self, phrase: str, voice_name: str) -> Features:
        key = (phrase, voice_name)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = features(*self._spoken(phrase, voice_name), self._usual)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept

    def _spoken(self, text: str, voice_name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        pcm = self._voice.speak(text, language=self._language, voice=voice_name, rate_hz=RATE_HZ).pcm
        edge = bytes(2 * RATE_HZ * 6 // 100)
        line = np.frombuffer(telephone_band(edge + pcm + edge, RATE_HZ), "<i2").astype(np.int32)
        mixed = np.clip(line + np.resize(_hiss(), len(line)), -32768, 32767).astype("<i2")
        spectrum = spectra(mixed.tobytes())
        if spectrum is None:
            return np.zeros((1, 12)), np.zeros((1, 13))
        return spectrum


@cache
def _hiss() -> npt.NDArray[np.int32]:
    """Return two seconds of a quiet line."""
    return np.frombuffer(noise(2000, RATE_HZ, _LINE_NOISE_DBFS, 1, "telephone"), "<i2").astype(np.int32)


def _distances(one: Features, other: Features) -> Features:
    squares = (one**2).sum(axis=1)[:, None] - 2 * one @ other.T + (other**2).sum(axis=1)[None]
    return np.asarray(np.sqrt(np.maximum(squares, 0)), dtype=np.float32)


def _codebook(frames: Features) -> Features:
    """Return the typical sounds among ``frames``, by k-means from a fixed start."""
    codes = frames[np.random.default_rng(0).choice(len(frames), _CODES, replace=False)]
    for _ in range(8):
        nearest = _distances(codes, frames).argmin(axis=0)
        for code in np.unique(nearest):
            codes[code] = frames[nearest == code].mean(axis=0)
    return codes


def _laid_within(
    templates: list[Features], heard: Features
) -> tuple[Features, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lay each template where it fits best: its cost per frame of its own, and the first and last frame it covers.

    A step goes one frame forward in both, two in the utterance, or two in the template; every template at once, the
    utterance frame by frame.
    """
    count, longest, frames = len(templates), max(map(len, templates)), len(heard)
    lengths = np.array([len(template) for template in templates])
    stacked = np.zeros((count, longest, heard.shape[1]), np.float32)
    for index, template in enumerate(templates):
        stacked[index, : len(template)] = template
    distances = _distances(stacked.reshape(count * longest, -1), heard).reshape(count, longest, frames)
    # Two frames of template before the first can't be reached: the columns 0 and 1 stay at _NEVER.
    before, before_that = (np.full((count, longest + 2), _NEVER, np.float32) for _ in range(2))
    began, began_earlier = (np.zeros((count, longest + 2), np.int64) for _ in range(2))
    every, last = np.arange(count), lengths - 1
    best = np.full(count, _NEVER, np.float32)
    start, end = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for now in range(frames):
        here = distances[:, :, now]
        ago = distances[:, :, now - 1] if now else here
        skipped = here + np.concatenate([np.zeros((count, 1), np.float32), here[:, :-1]], axis=1)
        ways = np.stack([before[:, 1:-1] + here, before_that[:, 1:-1] + (here + ago) / 2, before[:, :-2] + skipped])
        way = ways.argmin(axis=0)
        cost = np.take_along_axis(ways, way[None], axis=0)[0]
        origin = np.choose(way, [began[:, 1:-1], began_earlier[:, 1:-1], began[:, :-2]])
        fresh = here[:, 0] < cost[:, 0]
        cost[fresh, 0], origin[fresh, 0] = here[fresh, 0], now
        before_that, began_earlier = before, began
        before = np.concatenate([np.full((count, 2), _NEVER, np.float32), cost], axis=1)
        began = np.concatenate([np.zeros((count, 2), np.int64), origin], axis=1)
        done = cost[every, last] / lengths
        better = done < best
        best[better], end[better] = done[better], now
        start[better] = origin[every, last][better]
    return best, start, end
