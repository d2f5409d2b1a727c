"""What the values of a Studio flow are called here, and its conditions in our words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from gateway.flows.importers.draft import Draft, word
from gateway.flows.importers.liquid import APOSTROPHE, reference, template
from gateway.flows.importers.studio_document import Condition

_BUILT_IN: Final = {
    "trigger.call.From": "call.from", "contact.channel.address": "call.from", "trigger.call.Caller": "call.from",
    "trigger.call.To": "call.to", "flow.channel.address": "call.to", "trigger.call.Called": "call.to",
    "trigger.call.CallSid": "call.id", "flow.sid": "call.id",
}  # fmt: skip
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


class CannotSay(ValueError):
    """A condition that our language can't say; the message tells why."""


@dataclass
class Values:
    """Names of what the flow's widgets learn, fetch and set."""

    draft: Draft
    slots: dict[str, str] = field(default_factory=dict)
    """Gather widget that is a question here → its slot."""
    menus: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    """Gather widget that is a menu here → its step, and key or word → choice."""
    results: dict[str, str] = field(default_factory=dict)
    """Widget that fetches something → the variable with the result."""
    fields: dict[str, set[str]] = field(default_factory=dict)
    """Widget that fetches something → fields of the result that the flow reads."""
    variables: dict[str, str] = field(default_factory=dict)
    """``flow.variables`` name → variable."""
    numbers: set[str] = field(default_factory=set)
    """Variables that are given numbers only."""

    def name_of(self, source: str) -> str | None:
        """Return the expression for a reference; None if there is none."""
        if source in _BUILT_IN:
            return _BUILT_IN[source]
        parts = source.split(".")
        if parts[:2] == ["flow", "variables"] and len(parts) == 3:
            return self.variables.setdefault(parts[2], word(parts[2], "value"))
        if parts[0] != "widgets" or len(parts) < 3:
            return None
        widget, rest = parts[1], parts[2:]
        if widget in self.slots and rest[0] in ("Digits", "SpeechResult"):
            return self.slots[widget]
        if widget in self.results:
            if rest[0] == "parsed" and len(rest) == 2:
                name = word(rest[1], "field")
            elif rest == ["body"]:
                name = "body"
            else:
                return None
            self.fields.setdefault(widget, set()).add(name)
            return f"{self.results[widget]}.{name}"
        return None

    def text(self, source: str, what: str, step: str) -> str:
        """Return a text with Liquid as ours; what can't be said is noted."""
        said, problems = template(source, self.name_of)
        for problem in problems:
            self.draft.notes.needs_you(what, f"{problem}; '{source[:60]}'", step)
        return said

    def condition(self, one: Condition, input_: str) -> str:
        """Return a condition in our language.

        Args:
            one: as it stands in the source.
            input_: what its split is based on, for conditions without an argument of their own.

        Raises:
            CannotSay: the comparison or the value has no counterpart.
        """
        source = reference(one.argument or input_)
        if not source:
            raise CannotSay("what is compared is more than one value")
        if (chosen := self._choice(source, one)) is not None:
            return chosen
        left = self.name_of(source)
        if left is None:
            raise CannotSay(f"'{source}' has no counterpart")
        values = [value.strip() for value in one.value.split(",")] if "any_of" in one.type else [one.value.strip()]
        same = [said for value in values for said in _ways_to_write(value, number=left in self.numbers)]
        match one.type:
            case "equal_to" | "matches_any_of":
                return f"{left} in [{', '.join(same)}]" if len(same) > 1 else f"{left} == {same[0]}"
            case "not_equal_to" | "does_not_match_any_of":
                return f"{left} not in [{', '.join(same)}]" if len(same) > 1 else f"{left} != {same[0]}"
            case "contains":
                return f"{_text(one.value)} in {left}|lower" if one.value.islower() else f"{_text(one.value)} in {left}"
            case "does_not_contain":
                return f"{_text(one.value)} not in {left}"
            case "less_than" | "greater_than" if _NUMBER.fullmatch(one.value.strip()):
                return f"{left} {'<' if one.type == 'less_than' else '>'} {one.value.strip()}"
            case "is_blank" | "is_not_blank":
                return self._blank(left, blank=one.type == "is_blank")
            case "is_before_time" | "is_after_time" | "is_before_date" | "is_after_date":
                raise CannotSay("opening hours are a calendar here, and an 'hours' step asks it")
        raise CannotSay(f"'{one.type}' has no counterpart")

    def stand_in(self, what: str, why: str, step: str) -> str:
        """Return a variable in place of a condition; it is false until somebody writes what is meant."""
        name = f"condition_{sum(one.startswith('condition_') for one in self.draft.variables) + 1}"
        self.draft.variables[name] = {"type": "boolean", "start": False}
        self.draft.notes.needs_you(what, f"{why}; '{name}' stands for it and is false", step)
        return name

    def _choice(self, source: str, one: Condition) -> str | None:
        """Return a comparison with what was pressed in a menu as one with the choice that was taken."""
        parts = source.split(".")
        if parts[0] != "widgets" or len(parts) < 3 or parts[1] not in self.menus:
            return None
        step, choices = self.menus[parts[1]]
        taken = choices.get(one.value.strip().lower())
        if taken is None or one.type not in ("equal_to", "not_equal_to", "contains"):
            raise CannotSay(f"what was pressed in menu '{step}' is known as its choice only")
        return f"last_choice('{step}') {'!=' if one.type == 'not_equal_to' else '=='} '{taken}'"

    def _blank(self, left: str, *, blank: bool) -> str:
        if left in self.variables.values() and left not in self.numbers:
            return f"{left} {'==' if blank else '!='} ''"
        if "." in left:
            raise CannotSay(f"whether '{left}' came back can't be asked; make it an outcome of the tool")
        return f"not known({left})" if blank else f"known({left})"


def _ways_to_write(value: str, *, number: bool) -> list[str]:
    """Return a value as text and, if it looks like one, as number: there is no telling which of them a tool returns."""
    if not _NUMBER.fullmatch(value):
        return [_text(value)]
    return [value] if number else [_text(value), value]


def _text(value: str) -> str:
    return "'" + value.strip().replace("'", APOSTROPHE) + "'"
