"""What a client may send: the eleven client events of the Realtime API, typed, and nothing else.

The decoder is strict, as the API is: an unknown key or a wrong type is refused with the path of the field. Parts whose
meaning needs the session (its configuration, an item) stay raw here and are read where they are understood.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.offline.refusals import Refused, refusal
from gateway.offline.session_config import AudioFormatConfig, FunctionTool, Reasoning, ToolChoice, VoiceId

MAX_FRAME_BYTES: Final = 21 * 1024 * 1024
"""A frame: the API's limit of 15 MiB of audio for one append, as base64, plus the envelope."""


class _Event(Struct, tag_field="type", forbid_unknown_fields=True, kw_only=True):
    event_id: str | None = None


class UpdateSession(_Event, tag="session.update"):
    """Change the session's configuration; fields left out stay as they are."""

    session: msgspec.Raw


class AppendAudio(_Event, tag="input_audio_buffer.append"):
    """Add audio of the user, base64 in the session's input format."""

    audio: str


class CommitAudio(_Event, tag="input_audio_buffer.commit"):
    """Make an item of the audio that is buffered."""


class ClearAudio(_Event, tag="input_audio_buffer.clear"):
    """Forget the audio that is buffered."""


class CreateItem(_Event, tag="conversation.item.create"):
    """Add an item; ``previous_item_id`` absent is the end, ``"root"`` the beginning."""

    item: msgspec.Raw
    previous_item_id: str | None = None


class RetrieveItem(_Event, tag="conversation.item.retrieve"):
    """Show an item with its audio."""

    item_id: str


class TruncateItem(_Event, tag="conversation.item.truncate"):
    """Forget an assistant item's audio after ``audio_end_ms``, because nobody heard it."""

    item_id: str
    content_index: int
    audio_end_ms: int


class DeleteItem(_Event, tag="conversation.item.delete"):
    """Take an item out of the conversation."""

    item_id: str


class OutputChoice(Struct, forbid_unknown_fields=True, kw_only=True):
    """How one response sounds."""

    format: AudioFormatConfig | UnsetType = UNSET
    voice: str | VoiceId | UnsetType = UNSET


class AudioChoice(Struct, forbid_unknown_fields=True, kw_only=True):
    """The audio part of a response's parameters."""

    output: OutputChoice | UnsetType = UNSET


class ResponseChoice(Struct, forbid_unknown_fields=True, kw_only=True):
    """What one response does differently from the session."""

    conversation: Literal["auto", "none"] = "auto"
    input: list[msgspec.Raw] | None = None
    instructions: str | None = None
    output_modalities: list[Literal["audio", "text"]] | None = None
    audio: AudioChoice | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    metadata: dict[str, str] | None = None
    prompt: dict[str, Any] | None = None


class CreateResponse(_Event, tag="response.create"):
    """Answer now."""

    response: ResponseChoice | None = None


class CancelResponse(_Event, tag="response.cancel"):
    """Stop a response; without an id the one of the default conversation."""

    response_id: str | None = None


class ClearOutput(_Event, tag="output_audio_buffer.clear"):
    """Drop audio that the server still plays; has a meaning on WebRTC and SIP only."""


ClientEvent = (
    UpdateSession
    | AppendAudio
    | CommitAudio
    | ClearAudio
    | CreateItem
    | RetrieveItem
    | TruncateItem
    | DeleteItem
    | CreateResponse
    | CancelResponse
    | ClearOutput
)

EVENT_TYPES: Final[frozenset[str]] = frozenset(str(kind.__struct_config__.tag) for kind in get_args(ClientEvent))
"""The names of the client events."""


class _Head(Struct):
    type: Any = None
    event_id: Any = None


_HEAD: Final = msgspec.json.Decoder(_Head)
_EVENT: Final[msgspec.json.Decoder[ClientEvent]] = msgspec.json.Decoder(ClientEvent)


def read_event(frame: str | bytes) -> ClientEvent:
    """Return the client event in one frame.

    Raises:
        Refused: not a JSON object, no ``type``, an unknown one, or fields that do not fit; with the client's
            ``event_id`` wherever it could be read.

    """
    try:
        return _EVENT.decode(frame)
    except msgspec.ValidationError as error:
        raise _explain(frame, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("invalid_event", "the frame is not JSON") from error


def _explain(frame: str | bytes, error: msgspec.ValidationError) -> Refused:
    try:
        head = _HEAD.decode(frame)
    except msgspec.ValidationError:
        return Refused("invalid_event", "an event is a JSON object")
    event_id = head.event_id if isinstance(head.event_id, str) else None
    if not isinstance(head.type, str):
        return Refused("invalid_event", "an event needs a 'type'", param="type", event_id=event_id)
    if head.type not in EVENT_TYPES:
        wanted = ", ".join(sorted(EVENT_TYPES))
        message = f"invalid value: '{head.type}'; supported values are: {wanted}"
        return Refused("invalid_value", message, param="type", event_id=event_id)
    found = refusal(error)
    found.event_id = event_id
    return found
