"""Number words as they turn up in free speech, all languages at once: what each may stand for, and how surely.

``numbers`` writes and reads numbers where a number is expected. This module is for text in which nobody knows yet
whether a word is a number: callers mix languages, and "to", "for", "un" and "oh" are mostly no digits at all. Words are
looked up folded (:func:`fold`): lower case, without accents and invisible characters, ``ß`` as ``ss``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Final


class Part(Enum):
    """What a word does within a number."""

    UNIT = "unit"
    """0 to 9."""
    PAIR = "pair"
    """Two digits that nothing can be added to: *fourteen*, *veintiuno*, *einundvierzig*."""
    TENS = "tens"
    """20, 30 … 90: a unit may follow and join."""
    HUNDRED = "hundred"
    THOUSAND = "thousand"
    STRING = "string"
    """Digits read one by one and written in one: *fourtwofourtwo*."""
    WHOLE = "whole"
    """Hundreds and thousands in one word: *doscientos*, *dreihundertzwölf*."""
    REPEAT = "repeat"
    """*double*: the digit after it stands so often."""
    PLURAL = "plural"
    """*fives*: a number before it says how often."""
    TIMES = "times"
    """*veces*, *fois*, *mal*: makes the number before it a :attr:`REPEAT`."""

    __hash__ = object.__hash__  # by identity, in C: Enum's own hashes the name, in Python, at each look into a set


class Surety(Enum):
    """How surely a word is meant as a number."""

    SURE = "sure"
    ARTICLE = "article"
    """Mostly an article or an exclamation (*un*, *ein*, *oh*): a number beside numbers."""
    SOUND = "sound"
    """Only sounds like one (*for*, *to*, *ate*): a number between numbers."""


@dataclass(frozen=True, slots=True)
class NumberWord:
    """What a word stands for when it is meant as a number."""

    part: Part
    value: int
    surety: Surety = Surety.SURE
    readings: tuple[str] = ("",)
    """The value in digits, as the one reading of the word by itself."""

    def __post_init__(self) -> None:
        if self.readings == ("",):
            object.__setattr__(self, "readings", (str(self.value),))


INVISIBLE: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef"
)
"""Characters that take no room in writing, for a class in a regular expression: soft hyphen, joiners, direction marks,
fillers, variation selectors, byte-order mark, keycap, tags."""
_INVISIBLE: Final = re.compile(f"[{INVISIBLE}]+")


@lru_cache(maxsize=8192)
def fold(word: str) -> str:
    """Return a word as the tables have it: lower case, without accents and invisible characters, in plain letters."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", _INVISIBLE.sub("", word).casefold())
    return "".join(mark for mark in plain if not unicodedata.combining(mark))


def is_invisible(text: str) -> bool:
    """Return whether a text takes no room in writing, and so may hide between two digits or letters."""
    return _INVISIBLE.fullmatch(text) is not None


def _series(words: str, part: Part, first: int, step: int = 1) -> Iterable[tuple[str, NumberWord]]:
    """Yield numbers in order, variants of one parted by a bar."""
    for place, variants in enumerate(words.split()):
        for word in variants.split("|"):
            yield word, NumberWord(part, first + place * step)


def _doubtful(words: str, surety: Surety) -> Iterable[tuple[str, NumberWord]]:
    for pair in words.split():
        word, _, value = pair.partition("=")
        yield word, NumberWord(Part.UNIT, int(value), surety)


def _all() -> Iterable[tuple[str, NumberWord]]:
    # The doubtful first: a later entry of the same word wins.
    yield from _doubtful(
        "for=4 fore=4 to=2 too=2 won=1 ate=8 tree=3 free=3 fife=5 sicks=6 aught=0 ought=0", Surety.SOUND
    )
    yield from _doubtful("oh=0 o=0 un=1 una=1 une=1 ein=1 eine=1 einen=1 einer=1 einem=1", Surety.ARTICLE)
    # English
    yield from _series("zero|nought|naught|nil one two three four five six seven eight nine|niner", Part.UNIT, 0)
    yield from _series("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen", Part.PAIR, 10)
    yield from _series("twenty thirty forty|fourty fifty sixty seventy eighty ninety", Part.TENS, 20, 10)
    yield from _series(
        "zeros|zeroes|ohs|oes|noughts ones twos threes fours fives sixes sevens eights nines", Part.PLURAL, 0
    )
    # Spanish
    yield from _series("cero uno dos tres cuatro cinco seis siete ocho nueve", Part.UNIT, 0)
    yield from _series("diez once doce trece catorce quince dieciseis diecisiete dieciocho diecinueve", Part.PAIR, 10)
    yield "once", NumberWord(Part.PAIR, 11, Surety.ARTICLE)
    yield "diez", NumberWord(Part.TENS, 10)  # diez y seis
    yield from _series(
        "veintiuno|veintiun|veintiuna veintidos veintitres veinticuatro veinticinco veintiseis veintisiete veintiocho "
        "veintinueve",
        Part.PAIR,
        21,
    )
    yield from _series("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa", Part.TENS, 20, 10)
    yield from _series(
        "doscientos|doscientas trescientos|trescientas cuatrocientos|cuatrocientas quinientos|quinientas "
        "seiscientos|seiscientas setecientos|setecientas ochocientos|ochocientas novecientos|novecientas",
        Part.WHOLE,
        200,
        100,
    )
    yield from _series("ceros unos doses treses cuatros cincos seises sietes ochos nueves", Part.PLURAL, 0)
    # French
    yield from _series("zero - deux trois quatre cinq six sept huit neuf", Part.UNIT, 0)
    yield from _series("onze douze treize quatorze quinze seize", Part.PAIR, 11)
    yield "dix", NumberWord(Part.TENS, 10)  # dix-sept
    yield from _series(
        "vingt|vingts trente quarante cinquante soixante septante huitante|octante nonante", Part.TENS, 20, 10
    )
    # German
    yield from _series("null eins zwei|zwo drei vier funf|fuenf sechs sieben acht neun", Part.UNIT, 0)
    yield from _series(
        "zehn elf zwolf|zwoelf dreizehn vierzehn funfzehn|fuenfzehn sechzehn siebzehn achtzehn neunzehn", Part.PAIR, 10
    )
    yield from _series("zwanzig dreissig vierzig funfzig|fuenfzig sechzig siebzig achtzig neunzig", Part.TENS, 20, 10)
    yield from _series(
        "nullen einsen zweien|zweier dreien|dreier vieren|vierer funfen sechsen siebenen achten neunen", Part.PLURAL, 0
    )
    # Larger ones, and repeats
    for word in ("hundred", "cien", "ciento", "hundert"):
        yield word, NumberWord(Part.HUNDRED, 100)
    for word in ("cent", "cents"):
        yield word, NumberWord(Part.HUNDRED, 100, Surety.ARTICLE)
    for word in ("thousand", "mil", "mille", "tausend"):
        yield word, NumberWord(Part.THOUSAND, 1000)
    repeats = {
        2: "double|doble|doppel|doppelt|doppelte|zweimal",
        3: "triple|treble|dreifach|dreifache|dreimal",
        4: "quadruple|cuadruple|vierfach|vierfache|viermal",
        5: "funfmal|quintuple",
    }
    for times, words in repeats.items():
        for word in words.split("|"):
            yield word, NumberWord(Part.REPEAT, times)
    for word in ("times", "veces", "fois", "mal"):
        yield word, NumberWord(Part.TIMES, 0, Surety.SOUND)


NUMBER_WORDS: Final[Mapping[str, NumberWord]] = MappingProxyType({word: what for word, what in _all() if word != "-"})
"""Every simple number word, folded, of all languages."""

_DE_UNITS: Final = {
    "ein": 1, "eins": 1, "zwei": 2, "zwo": 2, "drei": 3, "vier": 4, "funf": 5, "fuenf": 5, "sechs": 6, "sieben": 7,
    "acht": 8, "neun": 9,
}  # fmt: skip
_DE_UNIT: Final = "|".join(sorted(_DE_UNITS, key=len, reverse=True))
_DE_TENS: Final = "|".join(word for word, n in NUMBER_WORDS.items() if n.part is Part.TENS and word.endswith("ig"))
_DE_PAIR: Final = "|".join(
    word for word, n in NUMBER_WORDS.items() if n.part is Part.PAIR and re.search("zehn$|^elf$|^zwo?e?lf$", word)
)
_GERMAN: Final = re.compile(
    rf"(?:(?P<thousands>{_DE_UNIT})?(?P<thousand>tausend))?(?:und)?(?:(?P<hundreds>{_DE_UNIT})?(?P<hundred>hundert))?(?:und)?"
    rf"(?:(?P<pair>{_DE_PAIR})|(?:(?P<ones>{_DE_UNIT})und)?(?P<tens>{_DE_TENS})|(?P<unit>{_DE_UNIT}))?"
)
_EN_ES_TENS: Final = "|".join(
    word for word, n in NUMBER_WORDS.items() if n.part is Part.TENS and re.search("(?:ty|nta)$", word)
)
_UNITS: Final = "|".join(word for word, n in NUMBER_WORDS.items() if n.part is Part.UNIT and n.value)
_ALL_UNITS: Final = "|".join(
    word for word, n in NUMBER_WORDS.items() if n.part is Part.UNIT and n.surety is Surety.SURE
)
_UNIT: Final = re.compile(_ALL_UNITS)
_STRUNG: Final = re.compile(f"(?:{_ALL_UNITS}){{3,}}")
_JOINED: Final = re.compile(rf"(?P<tens>{_EN_ES_TENS})(?:[iy])?(?P<unit>{_UNITS})")
_TENS_STARTS: Final = "twen thir fort fift sixt seve eigh nine trei cuar cinc sese sete oche nove"
COMPOUND_STARTS: Final = tuple(
    sorted(
        {word[:4] for word in (*_DE_UNITS, *_ALL_UNITS.split("|"), "hundert", "tausend", "zehn")}
        | set(_TENS_STARTS.split())
    )
)
"""Every number that is written in one word begins with one of these."""


def number_word(word: str) -> NumberWord | None:
    """Return what a folded word stands for as a number, compounds such as *einundvierzig* included, or ``None``."""
    found = NUMBER_WORDS.get(word)
    if found is not None or len(word) < 6 or not word.startswith(COMPOUND_STARTS):
        return found
    return _compound(word)


@lru_cache(maxsize=2048)
def _compound(word: str) -> NumberWord | None:
    strung = _STRUNG.fullmatch(word)
    if strung:
        digits = "".join(str(NUMBER_WORDS[unit].value) for unit in _UNIT.findall(word))
        return NumberWord(Part.STRING, int(digits), readings=(digits,))
    joined = _JOINED.fullmatch(word)
    if joined:
        return NumberWord(Part.PAIR, NUMBER_WORDS[joined["tens"]].value + NUMBER_WORDS[joined["unit"]].value)
    german = _GERMAN.fullmatch(word)
    if german is None:
        return None
    value = _DE_UNITS[german["thousands"] or "ein"] * 1000 if german["thousand"] else 0
    value += _DE_UNITS[german["hundreds"] or "ein"] * 100 if german["hundred"] else 0
    small = german["pair"] or german["tens"] or german["unit"]
    if small:
        value += _DE_UNITS[small] if small in _DE_UNITS else NUMBER_WORDS[small].value
    value += _DE_UNITS[german["ones"]] if german["ones"] else 0
    return NumberWord(Part.PAIR if value < 100 else Part.WHOLE, value)


_STARTS: Final = frozenset(
    word[:end]
    for word, number in NUMBER_WORDS.items()
    if number.surety is not Surety.SOUND
    for end in range(1, len(word) + 1)
)
_ATOMS: Final = "|".join((_DE_PAIR, _DE_TENS, _DE_UNIT, "und|hundert|tausend", _EN_ES_TENS, "[iy]", _UNITS))
_ATOM_STARTS: Final = "|".join(
    sorted({atom[:end] for atom in _ATOMS.replace("[iy]", "y").split("|") for end in range(1, len(atom))})
)
_COMPOUND_START: Final = re.compile(f"(?:{_ATOMS})+(?:{_ATOM_STARTS})?")


@lru_cache(maxsize=8192)
def may_become_number(start: str) -> bool:
    """Return whether a word that begins so, as written, may yet be a number word."""
    start = fold(start)
    return start in _STARTS or _COMPOUND_START.fullmatch(start) is not None
