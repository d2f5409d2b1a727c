"""Where rehearsals take place: ``as given`` here, ``as text`` and ``as voice`` wherever there is a model and a line.

A :class:`Port` opens one call for one test; the :class:`Performance` lets the caller act and keeps the call's
:class:`~gateway.flows.rehearsal.trace.Trace`. The tests are the same for all ports.
"""

from __future__ import annotations

from typing import Protocol

from gateway.flows.engine.state import CallState
from gateway.flows.expressions.evaluate import UNSET
from gateway.flows.expressions.spoken import say_value
from gateway.flows.expressions.values import CardToken, Money, Secret
from gateway.flows.model import Flow
from gateway.flows.rehearsal.given import GivenCall
from gateway.flows.rehearsal.script import Case, Meaning
from gateway.flows.rehearsal.trace import Trace


class Performance(Protocol):
    """One call, while it lasts. After each of these the flow waits for the caller, or the call is over."""

    trace: Trace

    @property
    def path(self) -> str:
        """The step that the call stands on, or stood on at its end."""
        ...

    @property
    def language(self) -> str:
        """The language of the call."""
        ...

    def forms_of(self, name: str) -> set[str]:
        """Return the ways in which a slot's or variable's value may be written in an expectation."""
        ...

    async def start(self, until_speaks: str | None) -> None:
        """Let the call come in; with ``until_speaks`` only until that step begins to speak."""
        ...

    async def says(self, text: str, means: Meaning | None) -> None:
        """Say something. ``means`` is for ports without a model; others leave it to theirs."""
        ...

    async def presses(self, keys: str) -> None:
        """Press keys, one after the other."""
        ...

    async def silent(self, ms: int) -> None:
        """Say nothing for a while."""
        ...

    async def hangs_up(self) -> None:
        """Hang up."""
        ...

    async def settle(self, until_speaks: str | None) -> None:
        """Wait until the flow waits for the caller; with ``until_speaks`` only until that step begins to speak."""
        ...

    async def close(self) -> None:
        """The test is over, whether the call is or not."""
        ...


class Port(Protocol):
    """Opens calls."""

    name: str
    """``given``, ``text`` or ``voice``."""

    async def open(self, flow: Flow, case: Case) -> Performance:
        """Return a call that has not begun."""
        ...


class AsGiven:
    """The port of ``--as given``: no model, virtual time."""

    name = "given"

    async def open(self, flow: Flow, case: Case) -> Performance:
        """Return a call that has not begun."""
        return _GivenPerformance(GivenCall(flow, case))


class _GivenPerformance:
    """A :class:`GivenCall` behind the port's verbs."""

    def __init__(self, call: GivenCall) -> None:
        self._call = call
        self.trace = call.trace

    @property
    def path(self) -> str:
        return self._call.engine.path

    @property
    def language(self) -> str:
        return self._call.engine.state.language

    def forms_of(self, name: str) -> set[str]:
        return forms_of(self._call.engine.state, name)

    async def start(self, until_speaks: str | None) -> None:
        self._call.start(until_speaks)

    async def says(self, text: str, means: Meaning | None) -> None:
        self._call.says(text, means)

    async def presses(self, keys: str) -> None:
        self._call.presses(keys)

    async def silent(self, ms: int) -> None:
        self._call.silent(ms)

    async def hangs_up(self) -> None:
        self._call.hangs_up()

    async def settle(self, until_speaks: str | None) -> None:
        self._call.settle(until_speaks)

    async def close(self) -> None:
        pass


def forms_of(state: CallState, name: str) -> set[str]:
    """Return the ways in which a value may be written: as it is, and as it is read aloud; ``none`` for no value."""
    value = state.value(name)
    match value:
        case _ if value is UNSET:
            return {"none"}
        case Secret():
            return {"secret"}
        case CardToken():
            return {"card", value.last4}
        case bool():
            return {"yes", "true"} if value else {"no", "false"}
        case Money():
            return {str(value.amount), f"{value.amount} {value.currency}", say_value(value, state.language)}
        case _:
            return {str(value), say_value(value, state.language)}
