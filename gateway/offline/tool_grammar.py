"""What a tool's JSON Schema says about speech: the phrases that mean it, and how its arguments are filled.

Phrases come from the words of the tool's name, the short pieces of its description, the values of its enums and their
descriptions. An enum value is described by ``oneOf``/``anyOf`` entries with ``const`` and ``description``, or in the
property's own description as ``value = phrase, phrase; value = phrase``. A string property takes digits when its
``pattern`` is one of digits or its description says "digits".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.offline.session_config import FunctionTool
from gateway.offline.speech_jobs import Recognised

MAX_PHRASE_WORDS: Final = 6
"""A longer piece of a description is prose, which nobody is expected to say."""
DEFAULT_DIGITS: Final = (1, 16)
"""Fewest and most digits where a schema does not say."""
FALLBACK_VALUES: Final = ("unclear", "none", "unknown", "other")
"""Enum values that stand for "not understood", the best first."""
SURE: Final = 0.5
"""Confidence from which a boolean about certainty is true."""
_DIGIT_PATTERN: Final = re.compile(r"^\^?(?:\\d|\[0-9\])(?:\{(?P<low>\d+)(?P<comma>,(?P<high>\d+)?)?\}|\+|\*)?\$?$")
_PIECES: Final = re.compile(r"[,;.:|/\n]+|\bor\b")
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a phrase means: a tool, perhaps with one argument already chosen."""

    tool: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grammar:
    """All that some tools can be told: phrases with what they mean (in lower case), and digits.

    ``digits`` are the fewest and most digits of a number, and ``digits_for`` the tool that wants it.
    """

    phrases: Mapping[str, Meaning]
    digits: tuple[int, int] | None
    digits_for: str | None


def words(text: str) -> str:
    """Return a text as speakable words: lower case, no punctuation, ``snake_case`` opened."""
    return " ".join(_WORD.findall(text.replace("_", " ").lower()))


def grammar(tools: Sequence[FunctionTool]) -> Grammar:
    """Return what ``tools`` can be told. Where two claim a phrase, the more exact meaning wins, then the first."""
    phrases: dict[str, Meaning] = {}
    general: dict[str, Meaning] = {}
    digits: tuple[int, int] | None = None
    digits_for: str | None = None
    for tool in tools:
        for name, schema in properties(tool).items():
            for value, said in _enum_phrases(schema):
                phrases.setdefault(said, Meaning(tool.name, {name: value}))
            if (length := _digit_length(schema)) is not None and digits is None:
                digits, digits_for = length, tool.name
        for said in (words(tool.name), *_pieces(tool.description)):
            general.setdefault(said, Meaning(tool.name))
    return Grammar({**general, **phrases}, digits, digits_for)


def properties(tool: FunctionTool) -> dict[str, dict[str, Any]]:
    """Return the tool's parameters by name, each with its schema."""
    found = tool.parameters.get("properties", {})
    if not isinstance(found, dict):
        return {}
    return {name: schema for name, schema in found.items() if isinstance(schema, dict)}


def spoken_name(tool: FunctionTool) -> str:
    """Return what a caller would say to mean the tool."""
    return words(tool.name)


def filled(tool: FunctionTool, meaning: Meaning, heard: Recognised, *, forced: bool) -> str | None:
    """Return the tool's arguments as JSON text, or None when a required one is not known.

    A ``forced`` call is always filled: an enum that was not understood gets one of :data:`FALLBACK_VALUES` if it has
    one, and other required fields get something empty of their type.
    """
    required = tool.parameters.get("required", [])
    arguments: dict[str, Any] = {}
    for name, schema in properties(tool).items():
        value = meaning.arguments.get(name)
        if value is None:
            value = _from_speech(schema, heard, wanted=name in required)
        if value is None and name in required:
            if not forced:
                return None
            value = _fallback(schema)
        if value is not None:
            arguments[name] = value
    return json.dumps(arguments)


def choices(tool: FunctionTool) -> list[str]:
    """Return the speakable values of the tool's first enum, for a question back."""
    for schema in properties(tool).values():
        if values := [value for value in _values(schema) if value not in FALLBACK_VALUES]:
            return [words(value) for value in values]
    return []


def _from_speech(schema: Mapping[str, Any], heard: Recognised, *, wanted: bool) -> Any:
    if _digit_length(schema) is not None:
        return heard.digits or None
    if _values(schema):
        return _digits_value(schema) if heard.digits else None
    if not wanted:
        return None
    match schema.get("type"):
        case "string":
            return heard.text or None
        case "boolean":
            return not heard.rejected and heard.confidence >= SURE
        case "integer":
            return int(heard.digits) if heard.digits else None
        case "number":
            if schema.get("maximum") == 1:
                return round(heard.confidence, 2)
            return float(heard.digits) if heard.digits else None
        case _:
            return None


def _digits_value(schema: Mapping[str, Any]) -> str | None:
    """Return the enum value that stands for "a number was said", if one is described so."""
    for value, said in _enum_phrases(schema):
        if {"digits", "number"} & set(said.split()):
            return value
    return None


def _fallback(schema: Mapping[str, Any]) -> Any:
    if values := _values(schema):
        return next((value for value in FALLBACK_VALUES if value in values), values[0])
    empty: dict[str, Any] = {"boolean": False, "integer": 0, "number": 0, "array": [], "object": {}}
    kind = schema.get("type")
    return empty.get(kind, "") if isinstance(kind, str) else ""


def _values(schema: Mapping[str, Any]) -> list[str]:
    listed = [value for value in schema.get("enum", ()) if isinstance(value, str)]
    return listed or [value for value, _ in _described(schema)]


def _described(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give each value of ``oneOf`` or ``anyOf`` with its description."""
    for entry in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if isinstance(entry, dict) and isinstance(entry.get("const"), str):
            yield entry["const"], str(entry.get("description") or entry.get("title") or "")


def _enum_phrases(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give each enum value with each phrase that means it; "not understood" is nothing that anybody says."""
    values = _values(schema)
    described = dict(_described(schema))
    text = str(schema.get("description") or "")
    for value in values:
        if value in FALLBACK_VALUES:
            continue
        yield value, words(value)
        for said in _pieces(described.get(value, "")):
            yield value, said
    if not values:
        return
    names = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
    for found in re.finditer(rf"(?:^|[;\n])\s*['\"`]?(?P<value>{names})['\"`]?\s*[=:]\s*(?P<said>[^;\n]*)", text):
        for said in _pieces(found["said"]):
            yield found["value"], said


def _pieces(text: str) -> list[str]:
    pieces = (words(piece) for piece in _PIECES.split(text))
    return [piece for piece in pieces if piece and len(piece.split()) <= MAX_PHRASE_WORDS]


def _digit_length(schema: Mapping[str, Any]) -> tuple[int, int] | None:
    if schema.get("type") != "string" or "enum" in schema:
        return None
    low, high = schema.get("minLength"), schema.get("maxLength")
    if found := _DIGIT_PATTERN.match(str(schema.get("pattern", ""))):
        if found["low"]:
            low = int(found["low"])
            high = low if not found["comma"] else int(found["high"]) if found["high"] else high
    elif "digits" not in str(schema.get("description", "")).lower():
        return None
    return (low if isinstance(low, int) else DEFAULT_DIGITS[0], high if isinstance(high, int) else DEFAULT_DIGITS[1])
