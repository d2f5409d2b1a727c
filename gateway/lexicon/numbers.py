"""Number words: digits read one by one, digits heard, and cardinals, per language.

A language is one :class:`Numerals`: its digit words with their variants, its multipliers ("double", "triple") and how
it counts. Adding one is adding an entry to ``_LANGUAGES``; nothing else knows a number word. Region tags
(``en-GB``) mean their language.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

LARGEST_CARDINAL: Final = 999_999_999
"""``spell_cardinal`` reaches so far."""


@dataclass(frozen=True, slots=True)
class Numerals:
    """How one language says numbers."""

    digits: tuple[tuple[str, ...], ...]
    """For each digit 0-9 the words that may stand for it, the usual one first, lower case."""
    cardinal: Callable[[int], str]
    """A number 0 <= n <= ``LARGEST_CARDINAL`` in words."""
    telephone_zero: str | None = None
    """What people say for 0 inside a string of digits, when it is not the usual word ("oh")."""
    repeats: Mapping[str, int] = field(default_factory=dict)
    """Words that repeat the digit after them, and how often it then stands."""


def languages() -> tuple[str, ...]:
    """Return the languages with number words, by primary subtag."""
    return tuple(_LANGUAGES)


def numerals(language: str) -> Numerals:
    """Return a language's number words.

    Raises:
        ValueError: there are none for that language yet.
    """
    primary = language.lower().replace("_", "-").partition("-")[0]
    known = _LANGUAGES.get(primary)
    if known is None:
        raise ValueError(f"number words: language {language!r} is not known; one of {', '.join(_LANGUAGES)} is wanted")
    return known


def digit_words(language: str) -> Mapping[str, str]:
    """Return every word that stands for one digit, with that digit: ``{"zero": "0", "oh": "0", ...}``.

    Raises:
        ValueError: as :func:`numerals`.
    """
    return MappingProxyType({word: str(n) for n, words in enumerate(numerals(language).digits) for word in words})


def repeat_words(language: str) -> Mapping[str, int]:
    """Return the words that repeat the next digit: ``{"double": 2, "triple": 3}``; empty where nobody says so.

    Raises:
        ValueError: as :func:`numerals`.
    """
    return MappingProxyType(dict(numerals(language).repeats))


def spell_digits(digits: str, language: str, *, telephone: bool = False) -> str:
    """Return digits read one by one: ``"407"`` as ``"four zero seven"``.

    Whatever is no digit is left out.

    Args:
        digits: digits, perhaps with spaces and punctuation.
        language: a language tag.
        telephone: say 0 as people do within a telephone number, ``"four oh seven"``, where a language has such a word.

    Raises:
        ValueError: as :func:`numerals`.
    """
    known = numerals(language)
    zero = known.telephone_zero if telephone and known.telephone_zero else known.digits[0][0]
    plain = [str(unicodedata.digit(mark)) for mark in digits if mark.isdigit()]
    return " ".join(zero if digit == "0" else known.digits[int(digit)][0] for digit in plain)


def parse_digits(words: str | Iterable[str], language: str) -> str | None:
    """Return the digits that a string of digit words stands for, or ``None`` if any word is no part of one.

    Understands every variant ("oh", "nought"), repeats ("double five", "triple oh seven") and digits already
    written as such; hyphens, commas and full stops separate.

    Args:
        words: words or a text of them, in any case.
        language: a language tag.

    Raises:
        ValueError: as :func:`numerals`.
    """
    text = words if isinstance(words, str) else " ".join(words)
    single = digit_words(language)
    repeats = repeat_words(language)
    digits: list[str] = []
    times = 0
    for word in text.lower().translate(_SEPARATORS).split():
        if word in repeats and not times:
            times = repeats[word]
            continue
        digit = single.get(word) or (word if word.isascii() and word.isdigit() else None)
        if digit is None or (times and len(digit) > 1):
            return None
        digits.append(digit * (times or 1))
        times = 0
    return None if times or not digits else "".join(digits)


def spell_cardinal(number: int, language: str) -> str:
    """Return a whole number in words: 1204 as ``"one thousand two hundred and four"``.

    Raises:
        ValueError: the number is below 0 or above ``LARGEST_CARDINAL``, or as :func:`numerals`.
    """
    if not 0 <= number <= LARGEST_CARDINAL:
        raise ValueError(f"a number from 0 to {LARGEST_CARDINAL} can be said in words; got {number}")
    return numerals(language).cardinal(number)


_SEPARATORS: Final = str.maketrans(dict.fromkeys("-,.;:/()", " "))

_ENGLISH_SMALL: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_ENGLISH_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def _english(number: int) -> str:
    if number < 20:
        return _ENGLISH_SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _ENGLISH_TENS[tens - 2] + (f"-{_ENGLISH_SMALL[ones]}" if ones else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_ENGLISH_SMALL[hundreds]} hundred" + (f" and {_english(rest)}" if rest else "")
    name, size = ("million", 1_000_000) if number >= 1_000_000 else ("thousand", 1000)
    count, rest = divmod(number, size)
    joint = " and " if 0 < rest < 100 else " "
    return f"{_english(count)} {name}" + (f"{joint}{_english(rest)}" if rest else "")


_SPANISH_SMALL: Final = [
    "cero",
    "uno",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    "diez",
    "once",
    "doce",
    "trece",
    "catorce",
    "quince",
    "dieciséis",
    "diecisiete",
    "dieciocho",
    "diecinueve",
    "veinte",
    "veintiuno",
    "veintidós",
    "veintitrés",
    "veinticuatro",
    "veinticinco",
    "veintiséis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
]
_SPANISH_TENS: Final = ["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]
_SPANISH_HUNDREDS: Final = [
    "ciento",
    "doscientos",
    "trescientos",
    "cuatrocientos",
    "quinientos",
    "seiscientos",
    "setecientos",
    "ochocientos",
    "novecientos",
]


def _spanish(number: int) -> str:
    if number < 30:
        return _SPANISH_SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _SPANISH_TENS[tens - 3] + (f" y {_SPANISH_SMALL[ones]}" if ones else "")
    if number == 100:
        return "cien"
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return _SPANISH_HUNDREDS[hundreds - 1] + (f" {_spanish(rest)}" if rest else "")
    if number < 1_000_000:
        count, rest = divmod(number, 1000)
        thousands = "mil" if count == 1 else f"{_spanish_before_noun(count)} mil"
    else:
        count, rest = divmod(number, 1_000_000)
        thousands = "un millón" if count == 1 else f"{_spanish_before_noun(count)} millones"
    return thousands + (f" {_spanish(rest)}" if rest else "")


def _spanish_before_noun(number: int) -> str:
    """*Uno* loses its ending before a noun: *veintiún mil*, *treinta y un millones*."""
    said = _spanish(number)
    if said.endswith("veintiuno"):
        return said.removesuffix("veintiuno") + "veintiún"
    return said.removesuffix("o") if said.endswith("uno") else said


_LANGUAGES: Final[Mapping[str, Numerals]] = MappingProxyType(
    {
        "en": Numerals(
            digits=(
                ("zero", "oh", "o", "nought", "naught", "nil"),
                ("one",),
                ("two",),
                ("three",),
                ("four",),
                ("five",),
                ("six",),
                ("seven",),
                ("eight",),
                ("nine", "niner"),
            ),
            cardinal=_english,
            telephone_zero="oh",
            repeats=MappingProxyType({"double": 2, "triple": 3, "treble": 3}),
        ),
        "es": Numerals(
            digits=(
                ("cero",),
                ("uno", "una", "un"),
                ("dos",),
                ("tres",),
                ("cuatro",),
                ("cinco",),
                ("seis",),
                ("siete",),
                ("ocho",),
                ("nueve",),
            ),
            cardinal=_spanish,
            repeats=MappingProxyType({"doble": 2, "triple": 3}),
        ),
    }
)
