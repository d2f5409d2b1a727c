"""A Twilio Studio flow as it was exported: widgets, their properties, and where each of their events leads.

Source: Twilio's "Studio Flow Definition" and widget library, read 2026-11-21.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Condition:
    """What a split compares: an argument (Liquid), a kind of comparison, and a value."""

    argument: str
    type: str
    value: str
    label: str
    """What people called it."""


@dataclass(frozen=True, slots=True)
class Match:
    """One ``match`` of a split: all of its conditions have to hold."""

    conditions: tuple[Condition, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Widget:
    """One widget; ``ways`` are its events and the widgets they lead to, None where nothing is wired."""

    name: str
    type: str
    properties: Mapping[str, Any]
    ways: Mapping[str, str | None]
    matches: tuple[Match, ...]

    def text(self, key: str) -> str:
        """Return a property as text; empty if there is none."""
        value = self.properties.get(key)
        return "" if value is None else str(value).strip()

    def number(self, key: str) -> int | None:
        """Return a property as a whole number, None if it is none."""
        text = self.text(key)
        return int(text) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, slots=True)
class StudioFlow:
    """A whole flow."""

    description: str
    initial: str
    widgets: Mapping[str, Widget]
    references: tuple[str, ...] = ()
    """Everything that a widget is asked for anywhere: ``widgets.look_up.parsed.state``."""

    def leads_to(self, name: str, *, but: frozenset[str] = frozenset()) -> int:
        """Return how many events lead to a widget, not counting those of some widgets."""
        return sum(
            target == name
            for widget in self.widgets.values()
            if widget.name not in but
            for target in (*widget.ways.values(), *(match.next for match in widget.matches))
        )


_REFERENCE: Final = re.compile(r"\bwidgets\.[\w-]+(?:\.\w+)+")


def read_studio(path: Path) -> StudioFlow:
    """Return a flow out of its export: the definition itself, or the API's answer with the definition in it.

    Raises:
        ConfigurationError: the file can't be read, is no JSON, or is no Studio flow.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {(error.strerror or 'error').lower()}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} is no JSON: {error}") from None
    if isinstance(content, dict) and isinstance(content.get("definition"), dict):
        content = content["definition"]
    states = content.get("states") if isinstance(content, dict) else None
    if not isinstance(states, list) or not all(isinstance(state, dict) and "name" in state for state in states):
        raise ConfigurationError(
            f"{path} is no export of a Studio flow: a list 'states' of widgets with names is wanted"
        )
    widgets = {str(state["name"]): _widget(state) for state in states}
    initial = str(content.get("initial_state") or "Trigger")
    if initial not in widgets:
        raise ConfigurationError(f"{path}: 'initial_state' is '{initial}', and there is no such widget")
    references = tuple(dict.fromkeys(_REFERENCE.findall(json.dumps(states))))
    return StudioFlow(str(content.get("description") or ""), initial, widgets, references)


def _widget(state: Mapping[str, Any]) -> Widget:
    ways: dict[str, str | None] = {}
    matches: list[Match] = []
    transitions = state.get("transitions")
    for way in transitions if isinstance(transitions, list) else ():
        if not isinstance(way, dict):
            continue
        target = way.get("next")
        where = str(target) if target else None
        if way.get("event") == "match":
            conditions = way.get("conditions")
            known = [one for one in conditions if isinstance(one, dict)] if isinstance(conditions, list) else []
            matches.append(Match(tuple(_condition(one) for one in known), where))
        else:
            ways[str(way.get("event"))] = where
    properties = state.get("properties")
    return Widget(
        name=str(state["name"]),
        type=str(state.get("type") or ""),
        properties=properties if isinstance(properties, dict) else {},
        ways=ways,
        matches=tuple(matches),
    )


def _condition(one: Mapping[str, Any]) -> Condition:
    arguments = one.get("arguments")
    first = arguments[0] if isinstance(arguments, list) and arguments else ""
    return Condition(
        str(first), str(one.get("type") or ""), str(one.get("value") or ""), str(one.get("friendly_name") or "")
    )
