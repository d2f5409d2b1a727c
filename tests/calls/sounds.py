"""Voices that no engine makes: each text has a sound of its own, so that a test can tell by ear who said what and when.

A text is noise in the telephone band, seeded by its words, 250 ms a word. Two texts never sound alike, and a sound lies
on itself at one place only, so that correlation finds it to the sample.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.audio import tones
from gateway.offline.speech_jobs import Job, Recognise, Recognised, Result, Spoken, Word
from gateway.offline.turns import SpeechBegan, SpeechEnded, TurnChange, VadValues

WORD_MS: Final = 250
HEARING_HZ: Final = 8000
_LEVEL_DBFS: Final = -14.0
_QUIET: Final = 300
_WINDOW_MS: Final = 20
_NAMES: Final = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "haven",
    "ivory",
    "jolly",
    "koala",
    "lemon",
    "maple",
    "night",
    "ocean",
    "pearl",
    "quill",
    "river",
    "stone",
    "tulip",
    "umbra",
    "velvet",
    "willow",
    "xenon",
    "yacht",
    "zebra",
]


def words(count: int, start: int = 0) -> str:
    """Return ``count`` words; each stands for a quarter of a second."""
    return " ".join(_NAMES[(start + number) % len(_NAMES)] for number in range(count))


def length_ms(text: str) -> int:
    """Return how long a text sounds."""
    return WORD_MS * len(text.split())


@cache
def sound(text: str, rate_hz: int = HEARING_HZ) -> bytes:
    """Return a text's sound as PCM16."""
    whole = tones.noise(length_ms(text), 24000, _LEVEL_DBFS, zlib.crc32(text.encode()), band="telephone")
    if rate_hz == 24000:
        return whole
    assert rate_hz == HEARING_HZ
    return np.frombuffer(whole, "<i2")[::3].tobytes()  # nothing stands above 3400 Hz, so nothing can fold


@dataclass(frozen=True, slots=True)
class Spoke:
    """What a voice gives."""

    pcm: bytes


class CallersVoice:
    """Speaks the script's words."""

    def speak(
        self, text: str, *, language: str = "en", voice: str | None = None, rate_hz: int = 24000, speed: float = 1.0
    ) -> Spoke:
        return Spoke(sound(text, rate_hz))


class ModelsVoice:
    """Does the local server's speech work without engines and at once."""

    async def do(self, job: Job) -> Result:
        if isinstance(job, Recognise):
            return Recognised(text="", rejected=True)
        spans, at = [], 0
        for number, name in enumerate(job.text.split()):
            start = job.text.index(name, at)
            at = start + len(name)
            spans.append(Word(name, number * WORD_MS, (number + 1) * WORD_MS, start, at))
        return Spoken(pcm=sound(job.text, 24000), words=tuple(spans))

    async def warm_up(self) -> None:
        """Be ready."""

    async def close(self) -> None:
        """Keep nothing."""


class Ears:
    """Ears for which all but silence is speech, exact to 20 ms."""

    def __init__(self, rate_hz: int, values: VadValues) -> None:
        self.values = values
        self._window_bytes = rate_hz * _WINDOW_MS // 1000 * 2
        self._pending = b""
        self._at_ms = 0
        self._loud_until_ms = 0
        self._speaking = False

    def push(self, pcm: bytes) -> list[TurnChange]:
        self._pending += pcm
        changes: list[TurnChange] = []
        while len(self._pending) >= self._window_bytes:
            window, self._pending = self._pending[: self._window_bytes], self._pending[self._window_bytes :]
            self._at_ms += _WINDOW_MS
            if np.frombuffer(window, "<i2").max() > _QUIET:
                self._loud_until_ms = self._at_ms
                if not self._speaking:
                    self._speaking = True
                    changes.append(SpeechBegan(max(0, self._at_ms - _WINDOW_MS - self.values.prefix_padding_ms)))
            elif self._speaking and self._at_ms - self._loud_until_ms >= self.values.silence_duration_ms:
                self._speaking = False
                changes.append(SpeechEnded(self._at_ms))
        return changes

    def configure(self, values: VadValues) -> None:
        self.values = values

    def abandon(self) -> None:
        self._speaking = False


@dataclass(frozen=True, slots=True)
class Match:
    """Where one sound lies in another, and how well: ``likeness`` 1.0 is the same but for its level."""

    at_ms: float
    likeness: float


def find(wanted: bytes, within: bytes) -> Match:
    """Return the place in ``within`` that is most like ``wanted``; both PCM16 at 8000 Hz.

    Negative when ``wanted`` began before ``within``.
    """
    needle, hay = _samples(wanted), _samples(within)
    if not needle.any() or not hay.any():
        return Match(0.0, 0.0)
    size = 1 << (len(needle) + len(hay) - 1).bit_length()
    spectrum = np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size))
    products = np.fft.irfft(spectrum, size)
    at = int(np.argmax(products))
    best = float(products[at])
    at = at if at < len(hay) else at - size
    under = hay[max(0, at) : at + len(needle)]
    norm = float(np.sqrt(np.dot(needle, needle) * np.dot(under, under)))
    return Match(at * 1000 / HEARING_HZ, best / norm if norm else 0.0)


def _samples(pcm: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)
