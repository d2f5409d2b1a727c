"""Cuts text into what the redactor looks at: letters, digits, and what stands between.

A token is whole once the character after it is known, so that cutting a text elsewhere cuts no token. Digits of every
script, superscripts and digits in circles are digits; marks that take no room hide in a word and part groups of digits;
tags, entities and percent codes for blanks are blanks. Our own mask is a word that says nothing: what was redacted may
be read again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from gateway.lexicon import cues
from gateway.lexicon.spoken import (
    COMPOUND_STARTS,
    INVISIBLE,
    NUMBER_WORDS,
    NumberWord,
    Surety,
    fold,
    is_invisible,
    may_become_number,
    number_word,
)
from gateway.privacy.elements import Joint

OTHER_DIGITS: Final = (
    r"\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u1369-\u1371\u19da\u2460-\u2468\u2474-\u247c\u2488-\u2490"
    r"\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\U00010a40-\U00010a43\U00010e60-\U00010e68"
    r"\U00011052-\U0001105a\U0001f100-\U0001f10a"
)
"""Superscripts, subscripts, and digits in circles, brackets and with dots."""

MAX_TAG_DIGITS: Final = 7
"""A tag with more digits is read as text: a number may hide in an attribute."""

_ASCII_WORD: Final = r"[A-Za-z]++(?=[\x00-@\[-`{-\x7f]|\Z)"
"""A word in plain letters, nearly every one: the general class, of all letters and the marks that hide in words, says
the same, but looks at each character at length."""
TOKEN: Final = re.compile(
    rf"(?:(\[CARD\]|{_ASCII_WORD}|(?:[^\W\d_{OTHER_DIGITS}][\u0300-\u036f{INVISIBLE}]*)+)|(\d+|[{OTHER_DIGITS}]+))"
    r"([ ,.\-]{1,3})?"
    r"|(</?[A-Za-z!][^<>]{0,63}>|&(?:[A-Za-z]{2,8}|#\d{1,6}|#x[\da-fA-F]{1,5});"
    r"|%(?:20|2[dDcCeE]|09|0[aA]|0[dD])|\\[nrt](?=[\d\s\\]))"
    r"|([^\w<&%\\\[]+|.|\n)"
)
"""One token at a place; every place has one. ``lastindex`` says of which kind: a word, digits, either of them with the
marks behind it, a blank in disguise, or other marks."""
WORD, DIGITS, SPACED, BLANK, MARKS = range(1, 6)
MARK_STARTS: Final = frozenset("<&%\\[")
"""A token that begins so may turn out to be another once it is whole."""

UNFINISHED: Final = re.compile(
    r"\[(?:C(?:A(?:RD?)?)?)?$|<(?:/?[A-Za-z!][^<>]{0,63}|/)?$|&(?:[A-Za-z]{0,8}|#[\da-fA-Fx]{0,6})$|%[02]?$|\\[nrt]?$"
)
"""What may become a blank or a mask with the next characters."""

PAUSES: Final = frozenset('.,;:!?…\n\u3001\u3002\u060c\uff0c\uff0e()[]{}"“”«»')
SENTENCE_ENDS: Final = frozenset(".?!")

MAX_KNOWN_CHARS: Final = 20
"""No cue is longer."""
MAX_WORD_CHARS: Final = 64
"""A longer word is no number word."""

_KNOWN: Final = frozenset(NUMBER_WORDS) | frozenset(cues.MONTHS) | cues.FILLERS | cues.CORRECTIONS | cues.CUE_TRIGGERS
_AMBIGUOUS: Final = frozenset({"one", "dos"})
"""Numbers that the word before them makes something else: "this one", *au dos*."""


PLAIN_WORD, SURE_NUMBER, OTHER_WORD = range(3)
"""What a word may be, as far as it tells by itself: it says nothing of numbers, as nearly all words of a talk; it is a
number wherever it stands; it says something of numbers, or is one that depends on what stands around it."""


@lru_cache(maxsize=8192)
def look_up(written: str) -> tuple[str, NumberWord | None, int]:
    """Return a word folded, what it stands for as a number, and of which sort it is."""
    word = fold(written)
    number = number_word(word)
    if number is not None and number.surety is Surety.SURE and word not in _AMBIGUOUS:
        return word, number, SURE_NUMBER
    plain = written.isascii() and word not in _KNOWN and not word.startswith(COMPOUND_STARTS)
    return word, number, PLAIN_WORD if plain else OTHER_WORD


def may_matter(start: str) -> bool:
    """Return whether a word that begins so, and is long, may be one that matters."""
    return len(fold(start)) <= MAX_KNOWN_CHARS or (len(start) <= MAX_WORD_CHARS and may_become_number(start))


@lru_cache(maxsize=1024)
def gap_kind(gap: str) -> tuple[Joint, bool]:
    """Return how far marks and spaces part what stands around them, and whether they end a sentence."""
    if is_invisible(gap):
        return Joint.TIGHT, False
    marks = set(gap)
    return (Joint.PAUSE if marks & PAUSES else Joint.PLAIN), bool(marks & SENTENCE_ENDS)
