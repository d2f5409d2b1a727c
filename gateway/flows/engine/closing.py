"""The end of a call on a flow: last words, what is done without sound once the caller has gone, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gateway.flows.engine.commands import FlowCommand, RunTool, Tell
from gateway.flows.engine.events import FlowEvent, PromptCut, PromptHeard
from gateway.flows.engine.state import CallState
from gateway.flows.engine.tooling import idempotency_key, limit_of, tool_arguments
from gateway.flows.expressions.evaluate import CannotCompute
from gateway.flows.model import Flow, HangupAction

LAST_TOOL_MS: Final = 5000
"""What a tool may take that is called when the caller has gone."""
CONTAINED: Final = frozenset({"goodbye", "flow_ended"})
"""Endings that needed nobody's help."""


class Closing:
    """Why a call is over, and what it still waits for."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """None while the flow goes on."""
        self._last_prompt: int | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the flow is over, last words aside."""
        return self.reason is not None

    @property
    def is_speaking(self) -> bool:
        """Whether last words are being said."""
        return self._last_prompt is not None

    def begin(self, reason: str, last_prompt: int | None = None) -> None:
        """The flow is over; with a last prompt the call lasts until that was heard."""
        self.reason = self.reason or reason
        self._last_prompt = last_prompt

    def heard(self, event: FlowEvent) -> bool:
        """Whether an event says that the last words are over."""
        match event:
            case PromptHeard(prompt) | PromptCut(prompt, _):
                return prompt == self._last_prompt
            case _:
                return False

    def spoken(self) -> None:
        """Nothing more will be said."""
        self._last_prompt = None

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
