"""A local voice: text in, telephone-ready speech and the times of its words out.

eSpeak NG speaks; this room chooses the variant behind each voice name, reads the library's word events, cuts silence
off both ends, evens the level and gives the sample rate asked for. What a number is read as stands in
``gateway.speech.reading``; what the library looks like, in ``gateway.speech.espeak``.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.audio.resample import resample
from gateway.errors import SpeechError
from gateway.speech.espeak import Engine, Utterance, espeak_language, shared_engine
from gateway.speech.reading import Reading, read_out

_Samples = npt.NDArray[np.float64]

SPEECH_LEVEL_DBFS: Final = -20.0
"""RMS level of the voiced stretches, decibels below full scale."""
EDGE_SILENCE_MS: Final = 20
"""Silence left before the first and after the last sound, milliseconds."""
_PEAK: Final = 32000.0
_FULL_SCALE: Final = 32768.0
_QUIET: Final = 0.01
"""Below this part of the loudest sample it counts as silence at the edges (-40 dB)."""
_LEVEL_WINDOW_MS: Final = 20
_WORDS_A_MINUTE: Final = 175
"""eSpeak's own speed, at ``speed=1.0``."""


@dataclass(frozen=True, slots=True)
class WordTime:
    """One written word of the text, and when it is heard.

    ``text`` is ``text[char_start:char_end]`` of what was spoken, punctuation included; the times are milliseconds from
    the first sample.
    """

    text: str
    start_ms: int
    end_ms: int
    char_start: int
    char_end: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """Speech: 16-bit signed little-endian mono at the rate asked for, and its words in order."""

    pcm: bytes
    words: tuple[WordTime, ...]


@dataclass(frozen=True, slots=True)
class _Timbre:
    variant: str
    pitch: int = 50
    inflection: int = 50
    pace: float = 1.0


_TIMBRES: Final = {
    "alloy": _Timbre("f2", pitch=42),
    "ash": _Timbre("m3", pitch=42),
    "ballad": _Timbre("m7", pitch=55, pace=0.95),
    "cedar": _Timbre("m1", pitch=45),
    "coral": _Timbre("f1", pitch=60, pace=1.05),
    "echo": _Timbre("m6", pitch=60),
    "marin": _Timbre("f3"),
    "sage": _Timbre("f4", pitch=40, pace=0.95),
    "shimmer": _Timbre("linda", pitch=58),
    "verse": _Timbre("max", pitch=50, inflection=65, pace=1.05),
}
"""Realtime voice names and the eSpeak variants that stand in for them: each one is told from the others by ear."""
DEFAULT_VOICE: Final = "marin"


class Voice:
    """Speaks text with eSpeak NG; loads on the first word, and may be shared by threads.

    Synthesis takes about 1 ms a second of speech, in the caller's thread.
    """

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def voices(self) -> tuple[str, ...]:
        """Return the names that ``speak`` takes as ``voice``; each is there in every language."""
        return tuple(_TIMBRES)

    def speak(
        self,
        text: str,
        *,
        language: str = "en",
        voice: str | None = None,
        rate_hz: int = 24000,
        speed: float = 1.0,
    ) -> Spoken:
        """Speak ``text``.

        At most 30 ms of silence stand before the first and after the last sound; the speech is at about -20 dBFS RMS.

        Args:
            text: plain text; blank text gives no sound.
            language: a language tag such as ``en``, ``en-GB``, ``es`` or ``es-MX``.
            voice: one of :meth:`voices`, or an eSpeak variant after a plus sign, such as ``+m4`` or ``en+f5``.
            rate_hz: samples per second of what comes back.
            speed: 1.0 is about 175 words a minute; 0.5 to 2.5.

        Raises:
            SpeechError: the engine is missing, or knows no such voice or language.
        """
        if not 0.5 <= speed <= 2.5:
            raise SpeechError(f"speed: {speed} is out of reach; a factor from 0.5 to 2.5 is wanted")
        reading = read_out(text, language)
        if not reading.spoken.strip():
            return Spoken(b"", ())
        name, timbre = _resolve(voice or DEFAULT_VOICE, language)
        if self._engine is None:
            self._engine = shared_engine()
        utterance = self._engine.speak(
            reading.spoken,
            voice=name,
            rate=min(450, max(80, round(_WORDS_A_MINUTE * speed * timbre.pace))),
            pitch=timbre.pitch,
            inflection=timbre.inflection,
        )
        return _finish(text, reading, utterance, rate_hz)


def _resolve(voice: str, language: str) -> tuple[str, _Timbre]:
    """Return eSpeak's own name for a voice in a language, and how it is to sound."""
    accent = espeak_language(language)
    base, plus, variant = voice.partition("+")
    if plus:
        return f"{base or accent}+{variant}", _Timbre(variant)
    timbre = _TIMBRES.get(voice)
    if timbre is None:
        nearest = difflib.get_close_matches(voice, _TIMBRES, 1)
        hint = f"nearest: {nearest[0]!r}" if nearest else f"one of {', '.join(_TIMBRES)} is wanted"
        raise SpeechError(f"voice: {voice!r} is not a local voice; {hint}")
    return f"{accent}+{timbre.variant}", timbre


def _finish(text: str, reading: Reading, utterance: Utterance, rate_hz: int) -> Spoken:
    """Trim, level and resample an utterance, and move its words' times along."""
    native_hz = utterance.rate_hz
    samples = np.frombuffer(utterance.pcm, "<i2").astype(np.float64)
    first, last = _sounding(samples, native_hz)
    if first == last:
        return Spoken(b"", ())
    levelled = _level(samples[first:last], native_hz)
    pcm = resample(np.rint(levelled).astype("<i2").tobytes(), native_hz, rate_hz)
    starts: dict[int, int] = {}
    for word in utterance.words:
        token = reading.token_at(word.char_at)
        starts.setdefault(token, min(max(word.sample - first, 0), last - first))
    # eSpeak speaks in order: a later token never starts before an earlier one, whatever its events say
    ordered = sorted(starts)
    ends = [*(starts[token] for token in ordered[1:]), last - first]
    words = []
    earliest = 0
    for token, end in zip(ordered, ends, strict=True):
        start = max(starts[token], earliest)
        earliest = max(start, end)
        char_start, char_end = reading.tokens[token]
        times = (round(start * 1000 / native_hz), round(earliest * 1000 / native_hz))
        words.append(WordTime(text[char_start:char_end], *times, char_start, char_end))
    return Spoken(pcm, tuple(words))


def _sounding(samples: _Samples, rate_hz: int) -> tuple[int, int]:
    """Return where sound begins and ends, with a little of the silence around it; equal when there is none."""
    loud = np.flatnonzero(np.abs(samples) > max(float(np.abs(samples).max(initial=0.0)) * _QUIET, 1.0))
    if not loud.size:
        return 0, 0
    edge = rate_hz * EDGE_SILENCE_MS // 1000
    return max(0, int(loud[0]) - edge), min(samples.size, int(loud[-1]) + 1 + edge)


def _level(samples: _Samples, rate_hz: int) -> _Samples:
    """Bring the voiced windows to the speech level, softly bending the few peaks that would not fit."""
    window = rate_hz * _LEVEL_WINDOW_MS // 1000
    whole = samples[: max(samples.size // window, 1) * window]
    power = np.square(whole.reshape(-1, window) if whole.size >= window else whole.reshape(1, -1)).mean(axis=1)
    active = power[power > power.max() * 1e-3]
    wanted = _FULL_SCALE * 10 ** (SPEECH_LEVEL_DBFS / 20)
    scaled: _Samples = samples * (wanted / max(float(np.sqrt(active.mean())), 1.0))
    knee = 0.7 * _PEAK
    over = np.abs(scaled) > knee
    bent = knee + (_PEAK - knee) * np.tanh((np.abs(scaled[over]) - knee) / (_PEAK - knee))
    scaled[over] = np.sign(scaled[over]) * bent
    return scaled
