"""What a caller is expected to say, as finite-state grammars with room for everything around it.

Before and after an expected answer any other speech may stand: a loop over single phones, each at a cost, so that
"I would like my balance, please" leaves *my balance* where the words fit best. The same loop alone is the rival that an
answer has to beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.lexicon.numbers import languages, numerals, spell_cardinal
from gateway.speech.pronunciation import PHONES, words_of

Transition = tuple[int, int, float] | tuple[int, int, float, str]

SILENCE: Final = "<sil>"
_FILLERS: Final = tuple(f"[{phone}]" for phone in PHONES)
"""The loop's words, one phone each, as ``fillers.dict`` has them; no spoken word begins with a bracket."""
_FILLER: Final = 1e-4
"""What one more phone of other speech costs."""
_ASIDE: Final = 1e-12
"""What it costs that there is other speech at all, before or behind: less would eat into the answer's edges."""
_START, _SAID, _END, _FOREWORD, _AFTERWORD = range(5)
_PAUSE: Final = 0.1
_LARGEST_NUMBER: Final = 999_999_999


@dataclass(frozen=True, slots=True)
class Grammar:
    """A graph from state 0 to ``final``, and the words on it."""

    transitions: tuple[Transition, ...]
    final: int

    @property
    def words(self) -> tuple[str, ...]:
        """Return each spoken word of the graph once; fillers and silence are not among them."""
        named = (step[3] for step in self.transitions if len(step) == 4)
        return tuple(dict.fromkeys(word for word in named if is_spoken(word)))


def is_spoken(word: str) -> bool:
    """Whether a word of a grammar is one that somebody says, not a filler, a pause or a null."""
    return word[0] not in "<[("


def spoken_words(phrase: str, language: str) -> tuple[str, ...]:
    """Return a phrase's words with its numbers spelt out, where the language has number words."""
    primary = language.lower().replace("_", "-").partition("-")[0]
    words: list[str] = []
    for word in words_of(phrase):
        if word.isdigit() and primary in languages():
            words += words_of(spell_cardinal(min(int(word), _LARGEST_NUMBER), language))
        else:
            words.append(word)
    return tuple(words)


def anything() -> Grammar:
    """Return the rival: any phones in any order, with pauses."""
    return Grammar((*_loop(0), (0, 1, 1.0)), 1)


def phrase_grammar(phrases: tuple[tuple[str, ...], ...], *, framed: bool) -> Grammar:
    """Return a grammar of word sequences: exactly one of them, ``framed`` by other speech or alone."""
    steps = _frame() if framed else _alone()
    newest = _AFTERWORD
    for words in phrases:
        here = _START
        for index, word in enumerate(words):
            if index < len(words) - 1:
                newest += 1
                there = newest
                steps.append((there, there, _PAUSE, SILENCE))
            else:
                there = _SAID
            steps.append((here, there, 1.0, word))
            here = there
    return Grammar(tuple(steps), _END)


def digit_grammar(lengths: tuple[int, ...], language: str) -> Grammar:
    """Return a grammar of digit strings that have one of the given lengths, with pauses between digits.

    Nothing else may stand around them: other speech takes an unclear digit's place all too easily.
    """
    spoken = numerals(language)
    steps = _alone()
    here = _START
    for length in range(1, max(lengths) + 1):
        there = _AFTERWORD + length
        steps.append((there, there, _PAUSE, SILENCE))
        for words in spoken.digits:
            steps += [(here, there, 1.0, word) for word in _said_in_strings(words, spoken.telephone_zero)]
        if length in lengths:
            steps.append((there, _SAID, 1.0))
        here = there
    return Grammar(tuple(steps), _END)


def _alone() -> list[Transition]:
    """Return what stands around an answer that is all somebody says: pauses."""
    return [(_START, _START, _PAUSE, SILENCE), (_SAID, _SAID, _PAUSE, SILENCE), (_SAID, _END, 1.0)]


def _frame() -> list[Transition]:
    """Return what may stand around an answer: pauses, a foreword, an afterword."""
    return [
        *_alone(),
        *((_START, _FOREWORD, _ASIDE * _FILLER, filler) for filler in _FILLERS),
        *_loop(_FOREWORD),
        (_FOREWORD, _START, 1.0),
        *((_SAID, _AFTERWORD, _ASIDE * _FILLER, filler) for filler in _FILLERS),
        *_loop(_AFTERWORD),
        (_AFTERWORD, _END, 1.0),
    ]


def _said_in_strings(words: tuple[str, ...], telephone_zero: str | None) -> tuple[str, ...]:
    """Keep the usual word and, for zero, the telephone's; rarer ones cost more confusion than they bring."""
    return tuple(word for word in words if word == words[0] or word == telephone_zero)


def _loop(state: int) -> list[Transition]:
    return [(state, state, _PAUSE, SILENCE), *((state, state, _FILLER, filler) for filler in _FILLERS)]
