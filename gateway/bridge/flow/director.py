"""Runs one call's flow: tells the engine what happens, and has its commands carried out by the rooms beside this one.

No I/O and no clock, like all of the bridge. The engine's answers to one event are carried out before the next event is
told, so that there is one order of things.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, assert_never

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import (
    AddMessage,
    ClearInput,
    Command,
    DeleteItem,
    DoAfterwards,
    DoAside,
    StopAside,
    Write,
)
from gateway.bridge.flow.ear import Ear
from gateway.bridge.flow.hold import Hold
from gateway.bridge.flow.messages import NAME as MESSAGE
from gateway.bridge.flow.messages import Messages
from gateway.bridge.flow.plan import FlowCall, HandOverWork, Outcome, PromptAudio
from gateway.bridge.flow.prompts import PRIVATE, Prompts
from gateway.bridge.flow.questions import Questions
from gateway.bridge.flow.talking import Talking, patient
from gateway.bridge.flow.telling import fact, summary, told
from gateway.bridge.responses import Purpose
from gateway.bridge.rooms import Rooms
from gateway.contracts.model import ModelCapabilities, SessionSetup, Transcription
from gateway.contracts.record import Fault, ToolCalled, ToolReturned, Transferred
from gateway.contracts.record import FlowEvent as FlowRecord
from gateway.contracts.text import Label
from gateway.errors import Ending, Party
from gateway.flows.engine.commands import (
    AnswerLeave,
    AskModel,
    CancelTool,
    Charge,
    Deafen,
    DropQuestion,
    EndTalk,
    FinishMessage,
    FlowCommand,
    ForgetTurns,
    HandOver,
    HangUp,
    ListenFor,
    MustLeave,
    RunTool,
    SayPrompt,
    StartTalk,
    StopSaying,
    TakeMessage,
    Tell,
    UseLanguage,
)
from gateway.flows.engine.core import Engine
from gateway.flows.engine.discretion import Discretion
from gateway.flows.engine.events import (
    Charged,
    FlowEvent,
    HandedOver,
    HungUp,
    MessageTaken,
    PromptCut,
    PromptHeard,
)
from gateway.flows.engine.events import ToolReturned as EngineToolReturned
from gateway.flows.engine.phrases import phrases
from gateway.flows.expressions.values import CardToken, Secret
from gateway.flows.model import Privacy
from gateway.flows.steps import Ask
from gateway.flows.steps import Call as CallStep
from gateway.privacy.redactor import Redactor

SECURE_NOTE: Final = "[The caller keyed something in here. It was not said, and it is not known to you.]"
"""Stands in the conversation for a stretch in which the model was deaf."""
HAND_OVER: Final = "hand_over"
CHARGE: Final = "charge"
_KEYWORDS_AT_MOST: Final = 60
_GOOD_ENDS: Final = frozenset({"goodbye", "flow_ended"})


class Director:
    """One call's flow on the bridge.

    Args:
        call: the flow, pinned.
        rooms: the call's rooms.
        setup: what the session is outside talks.
        ear: what the model hears of the caller.

    """

    def __init__(
        self,
        call: FlowCall,
        *,
        rooms: Rooms,
        setup: SessionSetup,
        ear: Ear,
        capabilities: ModelCapabilities,
        redactor: Redactor,
        out: list[Command],
        alarms: Alarms,
    ) -> None:
        self._call = call
        self._rooms = rooms
        self._setup = setup
        self._ear = ear
        self._redactor = redactor
        self._out = out
        self._alarms = alarms
        self.engine = Engine(call.flow, call.facts, call.now)
        self.prompts = Prompts(
            responses=rooms.responses,
            transcript=rooms.transcript,
            playback=rooms.playback,
            speaker=rooms.speaker,
            barge_in=rooms.barge_in,
            out=out,
            alarms=alarms,
            told=self.note,
            misread=self._misread,
            lost=self._lost,
            out_of_band=capabilities.out_of_band,
            is_private=self._is_private,
        )
        self.questions = Questions(responses=rooms.responses, told=self.note, able=capabilities.out_of_band)
        self.talking = Talking(
            setup=setup, responses=rooms.responses, memory=rooms.memory, out=out, told=self.note, lacks=call.lacks
        )
        self.hold = Hold(self.prompts)
        self.messages = Messages(ear, out=out, alarms=alarms)
        rooms.barge_in.manners = self.prompts
        rooms.responses.stamp = self._stamp
        self._events: deque[FlowEvent] = deque()
        self._running: dict[int, RunTool] = {}
        self._said: list[tuple[int, str]] = []
        """What the caller has said: the epoch in which they did, and the item."""
        self._veiled: set[str] = set()
        self._discretion = Discretion(call.flow)
        self._listening: tuple[Transcription | None, object] = (setup.transcription, setup.turn_detection)
        self._language = call.flow.language
        self._handing: HandOver | None = None
        self._handed_over = False
        self._gone = False
        self._started = False
        self._now_ms = 0.0

    # --- time and events ------------------------------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """Whether the flow has begun."""
        return self._started

    def start(self, now_ms: float) -> None:
        """Begin the flow."""
        self._started = True
        self._now_ms = now_ms
        self._carry_out(self.engine.start(now_ms))
        self.pump(now_ms)

    def note(self, event: FlowEvent) -> None:
        """Take an event, to be told with the next :meth:`pump`."""
        if isinstance(event, PromptHeard | PromptCut):
            heard = isinstance(event, PromptHeard)
            if self.hold.prompt_over(event.prompt, self._now_ms, heard=heard):
                return
        self._events.append(event)

    def tell(self, event: FlowEvent, now_ms: float) -> None:
        """Tell the engine something, and carry out what it wants."""
        self.note(event)
        self.pump(now_ms)

    def pump(self, now_ms: float) -> None:
        """Tell the engine all that was noted."""
        self._now_ms = now_ms
        if not self._started:
            return
        while self._events:
            self._carry_out(self.engine.receive(self._events.popleft(), now_ms))
        self._set_alarm()

    def wake(self, now_ms: float) -> None:
        """Let the engine's alarms ring."""
        self._now_ms = now_ms
        self._carry_out(self.engine.wake(now_ms))
        self.pump(now_ms)

    def _set_alarm(self) -> None:
        wake_ms = self.engine.next_wake_ms()
        if wake_ms is None:
            self._alarms.stop("flow")
        else:
            self._alarms.set("flow", wake_ms)

    # --- what the caller does -------------------------------------------------------------------------------------

    @property
    def deaf(self) -> bool:
        """Whether nothing of the caller's sound reaches the model."""
        return self._ear.deaf

    def said(self, item_id: str) -> None:
        """Note that the caller has said something, and whether its words may stand in records."""
        self._said.append((self.engine.epoch, item_id))
        if self._veil() is not None:
            self._veiled.add(item_id)

    @property
    def private(self) -> bool:
        """Whether what is asked for now is kept from records, or from the model altogether."""
        return self.deaf or self._veil() is not None

    def shown(self, item_id: str, text: str) -> str:
        """Return what records may show of the caller's words."""
        return "[private]" if item_id in self._veiled and text else text

    def _veil(self) -> Privacy | None:
        """Return why what is said now is kept out of records, if it is."""
        if not self._started or self.engine.ended is not None:
            return None
        step = self.engine.step
        slots = [self._call.flow.slots[name] for name in step.slots] if isinstance(step, Ask) else []
        return next((slot.privacy for slot in slots if slot.privacy is not Privacy.PUBLIC), None)

    # --- what the engine wants ------------------------------------------------------------------------------------

    def _carry_out(self, commands: list[FlowCommand]) -> None:
        for command in commands:
            self._do(command)

    def _do(self, command: FlowCommand) -> None:
        now_ms = self._now_ms
        match command:
            case Tell():
                self._write(command)
            case _ if self._gone and not isinstance(command, RunTool):
                pass  # nobody is there to hear it
            case SayPrompt():
                self.prompts.say(command)
            case StopSaying():
                self.prompts.stop(now_ms)
            case AskModel():
                self.questions.ask(command, now_ms)
            case DropQuestion(epoch):
                self.questions.drop(epoch)
            case StartTalk():
                self.talking.start(command)
            case AnswerLeave():
                self.talking.answer_leave(command, now_ms)
            case MustLeave():
                self.talking.must_leave(command, now_ms)
            case EndTalk():
                self.talking.end(command)
            case RunTool():
                self._run_tool(command)
            case CancelTool(run):
                if self._running.pop(run, None) is not None:
                    self._out.append(StopAside(f"flow_tool:{run}"))
            case HandOver():
                self._handing = command
                self.hold.begin(command, now_ms)
                self._out.append(
                    DoAside(HAND_OVER, HandOverWork(command, summary(command, self.engine.state, self._call.flow)))
                )
            case TakeMessage():
                self.messages.take(command, now_ms, speaking=self._rooms.barge_in.caller_speaking)
            case FinishMessage():
                self.messages.finish()
            case Charge():
                self._out.append(DoAside(CHARGE, command))
            case Deafen(on):
                self._deafen(now_ms, on=on)
            case ForgetTurns(since_epoch):
                self._forget_turns(since_epoch)
            case ListenFor(hints, patience):
                self._listen_for(hints, patience)
            case UseLanguage(tag, _):
                self._language = tag
                self._listen_for((), None)
            case HangUp(reason):
                self._hang_up(reason)
            case _:
                assert_never(command)

    def _write(self, tell: Tell) -> None:
        if tell.name == "transfer_result" and self._handing is not None:
            target = self._redactor.shorten_number(self._handing.to)
            ok = tell.facts.get("outcome") == "answered"
            self._out.append(Write(Transferred(at_ms=int(self._now_ms), target=target, ok=ok)))
        self._out.append(
            Write(
                FlowRecord(
                    at_ms=int(self._now_ms),
                    flow=Label(self._call.flow.id),
                    bundle=Label(self._call.bundle),
                    step=Label(tell.step),
                    visit=tell.visit,
                    name=Label(tell.name),
                    facts={name: fact(value) for name, value in tell.facts.items()},
                )
            )
        )

    def _hang_up(self, reason: str) -> None:
        if self._handed_over:
            ending = Ending(Party.AGENT, "transferred")
        else:
            ending = Ending(Party.AGENT, reason, ok=reason in _GOOD_ENDS)
        self._rooms.closing.finish(ending, self._now_ms)

    # --- tools ----------------------------------------------------------------------------------------------------

    def _run_tool(self, command: RunTool) -> None:
        private = self._private_arguments(command)
        shown = {name: PRIVATE if name in private else told(value) for name, value in command.arguments.items()}
        arguments = json.dumps(shown, ensure_ascii=False)
        redacted = self._redactor.whole("tool", arguments)
        self._out.append(Write(ToolCalled(at_ms=int(self._now_ms), name=Label(command.tool.name), arguments=redacted)))
        if command.epoch == 0:
            self._out.append(DoAfterwards(command))
            return
        self._running[command.run] = command
        self._out.append(DoAside(f"flow_tool:{command.run}", command))

    def _private_arguments(self, command: RunTool) -> set[str]:
        """Return the arguments that hold something about a person; what is secret shows by itself that it is there."""
        flow, slots = self._call.flow, self.engine.state.slots
        step = flow.steps.get(command.step)
        written = step.arguments if isinstance(step, CallStep) else {}
        hidden = [slots.get(name) for name, slot in flow.slots.items() if slot.privacy is not Privacy.PUBLIC]
        return {
            name
            for name, value in command.arguments.items()
            if not isinstance(value, Secret | CardToken | None)
            and ((name in written and self._discretion.is_private(written[name].template)) or value in hidden)
        }

    def _tool_returned(self, outcome: EngineToolReturned) -> None:
        command = self._running.pop(outcome.run, None)
        if command is None:
            return
        text = self._redactor.whole("tool", json.dumps({"outcome": outcome.outcome}))
        self._out.append(
            Write(
                ToolReturned(
                    at_ms=int(self._now_ms),
                    name=Label(command.tool.name),
                    ok=outcome.outcome != "failed",
                    took_ms=outcome.took_ms,
                    output=text,
                )
            )
        )
        self.note(outcome)

    def done_aside(self, name: str, outcome: Outcome | None, now_ms: float) -> None:
        """Take what came of something that was done off the media path; None: it broke."""
        self._now_ms = now_ms
        match outcome:
            case None:
                self._broke(name)
            case PromptAudio():
                self.prompts.came(outcome, now_ms)
            case EngineToolReturned():
                self._tool_returned(outcome)
            case HandedOver(_, how):
                self.hold.end(now_ms)
                self._handed_over = how == "answered"
                self.note(outcome)
            case MessageTaken() | Charged():
                self.note(outcome)
            case _:
                assert_never(outcome)
        self.pump(now_ms)

    def _broke(self, name: str) -> None:
        """Whoever should have done it failed in a way of its own: the step's ``failed`` way is taken."""
        kind, _, number = name.partition(":")
        match kind:
            case "prompt" | "local":
                self.prompts.came(PromptAudio(int(number), None, "none"), self._now_ms)
            case "flow_tool":
                self._tool_returned(EngineToolReturned(int(number), "failed"))
            case "hand_over":
                self.hold.end(self._now_ms)
                self.note(HandedOver(self.engine.epoch, "failed"))
            case "charge":
                self.note(Charged(self.engine.epoch, "failed"))
            case _:
                assert name == MESSAGE, f"nobody knows what was done as {name}"
                self.note(MessageTaken(self.engine.epoch, "failed"))

    # --- what is heard of the caller ------------------------------------------------------------------------------

    def _deafen(self, now_ms: float, *, on: bool) -> None:
        if on == self._ear.deaf:
            return
        self._ear.deaf = on
        self._out.append(ClearInput())
        if on:
            # What they were saying is forgotten with the buffer, and no word comes of its end.
            self._rooms.barge_in.session_gone(now_ms)
            self.questions.drop(self.engine.epoch)
        else:
            self._out.append(AddMessage("system", SECURE_NOTE))
        state = "begins" if on else "ends"
        self._write(Tell(name="secure", step=self.engine.path, visit=0, facts={"stretch": state}))

    def _forget_turns(self, since_epoch: int) -> None:
        for epoch, item_id in self._said:
            if epoch >= since_epoch:
                self._out.append(DeleteItem(item_id))
        self._said = [one for one in self._said if one[0] < since_epoch]

    def _listen_for(self, hints: tuple[str, ...], patience: str | None) -> None:
        """Tell the transcriber what to expect, and the endpoint how long a pause is; only if that is news."""
        transcription, detection = self._setup.transcription, self._setup.turn_detection
        if transcription is not None:
            transcription = replace(transcription, language=self._language.partition("-")[0].lower())
            words = hints[:_KEYWORDS_AT_MOST]
            if self._call.hints == "keywords":
                transcription = replace(transcription, keywords=(*transcription.keywords, *words))
            elif self._call.hints == "prompt" and words:
                transcription = replace(transcription, prompt=", ".join(words))
        detection = patient(detection, patience)
        if (transcription, detection) != self._listening and not self.talking.active:
            self._listening = (transcription, detection)
            self.talking.configure(transcription=transcription, turn_detection=detection)

    # --- small things ---------------------------------------------------------------------------------------------

    def _stamp(self, purpose: Purpose) -> Mapping[str, str]:
        """Return what every request of a flow carries: where the call stood when it was made."""
        return {"epoch": str(self.engine.epoch), "step": self.engine.path[:500], "purpose": purpose.value}

    def _is_private(self, command: SayPrompt) -> bool:
        """Whether a text is kept out of records: what the model may not remember, our own phrases aside."""
        own = phrases(command.language)
        return not command.remembered and command.text not in {own.use_keypad, own.one_moment, own.fault}

    def _misread(self, command: SayPrompt) -> None:
        self._write(Tell(name="prompt_misread", step=command.step, visit=0, facts={"prompt": command.prompt}))

    def _lost(self, command: SayPrompt) -> None:
        text = self._redactor.whole("agent", f"nobody could say prompt {command.prompt} of step {command.step}")
        self._out.append(Write(Fault(at_ms=int(self._now_ms), kind=Label("prompt_unsaid"), message=text)))

    def hung_up(self, now_ms: float, *, transferred: bool) -> None:
        """The caller has gone; ``transferred``: to whom they were handed, perhaps before that was told here."""
        self._now_ms = now_ms
        if transferred and self._handing is not None and not self._handed_over:
            self.done_aside(HAND_OVER, HandedOver(self._handing.epoch, "answered"), now_ms)
        self.messages.finish(hung_up=True)
        if self._started:
            self._gone = True
            self._events = deque(event for event in self._events if isinstance(event, PromptHeard | PromptCut))
            self.tell(HungUp(), now_ms)
