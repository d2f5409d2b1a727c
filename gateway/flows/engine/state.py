"""What one call has learnt and where it stands: values, visits, and the stack of subflows. No rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from gateway.flows.expressions.evaluate import UNSET, Unset, evaluate, render
from gateway.flows.expressions.syntax import Expression, Template
from gateway.flows.model import Flow, Privacy, Subflow
from gateway.flows.steps import Run, Value

DEFAULT_ZONE: Final = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """Who calls whom, for ``${call.…}``. Numbers as the carrier wrote them, empty when withheld."""

    id: str
    caller: str = ""
    dialed: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the carrier's document passed on; a stranger wrote it."""
    language: str = ""
    """The language that the call begins in, if it is known and the flow speaks it; else the flow's own."""


@dataclass(frozen=True, slots=True)
class Done:
    """Something done that must not be done twice: with what, and what came of it."""

    arguments: Mapping[str, object] = field(repr=False)
    outcome: str


@dataclass(slots=True)
class Frame:
    """One run of a subflow: its own variables, and who asked for it."""

    subflow: Subflow
    values: dict[str, object]
    caller: Run | None
    """The step that runs it; None for a digression."""
    resumes: str | None = None
    """After a digression: the step that it interrupted."""
    restarts: bool = False
    """Whether that step begins again, or only says its prompt once more."""


class CallState:
    """The values of one call, and a scope for expressions (:class:`~gateway.flows.expressions.evaluate.Scope`).

    Args:
        flow: what the call runs.
        facts: who calls.
        now: the time that ``now`` and calendars see, with a zone.

    """

    def __init__(self, flow: Flow, facts: CallFacts, now: dt.datetime) -> None:
        self.flow = flow
        self.facts = facts
        self.started = now
        self.now = now
        self.language = facts.language if facts.language in flow.languages else flow.language
        self.frames: list[Frame] = []
        self.slots: dict[str, object] = {}
        self.variables: dict[str, object] = {}
        self.visits: dict[str, int] = {}
        self.history: list[str] = []
        """Steps in the order in which they were entered."""
        self.no_return = 0
        """How much of the history can't be gone back behind: something was done there that must not be done twice."""
        self.attempts = 0
        """Unusable answers in the present step."""
        self.options_left = 0
        self.choices: dict[str, str] = {}
        self.done_once: dict[str, Done] = {}
        """What steps that may run once only have done, by path."""
        self.proposals: dict[str, str] = {}
        """Slots whose values came up on the way and are not certain: what was understood, for a step to confirm."""
        self.filled_by: dict[str, str] = {}
        """Slot → the path of the step that filled it."""
        self.pages: dict[str, tuple[Sequence[object], int]] = {}
        """Menu → the list that it reads in portions, and how much of it the caller has turned down."""
        self.overlay: dict[str, object] = {}
        """Names that hold for a moment: ``item`` and ``position`` while a list is read."""
        for name, variable in flow.variables.items():
            if variable.start is not None:
                self.variables[name] = self.worth(variable.start)

    # --- the scope of expressions ---------------------------------------------------------------------------------

    def value(self, name: str) -> object:
        """Return the value of a name as the present step sees it, or ``UNSET``."""
        if name in self.overlay:
            return self.overlay[name]
        match name:
            case "call":
                return self._call()
            case "calendar":
                return {key: self._calendar(key) for key in self.flow.calendars}
            case "now":
                return self.now.astimezone(self.zone)
            case "today":
                return self.today
        frame = self.frames[-1] if self.frames else None
        if frame is not None and name in frame.subflow.local_names:
            return frame.values.get(name, UNSET)
        if name in self.slots:
            return self.slots[name]
        return self.variables.get(name, UNSET)

    def ask(self, function: str, argument: str) -> object:
        """Return what ``attempts``, ``visits``, ``last_choice`` or ``options_left`` says."""
        match function:
            case "visits":
                return Decimal(self.visits.get(argument, 0))
            case "last_choice":
                return self.choices.get(argument, "")
            case "attempts":
                return Decimal(self.attempts)
            case "options_left":
                return Decimal(self.options_left)
        raise AssertionError(f"a function that the grammar does not have: {function}")

    @property
    def zone(self) -> ZoneInfo:
        """The flow's zone: that of its first calendar."""
        first = next(iter(self.flow.calendars.values()), None)
        return ZoneInfo(first.zone if first is not None else DEFAULT_ZONE)

    @property
    def today(self) -> dt.date:
        """The date where the flow's service is."""
        return self.now.astimezone(self.zone).date()

    def _call(self) -> dict[str, object]:
        facts = self.facts
        return {
            "id": facts.id,
            "from": facts.caller or UNSET,
            "to": facts.dialed or UNSET,
            "language": self.language,
            "started": self.started.astimezone(self.zone),
            "parameters": dict(facts.parameters),
        }

    def _calendar(self, name: str) -> dict[str, object]:
        calendar = self.flow.calendars[name]
        return {
            "state": calendar.state(self.now).value,
            "next_open": calendar.next_open(self.now) or UNSET,
            "next_open_spoken": calendar.next_open_spoken(self.now, self.language),
        }

    # --- reading and writing --------------------------------------------------------------------------------------

    def text(self, template: Template) -> str:
        """Return a text with its values in it.

        Raises:
            CannotCompute: a value is missing or secret.

        """
        return render(template, self, self.language)

    def worth(self, value: Value) -> object:
        """Return what a ``set`` or an argument is worth; ``UNSET`` if what it names has no value."""
        if value.literal is not None:
            return value.literal
        parts = value.template.parts
        if len(parts) == 1 and isinstance(parts[0], Expression):
            return evaluate(parts[0], self, self.language)
        return self.text(value.template)

    def fill(self, slot: str, value: object, by: str) -> None:
        """Give a slot its value, certain from now on; ``by`` is the step that did it."""
        self.put(slot, value)
        self.filled_by[slot] = by
        self.proposals.pop(slot, None)

    def put(self, name: str, value: object) -> None:
        """Give a variable, or a slot, a value; ``UNSET`` forgets it."""
        frame = self.frames[-1] if self.frames else None
        if frame is not None and name in frame.subflow.local_names:
            store = frame.values
        else:
            store = self.slots if name in self.flow.slots else self.variables
        if isinstance(value, Unset):
            store.pop(name, None)
        else:
            store[name] = value

    def forget(self, names: tuple[str, ...]) -> None:
        """Forget slots and variables."""
        for name in names:
            self.put(name, UNSET)
            self.proposals.pop(name, None)

    def wipe_secrets(self) -> None:
        """Forget what was keyed for secret and card slots: its use is over."""
        for name, slot in self.flow.slots.items():
            if slot.privacy in {Privacy.SECRET, Privacy.CARD}:
                self.slots.pop(name, None)

    def reset(self, name: str) -> None:
        """Give a variable of the flow or of the present subflow the value that it began with, or none."""
        subflow = self.frames[-1].subflow if self.frames else None
        own = subflow.variables.get(name) if subflow is not None and name in subflow.local_names else None
        variable = own or self.flow.variables.get(name)
        self.put(name, UNSET if variable is None or variable.start is None else self.worth(variable.start))

    def done(self) -> None:
        """Note that something was done which no correction may undo: the steps up to here are not gone back to."""
        self.no_return = len(self.history)

    @property
    def subflow(self) -> str | None:
        """The subflow that runs, None at the top."""
        return self.frames[-1].subflow.name if self.frames else None
