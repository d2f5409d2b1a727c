"""What the Realtime API (GA) says to us, as types, decoded once at the edge.

Only what the gateway reads is here: fields that are unknown, late or unused are skipped by the decoder, and parts
whose shape differs between endpoints stay raw until they are needed (``Raw``), so that a strange usage report can't
cost us the end of a response. Audio deltas mostly go past this decoder (:mod:`gateway.realtime.audio_path`); what we
say is in :mod:`gateway.realtime.wire_client`.

Source: Realtime API reference, server events, read November 2026.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from gateway.errors import ModelError


class SessionCreated(Struct, frozen=True):
    """``session.created``: the first word."""

    session: Raw = Raw()


class SessionUpdated(Struct, frozen=True):
    """``session.updated``: a session.update was taken; ``session`` is the full, effective configuration."""

    session: Raw = Raw()


class SpeechStarted(Struct, frozen=True):
    """``input_audio_buffer.speech_started``; milliseconds of all audio appended so far."""

    item_id: str
    audio_start_ms: float


class SpeechStopped(Struct, frozen=True):
    """``input_audio_buffer.speech_stopped``."""

    item_id: str
    audio_end_ms: float


class Committed(Struct, frozen=True):
    """``input_audio_buffer.committed``: buffered audio became an item."""

    item_id: str
    previous_item_id: str | None = None


class TranscriptionDelta(Struct, frozen=True):
    """``conversation.item.input_audio_transcription.delta``."""

    item_id: str
    delta: str | None = None


class TranscriptionCompleted(Struct, frozen=True):
    """``conversation.item.input_audio_transcription.completed``."""

    item_id: str
    transcript: str | None = None
    usage: Raw = Raw()


class TranscriptionSegment(Struct, frozen=True):
    """``conversation.item.input_audio_transcription.segment``; times are seconds in the item's audio."""

    item_id: str
    text: str = ""
    speaker: str | None = None
    start: float = 0.0
    end: float = 0.0


class ErrorBody(Struct, frozen=True):
    """What went wrong; ``event_id`` is that of the client event which caused it."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    event_id: str | None = None


class TranscriptionFailed(Struct, frozen=True):
    """``conversation.item.input_audio_transcription.failed``."""

    item_id: str
    error: ErrorBody = ErrorBody()


class ErrorEvent(Struct, frozen=True):
    """``error``: the session normally lives on."""

    error: ErrorBody


class Content(Struct, frozen=True):
    """A part of a message item: written or spoken."""

    text: str | None = None
    transcript: str | None = None


class Item(Struct, frozen=True):
    """An item of the conversation: a message or a function call; others only by their type."""

    id: str = ""
    type: str = ""
    role: str | None = None
    status: str | None = None
    content: list[Content] | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None


class ItemFinished(Struct, frozen=True):
    """``conversation.item.done``: an item is final. Names no response."""

    item: Item


class OutputItemAdded(Struct, frozen=True):
    """``response.output_item.added``: a response begins an item."""

    response_id: str
    item: Item


class OutputItemDone(Struct, frozen=True):
    """``response.output_item.done``: a response has finished an item."""

    response_id: str
    item: Item


class Response(Struct, frozen=True):
    """A response, at its start or its end."""

    id: str
    status: str | None = None
    conversation_id: str | UnsetType | None = UNSET
    metadata: Raw = Raw()
    status_details: Raw = Raw()
    usage: Raw = Raw()
    output: Raw = Raw()


class ResponseCreated(Struct, frozen=True):
    """``response.created``."""

    response: Response


class ResponseFinished(Struct, frozen=True):
    """``response.done``, whatever its status."""

    response: Response


class AudioDelta(Struct, frozen=True):
    """``response.output_audio.delta``; ``delta`` is base64."""

    response_id: str
    item_id: str
    delta: str
    event_id: str = ""


class TranscriptDelta(Struct, frozen=True):
    """``response.output_audio_transcript.delta``: words that are being spoken."""

    response_id: str
    item_id: str
    delta: str


class TextDelta(Struct, frozen=True):
    """``response.output_text.delta``: words that are written and not spoken."""

    response_id: str
    item_id: str
    delta: str


class TranscriptDone(Struct, frozen=True):
    """``response.output_audio_transcript.done``: all words of one spoken part."""

    response_id: str
    item_id: str
    transcript: str = ""
    content_index: int = 0


class TextDone(Struct, frozen=True):
    """``response.output_text.done``: all words of one written part."""

    response_id: str
    item_id: str
    text: str = ""
    content_index: int = 0


class ArgumentsDone(Struct, frozen=True):
    """``response.function_call_arguments.done``; some endpoints leave the name out, then the item has it."""

    response_id: str
    item_id: str
    call_id: str
    arguments: str = ""
    name: str | None = None


class Truncated(Struct, frozen=True):
    """``conversation.item.truncated``."""

    item_id: str
    audio_end_ms: float = 0


class McpFailed(Struct, frozen=True):
    """``mcp_list_tools.failed`` and ``response.mcp_call.failed``: a tool server of the endpoint's own failed."""

    item_id: str = ""


ServerEvent = (
    AudioDelta
    | TranscriptDelta
    | TextDelta
    | TranscriptionDelta
    | TranscriptionCompleted
    | TranscriptionSegment
    | TranscriptionFailed
    | SpeechStarted
    | SpeechStopped
    | Committed
    | ResponseCreated
    | ResponseFinished
    | OutputItemAdded
    | OutputItemDone
    | ItemFinished
    | TranscriptDone
    | TextDone
    | ArgumentsDone
    | Truncated
    | SessionCreated
    | SessionUpdated
    | McpFailed
    | ErrorEvent
)

_BETA_NAMES: Final = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
}
"""Events that the beta protocol calls otherwise; some servers of the GA protocol still do, so both are always taken."""

_READ: Final[dict[str, type[ServerEvent]]] = {
    "error": ErrorEvent,
    "session.created": SessionCreated,
    "session.updated": SessionUpdated,
    "input_audio_buffer.speech_started": SpeechStarted,
    "input_audio_buffer.speech_stopped": SpeechStopped,
    "input_audio_buffer.committed": Committed,
    "conversation.item.done": ItemFinished,
    "conversation.item.truncated": Truncated,
    "conversation.item.input_audio_transcription.delta": TranscriptionDelta,
    "conversation.item.input_audio_transcription.completed": TranscriptionCompleted,
    "conversation.item.input_audio_transcription.segment": TranscriptionSegment,
    "conversation.item.input_audio_transcription.failed": TranscriptionFailed,
    "response.created": ResponseCreated,
    "response.done": ResponseFinished,
    "response.output_item.added": OutputItemAdded,
    "response.output_item.done": OutputItemDone,
    "response.output_audio.delta": AudioDelta,
    "response.output_audio_transcript.delta": TranscriptDelta,
    "response.output_audio_transcript.done": TranscriptDone,
    "response.output_text.delta": TextDelta,
    "response.output_text.done": TextDone,
    "response.function_call_arguments.done": ArgumentsDone,
    "mcp_list_tools.failed": McpFailed,
    "response.mcp_call.failed": McpFailed,
}

_READ.update({beta: _READ[ga] for beta, ga in _BETA_NAMES.items()})

KNOWN_BUT_UNUSED: Final = frozenset(
    {
        "conversation.created",
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.retrieved",
        "input_audio_buffer.cleared",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "output_audio_buffer.cleared",
        "rate_limits.updated",
        "transcription_session.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_audio.done",
        "response.audio.done",
        "response.function_call_arguments.delta",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "mcp_list_tools.in_progress",
        "mcp_list_tools.completed",
    }
)
"""Events of the protocol that tell the gateway nothing which another event does not tell it too."""


class _Head(Struct):
    type: str


_HEAD: Final = msgspec.json.Decoder(_Head)
_DECODERS: Final[dict[str, msgspec.json.Decoder[ServerEvent]]] = {
    name: msgspec.json.Decoder(kind) for name, kind in _READ.items()
}

_HIGH: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE: Final = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, rb"\\u[dD][89abAB]..", _LOW))
"""Half a character, as servers write it that cut text between two UTF-16 units."""


def parse(message: str | bytes | bytearray) -> tuple[str, ServerEvent | None]:
    """Return a message's type, and the event if it is one that the gateway reads.

    Raises:
        ModelError: it is no JSON object with a type, or an event that lacks what it is there for.

    """
    kind = ""
    try:
        kind = _HEAD.decode(message).type
        decoder = _DECODERS.get(kind)
        return kind, None if decoder is None else decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        data = message.encode("utf-8", "replace") if isinstance(message, str) else bytes(message)
        mended = _LONE_SURROGATE.sub(rb"\\ufffd", data)
        if mended != data:
            return parse(mended)
        raise ModelError(
            f"realtime event {kind or 'without a readable type'!r} of {len(data)} bytes can't be read: "
            f"{_what(error)}; it was skipped"
        ) from None


def _what(error: Exception) -> str:
    """Name a decoding error without quoting the message: that is somebody's words."""
    if isinstance(error, msgspec.DecodeError):
        return str(error)[:200]
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deeply"
