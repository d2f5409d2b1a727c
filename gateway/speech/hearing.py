"""Recognition on this machine, guided by what the caller is expected to say.

PocketSphinx decodes an utterance under a grammar made from an :class:`Expectation`, then once more as free phones. How
much better the phones fit than the expected words says how sure the answer is; too much better, and it is rejected.
Dictation without any expectation is a last resort over a telephone, and its confidence says so.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.lexicon.numbers import parse_digits
from gateway.speech.engines import engine
from gateway.speech.features import CEPSTRA, cepstra
from gateway.speech.grammar import Grammar, anything, digit_grammar, is_spoken, phrase_grammar, spoken_words
from gateway.speech.pronunciation import Pronunciations

GRAMMARS_KEPT: Final = 32
_LEAST_BYTES: Final = 10 * CEPSTRA * 4
_SCORE_UNIT: Final = 1024.0
"""PocketSphinx holds Viterbi scores shifted down by ten bits."""
_DICTATION_CONFIDENCE: Final = 0.2
_REJECT_ABOVE: Final = 0.6
"""Natural log units a frame by which free phones may fit better than the expected words."""


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
    ``confidence`` 0 to 1. ``rejected``: the speech was none of what was expected, and then ``phrase`` and ``digits``
    are ``None``.
    """

    text: str
    confidence: float
    phrase: str | None
    digits: str | None
    rejected: bool


class Hearing:
    """Recognises utterances; one instance for one thread at a time, and nothing is shared between instances.

    Grammars are made once per expectation and the latest ones kept. A call takes 0.03-0.4 s of CPU: run it in a
    worker thread or process, never on an event loop.
    """

    def __init__(self) -> None:
        self._ears: dict[str, _Ear] = {}

    def recognise(self, pcm: bytes, rate_hz: int, expectation: Expectation) -> Heard:
        """Understand one utterance, from which silence need not be cut off.

        Args:
            pcm: 16-bit signed little-endian, mono, ``rate_hz``; an even length.
            rate_hz: samples per second.
            expectation: what may be said.

        Raises:
            SpeechError: an engine is missing or does not know the language.
        """
        primary = expectation.language.lower().replace("_", "-").partition("-")[0]
        if primary not in self._ears:
            self._ears[primary] = _Ear(expectation.language)
        features = cepstra(pcm, rate_hz)
        if len(features) < _LEAST_BYTES:
            return Heard("", 0.0, None, None, rejected=True)
        return self._ears[primary].hear(features, expectation)


class _Decoded(NamedTuple):
    """What a search found: its words, how likely the whole is, and how many frames the words last."""

    words: tuple[str, ...]
    score: float
    frames: int


class _Ear:
    """One language's decoder, its dictionary and the grammars it holds."""

    def __init__(self, language: str) -> None:
        sphinx = engine("pocketsphinx")
        here = Path(__file__).parent
        self._model = Path(sphinx.get_model_path()) / "en-us"
        self._language = language
        self._settings: dict[str, object] = {
            "hmm": str(self._model / "en-us"),
            "featparams": str(here / "feat.params"),
            "loglevel": "FATAL",
        }
        self._decoder: Any = sphinx.Decoder(
            **self._settings,
            fdict=str(here / "fillers.dict"),
            dict=None,
            lm=None,
            fsgusefiller=False,  # our grammars name their own pauses
            bestpath=False,  # the lattice pass spoils the scores
            compallsen=True,  # scores of different searches are comparable only if each sees every senone
            lw=1.0,
            wip=1.0,
            pip=1.0,
        )
        self._dictation: Any = None
        self._pronunciations = Pronunciations(self._model / "cmudict-en-us.dict", language)
        self._grammars: OrderedDict[tuple[object, ...], str] = OrderedDict()
        self._made = 0
        self._words: set[str] = set()

    def hear(self, features: bytes, expectation: Expectation) -> Heard:
        phrases = {spoken_words(phrase, self._language): phrase for phrase in reversed(expectation.phrases)}
        phrases.pop((), None)
        lengths = tuple(sorted({length for length in expectation.digits or () if length > 0}))
        if not phrases and not lengths:
            return self._dictate(features, expectation.keywords)
        rival = self._decode(self._grammar(("anything",), anything), features)
        answers: list[Heard] = []
        if phrases:
            name = self._grammar(("phrases", *sorted(phrases)), lambda: phrase_grammar(tuple(phrases)))
            decoded = self._decode(name, features)
            answers.append(self._judge(decoded, rival, phrases.get(decoded.words), None))
        if lengths:
            name = self._grammar(("digits", *lengths), lambda: digit_grammar(lengths, self._language))
            decoded = self._decode(name, features)
            answers.append(self._judge(decoded, rival, None, parse_digits(decoded.words, self._language)))
        return max(answers, key=lambda heard: (not heard.rejected, heard.confidence))

    def _judge(self, decoded: _Decoded, rival: _Decoded, phrase: str | None, digits: str | None) -> Heard:
        lag = (rival.score - decoded.score) / decoded.frames if decoded.frames else math.inf
        if lag > _REJECT_ABOVE or (phrase is None and digits is None):
            return Heard("", _confidence(lag), None, None, rejected=True)
        return Heard(phrase or digits or "", _confidence(lag), phrase, digits, rejected=False)

    def _dictate(self, features: bytes, keywords: tuple[str, ...]) -> Heard:
        if self._dictation is None:
            self._dictation = engine("pocketsphinx").Decoder(
                **self._settings, dict=str(self._model / "cmudict-en-us.dict"), lm=str(self._model / "en-us.lm.bin")
            )
        decoder = self._dictation
        for word in (word for keyword in keywords for word in spoken_words(keyword, self._language)):
            if decoder.lookup_word(word) is None:
                for phones in self._pronunciations.of(word)[:1]:
                    decoder.add_word(word, phones, True)
        decoder.start_utt()
        decoder.process_cep(features, False, True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        text = hypothesis.hypstr if hypothesis else ""
        return Heard(text, _DICTATION_CONFIDENCE if text else 0.0, None, None, rejected=not text)

    def _grammar(self, key: tuple[object, ...], make: Callable[[], Grammar]) -> str:
        """Return the name of a grammar in the decoder, making it if it is not there."""
        if key in self._grammars:
            self._grammars.move_to_end(key)
            return self._grammars[key]
        grammar = make()
        for word in grammar.words:
            self._learn(word)
        self._made += 1
        name = f"grammar{self._made}"
        self._decoder.add_fsg(name, self._decoder.create_fsg(name, 0, grammar.final, list(grammar.transitions)))
        self._grammars[key] = name
        if len(self._grammars) > GRAMMARS_KEPT:
            _, oldest = self._grammars.popitem(last=False)
            self._decoder.remove_search(oldest)
        return name

    def _learn(self, word: str) -> None:
        if word in self._words:
            return
        for index, phones in enumerate(self._pronunciations.of(word)):
            self._decoder.add_word(word if index == 0 else f"{word}({index + 1})", phones, False)
        self._words.add(word)

    def _decode(self, search: str, features: bytes) -> _Decoded:
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.start_utt()
        decoder.process_cep(features, False, True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        if hypothesis is None:
            return _Decoded((), -math.inf, 0)
        spoken = [part for part in decoder.seg() if is_spoken(part.word)]
        frames = spoken[-1].end_frame - spoken[0].start_frame + 1 if spoken else 0
        words = tuple(part.word.partition("(")[0] for part in spoken)
        return _Decoded(words, math.log(hypothesis.score) * _SCORE_UNIT, frames)


def _confidence(lag: float) -> float:
    return round(1 / (1 + math.exp(min(50.0, 6 * (lag - _REJECT_ABOVE)))), 3)
