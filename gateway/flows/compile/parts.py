"""A file of the flows folder after its first reading, and what a flow is put together from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.flows.compile.inheritance import verb_of
from gateway.flows.document import MapNode, Node, Source, TextNode
from gateway.flows.expressions.syntax import nearest
from gateway.flows.issues import Findings
from gateway.flows.language import RESERVED, STEP_VERBS, VERBS, step_keys
from gateway.flows.language_files import FILE_KINDS
from gateway.flows.shapes import NAME, Checker


@dataclass(frozen=True, slots=True)
class Part:
    """A file and what kind it is: ``flow``, ``shared``, ``tools`` or ``prompts``."""

    kind: str
    source: Source

    @property
    def root(self) -> MapNode:
        """What the file says."""
        return self.source.root

    @property
    def file(self) -> str:
        """The file, as shown to people."""
        return self.source.file


@dataclass(slots=True)
class Shelf:
    """All files of a folder, by name; reads further ones (facts, recordings) from the folder itself."""

    root: Path
    parts: dict[str, Part] = field(default_factory=dict)
    texts: dict[str, str | None] = field(default_factory=dict)

    def flow(self, name: str) -> Part | None:
        """Return the file of a flow's id, or a shared file of that stem."""
        for part in self.parts.values():
            node = part.root.get("flow")
            if isinstance(node, TextNode) and node.value == name:
                return part
        return next((part for part in self.parts.values() if Path(part.file).stem == name), None)

    def inside(self, name: str) -> Path | None:
        """Return the path of a file of the folder; None if it is not in it."""
        path = (self.root / name).resolve()
        return path if path.is_relative_to(self.root.resolve()) and path.is_file() else None

    def read(self, name: str) -> str | None:
        """Return the text of a file of the folder; None if there is none, or it is no text."""
        if name not in self.texts:
            path = self.inside(name)
            try:
                self.texts[name] = path.read_text(encoding="utf-8-sig") if path else None
            except (OSError, UnicodeDecodeError):
                self.texts[name] = None
        return self.texts[name]


def read_part(source: Source, findings: Findings) -> Part | None:
    """Check a file's keys and values; None if it can't be told what kind of file it is."""
    kind = "flow" if "flow" in source.root else _kind(source.root.get("kind"))
    if kind not in FILE_KINDS:
        findings.error(
            "F002",
            source.root.key_origin("kind"),
            "this is neither a flow nor a shared file",
            f"begin with 'flow: name', or 'kind:' and one of {', '.join(list(FILE_KINDS)[1:])}",
        )
        return None
    checker = Checker(findings)
    section = FILE_KINDS[kind]
    checker.check_keys(source.root, section.keys, kind)
    _check_steps(source.root.get("steps"), checker, findings)
    subflows = source.root.get("subflows")
    for _, entry in subflows if isinstance(subflows, MapNode) else ():
        if isinstance(entry.value, MapNode):
            _check_steps(entry.value.get("steps"), checker, findings)
    return Part(kind, source)


def _kind(node: Node | None) -> str:
    return node.value if isinstance(node, TextNode) else ""


def _check_steps(steps: Node | None, checker: Checker, findings: Findings) -> None:
    if not isinstance(steps, MapNode):
        return
    for name, entry in steps:
        origin, node = entry.key.origin, entry.value
        if name in RESERVED:
            findings.error(
                "F109", origin, f"'{name}' is a word of the language, no name for a step", f"try '{name}_step'"
            )
        elif not NAME.fullmatch(name):
            continue  # the map's own check has said so
        if not isinstance(node, MapNode):
            continue
        verb = verb_of(node)
        if verb is None:
            _no_single_verb(name, node, findings)
            continue
        checker.check_keys(node, step_keys(verb), f"step '{name}' ({verb})")


def _no_single_verb(name: str, node: MapNode, findings: Findings) -> None:
    found = [verb for verb in VERBS if verb in node]
    if found:
        some = " and ".join(f"'{verb}'" for verb in found)
        findings.error(
            "F102", node.key_origin(found[1]), f"step '{name}' does two things: {some}", "make two steps of it"
        )
        return
    known = {key for verb in STEP_VERBS for key in step_keys(verb)}
    for key, entry in node:
        if key not in known and (hint := nearest(key, VERBS)):
            findings.error("F102", entry.key.origin, f"step '{name}': '{key}' is no verb", hint)
            return
    findings.error("F102", node.origin, f"step '{name}' has no verb", f"one of {', '.join(VERBS)}")
