"""Liquid, as far as phone flows use it: ``{{ … }}`` with a few filters becomes ``${…}``.

What a reference means is asked of whoever imports; what has no counterpart comes back as a problem in words.
Source: Twilio's "Studio: Liquid template language", read 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_VALUE: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_BLOCK: Final = re.compile(r"\{%.*?%\}", re.DOTALL)
_FILTERS: Final = {"upcase": "upper", "downcase": "lower"}
_SUMS: Final = {"plus": "+", "minus": "-", "times": "*"}
APOSTROPHE: Final = "\N{RIGHT SINGLE QUOTATION MARK}"
"""Stands for a straight one inside an expression's text, which has no other way to hold it."""
LEFT_OUT: Final = "…"
"""Stands in a text for what can't be said."""

NameOf = Callable[[str], str | None]
"""Gives the expression here for a reference there, such as ``widgets.ask.Digits``; None if there is none."""


def reference(text: str) -> str:
    """Return the reference of a text that is nothing but one value, without braces and filters; empty if it is not."""
    found = _VALUE.fullmatch(text.strip())
    return found[1].partition("|")[0].strip() if found else ""


def template(text: str, name_of: NameOf) -> tuple[str, list[str]]:
    """Return a text with Liquid as one of ours, and what could not be said.

    ``${`` that stands in the source as it is would be read as ours; it loses its brace.
    """
    problems: list[str] = []

    def placed(found: re.Match[str]) -> str:
        source, *filters = (part.strip() for part in found[1].split("|"))
        said = _constant(source) or name_of(source)
        if said is None:
            problems.append(f"'{source}' has no counterpart")
            return LEFT_OUT
        for one in filters:
            name, _, argument = one.partition(":")
            if name.strip() == "default":
                said += f"|or({_quoted(argument)})"
            elif name.strip() in _SUMS and (value := _constant(argument.strip()) or name_of(argument.strip())):
                said = f"{said} {_SUMS[name.strip()]} {value}"
            elif name.strip() in _FILTERS:
                said += f"|{_FILTERS[name.strip()]}"
            else:
                problems.append(f"the filter '{name.strip()}' has no counterpart")
        return f"${{{said}}}"

    if _BLOCK.search(text):
        problems.append("a block '{% … %}' has no counterpart; write a decide step")
    plain = _BLOCK.sub("", text).replace("${", "$")
    said = " ".join(_VALUE.sub(placed, plain).split())
    if "{{" in said:
        problems.append("a '{{' is never closed")
    return said.replace("{{", ""), problems


def _constant(source: str) -> str | None:
    return source if re.fullmatch(r"'[^']*'|\d+(\.\d+)?", source) else None


def _quoted(argument: str) -> str:
    return "'" + argument.strip().strip("'\"").replace("'", APOSTROPHE) + "'"
