"""What a call leaves behind: typed records, and the sinks that take them.

Every text field is :class:`RedactedText` (somebody's words) or :class:`Label` (ours). Times are milliseconds since the
leg started. Records are ``msgspec`` structs tagged by ``event`` and so encode to one JSON line each.
"""

from __future__ import annotations

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
    """``answer``, ``greeting``, ``disclosure``, ``idle``, ``goodbye``, ``filler`` or ``apology``."""


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


class CarrierStatus(Record, frozen=True, kw_only=True, tag="carrier_status"):
    """The carrier's last word on the call, such as ``completed``; comes after :class:`CallEnded`."""

    status: RedactedText
    duration_s: int | None


AnyRecord = (
    CallStarted
    | ModelConnected
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

    async def close(self, ended_ms: float) -> None:
        """Finish the recording; nothing plays after ``ended_ms``."""
        ...
