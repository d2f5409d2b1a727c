"""A real call becomes a test: from the redacted journal, with made-up values where the real ones are masked.

The journal says which steps were come by, how callers answered (by key, by words, by the model's reading) and what
tools returned; it does not hold what was keyed or said in secret, and not the values. What is missing is made up by the
slot's type, so a recorded test follows the way of the call, not its data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from gateway.errors import GatewayError
from gateway.flows.model import Flow, Privacy, Slot, SlotKind
from gateway.flows.steps import AnyStep, Ask, Confirm, Menu, Talk

REMARK: Final = (
    "# Made from a call. Values that the journal does not hold are made up; put in others where they matter."
)
EVENT: Final = "flow"
"""The tag of a flow's records in a journal."""
_MADE: Final[Mapping[SlotKind, tuple[str, str]]] = {
    SlotKind.NUMBER: ("3", "3"),
    SlotKind.AMOUNT: ("50", "50"),
    SlotKind.DATE: ("2026-06-10", "10062026"),
    SlotKind.TIME: ("10:30", "1030"),
    SlotKind.PHONE: ("+441134960456", "01134960456"),
    SlotKind.POSTCODE: ("M1 1AE", ""),
    SlotKind.NAME: ("Ann Miller", ""),
    SlotKind.EMAIL: ("ann@example.com", ""),
    SlotKind.EXPIRY: ("12/30", "1230"),
    SlotKind.CARD_NUMBER: ("", "4111111111111111"),
    SlotKind.TEXT: ("something", ""),
}
"""Slot type → a value as a model writes it, and as it is keyed."""


_LONG_AGO: Final = ("1985-03-12", "12031985")
"""For dates that lie behind us, such as births."""


class CannotRecord(GatewayError):
    """A journal has no flow in it, or one of a flow that is not there."""


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """One of a flow's records, as a journal has it."""

    at_ms: int
    name: str
    step: str
    facts: Mapping[str, object] = field(default_factory=dict)


def recorded_test(flow: Flow, records: Iterable[FlowRecord], name: str, started: dt.datetime | None = None) -> str:
    """Return a file of tests with one test that goes the way of a call.

    Args:
        flow: what the call ran.
        records: the flow's records, in order.
        name: what the test is called.
        started: when the call came, in the flow's zone.

    Raises:
        CannotRecord: there are no records.

    """
    story = _Story(flow)
    for record in records:
        story.take(record)
    if not story.lines:
        raise CannotRecord(f"there is nothing of flow '{flow.id}' in this call; was it answered by a flow?")
    case: dict[str, Any] = {"name": name}
    if started is not None:
        case["at"] = started.strftime("%Y-%m-%d %H:%M")
    world = {"tools": story.tools, "transfers": story.transfers}
    case |= {key: answers for key, answers in world.items() if answers}
    case["call"] = story.lines
    text = yaml.safe_dump({"flow": flow.id, "tests": [case]}, sort_keys=False, allow_unicode=True, width=120)
    return f"{REMARK}\n{text}"


class _Story:
    """Writes a test's lines from records."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self.lines: list[dict[str, Any]] = []
        self.tools: dict[str, list[str]] = {}
        self.transfers: dict[str, list[str]] = {}
        self._asked: dict[str, int] = {}

    def take(self, record: FlowRecord) -> None:
        step = self._flow.steps.get(record.step)
        match record.name:
            case "step_entered" if isinstance(step, Menu | Ask | Confirm | Talk):
                self._expect(record.step)
            case "heard" if step is not None:
                self._heard(step, record)
            case "no_input":
                self.lines.append({"caller": {"silent": "8s"}})
            case "global_used" if record.facts.get("by") == "key":
                handler = self._flow.handlers.get(str(record.facts.get("handler")))
                if handler is not None and handler.key is not None:
                    self.lines.append({"caller": {"presses": handler.key}})
            case "exit_taken" if isinstance(step, Talk):
                self.lines.append({"caller": {"says": "…", "means": str(record.facts.get("exit"))}})
            case "tool_result":
                self.tools.setdefault(str(record.facts.get("tool")), []).append(str(record.facts.get("outcome")))
            case "transfer_result":
                self.transfers.setdefault(record.step, []).append(str(record.facts.get("outcome")))
            case "call_ended":
                self._ended(str(record.facts.get("reason")))

    def _expect(self, path: str) -> None:
        if not self.lines or "expect" not in self.lines[-1]:
            self.lines.append({"expect": {"step": path}})
        else:
            self.lines[-1] = {"expect": {"step": path}}

    def _ended(self, reason: str) -> None:
        if reason == "hung_up":
            self.lines.append({"caller": {"hangs_up": "yes"}})
        self.lines.append({"expect": {"ended": reason}})

    def _heard(self, step: AnyStep, record: FlowRecord) -> None:
        kind, by = str(record.facts.get("kind")), record.facts.get("by")
        if by == "key":
            keys = self._keys(step, kind)
            self.lines.append({"caller": {"presses": keys}})
        elif kind.startswith("@"):
            self.lines.append({"caller": {"says": "…", "means": kind[1:]}})
        elif kind == "answer" and isinstance(step, Ask):
            values = {name: _made(self._flow.slots[name])[0] for name in self._open(step)}
            self.lines.append({"caller": {"says": " ".join(values.values()), "means": values}})
        else:
            self.lines.append({"caller": {"says": kind.replace("_", " "), "means": kind}})

    def _open(self, step: Ask) -> tuple[str, ...]:
        """Return the slots that an answer is taken to fill: all at once where they are asked for together."""
        if step.style == "together":
            return step.slots
        asked = self._asked.get(step.path, 0)
        self._asked[step.path] = asked + 1
        return step.slots[asked % len(step.slots) :][:1]

    def _keys(self, step: AnyStep, kind: str) -> str:
        match step:
            case Menu(choices=choices):
                of_choice = next((choice.key for choice in choices if choice.id == kind and choice.key), None)
                return of_choice or kind.removeprefix("pick_")
            case Ask() if kind not in {"yes", "no"}:
                return _made(self._flow.slots[self._open(step)[0]])[1] + "#"
            case _:
                return "1" if kind == "yes" else "2"


def _made(slot: Slot) -> tuple[str, str]:
    """Return a made-up value of a slot, as a model writes it and as it is keyed."""
    kind = slot.type
    if kind.kind is SlotKind.CHOICE:
        return (kind.options[0].id if kind.options else "…"), "1"
    if kind.kind is SlotKind.YES_NO:
        return "yes", "1"
    if kind.kind is SlotKind.DATE and slot.high is not None and slot.high.expression.source.strip() == "today":
        return _LONG_AGO
    if kind.kind in {SlotKind.DIGITS, SlotKind.ACCOUNT}:
        digits = "1234567890123456789"[: kind.max_length or kind.min_length or 4]
        return ("" if slot.privacy is Privacy.SECRET else digits), digits
    return _MADE.get(kind.kind, ("…", ""))
