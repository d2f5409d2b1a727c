"""What stands in a Rasa project: flows, slots and responses out of its YAML files.

Only the parts that flows need are read; the rest (pipelines, NLU examples, stories) has no counterpart on a phone.
Source: Rasa's reference, "Flows", "Flow Steps", "Slots", "Responses", read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class RasaFlow:
    """One flow: steps as they were written."""

    id: str
    name: str
    description: str
    guard: str
    """``if``; empty: none. ``false`` keeps callers from starting it."""
    steps: tuple[Mapping[str, Any], ...]
    persisted: frozenset[str]
    """Slots that keep their values when it ends."""


@dataclass(frozen=True, slots=True)
class RasaSlot:
    """A slot of the domain."""

    name: str
    type: str
    values: tuple[str, ...] = ()
    initial: object = None
    mappings: tuple[str, ...] = ()
    """``from_llm``, ``controlled`` …"""
    rejections: tuple[Mapping[str, Any], ...] = ()
    """Conditions under which a value is refused, and what is said then."""


@dataclass(frozen=True, slots=True)
class RasaResponse:
    """One variation of a response."""

    text: str
    conditions: tuple[tuple[str, object], ...] = ()
    """Slots and the values that they must have."""
    buttons: tuple[str, ...] = ()
    """Their titles."""
    extras: tuple[str, ...] = ()
    """Keys that only a screen can show, or that have another meaning there."""


@dataclass
class RasaProject:
    """All files together."""

    flows: dict[str, RasaFlow] = field(default_factory=dict)
    slots: dict[str, RasaSlot] = field(default_factory=dict)
    responses: dict[str, list[RasaResponse]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    """Top-level keys that were met and mean nothing on a phone."""


_KNOWN = frozenset({"version", "flows", "slots", "responses", "actions", "session_config"})


def read_project(paths: Iterable[Path]) -> RasaProject:
    """Return a project out of its files; a folder stands for all YAML files in it.

    Raises:
        ConfigurationError: a file can't be read or is no YAML, or there are no flows in any.
    """
    project = RasaProject()
    for path in paths:
        files = sorted([*path.rglob("*.yml"), *path.rglob("*.yaml")]) if path.is_dir() else [path]
        for file in files:
            _add(project, file)
    if not project.flows:
        raise ConfigurationError(
            f"there are no Rasa flows in {', '.join(map(str, paths)) or 'nothing'}; "
            "give flows.yml and the domain, or the folder with both"
        )
    return project


def maps_of(value: object) -> list[Mapping[str, Any]]:
    """Return the maps in a list; none if it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def steps_within(steps: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return steps and those written inside their branches, in the order of the file."""
    for step in steps:
        yield step
        ways = step.get("next")
        for way in ways if isinstance(ways, list) else ():
            inner = way.get("then", way.get("else")) if isinstance(way, dict) else None
            if isinstance(inner, list):
                yield from steps_within(one for one in inner if isinstance(one, dict))


def _add(project: RasaProject, file: Path) -> None:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {(error.strerror or 'error').lower()}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        return
    project.ignored += [str(key) for key in content if key not in _KNOWN]
    for name, body in _maps(content, "flows", file).items():
        project.flows[name] = _flow(name, body, file)
    for name, body in _maps(content, "slots", file).items():
        project.slots[name] = _slot(name, body)
    responses = content.get("responses") or {}
    if not isinstance(responses, dict):
        raise ConfigurationError(f"{file}: 'responses' is no map")
    for name, variations in responses.items():
        known = variations if isinstance(variations, list) else [variations]
        project.responses[str(name)] = [_response(one) for one in known if isinstance(one, dict)]


def _maps(content: Mapping[str, Any], key: str, file: Path) -> dict[str, dict[str, Any]]:
    found = content.get(key) or {}
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file}: '{key}' is no map")
    return {str(name): body if isinstance(body, dict) else {} for name, body in found.items()}


def _flow(name: str, body: Mapping[str, Any], file: Path) -> RasaFlow:
    steps = body.get("steps") or []
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ConfigurationError(f"{file}: flow '{name}': 'steps' is no list of steps")
    guard = body.get("if", "")
    return RasaFlow(
        id=name,
        name=str(body.get("name") or name.replace("_", " ")),
        description=" ".join(str(body.get("description") or "").split()),
        guard=str(guard).lower() if isinstance(guard, bool) else str(guard or ""),
        steps=tuple(steps),
        persisted=frozenset(map(str, body.get("persisted_slots") or ())),
    )


def _slot(name: str, body: Mapping[str, Any]) -> RasaSlot:
    mappings = body.get("mappings") or []
    validation = body.get("validation")
    rejections = validation.get("rejections") if isinstance(validation, dict) else None
    return RasaSlot(
        name=name,
        type=str(body.get("type") or "text"),
        values=tuple(str(value) for value in body.get("values") or ()),
        initial=body.get("initial_value"),
        mappings=tuple(str(one.get("type")) for one in mappings if isinstance(one, dict)),
        rejections=tuple(one for one in rejections or () if isinstance(one, dict)),
    )


def _response(body: Mapping[str, Any]) -> RasaResponse:
    conditions = body.get("condition") or []
    return RasaResponse(
        text=" ".join(str(body.get("text") or "").split()),
        conditions=tuple(
            (str(one.get("name")), one.get("value"))
            for one in conditions
            if isinstance(one, dict) and one.get("type") == "slot"
        ),
        buttons=tuple(str(one.get("title")) for one in body.get("buttons") or () if isinstance(one, dict)),
        extras=tuple(key for key in ("image", "custom", "attachment", "channel", "elements") if key in body),
    )
