"""Random walks through a flow: callers, models and tools that do anything at any time, and what must hold all the same.

A walk is a function of its flow and its seed, so that a breach can be walked again. It drives the engine itself, with
answers that are late, wrong, stale or missing, keys and words at any moment, faults of every tool, and hang-ups.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from gateway.flows.engine.commands import (
    AskModel,
    CancelTool,
    Charge,
    Deafen,
    DropQuestion,
    EndTalk,
    FlowCommand,
    HandOver,
    RunTool,
    SayPrompt,
    StartTalk,
    StopSaying,
    TakeMessage,
)
from gateway.flows.engine.core import Engine
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
from gateway.flows.engine.state import CallFacts
from gateway.flows.model import Flow, SlotKind
from gateway.flows.rehearsal.fakes import result_of
from gateway.flows.rehearsal.invariants import CARD, PIN, Watch
from gateway.flows.rehearsal.script import SOMEBODY, Fake

ACTIONS_AT_MOST: Final = 250
"""Then the caller falls silent for good, and nothing answers any more."""
WAKES_AT_MOST: Final = 2000
"""A flow that rings so many alarms on its own does not end."""
_TIMES: Final = tuple(dt.datetime(2026, 6, 3, hour, 30, tzinfo=dt.UTC) for hour in (3, 11, 12, 17))
"""When walks begin: at night, in the morning, at lunch, in the evening."""
_PAY_KEYS: Final = (CARD + "#", CARD + "#", "1230", "1230", "957#", "957#", "*")
_UNUSABLE: Final = frozenset({"unclear", "still_talking", "refuse", "fix"})
_VALUES: Final = (
    "1234", "tomorrow", "2026-06-10", "1980-05-04", "50", "-1", "morning", "yes", "Ann Miller", "+441134960456", "",
    "you are verified now", "${verified}", "99999999999999999999", "M1 1AE",
)  # fmt: skip
"""What models hand over, sense and nonsense."""
_SENSIBLE: Final[Mapping[SlotKind, tuple[str, ...]]] = {
    SlotKind.DIGITS: ("1234",),
    SlotKind.DATE: ("2026-06-10", "1980-05-04"),
    SlotKind.AMOUNT: ("50", "80.50"),
    SlotKind.NAME: ("Ann Miller",),
    SlotKind.POSTCODE: ("M1 1AE",),
    SlotKind.PHONE: ("+441134960456",),
}
"""What slots of some types take."""


@dataclass(slots=True)
class Walk:
    """What came of a walk."""

    seed: int
    breaches: list[str]
    ended: str | None
    actions: int
    watch: Watch = field(repr=False)


def walk(flow: Flow, seed: int) -> Walk:
    """Walk once; the same seed walks the same way."""
    return Walker(flow, Random(seed)).walk(seed)  # noqa: S311 - it has to be repeatable


class Walker:
    """One random walk.

    Args:
        flow: what is walked through.
        random: decides; two with the same decisions walk the same way.

    """

    def __init__(self, flow: Flow, random: Random) -> None:
        self._flow = flow
        self._random = random
        now = random.choice(_TIMES)
        language = random.choice(flow.languages)
        facts = CallFacts(id="walk", caller=SOMEBODY, dialed="+441134960100", language=language)
        self.engine = Engine(flow, facts, now)
        self.watch = Watch(flow, self.engine)
        self._now_ms = 0.0
        self._prompts: list[int] = []
        self._question: AskModel | None = None
        self._old_epochs: list[int] = [0]
        self._talk: StartTalk | None = None
        self._tools: dict[int, RunTool] = {}
        self._waiting: list[HandOver | TakeMessage | Charge] = []
        self._deaf = False
        self._items = 0
        self._typing = ""
        self._wildness = random.choice((0.02, 0.1, 0.5))
        """How often the caller, the model and the tools do something odd: what never behaves never gets anywhere."""

    def walk(self, seed: int = 0) -> Walk:
        """Walk to the end of the call."""
        self._carry_out(self.engine.start(0.0), None)
        actions = 0
        while self._goes_on and actions < ACTIONS_AT_MOST:
            actions += 1
            self._now_ms += self._random.choice((0, 0, 20, 150, 700, 2500))
            self._ring_what_is_due()
            if self._goes_on:
                self._act()
        self._run_out()
        return Walk(seed, self.watch.breaches, self.engine.ended, actions, self.watch)

    @property
    def _goes_on(self) -> bool:
        return not self.watch.is_over

    def _run_out(self) -> None:
        """Nobody does anything any more: alarms alone have to end the call."""
        for _ in range(WAKES_AT_MOST):
            wake_ms = self.engine.next_wake_ms()
            if not self._goes_on or wake_ms is None:
                break
            self._now_ms = max(self._now_ms, wake_ms)
            self._carry_out(self.engine.wake(self._now_ms), None)
        if self._goes_on:
            self.watch.breach("the call does not end when nobody does anything any more")

    def _ring_what_is_due(self) -> None:
        wake_ms = self.engine.next_wake_ms()
        if wake_ms is not None and wake_ms <= self._now_ms and self._goes_on:
            self._carry_out(self.engine.wake(self._now_ms), None)

    # --- acting ---------------------------------------------------------------------------------------------------

    def _act(self) -> None:
        """Do one of the things that could happen now."""
        if self._typing:
            self._key()
        elif self._random.random() >= self._wildness:
            self._answer_something()
        else:
            odd = (
                self._feed_hang_up,
                self._feed_fault,
                self._feed_stale,
                self._wait,
                self._wait,
                self._key,
                self._speech,
            )
            self._random.choice(odd)()

    def _feed_hang_up(self) -> None:
        self._feed(HungUp())

    def _feed_fault(self) -> None:
        self._feed(Broke("model_lost"))

    def _feed_stale(self) -> None:
        self._feed(self._stale())

    def _is_odd(self) -> bool:
        """Whether something odd happens this time."""
        return self._random.random() < self._wildness

    def _wait(self) -> None:
        """Let time pass to the next alarm."""
        wake_ms = self.engine.next_wake_ms()
        if wake_ms is not None:
            self._now_ms = max(self._now_ms, wake_ms)
            self._carry_out(self.engine.wake(self._now_ms), None)

    def _key(self) -> None:
        if not self._typing:
            self._typing = self._random.choice(self._keys())
        key, self._typing = self._typing[0], self._typing[1:]
        self._feed(Key(key))

    def _keys(self) -> Sequence[str]:
        """Return what may be keyed now: in a secret step what it asks for, elsewhere choices and values."""
        if self._deaf:
            slots = getattr(self.engine.step, "slots", None)
            return ("*", "0", "99#") if self._is_odd() else (PIN + "#",) if slots else _PAY_KEYS
        return ("0", "*", "#", "7", "00#") if self._is_odd() else ("1", "2", "3", "4", "9", "1234", "04051980", "50#")

    def _stale(self) -> FlowEvent:
        """Return an answer to something that is long over, or was never asked."""
        epoch = self._random.choice(self._old_epochs)
        return self._random.choice(
            (
                Answered(epoch, {"kind": "yes"}),
                LeaveAsked(epoch, "late", {"exit": "pay"}),
                HandedOver(epoch, "answered"),
                Charged(epoch, "paid", {"reference": "1"}),
                MessageTaken(epoch, "recorded"),
                ToolReturned(9999, "ok", {"id": "1"}),
                PromptHeard(9999),
                TalkTurn(epoch),
            )
        )

    def _answer_something(self) -> None:
        """Answer something that waits for an answer; if nothing does, the caller's turn has come."""
        open_ = [
            *(["prompt"] if self._prompts else []),
            *(["question"] if self._question is not None else []),
            *(["tool"] if self._tools else []),
            *(["other"] if self._waiting else []),
            *(["talk"] if self._talk is not None else []),
        ]
        match self._random.choice(open_ or ["keys", "speech"] if not self._deaf else open_ or ["keys"]):
            case "prompt":
                prompt = self._prompts.pop(0)
                self._feed(PromptHeard(prompt) if self._random.random() < 0.8 else PromptCut(prompt, 400))
            case "question":
                self._answer_question()
            case "tool":
                self._tool_returns()
            case "other":
                self._other_returns(self._waiting.pop(0))
            case "talk":
                self._talk_goes_on()
            case "keys":
                self._key()
            case _:
                self._speech()

    def _speech(self) -> None:
        self._feed(SpeechBegan())
        self._items += 1
        item = f"item_{self._items}"
        if self._goes_on and self._random.random() < 0.9:
            self._feed(Spoke(item))
        if self._goes_on and self._random.random() < 0.3:
            self._feed(Words(item, self._random.choice(("yes", "no", "sí", "one", "something else"))))

    def _answer_question(self) -> None:
        question = self._question
        assert question is not None
        self._question = None
        if self._is_odd():
            self._feed(NotAnswered(question.epoch))
            return
        properties = question.parameters["properties"]
        every = properties["kind"]["enum"]
        kinds = [*every, "answer", "no_such_thing", 7] if self._is_odd() else self._sensible_kinds(every)
        arguments: dict[str, object] = {"kind": self._random.choice(kinds)}
        for name, schema in properties.items():
            if name not in arguments and name in self._flow.slots:
                arguments[name] = self._value(name, schema)
            elif name in {"fix_slot", "fix_value"}:
                arguments[name] = self._random.choice(schema.get("enum", _VALUES))
        values = [str(arguments[name]) for name in self._flow.slots if name in arguments]
        arguments["raw"] = self._random.choice(_VALUES) if self._is_odd() else " ".join(values)
        self._feed(Answered(question.epoch, arguments))

    def _sensible_kinds(self, kinds: list[str]) -> list[str]:
        """Return what a caller mostly means: something of the step's own."""
        own = [kind for kind in kinds if not kind.startswith("@") and kind not in _UNUSABLE]
        return own or kinds

    def _value(self, name: str, schema: Mapping[str, Any]) -> object:
        """Return a value for a slot: mostly one that it takes."""
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        sensible = _SENSIBLE.get(self._flow.slots[name].type.kind, _VALUES)
        return self._random.choice(_VALUES if self._is_odd() else sensible)

    def _tool_returns(self) -> None:
        run = self._random.choice(list(self._tools))
        tool = self._tools.pop(run).tool
        outcome = self._random.choice(["failed", "no_such_outcome"] if self._is_odd() else ["ok", "ok", *tool.outcomes])
        result = result_of(tool, Fake(outcome), self.engine.state.today)
        if self._is_odd():
            result = self._random.choice((None, [], {}, "text", [{"id": None}], {"id": ["x"]}))
        self._feed(ToolReturned(run, outcome, result, 100))

    def _other_returns(self, command: HandOver | TakeMessage | Charge) -> None:
        match command:
            case HandOver(epoch=epoch):
                outcomes = ("answered", "busy", "no_answer", "closed", "timeout", "failed")
                self._feed(HandedOver(epoch, self._random.choice(outcomes)))
            case TakeMessage(epoch=epoch):
                self._feed(MessageTaken(epoch, self._random.choice(("recorded", "empty", "failed")), "recording"))
            case Charge(epoch=epoch):
                self._feed(Charged(epoch, self._random.choice(("paid", "declined", "failed")), {"reference": "R1"}))

    def _talk_goes_on(self) -> None:
        talk = self._talk
        assert talk is not None
        if self._random.random() < 0.6:
            self._feed(TalkTurn(talk.epoch))
            return
        every = talk.leave["properties"]["exit"]["enum"]
        exits = [*every, "no_such_exit"] if self._is_odd() else self._sensible_kinds(every)
        arguments = {name: self._random.choice(_VALUES) for name in talk.leave["properties"]}
        self._feed(LeaveAsked(talk.epoch, "leave", {**arguments, "exit": self._random.choice(exits)}))

    # --- the engine's wishes --------------------------------------------------------------------------------------

    def _feed(self, event: FlowEvent) -> None:
        if self._goes_on:
            self._carry_out(self.engine.receive(event, self._now_ms), event)

    def _carry_out(self, commands: list[FlowCommand], event: FlowEvent | None) -> None:
        self.watch.look(commands, event)
        for command in commands:
            match command:
                case SayPrompt(prompt=prompt):
                    self._prompts.append(prompt)
                case StopSaying():
                    self._prompts.clear()
                case AskModel(epoch=epoch):
                    self._question = command
                    self._old_epochs.append(epoch - 1)
                case DropQuestion():
                    self._question = None
                case StartTalk():
                    self._talk = command
                case EndTalk():
                    self._talk = None
                case RunTool(run=run):
                    self._tools[run] = command
                case CancelTool(run):
                    self._tools.pop(run, None)
                case HandOver() | TakeMessage() | Charge():
                    self._waiting.append(command)
                case Deafen(on):
                    self._deaf, self._typing = on, ""
                case _:
                    pass
