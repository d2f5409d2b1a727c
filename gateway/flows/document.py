"""A YAML file as texts, lists and maps that know where they stand.

Every scalar stays the text that was written: ``+44…``, ``0042``, ``1.10``, ``no`` and ``2025-01-01`` are no numbers,
truth values or dates here; the shapes of the language say later what they are. What YAML takes silently and designers
did not mean is a finding: a key given twice, an empty key, ``{{``, ``#:``, anchors, aliases, ``<<``, tags. All findings
of a file come at once, unless it is no YAML at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from gateway.flows.issues import Edit, Findings, Origin

MAX_FILE_CHARS: Final = 1 << 20

_NULLS: Final = frozenset({"", "~", "null"})
_LOST_KEY: Final = re.compile(r"^[ \t]*(#)[ \t]*:", re.MULTILINE)
_LOST_VALUE: Final = re.compile(r"^(?P<key>[ \t]*[-\w{ ,]*\b(?:press|end_key)\s*:\s+)(?P<mark>#)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TextNode:
    """A scalar."""

    value: str
    origin: Origin
    start: int = 0
    end: int = 0
    """Character offsets in the file."""
    quoted: bool = False
    block: bool = False
    """Written after ``|`` or ``>``."""

    @property
    def is_empty(self) -> bool:
        """Nothing was written, or ``~`` or ``null`` without quotes."""
        return not self.quoted and not self.block and self.value in _NULLS

    @property
    def is_none(self) -> bool:
        """``none``: takes away what would be inherited."""
        return not self.quoted and self.value == "none"

    def at(self, offset: int) -> Origin:
        """Return the place of a character of the value, as near as the way of writing allows."""
        if self.block or not self.origin.line:
            return self.origin
        shift = offset + (1 if self.quoted else 0)
        return Origin(
            self.origin.file, self.origin.line, self.origin.column + min(shift, max(0, self.end - self.start))
        )


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list."""

    items: tuple[Node, ...]
    origin: Origin
    start: int = 0
    end: int = 0
    inline: bool = False
    """Written in brackets."""


@dataclass(frozen=True, slots=True)
class MapNode:
    """A map; its keys are unique."""

    entries: dict[str, Entry]
    origin: Origin
    start: int = 0
    end: int = 0
    inline: bool = False
    """Written in braces."""

    def get(self, key: str) -> Node | None:
        """Return a value, None if the key is missing or has none."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def key_origin(self, key: str) -> Origin:
        """Return where a key stands, else where the map does."""
        entry = self.entries.get(key)
        return entry.key.origin if entry else self.origin

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        return iter(self.entries.items())


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value."""

    key: TextNode
    value: Node


Node = TextNode | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read."""

    file: str
    text: str = field(repr=False)
    root: MapNode
    readable: bool
    """False if it is no YAML, or no map: then ``root`` is empty."""


def read_source(text: str, file: str, findings: Findings) -> Source:
    """Return a file's nodes; what is wrong goes into ``findings``.

    Args:
        text: the file.
        file: its name in findings.
        findings: takes what is wrong.
    """
    nothing = Source(file, text, MapNode({}, Origin(file, 1, 1)), readable=False)
    if len(text) > MAX_FILE_CHARS:
        findings.error("F001", Origin(file), f"the file is larger than {MAX_FILE_CHARS} characters")
        return nothing
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        _explain(error, text, file, findings)
        return nothing
    except yaml.reader.ReaderError as error:
        findings.error("F001", Origin(file), f"a character at position {error.position} can't stand in YAML")
        return nothing
    except RecursionError:
        findings.error("F001", Origin(file), "more levels inside one another than can be read")
        return nothing
    for mark, what, fix in loader.complaints:
        findings.error("F117", Origin(file, mark.line + 1, mark.column + 1), what, fix)
    _lost(text, file, findings)
    reading = _Reading(file, findings)
    if root is None:
        findings.error("F001", Origin(file, 1, 1), "the file is empty", "begin with 'flow: name' or 'kind: shared'")
        return nothing
    node = reading.node(root)
    if not isinstance(node, MapNode):
        findings.error("F001", node.origin, "'key: value' lines are wanted at the top of a file")
        return nothing
    return Source(file, text, node, readable=True)


class _Loader(yaml.SafeLoader):
    """Composes nodes; notes what flows do without."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.complaints: list[tuple[yaml.Mark, str, str]] = []

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self.complaints.append(
                (mark, f"'*{event.anchor}' is an alias of YAML's", 'write the value out; the star key is "*" or star')
            )
            return yaml.ScalarNode("", "", mark, mark)
        if event.anchor is not None:
            self.complaints.append(
                (mark, f"'&{event.anchor}' is an anchor of YAML's", "use 'defaults' or a shared file")
            )
            event.anchor = None
        if event.tag not in (None, "!"):
            self.complaints.append((mark, f"'{event.tag}' is a tag of YAML's", "take it away"))
            event.tag = None
            event.implicit = (True, False) if isinstance(event, yaml.ScalarEvent) else True
        return super().compose_node(parent, index)


@dataclass(slots=True)
class _Reading:
    file: str
    findings: Findings

    def node(self, node: yaml.Node) -> Node:
        start, end = node.start_mark, node.end_mark
        origin = Origin(self.file, start.line + 1, start.column + 1)
        match node:
            case yaml.MappingNode():
                entries = self._entries(node)
                return MapNode(entries, origin, start.index, end.index, inline=bool(node.flow_style))
            case yaml.SequenceNode():
                items = tuple(self.node(item) for item in node.value)
                return ListNode(items, origin, start.index, end.index, inline=bool(node.flow_style))
            case _:
                style = getattr(node, "style", None)
                return TextNode(
                    node.value,
                    origin,
                    start.index,
                    end.index,
                    quoted=style in ("'", '"'),
                    block=style in ("|", ">"),
                )

    def _entries(self, node: yaml.MappingNode) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            origin = Origin(self.file, mark.line + 1, mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self.findings.error(
                    "F606",
                    origin,
                    "a map stands where a name is wanted; '{{ name }}' is not how values are inserted",
                    "write ${name}",
                )
                continue
            key = self.node(key_node)
            assert isinstance(key, TextNode)
            if key.is_empty or not key.value:
                self.findings.error("F101", origin, "a key without a name", 'put "#" and other marks in quotes')
            elif key.value == "<<" and not key.quoted:
                self.findings.error("F117", origin, "'<<' merges maps in YAML", "use 'defaults', or a shared file")
            elif key.value in entries:
                first = entries[key.value].key.origin.line
                self.findings.error(
                    "F001", origin, f"'{key.value}' is given twice; first in line {first}", "keep one of the two"
                )
            else:
                entries[key.value] = Entry(key, self.node(value_node))
        return entries


def _lost(text: str, file: str, findings: Findings) -> None:
    """Find what YAML took for a comment and was meant."""
    for found in _LOST_KEY.finditer(text):
        findings.error(
            "F205",
            _place(text, found.start(1), file),
            "'#:' begins a comment, so this line does nothing",
            'write "#": or pound:',
            edits=[Edit(file, found.start(1), found.end(1), '"#"')],
        )
    for found in _LOST_VALUE.finditer(text):
        findings.error(
            "F205",
            _place(text, found.start("mark"), file),
            "'#' begins a comment, so no key is named here",
            'write "#" in quotes, or pound',
            edits=[Edit(file, found.start("mark"), found.end("mark"), '"#"')],
        )


def _place(text: str, at: int, file: str) -> Origin:
    return Origin(file, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _explain(error: yaml.MarkedYAMLError, text: str, file: str, findings: Findings) -> None:
    """Say what a parser's error means to somebody who writes flows."""
    mark = error.problem_mark or error.context_mark
    origin = Origin(file, mark.line + 1, mark.column + 1) if mark else Origin(file)
    problem = error.problem or error.context or "it can't be understood"
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if r"'\t'" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        findings.error("F001", origin, "a tab stands in the indentation", "indent with spaces")
    elif "alias" in (error.context or "") or re.match(r"\s*\*", line):
        findings.error("F205", origin, "'*' begins an alias in YAML", 'write "*" in quotes, or star')
    elif "mapping values are not allowed" in problem:
        message = "a second ': ' in one line; YAML takes the text before it for a key"
        findings.error("F606", origin, message, _quote_fix(line), edits=_quoted(text, mark.line if mark else 0, file))
    elif "found character" in problem:
        findings.error("F001", origin, problem.replace("found character", "the character"), _quote_fix(line))
    elif "expected ',' or" in problem or "expected ',' or" in (error.context or ""):
        question = mark is not None and line[mark.column : mark.column + 1] == "?"
        what = "a '?' in a text inside brackets" if question else "a bracket is not closed, or a comma is missing"
        findings.error("F001", origin, what, "put texts in quotes")
    else:
        context = f" {error.context}" if error.context else ""
        findings.error("F001", origin, f"this is no YAML: {problem}{context}")


def _quote_fix(line: str) -> str:
    key, colon, rest = line.partition(": ")
    return f'write {key.strip()}: "{rest.strip()}"' if colon and rest.strip() else "put the text in quotes"


def _quoted(text: str, line: int, file: str) -> list[Edit]:
    """An edit that puts the rest of a line in quotes, where that is surely what was meant: ``say: Hello: there``."""
    lines = text.splitlines(keepends=True)
    found = re.fullmatch(r"(?P<key>\s*(?:- )?[\w-]+:[ ]+)(?P<rest>[^\s\"'{\[&*|>#][^\"\\#]*?)\s*", lines[line])
    if not found:
        return []
    start = sum(map(len, lines[:line])) + found.start("rest")
    return [Edit(file, start, start + len(found["rest"]), f'"{found["rest"]}"')]
