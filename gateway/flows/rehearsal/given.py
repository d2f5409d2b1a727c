"""A call performed ``as given``: the engine itself, in virtual time, with the answers that the script gives.

Prompts are heard after as long as they take to say, tools answer after a moment, and time stands still while the flow
waits for the caller. No model, no audio: milliseconds for a whole call.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from gateway.flows.engine.commands import (
    AnswerLeave,
    AskModel,
    CancelTool,
    Charge,
    DropQuestion,
    EndTalk,
    FlowCommand,
    HandOver,
    HangUp,
    RunTool,
    SayPrompt,
    StartTalk,
    StopSaying,
    TakeMessage,
    Tell,
)
from gateway.flows.engine.core import Engine
from gateway.flows.engine.events import (
    Answered,
    Charged,
    FlowEvent,
    HandedOver,
    HungUp,
    Key,
    LeaveAsked,
    MessageTaken,
    PromptCut,
    PromptHeard,
    SpeechBegan,
    Spoke,
    TalkTurn,
    ToolReturned,
    Words,
)
from gateway.flows.engine.state import CallFacts
from gateway.flows.model import Flow
from gateway.flows.rehearsal.fakes import Answers, result_of
from gateway.flows.rehearsal.script import Case, Meaning
from gateway.flows.rehearsal.trace import Trace

WEDNESDAY: Final = dt.datetime(2026, 6, 3, 10, 30)  # noqa: DTZ001 - local wherever the flow is
"""When a call comes whose script does not say: an ordinary working morning."""
CHARACTER_MS: Final = 60
KEY_GAP_MS: Final = 200
SPEECH_MS: Final = 1000
MOMENT_MS: Final = 300
"""What tools, transfers and payments take where a script does not say."""
WAKES_AT_MOST: Final = 5000
"""A flow that rings so many alarms while nobody does anything does not end by itself."""


class GivenCall:
    """One call on an engine, in virtual time.

    Args:
        flow: what it runs.
        case: who calls, when, and what the world answers.

    """

    def __init__(self, flow: Flow, case: Case) -> None:
        self.flow = flow
        self.trace = Trace()
        first = next(iter(flow.calendars.values()), None)
        now = (case.at or WEDNESDAY).replace(tzinfo=ZoneInfo(first.zone if first is not None else "UTC"))
        facts = CallFacts(
            id="rehearsal",
            caller=case.caller,
            dialed=flow.numbers[0].text.rstrip("*") if flow.numbers else "",
            language=case.language,
        )
        self.engine = Engine(flow, facts, now)
        self.now_ms = 0.0
        self.question: AskModel | None = None
        """What the model is being asked."""
        self.talk: StartTalk | None = None
        """The talk that goes on."""
        self._tools = Answers(case.world.tools, "ok")
        self._transfers = Answers(case.world.transfers, "answered")
        self._messages = Answers(case.world.messages, "recorded")
        self._payments = Answers(case.world.payments, "paid")
        self._coming: list[tuple[float, int, FlowEvent]] = []
        self._order = 0
        self._items = 0
        self._refused = 0
        self._speaks_until_ms = 0.0

    # --- what the caller does -------------------------------------------------------------------------------------

    def start(self, until_speaks: str | None = None) -> None:
        """Let the call begin; stop early if it speaks on a step that the caller cuts in on."""
        self._carry_out(self.engine.start(self.now_ms))
        self.settle(until_speaks)

    def says(self, text: str, means: Meaning | None) -> None:
        """The caller says something, cutting off what is being said; what it means is answered for the model."""
        self.trace.caller_acts()
        self._items += 1
        item = f"item_{self._items}"
        self._feed(SpeechBegan())
        self._cut_off()
        self.now_ms += SPEECH_MS
        self._feed(Spoke(item))
        if self.talk is not None:
            self._talked(self.talk, means)
            return
        self._feed(Words(item, text))
        if self.question is None or self.question.item != item:
            return
        self._feed(Answered(self.question.epoch, self.reading(self.question, text, means)))

    def reading(self, question: AskModel, text: str, means: Meaning | None) -> Mapping[str, object]:
        """Return what a model makes of the caller's words: what the script says that they mean."""
        return arguments_of(question, text, means)

    def presses(self, keys: str) -> None:
        """The caller presses keys."""
        self.trace.caller_acts()
        for key in keys:
            if self.engine.ended is None:
                self._feed(Key(key))
                self.now_ms += KEY_GAP_MS

    def silent(self, ms: int) -> None:
        """The caller says nothing for a while."""
        self.trace.caller_acts()
        self._advance(self.now_ms + ms)

    def hangs_up(self) -> None:
        """The caller hangs up."""
        self.trace.caller_acts()
        self._coming.clear()
        self._feed(HungUp())

    def settle(self, until_speaks: str | None = None) -> None:
        """Let happen what needs nobody: until the flow waits for the caller, or speaks on a step."""
        while self._coming and not self.trace.ended:
            if until_speaks is not None and self.engine.path == until_speaks and self._is_speaking:
                return
            self._advance(self._coming[0][0])
        # Keys without an end key wait for a pause, which is nothing that the caller does.
        while self.engine.ended is None and self.engine.is_keying:
            self._advance(self.engine.next_wake_ms() or self.now_ms)
            self.settle(until_speaks)

    def run_out(self) -> None:
        """Nobody does anything any more: let every alarm ring until the call is over."""
        for _ in range(WAKES_AT_MOST):
            wake_ms = self.engine.next_wake_ms()
            times = [at_ms for at_ms in (wake_ms, self._coming[0][0] if self._coming else None) if at_ms is not None]
            if self.trace.ended or not times:
                return
            self._advance(max(min(times), self.now_ms))

    @property
    def _is_speaking(self) -> bool:
        return any(isinstance(event, PromptHeard) for _, _, event in self._coming)

    # --- time -----------------------------------------------------------------------------------------------------

    def _advance(self, until_ms: float) -> None:
        """Let time pass, with whatever is due, in order."""
        for _ in range(WAKES_AT_MOST):
            wake_ms = self.engine.next_wake_ms()
            due_ms = self._coming[0][0] if self._coming else None
            if due_ms is not None and due_ms <= until_ms and (wake_ms is None or due_ms <= wake_ms):
                self.now_ms = max(self.now_ms, due_ms)
                self._feed(heapq.heappop(self._coming)[2])
            elif wake_ms is not None and wake_ms <= until_ms:
                self.now_ms = max(self.now_ms, wake_ms)
                self._carry_out(self.engine.wake(self.now_ms))
            else:
                break
        self.now_ms = max(self.now_ms, until_ms)

    def _later(self, event: FlowEvent, after_ms: float) -> None:
        self._order += 1
        heapq.heappush(self._coming, (self.now_ms + after_ms, self._order, event))

    def _feed(self, event: FlowEvent) -> None:
        self.trace.logged.append(repr(event))
        self._carry_out(self.engine.receive(event, self.now_ms))

    def _cut_off(self) -> None:
        """Cut off what is being said, where the caller may."""
        speaking = [entry for entry in self._coming if isinstance(entry[2], PromptHeard)]
        cut = [prompt for _, _, event in speaking if isinstance(event, PromptHeard) for prompt in (event.prompt,)]
        if not cut or self.engine.step.interrupt.mode != "allowed":
            return
        self._coming = [entry for entry in self._coming if entry not in speaking]
        heapq.heapify(self._coming)
        self._speaks_until_ms = self.now_ms
        for prompt in cut:
            self._feed(PromptCut(prompt, 500))

    # --- what the engine wants ------------------------------------------------------------------------------------

    def _carry_out(self, commands: list[FlowCommand]) -> None:
        for command in commands:
            self.trace.note(command)
            self._do(command)
        if self.engine.ended is not None and not self._is_speaking:
            self.trace.ended = self.engine.ended

    def _do(self, command: FlowCommand) -> None:
        match command:
            case SayPrompt(prompt=prompt, text=text):
                begins_ms = max(self.now_ms, self._speaks_until_ms)
                self._speaks_until_ms = begins_ms + CHARACTER_MS * len(text)
                self._later(PromptHeard(prompt), self._speaks_until_ms - self.now_ms)
            case StopSaying():
                self._coming = [entry for entry in self._coming if not isinstance(entry[2], PromptHeard)]
                heapq.heapify(self._coming)
                self._speaks_until_ms = self.now_ms
            case AskModel():
                self.question = command
            case DropQuestion():
                self.question = None
            case StartTalk():
                self.talk = command
            case EndTalk():
                self.talk = None
            case AnswerLeave(granted=granted, why=why):
                self._refused += not granted
                self.trace.logged.append(why)
            case RunTool():
                self._run_tool(command)
            case CancelTool(run):
                self._coming = [e for e in self._coming if not (isinstance(e[2], ToolReturned) and e[2].run == run)]
                heapq.heapify(self._coming)
            case HandOver(epoch=epoch, step=step):
                fake = self._transfers.next(step)
                self._later(HandedOver(epoch, fake.outcome), fake.after_ms or MOMENT_MS)
            case TakeMessage(epoch=epoch, step=step):
                fake = self._messages.next(step)
                self._later(MessageTaken(epoch, fake.outcome, "recording"), fake.after_ms or MOMENT_MS)
            case Charge(epoch=epoch, step=step):
                fake = self._payments.next(step)
                self._later(Charged(epoch, fake.outcome, {"reference": "R1"}), fake.after_ms or MOMENT_MS)
            case HangUp() | Tell() | _:
                pass

    def _run_tool(self, command: RunTool) -> None:
        fake = self._tools.next(command.tool.name)
        took_ms = fake.after_ms if fake.after_ms is not None else MOMENT_MS
        if took_ms > command.timeout_ms:
            self._later(ToolReturned(command.run, "failed", None, command.timeout_ms), command.timeout_ms)
            return
        result = result_of(command.tool, fake, self.engine.state.today)
        outcome = "ok" if fake.outcome == command.tool.empty_outcome else fake.outcome
        self._later(ToolReturned(command.run, outcome, result, took_ms), took_ms)

    def _talked(self, talk: StartTalk, means: Meaning | None) -> None:
        """The model answers inside a talk, or asks to leave it, as the script says."""
        if means is None or not means.kind:
            self._feed(TalkTurn(talk.epoch))
            return
        handlers = self.flow.handlers
        exits = {str(each) for each in talk.leave["properties"]["exit"]["enum"]}
        name = f"@{means.kind}" if means.kind in handlers and means.kind not in exits else means.kind
        refused = self._refused
        self._feed(LeaveAsked(talk.epoch, f"leave_{self._items}", {"exit": name, **means.values}))
        if self._refused > refused and self.talk is not None:
            self._feed(TalkTurn(talk.epoch))


def arguments_of(question: AskModel, text: str, means: Meaning | None) -> Mapping[str, object]:
    """Return the arguments that a model would call an answer's function with."""
    properties = question.parameters["properties"]
    kinds: list[str] = properties["kind"]["enum"]
    if means is None:
        return {"kind": "unclear", "raw": text}
    arguments: dict[str, object] = {"raw": text, **means.values}
    if means.fix is not None:
        arguments |= {"kind": "fix", "fix_slot": means.fix[0], "fix_value": means.fix[1]}
    elif means.kind:
        arguments["kind"] = means.kind if means.kind in kinds else f"@{means.kind}"
    elif "answer" in kinds:
        arguments["kind"] = "answer"
    elif "no" in kinds and means.values:
        # A value in place of a yes or no says no to the one that was read back.
        arguments["kind"] = "no"
    else:
        chosen = [value for value in means.values.values() if value in kinds]
        arguments["kind"] = chosen[0] if chosen else "unclear"
    return arguments
