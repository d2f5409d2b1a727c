"""The end of a call on a flow: last words, what is done without sound once the caller has gone, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from gateway.flows.engine.commands import FlowCommand, HangUp, RunTool, Tell
from gateway.flows.engine.events import FlowEvent, HungUp, PromptCut, PromptHeard
from gateway.flows.engine.position import Position
from gateway.flows.engine.state import CallState
from gateway.flows.engine.tooling import idempotency_key, limit_of, tool_arguments
from gateway.flows.expressions.evaluate import CannotCompute
from gateway.flows.model import Flow, HangupAction

LAST_TOOL_MS: Final = 5000
"""What a tool may take that is called when the caller has gone."""
CONTAINED: Final = frozenset({"goodbye", "flow_ended"})
"""Endings that needed nobody's help."""


class House(Protocol):
    """What an ending needs of the engine."""

    flow: Flow
    state: CallState

    @property
    def path(self) -> str:
        """The step that the call stands on."""
        ...

    def put(self, command: FlowCommand) -> None:
        """Want something done."""
        ...

    def next_run(self) -> int:
        """Return a number for a tool's run."""
        ...

    def tell(self, name: str, **facts: str | int) -> None:
        """Tell the reports something."""
        ...

    def be_over(self) -> None:
        """Ring no more, say no more."""
        ...


class Closing:
    """Why a call is over, and what it still waits for.

    Args:
        house: the engine.
        position: where the call stands; it is left.

    """

    def __init__(self, house: House, position: Position) -> None:
        self._house = house
        self._position = position
        self.reason: str | None = None
        """None while the flow goes on."""
        self._last_prompt: int | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the flow is over, last words aside."""
        return self.reason is not None

    @property
    def is_done(self) -> bool:
        """Whether nothing is waited for any more."""
        return self.has_begun and self._last_prompt is None

    def begin(self, reason: str, last_prompt: int | None) -> None:
        """The flow is over; with a last prompt the call lasts until that was heard."""
        self.reason = self.reason or reason
        self._last_prompt = last_prompt
        self._position.stay()
        self._position.leave()
        if last_prompt is None:
            self._hang_up()

    def take(self, event: FlowEvent) -> None:
        """Take an event while last words are being said."""
        match event:
            case HungUp():
                self.hung_up()
            case PromptHeard(prompt) | PromptCut(prompt, _) if prompt == self._last_prompt:
                self._hang_up()
            case _:
                pass

    def hung_up(self) -> None:
        """The caller has gone: what the flow does without sound is done, and nothing more."""
        already = self.has_begun
        self.reason = self.reason or "hung_up"
        self._position.stay()
        self._position.leave()
        if not already:
            house = self._house
            for command in farewell(house.flow, house.state, house.path, house.next_run):
                house.put(command)
        self._over()

    def _hang_up(self) -> None:
        self._over()
        self._house.put(HangUp(str(self.reason)))

    def _over(self) -> None:
        self._last_prompt = None
        self._house.be_over()
        self._house.tell("call_ended", reason=str(self.reason), containment=self.containment)

    @property
    def containment(self) -> str:
        """The verdict for the reports: ``contained``, ``handed_over`` or ``abandoned``."""
        if self.reason in CONTAINED:
            return "contained"
        return "handed_over" if self.reason == "handed_over" else "abandoned"


def farewell(flow: Flow, state: CallState, path: str, next_run: Callable[[], int]) -> Iterator[FlowCommand]:
    """Yield what the flow's ``hangup`` handler does once the caller has gone: events and tools, never a sound."""
    handler = flow.handlers.get("hangup")
    for action in handler.actions if handler is not None else ():
        try:
            yield from _act(flow, state, path, action, next_run)
        except CannotCompute:
            yield Tell(name="fault", step=path, visit=state.visits.get(path, 0))


def _act(
    flow: Flow, state: CallState, path: str, action: HangupAction, next_run: Callable[[], int]
) -> Iterator[FlowCommand]:
    for name, value in action.sets.items():
        state.put(name, state.worth(value))
    if action.event is not None:
        yield Tell(name=action.event, step=path, visit=state.visits.get(path, 0))
    if action.tool is None:
        return
    tool = flow.tools[action.tool]
    arguments = tool_arguments(state, tool, action.arguments)
    if arguments is not None:
        yield RunTool(
            run=next_run(),
            epoch=0,
            step=path,
            tool=tool,
            arguments=arguments,
            timeout_ms=min(limit_of(tool), LAST_TOOL_MS),
            retries=0,
            idempotency_key=idempotency_key(state, tool, arguments, path),
        )
