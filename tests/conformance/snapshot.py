"""What the official types say, as data, so that two versions of the ``openai`` package can be compared.

Each event type is described by the paths of its fields (``session.audio.input.format.type``) with what they may hold.
Paths through unions are merged; ``[]`` is any element of a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from tests.conformance.official import CLIENT, SERVER

STORED: Final = Path(__file__).with_name("snapshot.json")
MAX_DEPTH: Final = 12

Events = dict[str, dict[str, str]]
"""Event type → path of a field → what it holds."""


def take() -> dict[str, Any]:
    """Return a snapshot of the installed package."""
    return {"openai": version("openai"), "server": _events(SERVER), "client": _events(CLIENT)}


def stored() -> dict[str, Any]:
    """Return the snapshot in the repository."""
    found: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def store(snapshot: Mapping[str, Any]) -> None:
    """Put a snapshot in the repository's file."""
    STORED.write_text(json.dumps(snapshot, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what differs, one line for each event or field added, removed or changed."""
    lines: list[str] = []
    for side in ("server", "client"):
        before: Events = old[side]
        after: Events = new[side]
        lines += [f"{side} event added: {kind}" for kind in sorted(after.keys() - before.keys())]
        lines += [f"{side} event removed: {kind}" for kind in sorted(before.keys() - after.keys())]
        for kind in sorted(before.keys() & after.keys()):
            lines += _field_changes(f"{side} {kind}", before[kind], after[kind])
    return lines


def _field_changes(where: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(before.keys() | after.keys()):
        if path not in before:
            yield f"{where}: field added: {path} ({after[path]})"
        elif path not in after:
            yield f"{where}: field removed: {path}"
        elif before[path] != after[path]:
            yield f"{where}: field changed: {path}: {before[path]} -> {after[path]}"


def _events(models: Mapping[str, type[BaseModel]]) -> Events:
    events: Events = {}
    for kind, model in models.items():
        schema = model.model_json_schema()
        fields: dict[str, set[str]] = {}
        _describe(schema, schema.get("$defs", {}), "", fields, 0)
        events[kind] = {path: " | ".join(sorted(kinds)) for path, kinds in fields.items()}
    return events


def _describe(
    schema: Mapping[str, Any], known: Mapping[str, Any], path: str, fields: dict[str, set[str]], depth: int
) -> None:
    if depth > MAX_DEPTH:
        return
    if "$ref" in schema:
        _describe(known[schema["$ref"].rpartition("/")[2]], known, path, fields, depth)
        return
    for variant in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        _describe(variant, known, path, fields, depth)
    if path:
        fields.setdefault(path, set()).update(_kinds(schema))
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        fields.setdefault(here, set()).update({"required"} if name in required else set())
        _describe(part, known, here, fields, depth + 1)
    if isinstance(schema.get("items"), dict):
        _describe(schema["items"], known, f"{path}[]", fields, depth + 1)


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    if "const" in schema:
        return {repr(schema["const"])}
    if "enum" in schema:
        return {repr(value) for value in schema["enum"]}
    return {schema["type"]} if isinstance(schema.get("type"), str) else set()
