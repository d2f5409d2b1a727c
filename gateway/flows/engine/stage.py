"""What a step may do while a call stands on it, and what it is told: the base of every verb's run.

A run lives from the entry to the leaving of its step. It never waits and keeps no clock: the core hands it the time
with every event, and rings its alarms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

from gateway.flows.engine.commands import FlowCommand
from gateway.flows.engine.events import FlowEvent
from gateway.flows.engine.keypad import TypedAhead
from gateway.flows.engine.state import CallState
from gateway.flows.model import Flow, Handler
from gateway.flows.prompts import Prompt
from gateway.flows.steps import AnyStep, InterruptPolicy, Run, Target


class Core(Protocol):
    """What a run may ask of the engine."""

    flow: Flow
    state: CallState
    typed_ahead: TypedAhead
    epoch: int
    caller_speaking: bool
    cut_in: bool
    """Whether the caller cut off the last prompt and has not been answered since."""
    waiting_item: str | None
    """What the caller said while cutting in, for the next question to read."""
    answer_within_ms: int

    @property
    def path(self) -> str:
        """The step that the call stands on."""
        ...

    @property
    def last_said(self) -> str:
        """What the caller was told last, empty if it was another step's private matter."""
        ...

    @property
    def is_moving(self) -> bool:
        """Whether the step has been left, as soon as this event is dealt with."""
        ...

    def put(self, command: FlowCommand) -> None:
        """Want something done."""
        ...

    def next_epoch(self) -> int:
        """Begin a new epoch: answers to what was asked before count no more."""
        ...

    def next_run(self) -> int:
        """Return a number for a tool's run."""
        ...

    def say(self, prompt: Prompt, *, attempt: int = 1, interrupt: InterruptPolicy | None = None) -> int | None:
        """Say one of a prompt's wordings; returns the prompt's number, None if its text could not be made."""
        ...

    def say_text(self, text: str, *, remembered: bool = True) -> int:
        """Say a text of the engine's own; returns the prompt's number."""
        ...

    def stop_saying(self) -> None:
        """Be silent at once."""
        ...

    def exit(self, name: str) -> None:
        """Leave the step by one of its ways out, or by ``failed`` where it has none of that name."""
        ...

    def leave_by(self, name: str, target: Target) -> None:
        """Leave the step for a target; ``name`` is what the reports call this way out."""
        ...

    def go(self, target: Target) -> None:
        """Leave the step for a target that is none of its ways out."""
        ...

    def alarm(self, name: str, at_ms: float) -> None:
        """Ring at a time while the call is on this step; one alarm of a name at most."""
        ...

    def silence_alarm(self, name: str) -> None:
        """Ring no more."""
        ...

    def tell(self, name: str, **facts: str | int) -> None:
        """Tell the reports something."""
        ...

    def handlers(self) -> list[Handler]:
        """Return the flow's handlers that work in the present step."""
        ...

    def handle(self, handler: Handler, now_ms: float, *, by: str) -> None:
        """Let a handler of the flow act."""
        ...

    def handler_key(self, key: str, now_ms: float) -> bool:
        """Let a handler act whose key this is; false if there is none."""
        ...

    def forgive_key(self, key: str, until_ms: float) -> None:
        """Overlook a key if it is the next one: it ends an entry that was complete without it."""
        ...

    def fault(self, what: str) -> None:
        """Something in the flow can't be done: its ``error`` handler takes over."""
        ...

    def enter_subflow(self, step: Run) -> None:
        """Begin the subflow of a ``run`` step."""
        ...

    def correct(self, slot: str, said: str) -> None:
        """Take a correction of something said before."""
        ...

    def use_language(self, tag: str) -> None:
        """Change the language of the call."""
        ...

    def hang_up_after(self, prompt: int | None, reason: str) -> None:
        """End the call once a last prompt was heard."""
        ...


S = TypeVar("S", bound=AnyStep)


class StepRun(Generic[S]):
    """One stay on one step. What is not overridden does nothing.

    Args:
        core: the engine.
        step: what the run carries out.

    """

    deaf = False
    """Whether what is said and keyed here is secret: no model, no handlers, no typing ahead for later."""

    def __init__(self, core: Core, step: S) -> None:
        self.core = core
        self.step = step

    @property
    def undisturbed(self) -> bool:
        """Whether the flow's handlers and limits have to wait: something is under way that can't be let go."""
        return False

    @property
    def is_keying(self) -> bool:
        """Whether keys were pressed that a pause will complete."""
        return False

    def enter(self, now_ms: float) -> None:
        """The call has come to the step."""

    def leave(self) -> None:
        """The call goes elsewhere."""

    def repeat(self, now_ms: float) -> None:
        """The caller wants to hear it again."""
        self.enter(now_ms)

    def prompt_over(self, prompt: int, now_ms: float, *, cut: bool) -> None:
        """What was said is heard, or was cut off."""

    def speech_began(self, now_ms: float) -> None:
        """The caller speaks."""

    def spoke(self, item: str, now_ms: float) -> None:
        """The caller has said something; the default takes no notice, for nobody has asked them anything."""

    def words(self, item: str, text: str, now_ms: float) -> None:
        """The caller's words in writing."""

    def answered(self, arguments: Mapping[str, object], now_ms: float) -> None:
        """The model read the caller's answer."""

    def not_answered(self, now_ms: float) -> None:
        """It could not."""

    def key(self, key: str, now_ms: float) -> bool:
        """Take a key, if it means something here; the default takes none."""
        return False

    def stray_key(self, key: str, now_ms: float) -> None:
        """A key that nobody took; the default keeps it for the next question."""
        self.core.typed_ahead.keep(key)

    def other(self, event: FlowEvent, now_ms: float) -> None:
        """Anything else, of this step's epoch."""

    def ring(self, alarm: str, now_ms: float) -> None:
        """An alarm of the run rings."""


AnyRun = StepRun[Any]
