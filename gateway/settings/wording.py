"""Says what is wrong with a setting: its path, the value as it was written, the place, and the nearest right word.

A secret is never shown, nor is anything that came from a variable or a file: then the text as written stands there,
``'${PORT}'``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from gateway.settings.document import Document, Fault, Place, Where, spell
from gateway.settings.shape import KEY, Spot, spot

MAX_SHOWN_CHARS: Final = 60

_LOOKS_SECRET: Final = re.compile(r"(?:sk|ek|pk|rk|AC|SK)[-_]?[A-Za-z0-9_-]{12,}|[A-Za-z0-9+/_=-]{32,}")
_URL_SECRETS: Final = re.compile(r"(?<=//)[^/@]*@|[?#].*")
_NAME_RULE: Final = "a name: lower-case letters, digits, '_' and '-', a letter first"


def nearest(word: str, words: Iterable[str]) -> str:
    """Return ``; nearest: 'alloy'``, the whole choice if nothing is near and it is short, or nothing."""
    choice = list(words)
    folded = {known.lower(): known for known in reversed(choice)}
    near = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    if near:
        return f"; nearest: '{folded[near[0]]}'"
    return f"; known: {quoted(sorted(choice))}" if 0 < len(choice) <= 12 else ""


def quoted(words: Iterable[str]) -> str:
    """Return words as ``'on', 'off'``."""
    return ", ".join(f"'{word}'" for word in words)


class Wording:
    """Makes faults of one document.

    Args:
        root: the schema of the document.
        document: for places.
        written: the text of values that something was put into, as the file has it.

    """

    def __init__(self, root: type[BaseModel], document: Document, written: Mapping[Where, str]) -> None:
        self._root = root
        self._document = document
        self._written = written

    def fault(self, where: Where, problem: str, *, value: Any = None) -> Fault:
        """Return ``PATH: 'VALUE' in FILE line 1 column 2 PROBLEM``; ``value`` None takes the document's."""
        place = self._document.place(where)
        at = spot(self._root, where)
        value = self._document.get(where) if value is None else value
        if value is None and where not in self._document.places and at.field is not None:
            value, place = at.field.default, Place("by default")
        return Fault(f"{spell(where)}: {self._shown(at, value)} {place} {problem}", place)

    def key_fault(self, where: Where, problem: str) -> Fault:
        """Return ``PATH: 'KEY' in FILE line 1 column 2 PROBLEM``."""
        place = self._document.key_place(where)
        return Fault(f"{spell(where[:-1]) or 'settings'}: '{where[-1]}' {place} {problem}", place)

    def missing(self, where: Where, advice: str = "") -> Fault:
        """Return ``PATH: missing in FILE line 1 column 2; ADVICE``."""
        place = self._document.place(where)
        return Fault(f"{spell(where)}: missing {place}{f'; {advice}' if advice else ''}", place)

    def finding(self, of: Literal["value", "key", "missing"], where: Where, problem: str) -> Fault:
        """Return what the checks between settings found, in the one of three forms that fits."""
        match of:
            case "value":
                return self.fault(where, problem)
            case "key":
                return self.key_fault(where, problem)
            case "missing":
                return self.missing(where, problem)

    def from_pydantic(self, error: ErrorDetails) -> tuple[Where, Fault]:
        """Return where an error of pydantic's belongs, and how we say it. Its own text may quote values."""
        loc = tuple(error["loc"])
        at = spot(self._root, loc)
        kind, context = error["type"], error.get("ctx", {})
        where = at.where
        if loc[-1:] == (KEY,):
            better = re.sub(r"[^a-z0-9_-]+", "-", str(where[-1]).lower()).strip("-_0123456789")
            hint = f"; nearest: '{better}'" if better else ""
            return where, self.key_fault(where, f"is not {_NAME_RULE}{hint}")
        if kind == "extra_forbidden":
            hint = nearest(str(where[-1]), spot(self._root, loc[:-1]).words())
            return where, self.key_fault(where, f"is not a setting{hint}")
        if kind == "missing":
            return where, self.missing(where, f"one of {quoted(at.words())} is wanted" if at.words() else "")
        if kind == "union_tag_not_found":
            return (*where, "type"), self.missing((*where, "type"), f"one of {quoted(_tags(at))} is wanted")
        if kind == "union_tag_invalid":
            return (*where, "type"), self.fault((*where, "type"), self._choice(str(context["tag"]), _tags(at)))
        if kind == "value_error":  # a section's own rule, in its own words, which quote no value
            return where, self.fault(where, str(context["error"]), value=error["input"])
        if kind == "too_short":
            return where, self.fault(where, f"is too short: at least {context['min_length']}", value=error["input"])
        return where, self.fault(where, self._problem(kind, at, error["input"]), value=error["input"])

    def _problem(self, kind: str, at: Spot, value: Any) -> str:
        low, high = at.bounds()
        limits = f" from {low} to {high}" if low is not None and high is not None else ""
        if low is not None and high is None:
            limits = f" of at least {low}"
        if kind in ("literal_error", "enum"):
            return self._choice("" if value is None else str(value), at.words())
        if kind == "endpoint_type":
            return f"{self._choice(str(value), at.words())}, and names no plug-in as package.module:Factory does"
        if kind.startswith("int_"):
            return f"is not a whole number{limits}"
        if kind.startswith("float_") or kind == "finite_number":
            return f"is not a number{limits}"
        if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
            return f"is not a number{limits}"
        if kind.startswith("bool_"):
            return "is neither true nor false"
        if kind.startswith(("string_", "path_")) and kind != "string_pattern_mismatch":
            return "is not text"
        if kind == "string_pattern_mismatch":
            return f"is not {_NAME_RULE}"
        if kind == "list_type":
            return "is not a list ('- item' lines, or [one, two])"
        if kind in ("dict_type", "model_type", "model_attributes_type"):
            return "is not a section ('key: value' lines, indented)"
        if kind.startswith("date"):
            return "is not a date (2027-01-20)"
        return f"does not fit ({kind.replace('_', ' ')})"

    @staticmethod
    def _choice(value: str, words: list[str]) -> str:
        near = nearest(value, words)
        return f"is not one of {quoted(words)}" + (near if near.startswith("; nearest") else "")

    def _shown(self, at: Spot, value: Any) -> str:
        # One word may stand for a section (``noise_reduction: far_field``): then what was written stands further up.
        upward = (at.where[:length] for length in range(len(at.where), 0, -1))
        written = next((self._written[where] for where in upward if where in self._written), None)
        if at.secret:
            return "the value"
        if written is not None:
            return f"'{_elided(written)}'"
        match value:
            case None:
                return "nothing"
            case dict():
                return "a section"
            case list():
                return "a list"
            case str():
                shown = _URL_SECRETS.sub("…", value) if "//" in value else value
                return "the value" if _LOOKS_SECRET.fullmatch(value) else f"'{_elided(shown)}'"
            case bool():
                return str(value).lower()
            case int() | float():
                return str(value)
            case _:
                return f"'{_elided(str(value))}'"


def _tags(at: Spot) -> list[str]:
    """Return the values of ``type`` that tell the sections of a union apart."""
    return list(dict.fromkeys(word for kind in at.sections() for word in spot(kind, ("type",)).words()))


def _elided(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN_CHARS else f"{line[: MAX_SHOWN_CHARS - 1]}…"
