"""A YAML file as plain data that remembers where each key and value stands.

Every scalar stays the text that was written (``+442079460000``, ``0042`` and ``off`` are no numbers and no booleans);
types come from the schema later. Only an unquoted empty value, ``~`` or ``null`` is None. What YAML lets pass silently
is a fault here: a key given twice, an empty key, anchors and aliases, merge keys, tags. All faults of a file are found
in one go, unless it is no YAML at all.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.composer import Composer

Where = tuple[str | int, ...]
"""The way to a value: keys and list positions, from the top."""

MAX_FILE_BYTES: Final = 1 << 20

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
# A number with zeros in front, such as an extension, stays text.
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written; ``str()`` fits behind a value: ``in config/gateway.yaml line 14 column 9``."""

    phrase: str
    line: int = 0
    column: int = 0
    """Both count from 1; 0 where there are none, as on the command line."""

    def __str__(self) -> str:
        return f"{self.phrase} line {self.line} column {self.column}" if self.line else self.phrase


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, in a sentence that names it, and its place."""

    text: str
    place: Place


@dataclass(slots=True)
class Document:
    """What a file says: mappings, lists, texts and None, and the places of all of them."""

    tree: dict[str, Any] = field(default_factory=dict, repr=False)
    places: dict[Where, Place] = field(default_factory=dict)
    """Of values."""
    key_places: dict[Where, Place] = field(default_factory=dict)
    """Of the keys that lead to them."""
    plain: set[Where] = field(default_factory=set)
    """Scalars that were written without quotation marks."""

    def place(self, where: Where) -> Place:
        """Return where a value stands, or the nearest thing around it that was written."""
        while where not in self.places and where:
            where = where[:-1]
        return self.places.get(where, Place("in the settings"))

    def key_place(self, where: Where) -> Place:
        """Return where a key stands, or its value if it has no key."""
        return self.key_places.get(where) or self.place(where)

    def put(self, where: Where, value: Any, place: Place) -> None:
        """Set a value, making the mappings on the way."""
        at: dict[str, Any] = self.tree
        for key in where[:-1]:
            inner = at.get(str(key))
            if not isinstance(inner, dict):
                inner = at[str(key)] = {}
            at = inner
        at[str(where[-1])] = value
        for old in [known for known in self.places if known[: len(where)] == where]:
            del self.places[old]
        self.places[where] = place
        self.key_places[where] = place

    def remove(self, where: Where) -> None:
        """Take a value out; nothing happens if it is not there."""
        at: Any = self.tree
        for key in where[:-1]:
            at = _inner(at, key)
        if isinstance(at, dict):
            at.pop(str(where[-1]), None)
        elif isinstance(at, list) and isinstance(where[-1], int) and where[-1] < len(at):
            del at[where[-1]]

    def get(self, where: Where) -> Any:
        """Return a value, or None."""
        at: Any = self.tree
        for key in where:
            at = _inner(at, key)
        return at


def spell(where: Where) -> str:
    """Return a way as people write it: ``numbers.'+44207946'.persona``, ``personas.desk.tools[0]``."""
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part.replace("_", "").replace("-", "").isalnum() else f"'{part}'"
            text += f".{name}" if text else name
    return text


def read_document(path: Path, shown: str) -> tuple[Document, list[Fault]]:
    """Read a YAML file; ``shown`` is its name in messages.

    Returns:
        What could be read, and the faults; the document is empty if the file can't be read or is no YAML.

    """
    phrase = f"in {shown}"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return Document(), [Fault(f"{shown} is larger than {MAX_FILE_BYTES} bytes", Place(phrase))]
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        why = (error.strerror or "error").lower()
        return Document(), [Fault(f"{shown} can't be read: {why}", Place(phrase))]
    except UnicodeDecodeError as error:
        return Document(), [Fault(f"{shown} is not UTF-8 text: see byte {error.start}", Place(phrase))]
    return parse_document(text, shown)


def parse_document(text: str, shown: str) -> tuple[Document, list[Fault]]:
    """Read YAML text; see :func:`read_document`."""
    phrase = f"in {shown}"
    try:
        root, complaints = _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(phrase, mark.line + 1, mark.column + 1) if mark else Place(phrase)
        problem = error.problem or error.context or "can't be understood"
        advice = "; indent with spaces" if r"'\t'" in problem else ""
        return Document(), [Fault(f"no YAML {place}: {problem}{advice}", place)]
    except yaml.reader.ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character[:1] or b"\0")
        return Document(), [Fault(f"{shown}: character U+{code:04X} can't stand in YAML", Place(phrase))]
    except RecursionError:
        return Document(), [Fault(f"{shown}: more levels inside one another than can be read", Place(phrase))]
    reading = _Reading(phrase, faults=[])
    for mark, what, advice in complaints:
        place = Place(phrase, mark.line + 1, mark.column + 1)
        reading.faults.append(Fault(f"{what} {place}: {advice}", place))
    document = reading.document
    document.places[()] = Place(phrase)
    if isinstance(root, yaml.MappingNode):
        document.tree = reading.mapping(root, ())
    elif root is not None and not (isinstance(root, yaml.ScalarNode) and root.value in _NULLS):
        reading.faults.append(Fault(f"{shown}: 'key: value' lines are wanted at the top", document.places[()]))
    return document, reading.faults


_Complaint = tuple[yaml.Mark, str, str]


def _composed(text: str) -> tuple[yaml.Node | None, list[_Complaint]]:
    """Return the top node and what was complained of; read by libyaml where it is there, several times as fast.

    What it can't read is read again in Python, for its words on what is wrong are the plainer ones.
    """
    with contextlib.suppress(yaml.YAMLError, UnicodeEncodeError):
        return _node_of(_FastLoader(text))
    return _node_of(_PythonLoader(text))


def _node_of(loader: _PythonLoader | _FastLoader) -> tuple[yaml.Node | None, list[_Complaint]]:
    try:
        return loader.get_single_node(), loader.complaints
    finally:
        loader.dispose()


class _Composer(Composer):
    """Composes nodes and complains of what the settings do without; parsers are put behind it."""

    complaints: list[_Complaint]

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        parser: Any = self
        event: Any = parser.peek_event()
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            parser.get_event()
            self.complaints.append((mark, f"alias '*{event.anchor}'", "write the value out"))
            return yaml.ScalarNode("tag:yaml.org,2002:null", "", mark, mark)
        if event.anchor is not None:
            self.complaints.append((mark, f"anchor '&{event.anchor}'", "there are no anchors and aliases here"))
            event.anchor = None
        if event.tag not in (None, "!"):
            self.complaints.append((mark, f"tag '{event.tag}'", "there are no tags here"))
            event.tag = None
            event.implicit = (True, False) if isinstance(event, yaml.ScalarEvent) else True
        if isinstance(event, yaml.ScalarEvent):
            event.style = event.style or None  # of a plain one, libyaml says ""
        return super().compose_node(parent, index)


class _PythonLoader(_Composer, yaml.SafeLoader):
    """Parses in Python."""

    def __init__(self, text: str) -> None:
        yaml.SafeLoader.__init__(self, text)
        self.complaints = []


_LibyamlLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _FastLoader(_Composer, _LibyamlLoader):  # type: ignore[misc]  # a stub has no word for "if it was built with it"
    """Parses by libyaml; composing stays ours."""

    def __init__(self, text: str) -> None:
        _LibyamlLoader.__init__(self, text)
        Composer.__init__(self)
        self.complaints = []


@dataclass(slots=True)
class _Reading:
    """Turns nodes into data, noting places and faults."""

    phrase: str
    faults: list[Fault]
    document: Document = field(default_factory=Document)

    def mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.append(Fault(f"{place}: a key is a word, not a list or mapping".removeprefix("in "), place))
                continue
            key = key_node.value
            inside = f" of {spell(where)}" if where else ""
            if not key or (key_node.style is None and key in _NULLS):
                self.faults.append(Fault(f"empty key{inside} {place}", place))
            elif key_node.style is None and key == "<<":
                self.faults.append(Fault(f"merge key '<<'{inside} {place}: write the settings out", place))
            elif key in found:
                first = self.document.key_places[(*where, key)].line
                self.faults.append(Fault(f"{spell((*where, key))}: given again {place}; first in line {first}", place))
            else:
                self.document.key_places[(*where, key)] = place
                found[key] = self._value(value_node, (*where, key))
        return found

    def _value(self, node: yaml.Node, where: Where) -> Any:
        self.document.places[where] = self._place(node)
        match node:
            case yaml.MappingNode():
                return self.mapping(node, where)
            case yaml.SequenceNode():
                return [self._value(item, (*where, position)) for position, item in enumerate(node.value)]
            case _:
                text: str = node.value
                if getattr(node, "style", None) is not None:
                    return text
                self.document.plain.add(where)
                return None if text in _NULLS else text

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return Place(self.phrase, mark.line + 1, mark.column + 1)


def core_value(text: str) -> str | int | float | bool:
    """Return what YAML 1.2's core schema makes of an unquoted scalar: a boolean, a decimal number or the text."""
    if text in ("true", "false"):
        return text == "true"
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _inner(at: Any, key: str | int) -> Any:
    if isinstance(at, Mapping):
        return at.get(key)
    if isinstance(at, list) and isinstance(key, int) and key < len(at):
        return at[key]
    return None
