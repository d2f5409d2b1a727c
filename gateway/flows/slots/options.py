"""Slots with few values, or with none but words: choices, yes and no, free text."""

from __future__ import annotations

import re

from gateway.flows.model import Option, SlotType
from gateway.flows.slots.cardinals import parse_ordinal
from gateway.flows.slots.reading import UNREADABLE, Reading, bare, plain_words, refused, strip_fillers
from gateway.flows.words import words


def read_choice(kind: SlotType, text: str, language: str) -> Reading:
    """Read one of the options: its id, its words, or its words inside what was said, if no other's are."""
    return match_option(kind.options, text, language)


def match_option(options: tuple[Option, ...], text: str, language: str) -> Reading:
    """Return the id of the option that was meant; ``unknown`` if none or more than one was."""
    said = bare(strip_fillers(plain_words(text), words(language)))
    ways = {option.id: _ways(option, language) for option in options}
    for name, known in ways.items():
        if said == bare(name) or said in known:
            return Reading(name)
    inside = [name for name, known in ways.items() if any(re.search(rf"\b{re.escape(way)}\b", said) for way in known)]
    return Reading(inside[0]) if len(inside) == 1 else refused("unknown")


def keyed_choice(kind: SlotType, keys: str) -> Reading:
    """Read an option by its place."""
    if not keys.isascii() or not keys.isdigit() or not 1 <= int(keys[:4]) <= len(kind.options):
        return refused("unknown")
    return Reading(kind.options[int(keys) - 1].id)


def say_choice(kind: SlotType, value: object, language: str) -> str:
    """Read an option back by its first word."""
    for option in kind.options:
        if option.id == value:
            return next(iter(option.words.get(language, ())), option.id.replace("_", " "))
    return str(value)


def read_yes_no(text: str, language: str) -> Reading:
    """Read yes or no; "no, that's right" and the like are not sure."""
    known = words(language)
    said = bare(plain_words(text))
    yes, no = {bare(word) for word in known.yes}, {bare(word) for word in known.no}
    if said in ("true", "false"):
        return Reading(said == "true")
    if said in yes or said in no:
        return Reading(said in yes)
    found = {
        answer
        for answer, ways in ((True, yes), (False, no))
        if any(re.search(rf"\b{re.escape(way)}\b", said) for way in ways)
    }
    first = said.split(" ", 1)[0] if said else ""
    if len(found) == 1:
        return Reading(found.pop(), sure=first in yes | no)
    if found and (first in yes or first in no):
        return Reading(first in yes, sure=False)
    return UNREADABLE


def keyed_yes_no(keys: str) -> Reading:
    """Read 1 for yes and 2 for no."""
    return Reading(keys == "1") if keys in ("1", "2") else refused("unknown")


def read_text(kind: SlotType, text: str) -> Reading:
    """Read free text: spaces in order, no longer than allowed."""
    said = " ".join(text.split())
    if not said:
        return UNREADABLE
    if kind.max_words is not None and len(said.split()) > kind.max_words:
        return refused("too_long")
    if kind.max_length is not None and len(said) > kind.max_length:
        return refused("too_long")
    return Reading(said) if kind.pattern is None or re.fullmatch(kind.pattern, said) else refused("pattern")


def says_unknown(text: str, language: str) -> bool:
    """Whether a caller refuses, or does not know."""
    said = bare(plain_words(text))
    return any(re.search(rf"\b{re.escape(bare(way))}\b", said) for way in words(language).unknown)


def option_place(text: str, language: str, count: int) -> int | None:
    """Return which of a list was meant: "the second one", "number two"; counts from 1."""
    said = bare(strip_fillers(plain_words(text), words(language)))
    said = re.sub(r"\b(?:the|one|el|la|option|opcion|number|numero)\b", " ", said).strip() or said
    place = parse_ordinal(said, language)
    ordinals = {
        "primera": 1,
        "segundo": 2,
        "segunda": 2,
        "tercero": 3,
        "tercera": 3,
        "tercer": 3,
        "ultimo": count,
        "ultima": count,
        "last": count,
    }
    place = ordinals.get(said, place)
    return place if place is not None and 1 <= place <= count else None


def _ways(option: Option, language: str) -> set[str]:
    return {bare(way) for way in (*option.words.get(language, ()), option.id.replace("_", " "))}
