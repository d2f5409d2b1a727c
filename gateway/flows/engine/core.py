"""The engine of one call: events in, commands out. The verbs' own rules are in their runs, moving is in ``position``.

One queue: an event comes in with its time, commands come out, in order. The position is the engine's alone: a model
answers closed questions and asks to leave a talk, and both are checked against the step that the call stands on *now*.
Every transition begins a new epoch, and so does every question; an answer of an older one is dropped and counted.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, assert_never

from gateway.flows.engine.alarms import Alarms
from gateway.flows.engine.closing import Closing
from gateway.flows.engine.commands import AnswerLeave, Deafen, FlowCommand, StopSaying, Tell, UseLanguage
from gateway.flows.engine.corrections import correct
from gateway.flows.engine.discretion import Discretion
from gateway.flows.engine.events import (
    Answered,
    Broke,
    Charged,
    FlowEvent,
    HandedOver,
    HungUp,
    Key,
    LeaveAsked,
    MessageTaken,
    NotAnswered,
    PromptCut,
    PromptHeard,
    SpeechBegan,
    Spoke,
    TalkTurn,
    ToolReturned,
    Words,
)
from gateway.flows.engine.everywhere import Everywhere
from gateway.flows.engine.keypad import TypedAhead
from gateway.flows.engine.mouth import Mouth
from gateway.flows.engine.phrases import phrases
from gateway.flows.engine.position import Position
from gateway.flows.engine.stage import AnyRun
from gateway.flows.engine.state import CallFacts, CallState
from gateway.flows.engine.verbs import run_of
from gateway.flows.expressions.evaluate import CannotCompute
from gateway.flows.model import Flow, Handler
from gateway.flows.prompts import Prompt
from gateway.flows.steps import AnyStep, GoTo, InterruptPolicy, Run, Target, Transfer

ANSWER_WITHIN_MS: Final = 3000
"""What a model may take for a closed question; after it the answer counts as unclear."""


class Engine:
    """One call on one flow.

    Args:
        flow: compiled and linted; pinned for the whole call.
        facts: who calls whom.
        now: the wall clock's time at the start, with a zone.
        answer_within_ms: limit of a closed question.

    """

    def __init__(
        self, flow: Flow, facts: CallFacts, now: dt.datetime, *, answer_within_ms: int = ANSWER_WITHIN_MS
    ) -> None:
        self.flow = flow
        self.state = CallState(flow, facts, now)
        self.typed_ahead = TypedAhead()
        self.epoch = 0
        self.answer_within_ms = answer_within_ms
        self.caller_speaking = False
        self.cut_in = False
        self.waiting_item: str | None = None
        self.stale = 0
        """Answers that came too late to count."""
        self.why = ""
        """What broke, when the call ended with ``fault``."""
        self._position = Position(flow, self.state, self)
        self._mouth = Mouth(self.state)
        self._alarms = Alarms()
        self._everywhere = Everywhere(self, self._position, self._alarms)
        self._closing = Closing(self, self._position)
        self._discretion = Discretion(flow)
        self._out: list[FlowCommand] = []
        self._runs = 0
        self._now_ms = 0.0
        self._started_ms = 0.0
        self._deaf = self._deaf_outside = False
        self._last_exit = ""
        self._forgiven: tuple[str, float] | None = None

    # --- the verbs of whoever runs it -----------------------------------------------------------------------------

    def start(self, now_ms: float) -> list[FlowCommand]:
        """Begin the call; ``now_ms`` is the clock that all later times are of."""
        self._started_ms = now_ms
        self._tick(now_ms)
        self._everywhere.start(now_ms)
        self._put_language()
        self.tell("call_started")
        self.go(GoTo(self.flow.start))
        return self._settle(now_ms)

    def receive(self, event: FlowEvent, now_ms: float) -> list[FlowCommand]:
        """Take an event and return what it makes necessary."""
        if self._closing.is_done:
            return []
        self._tick(now_ms)
        try:
            if self._closing.has_begun:
                self._closing.take(event)
            else:
                self._take(event, now_ms)
        except CannotCompute as error:
            self.fault(str(error))
        return self._settle(now_ms)

    def next_wake_ms(self) -> float | None:
        """Return when :meth:`wake` wants to be called, or None."""
        times = [at_ms for at_ms in (self._alarms.next_ms(), self._mouth.overdue_ms()) if at_ms is not None]
        return min(times, default=None)

    def wake(self, now_ms: float) -> list[FlowCommand]:
        """Let the alarms that are due ring, the earliest first."""
        self._tick(now_ms)
        overdue_ms = self._mouth.overdue_ms()
        if overdue_ms is not None and overdue_ms <= now_ms:
            for prompt in self._mouth.unreported():
                self.tell("prompt_lost")
                self._out += self.receive(PromptCut(prompt, 0), now_ms)
        for name in self._alarms.due(now_ms):
            try:
                self._ring(name, now_ms)
            except CannotCompute as error:
                self.fault(str(error))
            self._position.settle(now_ms)
        return self._flush()

    @property
    def ended(self) -> str | None:
        """Why the flow is over, or None while it goes on."""
        return self._closing.reason

    @property
    def path(self) -> str:
        """The step that the call stands on."""
        return self._position.path

    @property
    def step(self) -> AnyStep:
        """The step that the call stands on."""
        return self._position.step

    @property
    def is_keying(self) -> bool:
        """Whether the caller is in the middle of keying something, which a pause will complete."""
        return self._position.run is not None and self._position.run.is_keying

    # --- what runs ask (stage.Core) -------------------------------------------------------------------------------

    @property
    def is_moving(self) -> bool:
        """Whether the step has been left, as soon as this event is dealt with."""
        return self._position.is_moving or self._closing.has_begun

    @property
    def last_said(self) -> str:
        """What the caller was told last."""
        return self._mouth.last_said

    def put(self, command: FlowCommand) -> None:
        """Want something done."""
        if isinstance(command, Deafen):
            self._deaf = command.on
            self.caller_speaking = self.caller_speaking and not command.on
        else:
            self._out.append(command)

    def next_epoch(self) -> int:
        """Begin a new epoch."""
        self.epoch += 1
        return self.epoch

    def next_run(self) -> int:
        """Return a number for a tool's run."""
        self._runs += 1
        return self._runs

    def say(self, prompt: Prompt, *, attempt: int = 1, interrupt: InterruptPolicy | None = None) -> int | None:
        """Say one of a prompt's wordings; None if a value it needs is missing: then the flow's error handler acts."""
        wording = prompt.wording(self.state.language, attempt)
        try:
            text = self.state.text(wording.text).strip()
        except CannotCompute as error:
            self.fault(str(error))
            return None
        remembered = not self._discretion.is_private(wording.text)
        return self._say(text, wording.exact, wording.audio, interrupt or self.step.interrupt, remembered)

    def say_text(self, text: str, *, remembered: bool = True) -> int:
        """Say a text of the engine's own."""
        return self._say(text, False, None, self.step.interrupt, remembered)

    def _say(self, text: str, exact: bool, audio: str | None, interrupt: InterruptPolicy, remembered: bool) -> int:
        said = self._mouth.say(
            text,
            epoch=self.epoch,
            step=self.path,
            now_ms=self._now_ms,
            interrupt=interrupt,
            exact=exact,
            audio=audio,
            remembered=remembered,
        )
        self._out.append(said)
        return said.prompt

    def stop_saying(self) -> None:
        """Be silent at once, if anything is being said."""
        if self._mouth.stop():
            self._out.append(StopSaying())

    def exit(self, name: str) -> None:
        """Leave the step by one of its ways out, or by ``failed`` where it has none of that name."""
        way = self._position.way_out(name)
        if way is None:
            self.fault(f"step '{self.path}' has no way out for '{name}'")
        else:
            self.leave_by(way.name, way.target)

    def leave_by(self, name: str, target: Target) -> None:
        """Leave the step for a target; ``name`` is what the reports call this way out."""
        self._last_exit = name
        self.tell("exit_taken", exit=name)
        self.go(target)

    def go(self, target: Target) -> None:
        """Leave the step for a target, once this event is dealt with."""
        if not self._closing.has_begun:
            self._position.go(target)

    def alarm(self, name: str, at_ms: float) -> None:
        """Ring at a time."""
        self._alarms.set(name, at_ms)

    def silence_alarm(self, name: str) -> None:
        """Ring no more."""
        self._alarms.drop(name)

    def tell(self, name: str, **facts: str | int) -> None:
        """Tell the reports something."""
        self._out.append(Tell(name=name, step=self.path, visit=self.state.visits.get(self.path, 0), facts=facts))

    def forgive_key(self, key: str, until_ms: float) -> None:
        """Overlook a key if it is the next one."""
        self._forgiven = (key, until_ms) if key else None

    def enter_subflow(self, step: Run) -> None:
        """Begin the subflow of a ``run`` step."""
        self._position.enter_subflow(step)

    def correct(self, slot: str, said: str) -> None:
        """Take a correction of something said before."""
        correct(self, slot, said)

    def use_language(self, tag: str) -> None:
        """Change the language of the call."""
        self.state.language = tag
        self._put_language()

    def _put_language(self) -> None:
        tag = self.state.language
        self._out.append(UseLanguage(tag, self.flow.voices.get(tag)))

    # --- events ---------------------------------------------------------------------------------------------------

    def _take(self, event: FlowEvent, now_ms: float) -> None:
        run = self._position.run
        assert run is not None, "an event came before the start"
        match event:
            case PromptHeard(prompt):
                self._prompt_over(prompt, now_ms, None)
            case PromptCut(prompt, heard_ms):
                self._prompt_over(prompt, now_ms, heard_ms)
            case SpeechBegan():
                self.caller_speaking = not run.deaf
                run.speech_began(now_ms)
            case Spoke(item):
                self.caller_speaking = False
                if not run.deaf and self._everywhere.may_speak(now_ms):
                    run.spoke(item, now_ms)
            case Words(item, text):
                if not run.deaf:
                    run.words(item, text, now_ms)
            case Key(key):
                self._key(run, key, now_ms)
            case Answered(epoch, arguments):
                if self._is_current(epoch, self.epoch):
                    run.answered(arguments, now_ms)
            case NotAnswered(epoch):
                if self._is_current(epoch, self.epoch):
                    run.not_answered(now_ms)
            case LeaveAsked(epoch, request, _):
                if self._is_current(epoch, self._position.step_epoch):
                    run.other(event, now_ms)
                else:
                    self.put(AnswerLeave(request, granted=False, why="that part of the call is over"))
            case TalkTurn(epoch) | HandedOver(epoch) | MessageTaken(epoch) | Charged(epoch):
                if self._is_current(epoch, self._position.step_epoch):
                    run.other(event, now_ms)
            case ToolReturned():
                run.other(event, now_ms)
            case HungUp():
                self._closing.hung_up()
            case Broke(what):
                self.tell("broke", what=what)
                self.fault(what)
            case _:
                assert_never(event)

    def _prompt_over(self, prompt: int, now_ms: float, cut_at_ms: int | None) -> None:
        """A prompt was heard, or cut off; one that the engine stopped itself is nobody's any more."""
        step = self._mouth.over(prompt)
        if step is None:
            return
        facts = {} if cut_at_ms is None else {"cut_at_ms": cut_at_ms}
        visit = self.state.visits.get(step, 0)
        self._out.append(Tell(name="prompt_played", step=step, visit=visit, facts=facts))
        self.cut_in = cut_at_ms is not None and self.caller_speaking
        run = self._position.run
        if run is not None:
            run.prompt_over(prompt, now_ms, cut=cut_at_ms is not None)

    def _is_current(self, epoch: int, since: int) -> bool:
        """Whether an answer is to what is being asked now: not to an earlier question, step or stay on a step."""
        if epoch < since:
            self.stale += 1
            self.tell("stale_answer")
        return epoch >= since

    # --- keys and handlers ----------------------------------------------------------------------------------------

    def _key(self, run: AnyRun, key: str, now_ms: float) -> None:
        """Give a key to whom it belongs: the step, then a handler, else it waits for the next question."""
        forgiven, self._forgiven = self._forgiven, None
        if forgiven is not None and key == forgiven[0] and now_ms <= forgiven[1]:
            return
        if run.key(key, now_ms) or run.deaf or self.handler_key(key, now_ms):
            return
        run.stray_key(key, now_ms)

    def handlers(self) -> list[Handler]:
        """Return the flow's handlers that work in the present step."""
        return self._everywhere.working()

    def handler_key(self, key: str, now_ms: float) -> bool:
        """Let a handler act whose key this is; false if there is none."""
        handler = self._everywhere.of_key(key)
        if handler is not None:
            self._everywhere.act(handler, now_ms, by="key")
        return handler is not None

    def handle(self, handler: Handler, now_ms: float, *, by: str) -> None:
        """Let a handler of the flow act."""
        self._everywhere.act(handler, now_ms, by=by)

    def fault(self, what: str) -> None:
        """Something in the flow can't be done: its ``error`` handler takes over, once; a second time the call ends."""
        if self._closing.has_begun:
            return
        self.tell("fault")
        if not self._everywhere.after_fault():
            self.give_up(what)

    # --- what the position asks (position.Traveller) --------------------------------------------------------------

    def new_run(self, step: AnyStep) -> AnyRun:
        """Return a new stay on a step."""
        return run_of(self, step)

    def step_left(self) -> None:
        """The call is between two steps."""
        self._alarms.leave_step()
        self._mouth.step_changed()
        self.put(Deafen(False))

    def arrived(self, run: AnyRun) -> None:
        """The call stands on a step."""
        if run.deaf:
            self.put(Deafen(True))

    def give_up(self, what: str) -> None:
        """Say that something is broken and end the call; ``what`` names it for the operator, never for the reports."""
        self.why = what
        self.tell("gave_up_on_flow")
        self.say_goodbye(phrases(self.state.language).fault, "fault")

    def flow_ended(self) -> None:
        """The flow came to its end: ``end_call``."""
        handed_over = isinstance(self.step, Transfer) and self._last_exit == "answered"
        self.hang_up_after(None, "handed_over" if handed_over else "flow_ended")

    # --- the end --------------------------------------------------------------------------------------------------

    def hang_up_after(self, prompt: int | None, reason: str) -> None:
        """End the call once a last prompt was heard; at once if there is none."""
        self._alarms.clear()
        self._closing.begin(reason, prompt)

    def say_goodbye(self, text: str, reason: str) -> None:
        """Say a last word of the engine's own and end the call."""
        self.stop_saying()
        self.hang_up_after(self._say(text, False, None, InterruptPolicy(mode="blocked"), remembered=False), reason)

    def be_over(self) -> None:
        """Ring no more, say no more."""
        self._alarms.clear()
        self._mouth.stop()

    # --- time and limits ------------------------------------------------------------------------------------------

    def _tick(self, now_ms: float) -> None:
        self._now_ms = now_ms
        self.state.now = self.state.started + dt.timedelta(milliseconds=now_ms - self._started_ms)

    def _ring(self, name: str, now_ms: float) -> None:
        match name:
            case "too_long":
                self._everywhere.too_long(now_ms)
            case "max_call":
                self._everywhere.limit_reached(now_ms)
            case _ if self._position.run is not None:
                self._position.run.ring(name, now_ms)

    # --- out ------------------------------------------------------------------------------------------------------

    def _settle(self, now_ms: float) -> list[FlowCommand]:
        self._position.settle(now_ms)
        return self._flush()

    def _flush(self) -> list[FlowCommand]:
        """Return what is wanted; the ear is closed, or opened, before all else."""
        commands, self._out = self._out, []
        if self._deaf != self._deaf_outside:
            self._deaf_outside = self._deaf
            commands.insert(0, Deafen(self._deaf))
        return commands
