"""JSON Schema for editors, made of the language's one definition (``language.py``).

With a folder it is a *workspace* schema: the names of that folder's steps, slots, tools, calendars and subflows are
offered where they belong, so that an editor completes ``go:``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.flows.language import FORMAT, RESERVED, STEP_VERBS, step_keys
from gateway.flows.language_files import FILE_KINDS
from gateway.flows.load import Folder
from gateway.flows.shapes import (
    KEYS,
    NAME,
    SPAN,
    TAG,
    AnyStep,
    Condition,
    Count,
    Either,
    Entry,
    Filled,
    Flag,
    Goal,
    Keypad,
    Line,
    ListOf,
    MapOf,
    OneOf,
    Said,
    Section,
    Shape,
    Span,
    Where,
    Word,
)

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXTUAL: Final = {"type": ["string", "number", "boolean"]}
"""A text may look like a number to an editor; the loader reads text."""

Names = Mapping[str, list[str]]


def schema(folder: Folder | None = None) -> dict[str, Any]:
    """Return the schema of all kinds of files; with a folder, with its names."""
    names = _names(folder) if folder else {}
    maker = _Maker(names)
    kinds = {kind: maker.section(section) for kind, section in FILE_KINDS.items()}
    return {
        "$schema": _DIALECT,
        "title": f"Call flows, format {FORMAT}",
        "oneOf": [
            {"title": f"{kind} file", "required": [next(iter(FILE_KINDS[kind].keys))], "$ref": f"#/$defs/{kind}_file"}
            for kind in FILE_KINDS
        ],
        "$defs": {
            **{f"{kind}_file": made for kind, made in kinds.items()},
            "step": maker.step(),
            "said": _said(),
        },
    }


def _names(folder: Folder) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for flow in folder.flows.values():
        for what, some in (
            ("step", [step.name for step in flow.steps.values()]),
            ("slot", list(flow.slots)),
            ("tool", list(flow.tools)),
            ("calendar", list(flow.calendars)),
            ("subflow", list(flow.subflows)),
        ):
            found.setdefault(what, set()).update(some)
    found.setdefault("step", set()).update(RESERVED & {"end_call", "agent_exit"})
    return {what: sorted(some) for what, some in found.items()}


def _said() -> dict[str, Any]:
    text: dict[str, Any] = {"type": ["string", "number"]}
    wording = {
        "type": "object",
        "additionalProperties": False,
        "required": ["text"],
        "properties": {"text": text, "audio": {"type": "string"}, "exact": _flag()},
    }
    one = {"anyOf": [text, wording, {"type": "array", "items": {"anyOf": [text, wording]}}]}
    by_language = {"type": "object", "patternProperties": {f"^{TAG.pattern}$": one}, "additionalProperties": False}
    return {"anyOf": [*one["anyOf"], by_language]}


def _flag() -> dict[str, Any]:
    return {"enum": [True, False, "yes", "no", "on", "off", "true", "false"]}


class _Maker:
    def __init__(self, names: Names) -> None:
        self._names = names

    def section(self, section: Section) -> dict[str, Any]:
        """Return a section as an object schema."""
        return self._object(section.keys, section.doc)

    def step(self) -> dict[str, Any]:
        """Return a step: one of the verbs."""
        return {
            "type": "object",
            "oneOf": [
                {"title": section.doc, **self._object(step_keys(verb), section.doc), "required": [verb]}
                for verb, section in STEP_VERBS.items()
            ],
        }

    def _object(self, keys: Mapping[str, Entry], doc: str) -> dict[str, Any]:
        made: dict[str, Any] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: self._entry(entry) for key, entry in keys.items()},
        }
        if doc:
            made["description"] = doc
        if needed := [key for key, entry in keys.items() if entry.required]:
            made["required"] = needed
        return made

    def _entry(self, entry: Entry) -> dict[str, Any]:
        made = self._shape(entry.shape)
        if not entry.required:
            made = (
                {"anyOf": [made, {"const": "none"}]}
                if "anyOf" not in made
                else {"anyOf": [*made["anyOf"], {"const": "none"}]}
            )
        return {"description": entry.doc, **made} if entry.doc else made

    def _word(self, shape: Word) -> dict[str, Any]:
        if shape.of == "language":
            return {"type": "string", "pattern": f"^{TAG.pattern}$"}
        known = self._names.get(shape.of)
        if known and not shape.dotted:
            return {"enum": known}
        more = rf"(\.{NAME.pattern})?" if shape.dotted else ""
        return {"type": "string", "pattern": f"^{NAME.pattern}{more}$"}

    def _shape(self, shape: Shape) -> dict[str, Any]:
        match shape:
            case Word():
                return self._word(shape)
            case Line(pattern=pattern):
                return {**_TEXTUAL, "pattern": f"^({pattern})$"} if pattern else dict(_TEXTUAL)
            case OneOf(words=words):
                return {"enum": [*words, *(int(word) for word in words if word.isdigit()), *_booleans(words)]}
            case Flag():
                return _flag()
            case Count(least=least, most=most):
                return {"type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": r"^\d+$"}
            case Span():
                return {"type": "string", "pattern": f"^{SPAN.pattern}$"}
            case Keypad():
                return {"type": ["string", "integer"], "pattern": f"^({KEYS.pattern}|star|pound|hash)$"}
            case Condition() | Filled():
                return dict(_TEXTUAL)
            case Said():
                return {"$ref": "#/$defs/said"}
            case Goal():
                by_language = {"type": "object", "additionalProperties": {"type": "string"}}
                return {"anyOf": [{"type": "string"}, by_language]}
            case Where():
                back = {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["return"],
                    "properties": {"return": {"type": "string"}},
                }
                return {"anyOf": [self._word(Word("step")), back]}
            case ListOf(item=item, single=single):
                inner = self._shape(item)
                listed = {"type": "array", "items": inner}
                return {"anyOf": [listed, inner]} if single else listed
            case MapOf(value=value):
                return {"type": "object", "additionalProperties": self._shape(value)}
            case Section():
                return self.section(shape)
            case Either():
                ways = [self._shape(way) for way in (shape.text, shape.items, shape.map) if way is not None]
                return ways[0] if len(ways) == 1 else {"anyOf": ways}
            case AnyStep():
                return {"$ref": "#/$defs/step"}


def _booleans(words: tuple[str, ...]) -> list[bool]:
    """What an editor's YAML makes of ``on`` and ``off``."""
    return [True, False] if set(words) & {"on", "off"} else []
