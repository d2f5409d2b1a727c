"""Numbers out of words: "two hundred and five", "mil quinientos", "12.50", "nineteen eighty"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Final

from gateway.flows.slots.reading import bare
from gateway.flows.words import primary
from gateway.flows.words_english import english_ordinal
from gateway.lexicon.numbers import digit_words, parse_digits, spell_cardinal

_SCALES: Final[Mapping[str, Mapping[str, int]]] = {
    "en": {"thousand": 1000, "million": 1_000_000},
    "es": {"mil": 1000, "millon": 1_000_000, "millones": 1_000_000},
}
_POINTS: Final = {"en": {"point"}, "es": {"coma", "punto"}}
_SPANISH_HUNDREDS: Final = {
    "cien": 100, "ciento": 100, "doscientos": 200, "trescientos": 300, "cuatrocientos": 400, "quinientos": 500,
    "seiscientos": 600, "setecientos": 700, "ochocientos": 800, "novecientos": 900,
}  # fmt: skip


@cache
def _small(language: str) -> Mapping[str, int]:
    """Words below 100 (Spanish: below 1000) that stand alone."""
    found = {bare(spell_cardinal(n, language)): n for n in range(30)}
    found |= {bare(spell_cardinal(n, language)): n for n in range(30, 100, 10)}
    if language == "es":
        found |= _SPANISH_HUNDREDS | {"un": 1, "una": 1, "veintiun": 21, "veintiuna": 21}
        found |= {word[:-2] + "as": n for word, n in _SPANISH_HUNDREDS.items() if word.endswith("os")}
    return found


@cache
def _ordinals(language: str) -> Mapping[str, int]:
    if language == "es":
        return {"primero": 1, "primer": 1}
    return {english_ordinal(n).replace("-", " "): n for n in range(1, 32)}


def tongue(language: str) -> str:
    """Return the language whose words are used: Spanish, else English."""
    return "es" if primary(language) == "es" else "en"


def parse_number(text: str, language: str) -> Decimal | None:
    """Return the number that words or digits stand for; None if they are none, or more than one."""
    known = tongue(language)
    text = bare(text.lower().strip())
    if (written := written_number(text, language)) is not None:
        return written
    sign = 1
    words = text.replace("-", " ").split()
    if words and words[0] in ("minus", "menos"):
        sign, words = -1, words[1:]
    for at, word in enumerate(words):
        if word in _POINTS[known]:
            whole = _whole(words[:at], known) if at else 0
            fraction = parse_digits(words[at + 1 :], known)
            if fraction is None and (tens := _whole(words[at + 1 :], known)) is not None:
                fraction = str(tens)
            return None if whole is None or fraction is None else sign * Decimal(f"{whole}.{fraction}")
    number = _whole(words, known)
    return None if number is None else Decimal(sign * number)


def written_number(text: str, language: str) -> Decimal | None:
    """Return a number written in digits: ``1,500.50`` in English, ``1.500,50`` in Spanish."""
    comma = tongue(language) == "es"
    text = text.strip().replace(" ", "")
    point, group = (",", ".") if comma else (".", ",")
    whole = rf"-?(?:\d{{1,3}}(?:{re.escape(group)}\d{{3}})+|\d+)"
    if re.fullmatch(rf"{whole}(?:{re.escape(point)}\d+)?", text):
        return Decimal(text.replace(group, "").replace(point, "."))
    return Decimal(text) if re.fullmatch(r"-?\d+\.\d+", text) else None


def parse_ordinal(text: str, language: str) -> int | None:
    """Return the day that an ordinal or a number stands for: ``fourth``, ``4th``, ``twenty first``, ``uno``."""
    known = tongue(language)
    text = bare(text.lower()).replace("-", " ").strip()
    found = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th|º|o)?", text)
    if found:
        return int(found[1])
    if text in _ordinals(known):
        return _ordinals(known)[text]
    return _whole(text.split(), known)


def parse_year(text: str, language: str) -> int | None:
    """Return a year: ``1980``, ``nineteen eighty``, ``two thousand and five``, ``ochenta`` (80)."""
    known = tongue(language)
    text = bare(text.lower()).replace("-", " ").replace("'", "").strip()
    if re.fullmatch(r"\d{2}|\d{4}", text):
        return int(text)
    words = text.split()
    number = _whole(words, known)
    if number is not None:
        return number
    if known == "en":
        for at in range(1, len(words)):
            century = _whole(words[:at], known)
            rest_words = words[at:]
            rest = _whole(rest_words[1:], known) if rest_words[0] in ("oh", "o") else _whole(rest_words, known)
            if century is not None and rest is not None and 10 <= century <= 21 and rest < 100:
                return century * 100 + rest
    single = parse_digits(words, known)
    return int(single) if single and len(single) == 4 else None


def _whole(words: list[str], language: str) -> int | None:
    small, scales = _small(language), _SCALES[language]
    if not words:
        return None
    total = group = 0
    room = 1000 if language == "es" else 100
    seen = False
    last_scale = 10**9
    for word in words:
        if word in ("and", "y"):
            if not seen:
                return None
            continue
        if word in ("a", "an") and language == "en" and not group:
            group, room, seen = 1, 1, True
            continue
        value = small.get(word)
        if value is None and word.isascii() and word.isdigit() and len(word) <= 9:
            value = int(word)
            if seen and group:
                return None
            group, room, seen = value, 1, True
            continue
        if value is not None:
            if value >= room and not (value == 0 and not seen):
                return None
            group += value
            room = 1 if value < 10 else 100 if value >= 100 else 10 if value % 10 == 0 and value >= 20 else 1
            seen = True
        elif word == "hundred" and language == "en":
            if not 0 < (group or 1) < 100:
                return None
            group, room, seen = (group or 1) * 100, 100, True
        elif word in scales:
            if scales[word] >= last_scale:
                return None
            last_scale = scales[word]
            total += (group or 1) * scales[word]
            group, room, seen = 0, 1000 if language == "es" else 100, True
        elif word in digit_words(language):
            value = int(digit_words(language)[word])
            if seen and (value >= room or group % 10):
                return None
            group, room, seen = group + value, 1, True
        else:
            return None
    return total + group if seen else None
