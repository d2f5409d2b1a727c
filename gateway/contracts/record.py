"""What a call leaves behind: typed records, and the sinks that take them.

Every text field is :class:`RedactedText` (somebody's words) or :class:`Label` (ours). Times are milliseconds since the
leg started. Records are ``msgspec`` structs tagged by ``event`` and so encode to one JSON line each.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from gateway.audio.format import AudioFrame
from gateway.contracts.text import Label, RedactedText


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """One thing that happened in a call, ``at_ms`` after its leg started."""

    at_ms: int


class CallStarted(Record, frozen=True, kw_only=True, tag="call_started"):
    """The leg is up. Numbers are shortened (``…1234``); ``started_at_s`` is Unix seconds."""

    call_id: Label
    leg: Label
    """The kind of leg: ``twilio``, ``sip`` …"""
    leg_id: RedactedText
    started_at_s: float
    caller_number: RedactedText
    dialed_number: RedactedText
    persona: Label
    endpoint: Label
    from_caller: Label
    """Audio format on the leg, such as ``pcmu at 8 kHz``."""
    to_model: Label
    passthrough: bool


class ModelConnected(Record, frozen=True, kw_only=True, tag="model_connected"):
    """The session took its set-up, ``took_ms`` after it was asked for."""

    took_ms: int
    session_id: RedactedText


class ModelReplaced(Record, frozen=True, kw_only=True, tag="model_replaced"):
    """Another session took the place of the one before it, and was told what had been said."""

    why: Label
    """``lost``; ``renewed`` before its time was over, in a pause; ``forced``: renewed although none came."""
    gap_ms: int
    """How long the call was without a session."""
    replayed: int
    """Items of the conversation that the new session was told."""
    left_out: int
    """Items that were too much for it."""
    session_id: RedactedText


class ContextFolded(Record, frozen=True, kw_only=True, tag="context_folded"):
    """The oldest ``items`` of the conversation were replaced by a summary of ``characters``, so that it stays short."""

    items: int
    characters: int


class CallerSpoke(Record, frozen=True, kw_only=True, tag="caller_spoke"):
    """One utterance of the caller. ``text`` is None while, or if ever, there is no transcript.

    Written once, when its text is final or failed or the call ends. ``at_ms`` is its start.
    """

    turn: int
    stopped_ms: int | None
    text: RedactedText | None
    failed: bool = False


class AgentSpoke(Record, frozen=True, kw_only=True, tag="agent_spoke"):
    """One item of the model as the caller heard it. ``at_ms`` is when its first audio reached the ear."""

    turn: int
    text: RedactedText
    """What was heard; cut at the barge-in when ``interrupted``, and then approximate."""
    generated_ms: int
    heard_ms: int
    interrupted: bool
    latency_ms: int | None
    """Caller stopped → first audio sent; None for greetings and anything not answering the caller."""
    purpose: Label
    """``answer``, ``greeting``, ``disclosure``, ``idle``, ``goodbye``, ``filler``, ``announcement``, ``apology``, or
    ``moment`` (said by the local voice while there is no model session)."""


class BargeIn(Record, frozen=True, kw_only=True, tag="barge_in"):
    """The caller spoke while the model did, and won. ``heard_ms`` of ``sent_ms`` of that item had been heard."""

    turn: int
    heard_ms: int
    sent_ms: int
    action: Label
    """``truncated``, ``deleted`` or ``none`` (all was heard)."""


class ClearConfirmed(Record, frozen=True, kw_only=True, tag="clear_confirmed"):
    """The carrier returned the marks of a clear after ``took_ms``; ``repeats`` is how often it had to be told again."""

    took_ms: int
    repeats: int


class DisclosureHeard(Record, frozen=True, kw_only=True, tag="disclosure_heard"):
    """The disclosure was played: ``heard_ms`` of ``of_ms``."""

    heard_ms: int
    of_ms: int


class KeyCount(Record, frozen=True, kw_only=True, tag="keys_pressed"):
    """The caller pressed keys; how many, never which."""

    count: int


class ToolCalled(Record, frozen=True, kw_only=True, tag="tool_called"):
    """The model asked for a tool."""

    name: Label
    arguments: RedactedText


class ToolReturned(Record, frozen=True, kw_only=True, tag="tool_returned"):
    """The tool answered, failed or was cancelled."""

    name: Label
    ok: bool
    took_ms: int
    output: RedactedText


class Transferred(Record, frozen=True, kw_only=True, tag="transferred"):
    """The carrier took the caller over, or would not."""

    target: RedactedText
    ok: bool


class IdlePrompt(Record, frozen=True, kw_only=True, tag="idle_prompt"):
    """The caller was silent for long; ``step`` counts the prompts since they last spoke."""

    step: int


class Fault(Record, frozen=True, kw_only=True, tag="fault"):
    """Something went wrong and was coped with, or ended the call."""

    kind: Label
    message: RedactedText


class TokensUsed(Record, frozen=True, kw_only=True, tag="tokens_used"):
    """What one response used and cost, as the endpoint told when it was done. Cached is a part of input.

    A turn may have several: a tool's result is one more response. ``cost`` is None where the model's price is unknown.
    """

    turn: int
    """The turn in which the response began."""
    step: Label | None = None
    """The flow's step that it was made for; None where no flow runs."""
    input_text: int
    input_audio: int
    cached_text: int
    cached_audio: int
    output_text: int
    output_audio: int
    cost: Decimal | None
    currency: Label | None
    """ISO 4217; None with an unknown cost."""


class TranscriptionUsed(Record, frozen=True, kw_only=True, tag="transcription_used"):
    """What the transcript of one utterance of the caller's used and cost; billed beside the model."""

    turn: int
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: Decimal | None
    """None where the transcriber's price is unknown."""
    currency: Label | None


class RecordingSilenced(Record, frozen=True, kw_only=True, tag="recording_silenced"):
    """From ``at_ms`` to ``until_ms`` the recording is silent on both sides, so that no card data is in it."""

    until_ms: int
    why: Label
    """``card_data``: something that was said then was masked; ``card_asked``: it was asked for; ``no_words`` or
    ``words_late``: it was never written down, or not in time, so nobody knows what was said."""


class FlowEvent(Record, frozen=True, kw_only=True, tag="flow"):
    """A call flow's step was entered, left or answered: what reports and step marks are made of.

    Facts are words of ours, ids of the designer's and numbers; never what a caller said or keyed.
    """

    flow: Label
    bundle: Label
    """The files that the call is pinned to, by the beginning of their digest."""
    step: Label
    """Its path, such as ``main`` or ``pick_existing.list``."""
    visit: int
    name: Label
    """``step_entered``, ``exit_taken``, ``heard``, ``no_input`` … or a name that the designer gave."""
    facts: dict[str, str | int] = {}


class CallEnded(Record, frozen=True, kw_only=True, tag="call_ended"):
    """The call's whole story in one line."""

    who: Label
    reason: Label
    ok: bool
    duration_ms: int
    turns: int
    barge_ins: int
    tools: int
    latency_p50_ms: int | None
    latency_max_ms: int | None
    heard_ms: int
    sent_ms: int
    caller_audio_dropped_ms: int
    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    cached_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0
    cost: Decimal | None = None
    """The sum over all responses; None if the model's price, or all of its use, is unknown."""
    currency: Label | None = None
    """ISO 4217; None with an unknown cost."""
    responses_unreported: int = 0
    """Responses whose tokens the endpoint never told (the call ended first): the cost is at least the sum."""
    transcription_cost: Decimal | None = None
    """Beside ``cost``, for the caller's words in writing; None if it is unknown, 0 where nothing was transcribed."""


class CarrierStatus(Record, frozen=True, kw_only=True, tag="carrier_status"):
    """The carrier's last word on the call, such as ``completed``; comes after :class:`CallEnded`."""

    status: RedactedText
    duration_s: int | None


AnyRecord = (
    CallStarted
    | ModelConnected
    | ModelReplaced
    | ContextFolded
    | CallerSpoke
    | AgentSpoke
    | BargeIn
    | ClearConfirmed
    | DisclosureHeard
    | KeyCount
    | ToolCalled
    | ToolReturned
    | Transferred
    | IdlePrompt
    | Fault
    | TokensUsed
    | TranscriptionUsed
    | RecordingSilenced
    | FlowEvent
    | CallEnded
    | CarrierStatus
)


class Sink(Protocol):
    """Where the records of one call leave. A slow or dead sink never slows a call."""

    def accept(self, record: AnyRecord) -> None:
        """Take a record; returns at once, never raises. What may block stands behind ``records.fanout.Aside``."""
        ...

    async def close(self) -> None:
        """Write what is left, within the sink's own time limit."""
        ...


class AudioTap(Protocol):
    """Who listens along: the recorder. Works in batches off the frame path; returns at once, never raises."""

    def from_caller(self, frame: AudioFrame, at_ms: float) -> None:
        """Take a frame whose sound began ``at_ms``."""
        ...

    def to_caller(self, frame: AudioFrame, plays_at_ms: float) -> None:
        """Take audio that the caller will hear from ``plays_at_ms`` on, unless it is cut before."""
        ...

    def cut(self, at_ms: float) -> None:
        """Forget audio to the caller that would have played after ``at_ms``: it was cleared."""
        ...

    def hold(self, name: str, from_ms: float) -> None:
        """Keep everything from ``from_ms`` on off the disk until :meth:`let_go` of that name; again moves it."""
        ...

    def let_go(self, name: str) -> None:
        """Write what was held under that name when its time comes; nothing happens if there is nothing."""
        ...

    def silence(self, start_ms: float, end_ms: float) -> None:
        """Silence both sides between two times: what was said then must not be kept."""
        ...

    async def close(self, ended_ms: float) -> None:
        """Finish the recording; nothing plays after ``ended_ms``."""
        ...
