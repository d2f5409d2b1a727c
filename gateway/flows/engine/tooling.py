"""Calling a tool: arguments checked, a filler over the silence, a result with kinds, never twice where once is said."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from gateway.flows.engine.commands import CancelTool, RunTool
from gateway.flows.engine.events import FlowEvent, ToolReturned
from gateway.flows.engine.phrases import phrases
from gateway.flows.engine.stage import Core, StepRun
from gateway.flows.engine.state import CallState, Done
from gateway.flows.expressions.evaluate import UNSET
from gateway.flows.expressions.kinds import Kind, KindName
from gateway.flows.expressions.values import CardToken, Money, Secret
from gateway.flows.model import Option, Tool
from gateway.flows.steps import Call, Value

ANSWER_GRACE_MS: Final = 5000
"""What whoever runs a tool may be late, after which a tool of which nothing was heard has failed."""
UNLIMITED_MS: Final = 5000
"""The limit of a tool that has none of its own, where no step gives it one."""
SECOND_FILLER_MS: Final = 4000
"""After the first filler, so long until the caller is told once more that something is happening."""


class CallRun(StepRun[Call]):
    """Waits for a tool and leaves by its outcome."""

    def __init__(self, core: Any, step: Call) -> None:
        super().__init__(core, step)
        self._tool = core.flow.tools[step.tool]
        self._waiting: int | None = None
        self._arguments: Mapping[str, object] = {}
        self._fillers = 0

    @property
    def undisturbed(self) -> bool:
        """What changes data is waited for: nobody would know whether it was done."""
        return self._waiting is not None and self._tool.changes_data

    def enter(self, now_ms: float) -> None:
        """Call the tool, unless it may run once only and has."""
        state, step = self.core.state, self.step
        arguments = tool_arguments(state, self._tool, step.arguments)
        if arguments is None:
            self._leave_by("failed", 0)
            return
        before = state.done_once.get(step.path) if step.once else None
        if before is not None:
            # The same thing again: it is as it was. Anything else must not be taken for done.
            self.core.exit(before.outcome if before.arguments == arguments else "failed")
            return
        self._arguments = arguments
        if step.once:
            # Noted before it is called: after a timeout nobody knows whether it was done, and so it is not repeated.
            state.done_once[step.path] = Done(arguments, "failed")
        self._waiting = self.core.next_run()
        retries = step.retry if self._tool.idempotent or self._tool.idempotency_key is not None else 0
        self.core.put(
            RunTool(
                run=self._waiting,
                epoch=self.core.epoch,
                step=step.path,
                tool=self._tool,
                arguments=arguments,
                timeout_ms=step.timeout_ms,
                retries=retries,
                idempotency_key=idempotency_key(state, self._tool, arguments, step.path),
            )
        )
        self.core.alarm("filler", now_ms + step.filler_after_ms)
        self.core.alarm("tool", now_ms + step.timeout_ms * (1 + retries) + ANSWER_GRACE_MS)

    def leave(self) -> None:
        """A tool that was not waited out is let go; one that changes data is left to finish."""
        if self._waiting is not None and not self._tool.changes_data:
            self.core.put(CancelTool(self._waiting))

    def repeat(self, now_ms: float) -> None:
        """There is nothing to say again."""

    def ring(self, alarm: str, now_ms: float) -> None:
        """Say that something is happening; or give up on a tool of which nothing was heard."""
        if alarm == "tool":
            self._returned("failed", UNSET, 0)
        elif alarm == "filler":
            self._filler(now_ms)

    def _filler(self, now_ms: float) -> None:
        self._fillers += 1
        if self.step.filler is not None:
            self.core.say(self.step.filler, attempt=self._fillers)
        else:
            self.core.say_text(phrases(self.core.state.language).one_moment, remembered=False)
        if self._fillers == 1 and not self.core.is_moving:
            self.core.alarm("filler", now_ms + SECOND_FILLER_MS)

    def other(self, event: FlowEvent, now_ms: float) -> None:
        """Keep the result and leave by the outcome."""
        if isinstance(event, ToolReturned) and event.run == self._waiting:
            outcome, result = tool_outcome(self._tool, event)
            self._returned(outcome, result, event.took_ms)

    def _returned(self, outcome: str, result: object, took_ms: int) -> None:
        step, tool, state = self.step, self._tool, self.core.state
        self._waiting = None
        if step.once:
            if outcome in {"ok", "failed"}:
                state.done_once[step.path] = Done(self._arguments, outcome)
            else:
                # The tool declined: nothing was done, and another time it may be.
                del state.done_once[step.path]
        if outcome == "ok" and (tool.changes_data or step.once):
            state.done()
        if step.save is not None and outcome != "failed" and result is not UNSET:
            state.put(step.save, result)
        if any(field.secret for field in tool.sends.values()):
            state.wipe_secrets()
        self._leave_by(outcome, took_ms)

    def _leave_by(self, outcome: str, took_ms: int) -> None:
        self.core.tell("tool_result", tool=self._tool.name, outcome=outcome, ms=took_ms)
        self.core.exit(outcome)


def simple_call(core: Core, name: str, arguments: Mapping[str, object]) -> int:
    """Call a tool for a slot, to list its options or to check its value; returns the run's number."""
    tool, run = core.flow.tools[name], core.next_run()
    core.put(
        RunTool(
            run=run,
            epoch=core.epoch,
            step=core.path,
            tool=tool,
            arguments=arguments,
            timeout_ms=limit_of(tool),
            retries=1 if tool.idempotent else 0,
            idempotency_key=None,
        )
    )
    return run


def limit_of(tool: Tool) -> int:
    """Return what a call may take that no step sets a limit for, in milliseconds."""
    return tool.timeout_ms or UNLIMITED_MS


def option_of(entry: object, language: str) -> Option | None:
    """Return an entry of a tool's list as something to choose; None if it has no name."""
    if isinstance(entry, Mapping):
        name, known_as = entry.get("name"), entry.get("id")
        own = str(known_as if known_as is not None else name)
        words = str(name if name is not None else known_as)
    else:
        own = words = str(entry)
    return Option(own, {language: (words.lower(),)}) if own and own != "None" else None


def idempotency_key(state: CallState, tool: Tool, arguments: Mapping[str, object], path: str) -> str | None:
    """Return what tells the tool that a second request is the first one again; None if it needs nothing like it.

    Raises:
        CannotCompute: the contract's key names what has no value.

    """
    if tool.idempotency_key is not None:
        state.overlay = dict(arguments)
        try:
            return state.text(tool.idempotency_key)
        finally:
            state.overlay = {}
    if not tool.changes_data:
        return None
    return hashlib.sha256(f"{state.facts.id}/{path}/{state.visits.get(path, 0)}".encode()).hexdigest()[:32]


def tool_arguments(state: CallState, tool: Tool, given: Mapping[str, Value]) -> dict[str, object] | None:
    """Return a call's arguments; None if one that the tool requires has no value."""
    arguments = {name: value for name, each in given.items() if (value := state.worth(each)) is not UNSET}
    missing = [name for name, field in tool.sends.items() if field.required and name not in arguments]
    return None if missing else arguments


def tool_outcome(tool: Tool, event: ToolReturned) -> tuple[str, object]:
    """Return the outcome that counts, and the result with its declared kinds.

    A result that is not of the shape that the contract promises is ``failed``: nothing half-read goes on.
    """
    if event.outcome == "failed" or event.outcome not in {"ok", *tool.outcomes}:
        return "failed", UNSET
    raw = event.result
    if tool.result_at is not None and isinstance(raw, Mapping):
        raw = raw.get(tool.result_at)
    if event.outcome == "ok" and tool.empty_outcome is not None and not raw:
        return tool.empty_outcome, UNSET
    if event.outcome != "ok":
        return event.outcome, UNSET
    if raw is None:
        return ("failed" if tool.result.item is not None or tool.result.fields else "ok"), UNSET
    try:
        return event.outcome, typed_value(tool.result, raw)
    except (ValueError, TypeError, InvalidOperation):
        return "failed", UNSET


def typed_value(kind: Kind, raw: Any) -> object:
    """Return a tool's JSON value as the kind that its contract names.

    Raises:
        TypeError, ValueError: it is of another kind.

    """
    match kind.name:
        case KindName.LIST:
            if not isinstance(raw, list):
                raise TypeError("a list was promised")
            return [typed_value(kind.item, entry) if kind.item is not None else entry for entry in raw]
        case KindName.OBJECT:
            if not isinstance(raw, Mapping):
                raise TypeError("an object was promised")
            if kind.fields is None:
                return dict(raw)
            known = {name: each for name, each in kind.fields.items() if raw.get(name) is not None}
            return {name: typed_value(each, raw[name]) for name, each in known.items()}
        case KindName.NUMBER:
            return Decimal(str(raw))
        case KindName.AMOUNT:
            return Money(Decimal(str(raw)), kind.currency)
        case KindName.BOOLEAN:
            if not isinstance(raw, bool):
                raise TypeError("true or false was promised")
            return raw
        case KindName.DATE:
            return dt.date.fromisoformat(str(raw))
        case KindName.TIME:
            return dt.time.fromisoformat(str(raw))
        case KindName.DATETIME:
            return dt.datetime.fromisoformat(str(raw))
        case KindName.DURATION:
            return dt.timedelta(seconds=float(raw))
        case KindName.ANY:
            return raw
        case _:
            if isinstance(raw, Mapping | list):
                raise TypeError("a text was promised")
            return str(raw)


def json_value(value: object) -> Any:
    """Return an argument as JSON has it; secrets are opened here, for the wire alone."""
    match value:
        case Secret() | CardToken():
            return value.reveal()
        case Money():
            return float(value.amount)
        case bool() | None:
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): json_value(each) for key, each in value.items()}
        case list() | tuple():
            return [json_value(each) for each in value]
        case _:
            return value if isinstance(value, int | float) else str(value)
