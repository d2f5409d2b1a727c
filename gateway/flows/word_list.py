"""What a language has to bring for flows: the shape of its list of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Currency:
    """What a currency is called: one and many of the whole, one and many of the hundredth."""

    one: str
    many: str
    cent: str
    cents: str
    feminine: bool = False
    symbols: tuple[str, ...] = ()
    """Further words that callers or texts use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language's words; lists begin with January and Monday."""

    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    yes: frozenset[str]
    no: frozenset[str]
    said_yes: str
    said_no: str
    point: str
    """Said for the decimal point."""
    minus: str
    joint: str
    """Between euros and cents, hours and minutes: "and"."""
    currencies: Mapping[str, Currency]
    spoken_marks: Mapping[str, str]
    """What callers say for marks in mail addresses and codes: ``"at": "@"``."""
    letters: Mapping[str, str]
    """Names of letters, and words of spelling alphabets, to the letter."""
    units: Mapping[str, str]
    """Words for lengths of time, one and many → ``second minute hour day week month year``."""
    fillers: frozenset[str]
    """Words without meaning around a value."""
    unknown: frozenset[str]
    """Ways to refuse or to not know."""
