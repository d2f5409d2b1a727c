"""PocketSphinx, as this house uses it: cepstra in, the best way through a grammar and its score out.

One :class:`Decoder` holds the acoustic model of the wheel, learns words as grammars need them and keeps the grammars it
was asked for lately. Scores of different grammars over the same cepstra can be compared, which is what confidence and
rejection are made of. Dictation, which needs the large dictionary and language model, is loaded on first use only.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.speech.engines import engine
from gateway.speech.grammar import Grammar, is_spoken, spoken_words
from gateway.speech.pronunciation import Pronunciations

GRAMMARS_KEPT: Final = 64
_BEAM: Final = 1e-90
_WORD_BEAM: Final = 1e-70
"""Wide, for our grammars are small: an answer behind a long foreword must not be dropped for being late."""
_GUIDED: Final[dict[str, Any]] = {
    "dict": None,
    "lm": None,
    "fsgusefiller": False,  # our grammars name their own pauses
    "bestpath": False,  # the lattice pass has scores of its own
    "beam": _BEAM,
    "pbeam": _BEAM,
    "wbeam": _WORD_BEAM,
    "lw": 1.0,
    "wip": 1.0,
    "pip": 1.0,
}
_SCORE_UNIT: Final = 1024.0
"""PocketSphinx holds Viterbi scores shifted down by ten bits."""
_NEVER_WRITTEN: Final = frozenset(
    ["fuck", "fucked", "fucking", "fucker", "shit", "shitty", "cunt", "bitch", "bastard", "nigger", "faggot"]
)
"""Dictation over a telephone guesses; a wrong guess must not put these into a transcript."""


class Decoded(NamedTuple):
    """What a search found.

    ``score`` is the natural logarithm of the likelihood of the whole, ``-inf`` when nothing fitted; ``frames`` is how
    many frames of 10 ms the words last.
    """

    words: tuple[str, ...]
    score: float
    frames: int
    spans: tuple[tuple[int, int], ...] = ()
    """Each word's first and last frame."""


@dataclass
class _Guided:
    """A decoder of PocketSphinx's, and what it has learned: grammars by key, latest last, and words."""

    decoder: Any
    grammars: OrderedDict[tuple[object, ...], str] = field(default_factory=OrderedDict)
    words: set[str] = field(default_factory=set)
    made: int = 0


class Decoder:
    """One language's decoder; for one thread at a time.

    Raises:
        SpeechError: an engine is missing.
    """

    def __init__(self, language: str) -> None:
        sphinx = engine("pocketsphinx")
        here = Path(__file__).parent
        model = Path(sphinx.get_model_path()) / "en-us"
        self._language = language
        self._shared: dict[str, str] = {
            "hmm": str(model / "en-us"),
            "featparams": str(here / "feat.params"),
            "loglevel": "FATAL",
        }
        self._dictionary = model / "cmudict-en-us.dict"
        self._language_model = model / "en-us.lm.bin"
        guided = self._shared | {"fdict": str(here / "fillers.dict")}
        self._quick = _Guided(sphinx.Decoder(**guided, **_GUIDED))
        # scores of two grammars can be compared only if both see every senone; every second frame's is enough for that
        self._comparable = _Guided(sphinx.Decoder(**guided, **_GUIDED, compallsen=True, ds=2))
        self._dictation: Any = None
        self._pronunciations = Pronunciations(self._dictionary, language)

    def decode(
        self, cepstra: bytes, key: tuple[object, ...], make: Callable[[], Grammar], *, comparable: bool = True
    ) -> Decoded:
        """Return the best way through a grammar.

        Args:
            cepstra: as ``gateway.speech.features.Cepstra`` gives them.
            key: names the grammar; equal keys must mean equal grammars.
            make: makes the grammar if it is not kept.
            comparable: whether the score will be held against that of another grammar. Otherwise it is good for
                comparing different cepstra of one utterance under this grammar, and comes three times as fast.
        """
        guided = self._comparable if comparable else self._quick
        decoder = guided.decoder
        decoder.activate_search(self._search(guided, key, make))
        _listen(decoder, cepstra)
        hypothesis = decoder.hyp()
        if hypothesis is None or hypothesis.score <= 0.0:
            return Decoded((), -math.inf, 0)
        spoken = [part for part in decoder.seg() if is_spoken(part.word)]
        frames = spoken[-1].end_frame - spoken[0].start_frame + 1 if spoken else 0
        words = tuple(part.word.partition("(")[0] for part in spoken)
        spans = tuple((part.start_frame, part.end_frame) for part in spoken)
        return Decoded(words, math.log(hypothesis.score) * _SCORE_UNIT, frames, spans)

    def dictate(self, cepstra: bytes, keywords: tuple[str, ...]) -> str:
        """Return a guess at free English speech; ``keywords`` are words that it should know."""
        if self._dictation is None:
            self._dictation = engine("pocketsphinx").Decoder(
                **self._shared, dict=str(self._dictionary), lm=str(self._language_model), fwdflat=False
            )
        for word in dict.fromkeys(word for keyword in keywords for word in spoken_words(keyword, self._language)):
            if self._dictation.lookup_word(word) is None:
                for phones in self._pronunciations.of(word)[:1]:
                    self._dictation.add_word(word, phones, True)
        _listen(self._dictation, cepstra)
        hypothesis = self._dictation.hyp()
        words = hypothesis.hypstr.split() if hypothesis else []
        return " ".join(word for word in words if word not in _NEVER_WRITTEN)

    def _search(self, guided: _Guided, key: tuple[object, ...], make: Callable[[], Grammar]) -> str:
        """Return the name of a grammar within a decoder, making it if it is not there."""
        if key in guided.grammars:
            guided.grammars.move_to_end(key)
            return guided.grammars[key]
        grammar = make()
        for word in grammar.words:
            if word not in guided.words:
                guided.words.add(word)
                for index, phones in enumerate(self._pronunciations.of(word)):
                    guided.decoder.add_word(word if index == 0 else f"{word}({index + 1})", phones, False)
        guided.made += 1
        name = f"grammar{guided.made}"
        graph = guided.decoder.create_fsg(name, 0, grammar.final, list(grammar.transitions))
        guided.decoder.add_fsg(name, graph)
        guided.grammars[key] = name
        if len(guided.grammars) > GRAMMARS_KEPT:
            _, oldest = guided.grammars.popitem(last=False)
            guided.decoder.remove_search(oldest)
        return name


def _listen(decoder: Any, cepstra: bytes) -> None:
    decoder.start_utt()
    decoder.process_cep(cepstra, False, True)
    decoder.end_utt()
