"""A bench for one engine: flows from a few lines of YAML, and a caller, a model and tools turned by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, TypeVar

from gateway.flows.engine.commands import (
    AskModel,
    Charge,
    Deafen,
    FlowCommand,
    HandOver,
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
    ToolReturned,
    Words,
)
from gateway.flows.engine.state import CallFacts
from gateway.flows.load import load_folder, load_texts
from gateway.flows.model import Flow

SHIPPED = Path(__file__).parents[3] / "ivr_flows"
HEADER = """\
flow: example
title: An example
format: 1
version: 1
owner: somebody@example.com
languages: [en-GB, es-ES]
persona: Somebody kind.
defaults:
  no_input: ["Nothing heard.", "Still nothing heard."]
  no_match: ["Not understood.", "Still not understood."]
  invalid: {any: ["Not possible."]}
agent_exit: person
"""
PERSON = """
  person:
    transfer: {to: "tel:+442079460101"}
    then: {answered: end_call, busy: bye, no_answer: bye, failed: bye}
  bye: {hangup: Goodbye.}
"""
TOOLS = """\
format: 1
kind: tools
tools:
  look_up:
    http: GET https://example.com/${id}
    send: {id: text}
    outcomes: {ok: 200, none: 404}
    returns: {name: text, since: date}
    idempotent: yes
  order:
    http: POST https://example.com/orders
    send: {what: text}
    outcomes: {ok: 201, sold_out: 409}
    returns: {reference: text}
    idempotency_key: ${call.id}-${what}
    changes_data: yes
  unlock:
    http: POST https://example.com/unlock
    send: {pin: secret}
    outcomes: {ok: 200, wrong: 403}
    identifies: yes
  options:
    http: GET https://example.com/options
    outcomes: {ok: 200}
    returns: {list_of: {id: text, name: text}}
  check:
    http: POST https://example.com/check
    send: {value: text}
    outcomes: {ok: 200, taken: 409}
  goodbye:
    http: POST https://example.com/gone
    outcomes: {ok: 2xx}
"""
NOW = dt.datetime(2026, 6, 3, 10, 30, tzinfo=dt.UTC)
C = TypeVar("C", bound=FlowCommand)


def flow_of(steps: str, header: str = "", **files: str) -> Flow:
    """Return a flow of a few steps, with the bench's tools, a ``person`` and a ``bye`` step."""
    text = f"{HEADER}use: [tools.yaml]\n{header}\nsteps:\n{steps}\n{PERSON}"
    head, _, tail = text.partition("\nsubflows:")
    if tail:  # subflows stand last in a file
        inner, _, person = tail.partition(PERSON)
        text = f"{head}{PERSON}\nsubflows:{inner}{person}"
    folder = load_texts({"example.yaml": text, "tools.yaml": TOOLS, **files})
    assert not folder.findings.errors, [str(each) for each in folder.findings.errors]
    return folder.flows["example"]


def shipped(name: str) -> Flow:
    """Return a flow that is shipped."""
    return load_folder(SHIPPED).flows[name]


class Call:
    """One call on an engine, everything in it turned by hand."""

    def __init__(self, flow: Flow, **facts: Any) -> None:
        self.engine = Engine(flow, CallFacts(id="call1", **{"caller": "+441134960123", **facts}), NOW)
        self.now_ms = 0.0
        self.commands: list[FlowCommand] = []
        self.open: list[int] = []
        self._items = 0
        self._take(self.engine.start(0.0))

    # --- what happens ---------------------------------------------------------------------------------------------

    def feed(self, event: FlowEvent) -> list[FlowCommand]:
        """Let something happen; returns what the engine wants."""
        return self._take(self.engine.receive(event, self.now_ms))

    def hears(self) -> None:
        """The caller hears everything that is being said, and what follows from it."""
        while self.open:
            self.feed(PromptHeard(self.open.pop(0)))

    def cuts_in(self) -> str:
        """The caller speaks over what is being said, and has not finished; returns the item to come."""
        self.feed(SpeechBegan())
        while self.open:
            self.feed(PromptCut(self.open.pop(0), 300))
        self._items += 1
        return f"item_{self._items}"

    def speaks(self, words: str = "") -> None:
        """The caller says something; in writing only if ``words`` are given."""
        item = self.cuts_in()
        self.feed(Spoke(item))
        if words:
            self.feed(Words(item, words))

    def means(self, kind: str, **arguments: object) -> None:
        """The model answers the question."""
        self.feed(Answered(self.last(AskModel).epoch, {"kind": kind, **arguments}))

    def says(self, kind: str, **arguments: object) -> None:
        """The caller says something that the model understands."""
        self.speaks()
        self.means(kind, **arguments)

    def presses(self, keys: str) -> None:
        """The caller presses keys."""
        for key in keys:
            self.feed(Key(key))

    def waits(self, ms: float) -> None:
        """Time passes; nobody does anything."""
        until_ms = self.now_ms + ms
        while (wake_ms := self.engine.next_wake_ms()) is not None and wake_ms <= until_ms:
            self.now_ms = max(self.now_ms, wake_ms)
            self._take(self.engine.wake(self.now_ms))
        self.now_ms = until_ms

    def returns(self, outcome: str, result: object = None) -> None:
        """The tool that was called last returns."""
        self.feed(ToolReturned(self.last(RunTool).run, outcome, result, 50))

    def handed_over(self, outcome: str) -> None:
        """The transfer ends."""
        self.feed(HandedOver(self.last(HandOver).epoch, outcome))

    def recorded(self, outcome: str, reference: str = "") -> None:
        """The recording ends."""
        self.feed(MessageTaken(self.last(TakeMessage).epoch, outcome, reference))

    def charged(self, outcome: str, result: object = None) -> None:
        """The payment ends."""
        self.feed(Charged(self.last(Charge).epoch, outcome, result))

    def leaves(self, exit_: str, **arguments: object) -> None:
        """The model asks to leave the talk."""
        self.feed(LeaveAsked(self.last(StartTalk).epoch, "leave_1", {"exit": exit_, **arguments}))

    def hangs_up(self) -> list[FlowCommand]:
        """The caller hangs up."""
        return self.feed(HungUp())

    # --- what can be seen -----------------------------------------------------------------------------------------

    @property
    def step(self) -> str:
        """Where the call stands."""
        return self.engine.path

    @property
    def ended(self) -> str | None:
        """Why it is over."""
        return self.engine.ended

    @property
    def said(self) -> list[str]:
        """Everything said so far."""
        return [command.text for command in self.all(SayPrompt)]

    def value(self, name: str) -> object:
        """Return a slot's or a variable's value."""
        return self.engine.state.value(name)

    def all(self, kind: type[C]) -> list[C]:
        """Return all commands of a kind."""
        return [command for command in self.commands if isinstance(command, kind)]

    def last(self, kind: type[C]) -> C:
        """Return the latest command of a kind."""
        return self.all(kind)[-1]

    def told(self, name: str) -> list[dict[str, str | int]]:
        """Return the facts of every event of a name."""
        return [dict(tell.facts) for tell in self.all(Tell) if tell.name == name]

    @property
    def is_deaf(self) -> bool:
        """Whether the model hears silence."""
        switches = self.all(Deafen)
        return bool(switches) and switches[-1].on

    def _take(self, commands: list[FlowCommand]) -> list[FlowCommand]:
        self.commands += commands
        for command in commands:
            match command:
                case SayPrompt(prompt=prompt):
                    self.open.append(prompt)
                case StopSaying():
                    self.open.clear()
        return commands
