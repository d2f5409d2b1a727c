"""Recognition on this machine, guided by what the caller is expected to say.

An utterance is decoded as one of the expected answers and, beside that, as any phones in any order. By how much a frame
the free phones fit better, the *lag*, says how sure the answer is: an answer that lags too far is rejected. Answers
are first taken to be all that was said; phrases that are rejected so get a second chance with other speech around them.
Digits are heard through three lengths of vocal tract, and the best fitting one counts.

Dictation without any expectation is a last resort over a telephone, and its confidence says so. The thresholds below
were set on the tuning material of ``tests.speech.corpus``; figures are in ``gateway/speech/README.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.lexicon.numbers import languages, parse_digits
from gateway.speech.decoder import Decoded, Decoder
from gateway.speech.features import CEPSTRA, Cepstra
from gateway.speech.grammar import Grammar, anything, digit_grammar, phrase_grammar, spoken_words

_LEAST_FRAMES: Final = 10
"""Less than a tenth of a second is no answer."""
_DICTATION_CONFIDENCE: Final = 0.2
_TRACTS: Final = (1.0, 0.9, 1.1)

# The lag, in natural log units a frame, at which right and wrong answers are equally likely.
_PHRASE_ALONE: Final = 3.0
_PHRASE_FRAMED: Final = 2.2
_DIGIT: Final = 3.0
_DIGITS: Final = 1.6
_STEEPNESS: Final = 2.0
"""How fast confidence falls around that lag."""


@dataclass(frozen=True)
class Expectation:
    """What a caller may say at this point.

    ``phrases`` are whole answers, one of which may stand anywhere in the utterance; ``digits`` the lengths that a
    string of digits may have; ``keywords`` words that dictation should know. Nothing at all means dictation.
    """

    language: str = "en"
    phrases: tuple[str, ...] = ()
    digits: tuple[int, ...] | None = None
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heard:
    """What was understood.

    ``text`` is what to show as a transcript; ``phrase`` the expected phrase as it was given; ``digits`` the digits;
    ``confidence`` 0 to 1, at least 0.5 unless ``rejected``. ``rejected``: the speech was none of what was expected;
    then ``phrase`` and ``digits`` are ``None``, and ``text`` is a guess or empty. Dictation is never rejected while it
    has words, and never surer than 0.2. ``digit_frames``: where each digit was heard, its first and last frame of
    10 ms; empty for everything else.
    """

    text: str
    confidence: float
    phrase: str | None
    digits: str | None
    rejected: bool
    digit_frames: tuple[tuple[int, int], ...] = ()


class Hearing:
    """Recognises utterances; one instance for one thread at a time, and instances share nothing that changes.

    A call takes 0.03-0.4 s of CPU: run it in a worker thread or process, never on an event loop.
    """

    def __init__(self) -> None:
        self._decoders: dict[str, Decoder] = {}

    def recognise(self, pcm: bytes, rate_hz: int, expectation: Expectation) -> Heard:
        """Understand one utterance, from which silence need not be cut off.

        Args:
            pcm: 16-bit signed little-endian, mono, ``rate_hz``; an even length.
            rate_hz: samples per second.
            expectation: what may be said.

        Raises:
            SpeechError: an engine is missing or does not know the language.
        """
        language = expectation.language.lower().replace("_", "-").partition("-")[0]
        if language not in self._decoders:
            self._decoders[language] = Decoder(expectation.language)
        utterance = Cepstra(pcm, rate_hz)
        if len(utterance.through(1.0)) < _LEAST_FRAMES * CEPSTRA * 4:
            return Heard("", 0.0, None, None, rejected=True)
        return _Judgement(self._decoders[language], utterance, language).of(expectation)


class _Answer(NamedTuple):
    """One reading of the utterance; ``margin`` is how far its lag stays below the bound, negative if it does not."""

    text: str
    margin: float
    score: float
    is_phrase: bool = False
    frames: tuple[tuple[int, int], ...] = ()


class _Judgement:
    """One utterance before one decoder."""

    def __init__(self, decoder: Decoder, utterance: Cepstra, language: str) -> None:
        self._decoder = decoder
        self._utterance = utterance
        self._language = language
        self._rivals: dict[float, float] = {}

    def of(self, expectation: Expectation) -> Heard:
        phrases = {spoken_words(phrase, self._language): phrase for phrase in reversed(expectation.phrases)}
        phrases.pop((), None)
        lengths = tuple(sorted({length for length in expectation.digits or () if length > 0}))
        if not phrases and not lengths:
            text = self._dictated(expectation)
            return Heard(text, _DICTATION_CONFIDENCE if text else 0.0, None, None, rejected=not text)
        answers: list[_Answer] = []
        if lengths and self._language in languages():
            answers.append(self._digits(lengths))
        if phrases:
            answers.append(self._phrase_alone(phrases))
            if all(answer.margin < 0 for answer in answers):
                answers.append(self._phrase_framed(phrases, answers[-1].text))
        accepted = [answer for answer in answers if answer.margin >= 0]
        if not accepted:
            surest = max((answer.margin for answer in answers), default=-math.inf)
            return Heard("", _confidence(surest), None, None, rejected=True)
        best = max(accepted, key=lambda answer: answer.score)
        phrase, digits = (best.text, None) if best.is_phrase else (None, best.text)
        return Heard(best.text, _confidence(best.margin), phrase, digits, rejected=False, digit_frames=best.frames)

    def _digits(self, lengths: tuple[int, ...]) -> _Answer:
        def make() -> Grammar:
            return digit_grammar(lengths, self._language)

        key = ("digits", *lengths)
        found = {
            tract: self._decoder.decode(self._utterance.through(tract), key, make, comparable=False)
            for tract in _TRACTS
        }
        tract = max(found, key=lambda tract: found[tract].score)
        decoded = self._decoder.decode(self._utterance.through(tract), key, make)
        digits = parse_digits(found[tract].words, self._language)
        bound = _DIGIT if len(found[tract].words) == 1 else _DIGITS
        margin = bound - self._lag(decoded, tract) if digits else -math.inf
        return _Answer(digits or "", margin, decoded.score, frames=found[tract].spans)

    def _phrase_alone(self, phrases: dict[tuple[str, ...], str]) -> _Answer:
        return self._phrase(phrases, framed=False, bound=_PHRASE_ALONE)

    def _phrase_framed(self, phrases: dict[tuple[str, ...], str], suspected: str) -> _Answer:
        """Find a phrase within other speech.

        Such speech explains a long phrase's sounds more cheaply than a short one's, so the phrase that fitted best when
        it had to fit alone is tried by itself too.
        """
        first = self._phrase(phrases, framed=True, bound=_PHRASE_FRAMED)
        if not suspected or first.text == suspected:
            return first
        only = {words: phrase for words, phrase in phrases.items() if phrase == suspected}
        second = self._phrase(only, framed=True, bound=_PHRASE_FRAMED)
        contains = set(spoken_words(suspected, self._language)) > set(spoken_words(first.text, self._language))
        if second.margin >= 0 and (contains or second.margin > first.margin):
            return second
        return first

    def _phrase(self, phrases: dict[tuple[str, ...], str], *, framed: bool, bound: float) -> _Answer:
        decoded = self._decoder.decode(
            self._utterance.through(1.0),
            ("phrases", framed, *sorted(phrases)),
            lambda: phrase_grammar(tuple(phrases), framed=framed),
        )
        phrase = phrases.get(decoded.words)
        margin = bound - self._lag(decoded, 1.0) if phrase else -math.inf
        return _Answer(phrase or "", margin, decoded.score, is_phrase=True)

    def _lag(self, decoded: Decoded, tract: float) -> float:
        """Return by how much free phones fit better than what was decoded, a frame of its words."""
        if tract not in self._rivals:
            self._rivals[tract] = self._decoder.decode(self._utterance.through(tract), ("anything",), anything).score
        return (self._rivals[tract] - decoded.score) / decoded.frames if decoded.frames else math.inf

    def _dictated(self, expectation: Expectation) -> str:
        if self._language != "en":
            return ""
        return self._decoder.dictate(self._utterance.through(1.0), expectation.keywords)


def _confidence(margin: float) -> float:
    return round(1 / (1 + math.exp(-_STEEPNESS * max(margin, -50.0))), 3)
