"""What the conversation wants done. The driver (``call.py``) carries the commands out in their order, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.audio.format import AudioFrame
from gateway.contracts.leg import TransferTarget
from gateway.contracts.model import ResponseRequest
from gateway.contracts.record import AnyRecord
from gateway.errors import Ending


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """Send audio to the caller, who hears it from ``plays_at_ms`` on unless it is cleared."""

    frame: AudioFrame
    plays_at_ms: float


@dataclass(frozen=True, slots=True)
class PlaceMark:
    """Ask for a mark after what was sent."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearPlayout:
    """Drop all that the caller has not heard at ``cut_at_ms``. It stands first among the commands of a barge-in."""

    cut_at_ms: float


@dataclass(frozen=True, slots=True)
class Respond:
    """Ask the model for an answer."""

    request: ResponseRequest


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop a response by its id."""

    response_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """Cut an item in the model's memory at what was heard."""

    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Take an item, of which nothing was heard, out of the model's memory."""

    item_id: str


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Put words into the model's memory."""

    role: Literal["user", "assistant", "system"]
    text: str


@dataclass(frozen=True, slots=True)
class AnswerTool:
    """Give the model a tool's result."""

    tool_call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a tool of the operator's, off the media path; its end comes back through ``tool_finished``."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class CancelTools:
    """Stop every tool that still runs."""


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Hand the caller over; the outcome comes back through ``transfer_finished``."""

    target: TransferTarget


@dataclass(frozen=True, slots=True)
class SpeakLocally:
    """Render ``text`` without the model (a local voice or a recording); it comes back through ``local_speech``."""

    text: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Write:
    """Hand a record to the sinks."""

    record: AnyRecord


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the call, once and for all."""

    ending: Ending


Command = (
    PlayAudio
    | PlaceMark
    | ClearPlayout
    | Respond
    | CancelResponse
    | TruncateItem
    | DeleteItem
    | AddMessage
    | AnswerTool
    | RunTool
    | CancelTools
    | TransferCall
    | SpeakLocally
    | Write
    | EndCall
)
