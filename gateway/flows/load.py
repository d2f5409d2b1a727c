"""A folder of flows: every file read, checked and compiled, every finding together. The only I/O in this package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.flows.compile.flow import Compiled, compile_flow
from gateway.flows.compile.parts import Part, Shelf, read_part
from gateway.flows.document import Source, TextNode, read_source
from gateway.flows.issues import Findings, Origin
from gateway.flows.model import Flow

TEST_SUFFIX: Final = ".test.yaml"
MAX_FILE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Folder:
    """What was found in a flows folder."""

    root: Path
    compiled: Mapping[str, Compiled]
    """Flow id → the flow and its nodes."""
    findings: Findings
    """From reading and compiling; lint adds its own."""
    parts: Mapping[str, Part]
    """File → what it is."""
    tests: Mapping[str, Source] = field(default_factory=dict)
    """``*.test.yaml`` files, as nodes."""
    shelf: Shelf | None = None

    @property
    def flows(self) -> dict[str, Flow]:
        """Flow id → flow."""
        return {name: compiled.flow for name, compiled in self.compiled.items()}


def load_folder(root: Path) -> Folder:
    """Read all flows of a folder and of its folders; nothing stops at the first fault.

    Files are ``*.yaml`` (``*.yml``); ``*.test.yaml`` are tests. Paths in findings are inside the folder.
    """
    findings = Findings()
    sources: dict[str, Source] = {}
    tests: dict[str, Source] = {}
    if not root.is_dir():
        findings.error("F001", Origin(str(root)), "there is no such folder")
        return Folder(root, {}, findings, {})
    for path in sorted(path for pattern in ("*.yaml", "*.yml") for path in root.rglob(pattern)):
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        shown = path.relative_to(root).as_posix()
        text = _read(path, shown, findings)
        if text is not None:
            into = tests if shown.endswith(TEST_SUFFIX) else sources
            into[shown] = read_source(text, shown, findings)
    return _put_together(root, sources, tests, findings)


def load_texts(files: Mapping[str, str], root: Path = Path()) -> Folder:
    """Read flows from texts instead of files, under their names; for tools and tests.

    Facts and recordings are looked up in ``files`` first, then under ``root``.
    """
    findings = Findings()
    sources: dict[str, Source] = {}
    tests: dict[str, Source] = {}
    for name, text in files.items():
        if name.endswith((".yaml", ".yml")):
            into = tests if name.endswith(TEST_SUFFIX) else sources
            into[name] = read_source(text, name, findings)
    texts = {name: text for name, text in files.items() if not name.endswith((".yaml", ".yml"))}
    return _put_together(root, sources, tests, findings, texts)


def _put_together(
    root: Path,
    sources: Mapping[str, Source],
    tests: Mapping[str, Source],
    findings: Findings,
    texts: Mapping[str, str] | None = None,
) -> Folder:
    shelf = Shelf(root, texts=dict(texts or {}))
    for name, source in sources.items():
        if source.readable and (part := read_part(source, findings)) is not None:
            shelf.parts[name] = part
    compiled: dict[str, Compiled] = {}
    for part in shelf.parts.values():
        node = part.root.get("flow")
        if part.kind != "flow" or not isinstance(node, TextNode):
            continue
        if node.value in compiled:
            first = compiled[node.value].flow.origin
            findings.error(
                "F001", node.origin, f"flow '{node.value}' exists already, at {first}", "give it another name"
            )
            continue
        compiled[node.value] = compile_flow(part, shelf, findings)
    return Folder(root, compiled, findings, shelf.parts, tests, shelf)


def _read(path: Path, shown: str, findings: Findings) -> str | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            findings.error("F001", Origin(shown), f"the file is larger than {MAX_FILE_BYTES} bytes")
            return None
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        findings.error("F001", Origin(shown), f"the file can't be read: {(error.strerror or 'error').lower()}")
    except UnicodeDecodeError as error:
        findings.error(
            "F001", Origin(shown), f"this is no UTF-8 text: see byte {error.start}", "save the file as UTF-8"
        )
    return None
