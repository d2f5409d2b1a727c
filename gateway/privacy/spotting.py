"""Looks for card data in text that is at rest: for the sweep of what a call has left, and for the log's last wall."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.lexicon.spoken import Surety, fold, number_word
from gateway.privacy.judge import Hit, Kind
from gateway.privacy.memory import Memory
from gateway.privacy.stream import TurnStream
from gateway.privacy.tokens import OTHER_DIGITS

_DIGIT: Final = re.compile(rf"[\d{OTHER_DIGITS}]")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_FEWEST: Final = 3
"""Digits of the shortest secret, a security code."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where something that looks like card data stands in a text; ``end`` is behind its last character."""

    start: int
    end: int
    kind: Kind


def looks_like_card(text: str) -> list[Span]:
    """Return what in a text looks like card data, from left to right.

    The redactor's own eye, without what a talk would add: whole card numbers in every spoken and written form, and
    security codes, expiry dates and PINs that are called so.
    """
    if not may_hold_secret(text):
        return []
    spans: list[Span] = []

    def found(hit: Hit, _: int) -> None:
        if hit.certain:
            spans.append(Span(hit.start, hit.end, hit.kind))

    stream = TurnStream("tool", Memory(), found, talk=False)
    stream.feed(text, 0)
    stream.end("", 0, may_carry=False)
    return spans


def may_hold_secret(text: str) -> bool:
    """Return whether a text has digits or number words enough for anything to mask; quick, and never wrongly no."""
    digits = 0
    for _ in _DIGIT.finditer(text):
        digits += 1
        if digits >= _FEWEST:
            return True
    words = 0
    for found in _WORD.finditer(text):
        number = number_word(fold(found[0]))
        if number is not None and number.surety is not Surety.SOUND:
            words += 1
            if digits + words >= 2:
                return True
    return False
