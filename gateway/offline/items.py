"""The items of a conversation as they stand on the wire: messages, function calls and their outputs.

Two readings: :func:`read_item` takes what a client wants to add and refuses what the API would refuse; the structs are
what the server shows. Recorded sessions show no ``object`` on items and no ``status`` on function outputs, and so here.
Items of MCP tools are not served.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
import pybase64
from msgspec import UNSET, Struct, UnsetType

from gateway.offline.refusals import Refused, refusal

Status = Literal["in_progress", "completed", "incomplete"]
MAX_ID_CHARACTERS: Final = 32
"""Longest id that a client may choose for an item or a tool call."""


class InputText(Struct, tag_field="type", tag="input_text", forbid_unknown_fields=True):
    """Words written by the user or the system."""

    text: str


class InputAudio(Struct, tag_field="type", tag="input_audio", forbid_unknown_fields=True, kw_only=True):
    """Speech of the user; ``audio`` is base64 in the session's input format and shown only on retrieval."""

    audio: str | UnsetType = UNSET
    transcript: str | None = None


class InputImage(Struct, tag_field="type", tag="input_image", forbid_unknown_fields=True, kw_only=True):
    """A picture as a data URI; kept, and never looked at."""

    image_url: str
    detail: Literal["auto", "low", "high"] | UnsetType = UNSET


class OutputText(Struct, tag_field="type", tag="output_text", forbid_unknown_fields=True):
    """Words written by the assistant."""

    text: str


class OutputAudio(Struct, tag_field="type", tag="output_audio", forbid_unknown_fields=True, kw_only=True):
    """Speech of the assistant. A truncated one has no transcript."""

    audio: str | UnsetType = UNSET
    transcript: str | UnsetType = UNSET


Content = InputText | InputAudio | InputImage | OutputText | OutputAudio


class Message(Struct, tag_field="type", tag="message", kw_only=True):
    """What somebody said or wrote."""

    id: str
    status: Status = "completed"
    role: Literal["system", "user", "assistant"]
    content: list[Content]


class FunctionCall(Struct, tag_field="type", tag="function_call", kw_only=True):
    """A tool that the model wants run; ``arguments`` is JSON text."""

    id: str
    status: Status = "completed"
    name: str
    call_id: str
    arguments: str


class FunctionOutput(Struct, tag_field="type", tag="function_call_output", kw_only=True):
    """What a tool gave back."""

    id: str
    call_id: str
    output: str


Item = Message | FunctionCall | FunctionOutput


class ItemReference(Struct, tag_field="type", tag="item_reference", kw_only=True):
    """An item of the conversation, named by its id; in the input of a response only."""

    id: str


class _Draft(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field that any item may have; which ones must and may not be there is judged below."""

    type: str
    id: str | None = None
    object: str | None = None
    status: Status | None = None
    role: Literal["system", "user", "assistant"] | None = None
    content: list[msgspec.Raw] | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: str | None = None


_FIELDS: Final = {
    "message": ({"role", "content"}, {"role", "content"}),
    "function_call": ({"name", "arguments"}, {"name", "arguments", "call_id"}),
    "function_call_output": ({"call_id", "output"}, {"call_id", "output"}),
    "item_reference": ({"id"}, set[str]()),
}
"""Type of an item → the fields that it needs and those that it may have beside ``id``, ``object`` and ``status``."""

_ALLOWED: Final[dict[str, tuple[type[Content], ...]]] = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (OutputText,),
}


def read_item(raw: msgspec.Raw, *, under: str, new_id: str, new_call_id: str) -> Item | ItemReference:
    """Return the item that a client wrote; ``under`` is its path in the event, for the error's ``param``.

    ``new_id`` and ``new_call_id`` are used where the client gave none.

    Raises:
        Refused: a field is missing, unknown or wrong; assistant audio can't be put in from outside.

    """
    try:
        draft = msgspec.json.decode(raw, type=_Draft)
    except msgspec.ValidationError as error:
        raise refusal(error, under=under) from error
    if draft.type not in _FIELDS:
        raise Refused("invalid_value", f"'{draft.type}' is not a type of item served here", param=f"{under}.type")
    _check_fields(draft, under)
    item_id = draft.id or new_id
    match draft.type:
        case "message":
            assert draft.role is not None
            assert draft.content is not None
            parts = [_read_part(part, draft.role, f"{under}.content[{n}]") for n, part in enumerate(draft.content)]
            return Message(id=item_id, role=draft.role, status=draft.status or "completed", content=parts)
        case "function_call":
            assert draft.name is not None
            assert draft.arguments is not None
            return FunctionCall(
                id=item_id, name=draft.name, call_id=draft.call_id or new_call_id, arguments=draft.arguments
            )
        case "function_call_output":
            assert draft.call_id is not None
            assert draft.output is not None
            return FunctionOutput(id=item_id, call_id=draft.call_id, output=draft.output)
        case _:
            return ItemReference(id=item_id)


def _check_fields(draft: _Draft, under: str) -> None:
    needed, allowed = _FIELDS[draft.type]
    given = {
        name
        for name in draft.__struct_fields__
        if name not in {"type", "id", "object", "status"} and getattr(draft, name) is not None
    }
    if draft.id is not None:
        given.add("id")
    for name in sorted(needed - given):
        raise Refused(
            "missing_required_parameter", f"missing required parameter: '{under}.{name}'", param=f"{under}.{name}"
        )
    for name in sorted(given - allowed - {"id"}):
        raise Refused("unknown_parameter", f"unknown parameter: '{under}.{name}'", param=f"{under}.{name}")
    for name in ("id", "call_id"):
        value = getattr(draft, name)
        if value is not None and not 0 < len(value) <= MAX_ID_CHARACTERS:
            raise Refused(
                "invalid_value",
                f"'{under}.{name}' has {len(value)} characters; 1 to {MAX_ID_CHARACTERS} are wanted",
                param=f"{under}.{name}",
            )


def _read_part(raw: msgspec.Raw, role: str, under: str) -> Content:
    try:
        part = msgspec.json.decode(raw, type=Content)
    except msgspec.ValidationError as error:
        raise refusal(error, under=under) from error
    if not isinstance(part, _ALLOWED[role]):
        kind = type(part).__struct_config__.tag
        raise Refused(
            "invalid_value", f"a message of role '{role}' can't hold content of type '{kind}'", param=f"{under}.type"
        )
    if isinstance(part, InputAudio):
        if part.audio is UNSET:
            raise Refused(
                "missing_required_parameter", f"missing required parameter: '{under}.audio'", param=f"{under}.audio"
            )
        decode_audio(part.audio, param=f"{under}.audio")
    return part


def decode_audio(text: str, *, param: str) -> bytes:
    """Return the bytes of a base64 field.

    Raises:
        Refused: it is not base64.

    """
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused("invalid_value", f"'{param}' is not base64", param=param) from error
