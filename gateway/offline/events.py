"""What the server says: its events as structs, the ids in them, and the outbox that numbers and orders them.

Only events that this server sends are here; the conformance tests hold them against the official types. A field of type
``UnsetType`` is left out of the frame, one that is None is written as null, as recorded sessions do.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.offline.items import Item
from gateway.offline.refusals import Refused
from gateway.offline.session_config import AudioFormatConfig, SessionConfig, VoiceId
from gateway.offline.speech_jobs import Job


class ServerEvent(Struct, tag_field="type", kw_only=True):
    """Any server event; the outbox gives it its id."""

    event_id: str = ""


class ErrorBody(Struct, kw_only=True):
    """What went wrong, and with which client event."""

    type: str
    code: str | None
    message: str
    param: str | None
    event_id: str | UnsetType | None = UNSET


class Error(ServerEvent, tag="error", kw_only=True):
    """A client event was refused, or the session ends."""

    error: ErrorBody


class SessionCreated(ServerEvent, tag="session.created", kw_only=True):
    """The first event."""

    session: SessionConfig


class SessionUpdated(ServerEvent, tag="session.updated", kw_only=True):
    """The whole configuration after an update."""

    session: SessionConfig


class _ItemEvent(ServerEvent, kw_only=True):
    previous_item_id: str | None = None
    item: Item


class ItemAdded(_ItemEvent, tag="conversation.item.added"):
    """An item exists."""


class ItemDone(_ItemEvent, tag="conversation.item.done"):
    """An item is final."""


class ItemRetrieved(ServerEvent, tag="conversation.item.retrieved", kw_only=True):
    """An item with its audio."""

    item: Item


class ItemTruncated(ServerEvent, tag="conversation.item.truncated", kw_only=True):
    """An item's audio was cut and its transcript forgotten."""

    item_id: str
    content_index: int
    audio_end_ms: int


class ItemDeleted(ServerEvent, tag="conversation.item.deleted", kw_only=True):
    """An item is gone."""

    item_id: str


class SpeechStarted(ServerEvent, tag="input_audio_buffer.speech_started", kw_only=True):
    """The user speaks; the item of these words already has its id."""

    audio_start_ms: int
    item_id: str


class SpeechStopped(ServerEvent, tag="input_audio_buffer.speech_stopped", kw_only=True):
    """The user stopped."""

    audio_end_ms: int
    item_id: str


class Committed(ServerEvent, tag="input_audio_buffer.committed", kw_only=True):
    """Buffered audio becomes an item."""

    previous_item_id: str | None
    item_id: str


class Cleared(ServerEvent, tag="input_audio_buffer.cleared", kw_only=True):
    """Buffered audio was forgotten."""


class TimeoutTriggered(ServerEvent, tag="input_audio_buffer.timeout_triggered", kw_only=True):
    """The user said nothing for ``idle_timeout_ms``."""

    audio_start_ms: int
    audio_end_ms: int
    item_id: str


class TranscriptionDelta(ServerEvent, tag="conversation.item.input_audio_transcription.delta", kw_only=True):
    """Some of the user's words."""

    item_id: str
    content_index: int = 0
    delta: str


class TokenDetails(Struct, kw_only=True):
    """Tokens by kind."""

    text_tokens: int
    audio_tokens: int


class TranscriptionUsage(Struct, tag_field="type", tag="tokens", kw_only=True):
    """What a transcription would have cost."""

    total_tokens: int
    input_tokens: int
    input_token_details: TokenDetails
    output_tokens: int


class TranscriptionCompleted(ServerEvent, tag="conversation.item.input_audio_transcription.completed", kw_only=True):
    """All of the user's words."""

    item_id: str
    content_index: int = 0
    transcript: str
    usage: TranscriptionUsage


class TranscriptionFailed(ServerEvent, tag="conversation.item.input_audio_transcription.failed", kw_only=True):
    """The user's words could not be written down."""

    item_id: str
    content_index: int = 0
    error: ErrorBody


class CachedDetails(Struct, kw_only=True):
    """Cached tokens by kind."""

    text_tokens: int
    audio_tokens: int
    image_tokens: int = 0


class InputDetails(Struct, kw_only=True):
    """Input tokens by kind; cached ones are counted in the others too."""

    text_tokens: int
    audio_tokens: int
    image_tokens: int = 0
    cached_tokens: int
    cached_tokens_details: CachedDetails


class Usage(Struct, kw_only=True):
    """What a response would have cost."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: InputDetails
    output_token_details: TokenDetails


class FailureBody(Struct, kw_only=True):
    """Why a response failed."""

    type: str
    code: str
    message: str


class StatusDetails(Struct, omit_defaults=True, kw_only=True):
    """Why a response did not complete."""

    type: Literal["cancelled", "incomplete", "failed"]
    reason: Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"] | None = None
    error: FailureBody | None = None


class ResponseVoice(Struct, kw_only=True):
    """How a response sounds."""

    format: AudioFormatConfig
    voice: str | VoiceId


class ResponseAudio(Struct, kw_only=True):
    """The audio part of a response."""

    output: ResponseVoice


ResponseStatus = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]


class ResponseBody(Struct, kw_only=True):
    """A response; ``conversation_id`` is null beside the conversation."""

    object: Literal["realtime.response"] = "realtime.response"
    id: str
    status: ResponseStatus = "in_progress"
    status_details: StatusDetails | None = None
    output: list[Item] = []
    conversation_id: str | None
    output_modalities: list[Literal["audio", "text"]]
    max_output_tokens: int | Literal["inf"]
    audio: ResponseAudio
    usage: Usage | None = None
    metadata: dict[str, str] | None = None


class ResponseCreated(ServerEvent, tag="response.created", kw_only=True):
    """A response begins."""

    response: ResponseBody


class ResponseDone(ServerEvent, tag="response.done", kw_only=True):
    """A response has ended, one way or the other."""

    response: ResponseBody


class _OutputItem(ServerEvent, kw_only=True):
    response_id: str
    output_index: int
    item: Item


class OutputItemAdded(_OutputItem, tag="response.output_item.added"):
    """A response begins an item."""


class OutputItemDone(_OutputItem, tag="response.output_item.done"):
    """A response has finished an item."""


class AudioPart(Struct, tag_field="type", tag="audio", kw_only=True):
    """A spoken part; its name on the wire is ``audio``, unlike the content's in items."""

    transcript: str


class TextPart(Struct, tag_field="type", tag="text", kw_only=True):
    """A written part."""

    text: str


class _InPart(ServerEvent, kw_only=True):
    response_id: str
    item_id: str
    output_index: int
    content_index: int = 0


class PartAdded(_InPart, tag="response.content_part.added", kw_only=True):
    """An item begins a part."""

    part: AudioPart | TextPart


class PartDone(_InPart, tag="response.content_part.done", kw_only=True):
    """An item has finished a part."""

    part: AudioPart | TextPart


class AudioDelta(_InPart, tag="response.output_audio.delta", kw_only=True):
    """Some speech, base64."""

    delta: str


class AudioDone(_InPart, tag="response.output_audio.done"):
    """No more speech of this part."""


class TranscriptDelta(_InPart, tag="response.output_audio_transcript.delta", kw_only=True):
    """Some words of the speech. ``obfuscation`` is padding, used by the huge-frame fault."""

    delta: str
    obfuscation: str | UnsetType = UNSET


class TranscriptDone(_InPart, tag="response.output_audio_transcript.done", kw_only=True):
    """All words of the speech that was sent."""

    transcript: str


class TextDelta(_InPart, tag="response.output_text.delta", kw_only=True):
    """Some written words."""

    delta: str


class TextDone(_InPart, tag="response.output_text.done", kw_only=True):
    """All written words."""

    text: str


class _InCall(ServerEvent, kw_only=True):
    response_id: str
    item_id: str
    output_index: int
    call_id: str


class ArgumentsDelta(_InCall, tag="response.function_call_arguments.delta", kw_only=True):
    """Some of a call's arguments."""

    delta: str


class ArgumentsDone(_InCall, tag="response.function_call_arguments.done", kw_only=True):
    """All of a call's arguments."""

    name: str
    arguments: str


class RateLimit(Struct, kw_only=True):
    """One budget."""

    name: Literal["tokens"]
    limit: int
    remaining: int
    reset_seconds: float


class RateLimitsUpdated(ServerEvent, tag="rate_limits.updated", kw_only=True):
    """What is left; comes right after each ``response.done``."""

    rate_limits: list[RateLimit]


class FutureEvent(ServerEvent, tag="response.output_scent.delta", kw_only=True):
    """An event of a protocol to come: a fault switch, so that clients prove that they ignore what they don't know."""

    response_id: str | None = None
    scent: dict[str, str] = {}


class RawEvent(ServerEvent, tag="", kw_only=True):
    """An event of a script, written as it stands there."""

    fields: dict[str, Any]


class Place(TypedDict):
    """Where in a response something happens."""

    response_id: str
    item_id: str
    output_index: int


class CallPlace(Place):
    """Where in a response a tool call happens."""

    call_id: str


class Ids:
    """Makes ids as the API's look: a prefix and 20 random characters."""

    def __init__(self, token: Callable[[], str] | None = None) -> None:
        self._token = token or (lambda: secrets.token_hex(10))

    def new(self, prefix: str) -> str:
        """Return a fresh id such as ``item_…``."""
        return f"{prefix}_{self._token()}"


@dataclass(frozen=True, slots=True)
class Send:
    """Write this event to the client."""

    event: ServerEvent


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket with ``code`` after all that was sent; ``abrupt`` cuts the TCP connection instead."""

    code: int
    reason: str
    abrupt: bool = False


Output = Send | Job | Close


class Outbox:
    """Collects what a session wants done, in order, until the driver takes it."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self._outputs: list[Output] = []

    def send(self, event: ServerEvent) -> None:
        """Give an event its id and put it in line."""
        event.event_id = self.ids.new("event")
        self._outputs.append(Send(event))

    def refuse(self, why: Refused) -> None:
        """Put the error event of a refused client event in line."""
        body = ErrorBody(type=why.type, code=why.code, message=why.message, param=why.param, event_id=why.event_id)
        self.send(Error(error=body))

    def ask(self, job: Job) -> None:
        """Put speech work in line."""
        self._outputs.append(job)

    def close(self, code: int, reason: str, *, abrupt: bool = False) -> None:
        """Put the end in line."""
        self._outputs.append(Close(code, reason, abrupt))

    def take(self) -> list[Output]:
        """Return all that is in line, and forget it."""
        outputs, self._outputs = self._outputs, []
        return outputs


_ENCODER = msgspec.json.Encoder()


def to_frame(event: ServerEvent) -> str:
    """Return the event as one text frame."""
    if isinstance(event, RawEvent):
        return _ENCODER.encode({"event_id": event.event_id, **event.fields}).decode()
    return _ENCODER.encode(event).decode()
