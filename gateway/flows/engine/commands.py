"""What an engine wants done, in order. Whoever runs it carries these out: a live call, a text chat, a scripted test.

A command that is answered carries a number: ``prompt`` for what is said, ``run`` for tools, and ``epoch`` for the
step that asked. An epoch ends when the call moves on; what answers an old one is dropped here and need not be
stopped elsewhere, though it may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.flows.expressions.values import CardToken, Secret
from gateway.flows.model import Tool
from gateway.flows.steps import InterruptPolicy, ModelOverrides


@dataclass(frozen=True, slots=True, kw_only=True)
class SayPrompt:
    """Say something to the caller, after what is still being said. Answered by ``PromptHeard`` or ``PromptCut``."""

    prompt: int
    epoch: int
    step: str
    text: str = field(repr=False)
    language: str
    voice: str | None
    exact: bool
    """Word for word: from the prompt store or a voice that reads, never a model's own words."""
    audio: str | None
    """A recording that says it, by its path inside the flows folder."""
    interrupt: InterruptPolicy
    remembered: bool = True
    """Whether the model is to know that it was said."""


@dataclass(frozen=True, slots=True)
class StopSaying:
    """Be silent at once: the caller pressed a key or need not hear the rest. What was cut need not be reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskModel:
    """Have the model read one utterance: a closed question, answered by ``Answered`` or ``NotAnswered``.

    One text answer beside the conversation: ``brief``, what was said last, and the caller's item go in; the function
    must be called and comes back as its arguments.
    """

    epoch: int
    step: str
    item: str
    earlier: tuple[str, ...] = ()
    """Items just before it that belong to the same answer: the caller paused in the middle."""
    brief: str = field(repr=False)
    said: str = field(repr=False)
    """What the caller was told last."""
    function: str
    description: str
    parameters: Mapping[str, Any] = field(repr=False)
    """JSON Schema."""


@dataclass(frozen=True, slots=True)
class DropQuestion:
    """The question of that epoch needs no answer any more."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTalk:
    """Let the model speak: within these instructions, with these tools, until it asks to leave."""

    epoch: int
    step: str
    instructions: str = field(repr=False)
    tools: tuple[Tool, ...]
    leave: Mapping[str, Any] = field(repr=False)
    """JSON Schema of the ``leave`` function's parameters."""
    leave_description: str
    model: ModelOverrides
    speaks_first: bool
    """Whether the model begins; else the caller's next words do."""


@dataclass(frozen=True, slots=True)
class AnswerLeave:
    """Answer a request to leave: granted, or why not, and then the talk goes on, if it is not over anyway."""

    request: str
    granted: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class MustLeave:
    """The talk is at its limit: make the model choose an exit now (``LeaveAsked``)."""

    epoch: int


@dataclass(frozen=True, slots=True)
class EndTalk:
    """The talk is over: the model falls silent and forgets as much as ``memory`` says."""

    epoch: int
    memory: Literal["keep", "facts", "fresh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTool:
    """Call a tool off the media path. Answered by ``ToolReturned``; ``epoch`` 0 outlives the step."""

    run: int
    epoch: int
    step: str
    tool: Tool
    arguments: Mapping[str, object] = field(repr=False)
    timeout_ms: int
    retries: int
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class CancelTool:
    """A tool's answer is not waited for any more."""

    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Hand the caller to somebody. Answered by ``HandedOver``."""

    epoch: int
    step: str
    to: str
    mode: Literal["cold", "warm"]
    whisper: str | None
    language: str
    summary_words: int
    summary_leaves_out: tuple[str, ...]
    hold_music: str | None
    announcement: str | None
    announce_every_ms: int
    ring_for_ms: int
    max_wait_ms: int | None
    priority: Literal["low", "normal", "high"]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeMessage:
    """Record what the caller says. Answered by ``MessageTaken``.

    Many callers end a message by hanging up: what was recorded until then counts and goes where it belongs.
    """

    epoch: int
    step: str
    max_time_ms: int
    silence_ms: int
    end_key: str
    privacy: str
    send_to: str | None
    transcribe: bool


@dataclass(frozen=True, slots=True)
class FinishMessage:
    """The message is complete: the caller pressed the end key."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Take a payment with what was keyed. Answered by ``Charged``; the values are wiped by whoever reveals them."""

    epoch: int
    step: str
    processor: str
    amount: str
    currency: str
    card: CardToken | None
    details: Mapping[str, Secret]
    """``expiry`` and ``security_code``."""
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Deafen:
    """The model hears silence, nothing is transcribed and the recording is muted, until it is switched off."""

    on: bool


@dataclass(frozen=True, slots=True)
class ForgetTurns:
    """Take the turns since ``epoch`` out of the model's memory: they held something sensitive."""

    since_epoch: int


@dataclass(frozen=True, slots=True)
class ListenFor:
    """What the caller may say now, for the transcriber, and how long a pause ends a turn."""

    hints: tuple[str, ...]
    patience: Literal["quick", "normal", "patient"] | None


@dataclass(frozen=True, slots=True)
class UseLanguage:
    """From now on the call is in another language, perhaps in another voice."""

    tag: str
    voice: str | None


@dataclass(frozen=True, slots=True)
class HangUp:
    """The flow is over; everything that was to be said has been heard.

    ``goodbye`` and ``flow_ended``: it came to its end. ``handed_over``: the caller is with somebody else, who keeps the
    line; only our part ends. ``max_call``, ``fault``: it had to end.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Something for the reports. Facts are words of ours and numbers, never what a caller said."""

    name: str
    step: str
    visit: int
    facts: Mapping[str, str | int] = field(default_factory=dict)


FlowCommand = (
    SayPrompt
    | StopSaying
    | AskModel
    | DropQuestion
    | StartTalk
    | AnswerLeave
    | MustLeave
    | EndTalk
    | RunTool
    | CancelTool
    | HandOver
    | TakeMessage
    | FinishMessage
    | Charge
    | Deafen
    | ForgetTurns
    | ListenFor
    | UseLanguage
    | HangUp
    | Tell
)
