"""How a text is read out: what a voice should say for digits, money and times, and where it stands in the text.

eSpeak reads a long account number as billions and ``$42.50`` as "dollar forty-two point five zero"; callers expect
digits one by one and dollars and cents. Only such tokens are rewritten; every other one is left to the engine. The text
is split at white space; :class:`Reading` keeps which part of what is spoken belongs to which written token, so that
word times can be told in the writer's own characters.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.lexicon.numbers import LARGEST_CARDINAL, languages, spell_cardinal, spell_digits

_TOKEN: Final = re.compile(r"\S+")
_AFFIXES: Final = re.compile(r"^([(\[\"'«¿¡]*)(.*?)([)\]\"'»!?.,;:]*)$", re.DOTALL)
_MONEY: Final = re.compile(r"([$€£])(\d{1,3}(?:,\d{3})+|\d{1,9})(?:\.(\d{2}))?")
_GROUPED_DIGITS: Final = re.compile(r"\+?\d{2,}(?:[-.]\d{2,}){1,5}")
_DIGITS: Final = re.compile(r"\+?\d+")
_READ_SINGLY_FROM: Final = 5
"""A bare number of so many digits is an account, a code or a telephone number, not an amount."""
_BREATH_EVERY: Final = 4

_CURRENCIES: Final[Mapping[str, Mapping[str, tuple[str, str, str, str]]]] = {
    "en": {
        "$": ("dollar", "dollars", "cent", "cents"),
        "€": ("euro", "euros", "cent", "cents"),
        "£": ("pound", "pounds", "penny", "pence"),
    },
    "es": {
        "$": ("dólar", "dólares", "centavo", "centavos"),
        "€": ("euro", "euros", "céntimo", "céntimos"),
        "£": ("libra", "libras", "penique", "peniques"),
    },
}
_AND: Final = {"en": "and", "es": "con"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What to speak, and which written token each character of it belongs to."""

    spoken: str
    tokens: tuple[tuple[int, int], ...]
    """Start and end, in characters of the written text, of each white-space-separated token."""
    starts: tuple[int, ...]
    """Where each token starts in ``spoken``."""

    def token_at(self, char_at: int) -> int:
        """Return the index of the token that character ``char_at`` of ``spoken`` belongs to."""
        return max(0, bisect.bisect_right(self.starts, char_at) - 1)


def read_out(text: str, language: str) -> Reading:
    """Return how ``text`` is read in ``language``; languages without number words are left to the engine."""
    primary = language.lower().replace("_", "-").partition("-")[0]
    rewrite = primary in languages()
    spoken: list[str] = []
    tokens: list[tuple[int, int]] = []
    starts: list[int] = []
    length = 0
    for match in _TOKEN.finditer(text):
        said = _say(match.group(), primary) if rewrite else match.group()
        tokens.append(match.span())
        starts.append(length)
        spoken.append(said)
        length += len(said) + 1
    return Reading(" ".join(spoken), tuple(tokens), tuple(starts))


def _say(token: str, language: str) -> str:
    affixes = _AFFIXES.match(token)
    if affixes is None or not any(mark.isdigit() for mark in token):
        return token
    before, core, after = affixes.groups()
    if money := _MONEY.fullmatch(core):
        return before + _say_money(*money.groups(), language=language) + after
    if _GROUPED_DIGITS.fullmatch(core) and not _looks_like_decimal(core):
        groups = [spell_digits(group, language) for group in re.split(r"[-.]", core)]
        return before + ", ".join(groups) + after
    if _DIGITS.fullmatch(core) and core.isascii():
        digits = core.lstrip("+")
        if len(digits) >= _READ_SINGLY_FROM or (digits[0] == "0" and len(digits) > 1):
            groups = [digits[at : at + _BREATH_EVERY] for at in range(0, len(digits), _BREATH_EVERY)]
            return before + ", ".join(spell_digits(group, language) for group in groups) + after
    return token


def _looks_like_decimal(core: str) -> bool:
    return core.count(".") == 1 and "-" not in core and not core.startswith(("+", "0"))


def _say_money(sign: str, whole: str, cents: str | None, *, language: str) -> str:
    one, many, cent, cent_many = _CURRENCIES[language][sign]
    amount = int(whole.replace(",", ""))
    if amount > LARGEST_CARDINAL:  # pragma: no cover - the pattern admits no such amount
        return f"{sign}{whole}"
    said = [f"{_count(amount, language)} {one if amount == 1 else many}"] if amount or not int(cents or "0") else []
    if cents and int(cents):
        said.append(f"{_count(int(cents), language)} {cent if int(cents) == 1 else cent_many}")
    return f" {_AND[language]} ".join(said)


def _count(number: int, language: str) -> str:
    said = spell_cardinal(number, language)
    if language == "es" and said.endswith("uno"):  # before a noun: un dólar, veintiún dólares
        said = said.removesuffix("veintiuno") + "veintiún" if said.endswith("veintiuno") else said.removesuffix("o")
    return said
