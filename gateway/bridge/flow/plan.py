"""What a call gets to run a flow: the flow it is pinned to, who calls, and whoever works for it off the media path."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol, assert_never

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.bridge.plan import CallPlan
from gateway.contracts.leg import Leg
from gateway.contracts.model import SessionSetup
from gateway.contracts.tool import Tool
from gateway.flows.engine.commands import Charge, HandOver, RunTool, SayPrompt, TakeMessage
from gateway.flows.engine.events import Charged, HandedOver, MessageTaken, ToolReturned
from gateway.flows.engine.state import CallFacts
from gateway.flows.model import Flow

BUNDLE_CHARACTERS: Final = 10
"""How much of a bundle's digest stands in records: enough to tell any two apart."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a caller left as a message, in the leg's format; ``spoke``: whether there is any speech in it."""

    command: TakeMessage
    frames: tuple[AudioFrame, ...] = field(repr=False)
    spoke: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A prompt that has to be had as audio; ``locally``: by the voice that reads, whatever the store has."""

    command: SayPrompt
    locally: bool = False


@dataclass(frozen=True, slots=True)
class PromptAudio:
    """What came of a prompt: its audio in the leg's format, None where there is none; ``source`` says whose it is."""

    prompt: int
    frame: AudioFrame | None
    source: Literal["recording", "store", "local", "none"]


@dataclass(frozen=True, slots=True)
class HandOverWork:
    """A caller to be handed over, and what a colleague is told of the call; empty where nothing is."""

    command: HandOver
    summary: str = field(default="", repr=False)


Work = Said | RunTool | HandOverWork | Charge | Recorded
"""What is done off the media path."""
Outcome = PromptAudio | ToolReturned | HandedOver | Charged | MessageTaken
"""What comes of it."""


class FlowHelp(Protocol):
    """Works for one call's flow, off the media path. Never raises but when cancelled: a failure is an outcome."""

    async def prompt(self, wanted: Said, format: AudioFormat) -> PromptAudio:
        """Return a prompt's audio: a recording, the store's, or for exact words the local voice's."""
        ...

    async def run_tool(self, command: RunTool) -> ToolReturned:
        """Call a tool within its limit."""
        ...

    async def hand_over(self, command: HandOver, leg: Leg, summary: str) -> HandedOver:
        """Hand the caller to somebody; returns when it is clear how that went."""
        ...

    async def charge(self, command: Charge) -> Charged:
        """Have a processor take a payment, and wipe what it was given."""
        ...

    async def keep_message(self, recorded: Recorded) -> MessageTaken:
        """Write a message down and send it where it belongs."""
        ...

    def afterwards(self, work: Work) -> None:
        """Do something that outlives the call, within its own limit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCall:
    """A call's flow. It is this very flow to the call's end, whatever becomes of the file."""

    flow: Flow
    facts: CallFacts
    now: dt.datetime
    """The wall clock's time at the start, with a zone."""
    help: FlowHelp
    hints: Literal["keywords", "prompt"] | None = "keywords"
    """Where the transcriber takes what may be said; None: nowhere."""
    lacks: frozenset[str] = frozenset()
    """Settings of a session that the endpoint has not."""
    talk_tools: Mapping[str, Tool] = field(default_factory=dict)
    """What a model may call inside talks, by name."""

    @property
    def bundle(self) -> str:
        """The pinned files' short name. Letters in place of digits, for it stands in records as a label."""
        return self.flow.digest[:BUNDLE_CHARACTERS].translate(_AS_LETTERS)


_AS_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")


def plan_of_flow(plan: CallPlan, call: FlowCall) -> CallPlan:
    """Return a persona's plan with the flow in its place: no greeting, and no tools of its own."""
    language = call.flow.language.partition("-")[0].lower()
    return replace(
        plan, persona=call.flow.id, greeting=None, goodbye=None, language=language, tools=frozenset(), lookup_wait_ms=0
    )


def setup_of_flow(setup: SessionSetup, call: FlowCall) -> SessionSetup:
    """Return what a session is outside talks: the flow's persona and voice, silent until it is asked."""
    flow, detection, transcription = call.flow, setup.turn_detection, setup.transcription
    extras = dict(setup.extras)
    if flow.model.effort is not None and "reasoning" not in call.lacks:
        extras["reasoning"] = {"effort": flow.model.effort}
    if detection is not None:
        detection = replace(detection, create_response=False)
    if transcription is not None:
        transcription = replace(transcription, language=flow.language.partition("-")[0].lower())
    return replace(
        setup,
        instructions=flow.persona.get(flow.language, ""),
        voice=flow.voices.get(flow.language) or setup.voice,
        turn_detection=detection,
        transcription=transcription,
        tools=(),
        extras=extras,
    )


def do(work: Work, help: FlowHelp, leg: Leg) -> Awaitable[Outcome]:
    """Return what does it."""
    match work:
        case Said():
            return help.prompt(work, leg.started.to_caller)
        case RunTool():
            return help.run_tool(work)
        case HandOverWork(command, summary):
            return help.hand_over(command, leg, summary)
        case Charge():
            return help.charge(work)
        case Recorded():
            return help.keep_message(work)
        case _:
            assert_never(work)
