"""What comes of reading a caller's answer: a value, or why there is none."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from gateway.flows.word_list import Words


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that was understood, or the reason why none was.

    Reasons are fixed words, used in ``invalid:`` of slots: ``unreadable``, ``too_short``, ``too_long``, ``luhn``,
    ``mod97``, ``pattern``, ``no_such_date``, ``expired``, ``unknown``, ``too_early``, ``too_late``, ``too_small``,
    ``too_large``, ``no_keypad``.
    """

    value: object = None
    reason: str = ""
    sure: bool = True
    """False where the words left room: a year of two digits, a time without morning or evening."""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return not self.reason

    def __repr__(self) -> str:
        return f"Reading(reason={self.reason!r}, sure={self.sure})"


UNREADABLE: Final = Reading(reason="unreadable")
"""Nothing of the wanted kind was said."""
NO_KEYPAD: Final = Reading(reason="no_keypad")
"""This can't be keyed in."""


def refused(reason: str) -> Reading:
    """Return a reading without a value."""
    return Reading(reason=reason)


_MARKS: Final = re.compile(r"[;!?¿¡\"()]|[,:.](?=\s|$)")


def plain_words(text: str) -> str:
    """Return words in small letters, one space between them, without punctuation around them."""
    text = unicodedata.normalize("NFC", text.lower()).replace("\u2019", "'")
    return " ".join(_MARKS.sub(" ", text).split())


def bare(text: str) -> str:
    """Return a text without accents: callers' words are matched without them."""
    return "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))


def strip_fillers(text: str, known: Words) -> str:
    """Return words without the ones before them that mean nothing: "um, it's …"."""
    words = text
    changed = True
    while changed:
        changed = False
        for filler in known.fillers:
            if words.startswith(filler + " "):
                words, changed = words[len(filler) + 1 :], True
            if filler in ("please", "por favor") and words.endswith(" " + filler):
                words, changed = words[: -len(filler) - 1], True
    return words
