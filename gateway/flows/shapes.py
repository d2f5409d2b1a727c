"""What a value in a flow file may look like, and the check of a node against it.

A :class:`Shape` is a small description: a word, a text, a length of time, a list of something, a section with known
keys. ``language.py`` describes the whole language with these; this file checks files against it and
``schema.py`` makes the editors' JSON Schema out of the same description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from gateway.flows.document import ListNode, MapNode, Node, TextNode
from gateway.flows.expressions.parser import parse_expression, parse_template
from gateway.flows.expressions.syntax import ExpressionError, nearest
from gateway.flows.issues import Findings

NameOf = Literal["", "step", "slot", "tool", "calendar", "subflow", "variable", "outcome", "language", "event"]

SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
TAG: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
KEYS: Final = re.compile(r"[0-9]{1,4}|[*#]")
KEY_WORDS: Final = {"star": "*", "pound": "#", "hash": "#"}
YES: Final = frozenset({"yes", "true", "on"})
NO: Final = frozenset({"no", "false", "off"})


@dataclass(frozen=True, slots=True)
class Word:
    """A name: small letters, digits and ``_``; ``of`` says of what. ``dotted`` allows ``file.name``."""

    of: NameOf = ""
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Any text."""

    pattern: str = ""
    wanted: str = "a text"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number."""

    least: int = 0
    most: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: ``300ms``, ``6s``, ``1.5s``, ``15m``, ``2h``."""


@dataclass(frozen=True, slots=True)
class Keypad:
    """A key: ``"1"`` … ``"0"``, ``"*"`` or star, ``"#"`` or pound; several digits are pressed in a row."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression that is true or false."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A text that may hold ``${…}``."""


@dataclass(frozen=True, slots=True)
class Said:
    """Something said: a text, a list of escalating texts, a map by language, or ``{text, audio, exact}``."""

    several: bool = True
    """Escalating variants are allowed."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A text per language for the model."""


@dataclass(frozen=True, slots=True)
class Where:
    """A target: a step's name, ``end_call``, ``agent_exit``, or ``{return: outcome}``."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; ``single`` lets one entry stand without its list."""

    item: Shape
    single: bool = False


@dataclass(frozen=True, slots=True)
class MapOf:
    """Names of the designer's own, each with the same shape of value."""

    value: Shape
    key: Shape = field(default_factory=Word)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a section: what it holds, what it is for, and whether it has to be there."""

    shape: Shape
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Known keys."""

    name: str
    doc: str
    keys: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Either:
    """Different shapes for a text, a list and a map; None: not allowed."""

    text: Shape | None = None
    items: Shape | None = None
    map: Shape | None = None


@dataclass(frozen=True, slots=True)
class AnyStep:
    """A step; see ``language.STEP_VERBS``."""


Shape = (
    Word
    | Line
    | OneOf
    | Flag
    | Count
    | Span
    | Keypad
    | Condition
    | Filled
    | Said
    | Goal
    | Where
    | ListOf
    | MapOf
    | Section
    | Either
    | AnyStep
)

SAID_KEYS: Final = ("text", "audio", "exact")


def span_ms(text: str) -> int | None:
    """Return a length of time in milliseconds, or None if it is none."""
    found = SPAN.fullmatch(text.strip())
    if not found:
        return None
    return round(float(found[1]) * {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[found[2]])


def keypad(text: str) -> str | None:
    """Return a key as the engine knows it (``*``, ``#``, digits), or None."""
    text = KEY_WORDS.get(text, text)
    return text if KEYS.fullmatch(text) else None


class Checker:
    """Checks nodes against shapes; every fault becomes a finding."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def check(self, node: Node, shape: Shape, what: str) -> bool:
        """Return whether a node has a shape; ``what`` names it in findings: ``"max_turns"``."""
        before = len(self._findings)
        self._check(node, shape, what)
        return len(self._findings) == before

    def check_keys(self, node: MapNode, keys: Mapping[str, Entry], where: str) -> None:
        """Check a map's keys and values against a section's."""
        for key, entry in node:
            known = keys.get(key)
            if known is None:
                hint = nearest(key, keys) or f"known: {', '.join(sorted(keys))}"
                self._findings.error("F101", entry.key.origin, f"{where}: '{key}' is not known here", hint)
            elif isinstance(entry.value, TextNode) and entry.value.is_none and not known.required:
                pass
            else:
                self._check(entry.value, known.shape, key)
        for key, known in keys.items():
            if known.required and key not in node:
                self._findings.error("F002", node.origin, f"{where}: '{key}' is missing", known.doc)

    def _wrong(self, node: Node, what: str, wanted: str, fix: str = "") -> None:
        match node:
            case TextNode() if node.is_empty:
                got = "nothing"
            case TextNode():
                got = f"'{node.value[:60]}'"
            case ListNode():
                got = "a list"
            case MapNode():
                got = "a map"
            case _:
                assert_never(node)
        self._findings.error("F002", node.origin, f"{what}: {got} stands where {wanted} is wanted", fix)

    def _check(self, node: Node, shape: Shape, what: str) -> None:
        match shape:
            case Section():
                if isinstance(node, MapNode):
                    self.check_keys(node, shape.keys, what)
                else:
                    self._wrong(node, what, "a map", f"keys: {', '.join(shape.keys)}")
            case ListOf():
                if isinstance(node, ListNode):
                    for item in node.items:
                        self._check(item, shape.item, what)
                elif shape.single:
                    self._check(node, shape.item, what)
                else:
                    self._wrong(node, what, "a list", "begin each line with '- '")
            case MapOf():
                if not isinstance(node, MapNode):
                    self._wrong(node, what, "a map of names")
                    return
                for key, entry in node:
                    self._check(entry.key, shape.key, what)
                    self._check(entry.value, shape.value, key)
            case Either():
                self._either(node, shape, what)
            case Said():
                self._said(node, what, several=shape.several)
            case Goal():
                self._by_language(node, what)
            case Where():
                self._where(node, what)
            case AnyStep():
                if not isinstance(node, MapNode):
                    self._wrong(node, f"step '{what}'", "a map with a verb", "for example 'say: Hello.'")
            case _:
                if isinstance(node, TextNode):
                    self._scalar(node, shape, what)
                else:
                    self._wrong(node, what, _wanted(shape))

    def _either(self, node: Node, shape: Either, what: str) -> None:
        chosen = {TextNode: shape.text, ListNode: shape.items, MapNode: shape.map}[type(node)]
        if chosen is None:
            known = [
                name
                for name, way in (("a text", shape.text), ("a list", shape.items), ("a map", shape.map))
                if way is not None
            ]
            self._wrong(node, what, " or ".join(known))
        else:
            self._check(node, chosen, what)

    def _scalar(self, node: TextNode, shape: Shape, what: str) -> None:
        text = node.value
        good = True
        fix = ""
        match shape:
            case Word():
                pattern = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?" if shape.dotted else NAME.pattern
                if shape.of == "language":
                    pattern = TAG.pattern
                good = re.fullmatch(pattern, text) is not None
                if not good and text:
                    better = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_0123456789")
                    fix = f"nearest: '{better}'" if better and shape.of != "language" else ""
            case OneOf():
                good = text in shape.words
                fix = "" if good else nearest(text, shape.words) or f"known: {', '.join(shape.words)}"
            case Flag():
                good = text.lower() in YES | NO
            case Count():
                good = text.isascii() and text.isdigit() and shape.least <= int(text[:9]) <= shape.most
            case Span():
                good = span_ms(text) is not None
                fix = f"write {text}s for seconds" if text.isdigit() else ""
            case Keypad():
                if node.is_empty:
                    self._findings.error("F205", node.origin, f"{what}: no key", 'write "#" in quotes, or pound')
                    return
                good = keypad(text) is not None
            case Line():
                good = bool(text) and (not shape.pattern or re.fullmatch(shape.pattern, text) is not None)
            case Condition() | Filled():
                self.expression(node, shape, what)
                return
        if not good:
            self._wrong(node, what, _wanted(shape), fix)

    def expression(self, node: TextNode, shape: Condition | Filled, what: str) -> None:
        """Check that a condition or a text with ``${…}`` can be read."""
        if node.is_empty:
            self._wrong(node, what, "a condition" if isinstance(shape, Condition) else "a text")
            return
        try:
            if isinstance(shape, Condition):
                only = condition_text(node.value)
                parse_expression(only)
            else:
                parse_template(node.value)
        except ExpressionError as error:
            self._findings.error("F306", node.at(error.at), f"{what}: {error.message}", error.fix)

    def _said(self, node: Node, what: str, *, several: bool) -> None:
        match node:
            case TextNode():
                self._said_text(node, what)
            case ListNode():
                if not several:
                    self._wrong(node, what, "one text")
                for item in node.items:
                    if isinstance(item, MapNode) and set(item.entries) <= set(SAID_KEYS):
                        self._wording(item, what)
                    elif isinstance(item, TextNode):
                        self._said_text(item, what)
                    else:
                        self._split_text(item, what)
            case MapNode() if node.entries and set(node.entries) <= set(SAID_KEYS):
                self._wording(node, what)
            case MapNode():
                for key, entry in node:
                    if not TAG.fullmatch(key):
                        fix = "put the whole text in quotes" if " " in key else nearest(key, SAID_KEYS)
                        self._findings.error(
                            "F606", entry.key.origin, f"{what}: '{key}' is neither a language nor part of a text", fix
                        )
                    else:
                        inner = entry.value
                        if isinstance(inner, MapNode) and not set(inner.entries) <= set(SAID_KEYS):
                            self._split_text(inner, what)
                        else:
                            self._said(inner, what, several=several)
            case _:
                assert_never(node)

    def _split_text(self, node: Node, what: str) -> None:
        self._findings.error(
            "F606", node.origin, f"{what}: this text was taken for a map, because of a ': ' in it", "put it in quotes"
        )

    def _said_text(self, node: TextNode, what: str) -> None:
        if node.is_empty or not node.value.strip():
            self._wrong(node, what, "a text")
        elif node.value.lstrip().startswith("{{") or "{{" in node.value:
            at = node.value.index("{{")
            self._findings.error("F606", node.at(at), f"{what}: '{{{{' inserts nothing", "write ${name}")
        else:
            self.expression(node, Filled(), what)

    def _wording(self, node: MapNode, what: str) -> None:
        text, audio, exact = (node.get(key) for key in SAID_KEYS)
        if isinstance(text, TextNode):
            self._said_text(text, what)
        elif isinstance(text, ListNode):
            self._said(text, what, several=True)
        else:
            self._findings.error(
                "F002", node.origin, f"{what}: 'text' is missing", "a recording's text is its transcript"
            )
        if audio is not None:
            self._check(audio, Line(), "audio")
        if exact is not None:
            self._check(exact, Flag(), "exact")

    def _by_language(self, node: Node, what: str) -> None:
        if isinstance(node, TextNode):
            self.expression(node, Filled(), what)
        elif isinstance(node, MapNode):
            for key, entry in node:
                if not TAG.fullmatch(key):
                    self._findings.error(
                        "F606", entry.key.origin, f"{what}: '{key}' is no language", "put the whole text in quotes"
                    )
                else:
                    self._check(entry.value, Filled(), what)
        else:
            self._wrong(node, what, "a text, or a text per language")

    def _where(self, node: Node, what: str) -> None:
        if isinstance(node, MapNode):
            if set(node.entries) != {"return"}:
                self._wrong(node, what, "a step's name or {return: outcome}")
            else:
                self._check(node.entries["return"].value, Word("outcome"), "return")
        else:
            self._check(node, Word("step"), what)


def condition_text(text: str) -> str:
    """Return a condition without the ``${ }`` that some write around it."""
    stripped = text.strip()
    return stripped[2:-1] if stripped.startswith("${") and stripped.endswith("}") and "${" not in stripped[2:] else text


def _wanted(shape: Shape) -> str:
    match shape:
        case Word(of="language"):
            return "a language such as en-GB"
        case Word(of=of):
            return f"a {of}'s name (small letters, digits, _)" if of else "a name (small letters, digits, _)"
        case OneOf(words=some):
            return " or ".join(f"'{word}'" for word in some) if len(some) < 5 else "a known word"
        case Flag():
            return "yes or no"
        case Count():
            most = f" to {shape.most}" if shape.most < 1_000_000 else " or more"
            return f"a whole number, {shape.least}{most},"
        case Span():
            return "a length of time such as 6s, 300ms or 15m"
        case Keypad():
            return 'a key in quotes: "0" to "9", "*" or "#"'
        case Line(wanted=wanted):
            return wanted
        case Condition():
            return "a condition"
        case _:
            return "a text"
