"""YAML as designers write it: short maps in braces, texts in quotes where YAML would trip, remarks above steps."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

Yaml = str | int | bool | Sequence["Yaml"] | Mapping[str, "Yaml"]

WIDTH: Final = 110
"""A map or a list in one line is no longer than this."""

_SAFE_START: Final = re.compile(r"[A-Za-z0-9À-ɏ$¿¡(/]")
_WORDS_OF_YAML: Final = frozenset({"", "~", "null", "none", "true", "false", "yes", "no", "on", "off", "y", "n"})
_NUMBER_LIKE: Final = re.compile(r"[-+.\d][\d_.:eExX+-]*")
_PLAIN_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")


def scalar(value: str | int | bool, *, inline: bool = False) -> str:
    """Return a scalar, in quotes if YAML or a reader might take it for something else.

    Args:
        value: what it is.
        inline: it stands inside braces or brackets, where commas and braces part things.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = " ".join("".join(mark for mark in value if mark.isprintable() or mark.isspace()).split())
    risky = (
        text.lower() in _WORDS_OF_YAML
        or _NUMBER_LIKE.fullmatch(text)
        or not _SAFE_START.match(text)
        or ": " in text
        or "#" in text
        or text.endswith(":")
        or (inline and re.search(r"[\[\]{},:?\"']", text))
    )
    return json.dumps(text, ensure_ascii=False) if risky else text


def lines_of(name: str, value: Yaml, indent: int) -> list[str]:
    """Return ``name: value`` as lines, in one line where that is easy to read."""
    pad, head = " " * indent, _key(name)
    if isinstance(value, str | int):
        return [f"{pad}{head}: {scalar(value)}"]
    short = _inline(value)
    if short is not None and len(pad) + len(head) + len(short) + 2 <= WIDTH and _fits_one_line(value):
        return [f"{pad}{head}: {short}"]
    if isinstance(value, Mapping):
        inner = [line for key, entry in value.items() for line in lines_of(key, entry, indent + 2)]
        return [f"{pad}{head}:", *inner]
    return [f"{pad}{head}:", *(line for item in value for line in _item(item, indent + 2))]


def _item(value: Yaml, indent: int) -> list[str]:
    pad = " " * indent
    if isinstance(value, str | int):
        return [f"{pad}- {scalar(value)}"]
    short = _inline(value)
    if short is not None:
        return [f"{pad}- {short}"]
    assert isinstance(value, Mapping), "lists of lists are not in the language"
    inner = [line for key, entry in value.items() for line in lines_of(key, entry, indent + 2)]
    return [f"{pad}- {inner[0].lstrip()}", *inner[1:]]


def _inline(value: Yaml) -> str | None:
    """Return a value in one line; None if it has too many levels for that."""
    match value:
        case Mapping():
            parts = {key: _inline(entry) if _is_flat(entry) else None for key, entry in value.items()}
            if any(part is None for part in parts.values()):
                return None
            return "{" + ", ".join(f"{_key(key)}: {part}" for key, part in parts.items()) + "}"
        case str() | int():
            return scalar(value, inline=True)
        case _:
            items = [_inline(item) for item in value]
            return None if None in items else "[" + ", ".join(str(item) for item in items) + "]"


def _is_flat(value: Yaml) -> bool:
    """Whether a value may stand inside braces: a scalar, a list of scalars, or ``{return: outcome}``."""
    if isinstance(value, Mapping):
        return len(value) == 1 and all(isinstance(entry, str | int) for entry in value.values())
    return isinstance(value, str | int) or all(isinstance(item, str | int) for item in value)


def _fits_one_line(value: Yaml) -> bool:
    """Long texts of a list read better below one another; so do maps of maps."""
    if isinstance(value, Mapping):
        return True
    assert not isinstance(value, str | int)
    return all(not isinstance(item, Mapping) and len(str(item)) <= 30 and "," not in str(item) for item in value)


def _key(name: str) -> str:
    return name if _PLAIN_WORD.fullmatch(name) or re.fullmatch(r"[a-z]{2}-[A-Z]{2}", name) else json.dumps(name)
