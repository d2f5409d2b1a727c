"""What we say to the Realtime API (GA and beta), as types, encoded once at the edge.

A command whose refusal must be recognised carries an ``event_id`` that says by itself which command it was and what it
was about: the endpoint gives it back in ``error.event_id``, and nothing has to be remembered. Audio does not come this
way (:mod:`gateway.realtime.audio_path`).

Source: Realtime API reference, client events, read November 2026.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType


class ClientEvent(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Anything that is said to the endpoint."""

    event_id: str


class SessionUpdate(ClientEvent, frozen=True, kw_only=True, tag="session.update"):
    """Set the session up; fields left out stay as they are."""

    session: dict[str, Any]


class InputClear(ClientEvent, frozen=True, kw_only=True, tag="input_audio_buffer.clear"):
    """Forget audio that is no item yet."""


class InputCommit(ClientEvent, frozen=True, kw_only=True, tag="input_audio_buffer.commit"):
    """Make an item of the audio so far."""


class ResponseBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What differs for one response from what the session says."""

    metadata: dict[str, str]
    conversation: str | UnsetType = UNSET
    input: list[Any] | UnsetType = UNSET
    output_modalities: list[str] | UnsetType = UNSET
    modalities: list[str] | UnsetType = UNSET
    """The same in the beta protocol."""
    instructions: str | UnsetType = UNSET
    tools: list[dict[str, Any]] | UnsetType = UNSET
    tool_choice: str | dict[str, Any] | UnsetType = UNSET


class ResponseCreate(ClientEvent, frozen=True, kw_only=True, tag="response.create"):
    """Ask for a response."""

    response: ResponseBody


class ResponseCancel(ClientEvent, frozen=True, kw_only=True, tag="response.cancel"):
    """Stop a response; always by its id, so that it can't hit the next one."""

    response_id: str


class ItemCreate(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.create"):
    """Add an item at the conversation's end."""

    item: dict[str, Any]


class ItemTruncate(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.truncate"):
    """Cut an item of the model after ``audio_end_ms`` milliseconds of its audio."""

    item_id: str
    audio_end_ms: int
    content_index: int = 0


class ItemDelete(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.delete"):
    """Take an item out of the conversation."""

    item_id: str


_ENCODER: Final = msgspec.json.Encoder()

encode = _ENCODER.encode
"""Returns a client event as the bytes of its message."""


COMMANDS: Final = frozenset(
    {
        "configure",
        "clear_input",
        "add_image",
        "commit_input",
        "respond",
        "cancel",
        "truncate",
        "delete_item",
        "add_message",
        "add_tool_call",
        "tool_result",
    }
)
"""The commands that an ``event_id`` may name: the methods of ``ModelSession``."""

_SUBJECT_CHARACTERS: Final = 400
"""An event id has at most 512 characters."""


def event_id(command: str, subject: str = "") -> str:
    """Return an event id that says which command it belongs to and what that was about."""
    return f"{command}:{subject[:_SUBJECT_CHARACTERS]}"


def cause(event_id: str | None) -> tuple[str, str]:
    """Return the command and the subject of an event id of ours; two empty strings for any other."""
    command, colon, subject = (event_id or "").partition(":")
    return (command, subject) if colon and command in COMMANDS else ("", "")


def writable(text: str) -> str:
    """Return ``text`` as it can be written in UTF-8: half characters become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
