"""What turns one kind of endpoint's wire into the words of ``contracts/model.py``, without I/O.

A dialect is made for each session and remembers what that session's wire needs remembered. It says where to connect,
which messages a command becomes and what an arriving message means. It never waits, reads no clock and opens no
socket; :mod:`gateway.realtime.session` drives it. A further provider is one more file with a class like this: one
that speaks first (``hello``), one that takes audio in binary messages (``binary_audio``), at other rates
(``capabilities``), or one without truncation (``truncate`` then returns no message).

Ids that a dialect has to make up, because its endpoint names none, are never used twice in a process: a call may have
several sessions, one after the other, and takes an id for what it was in the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.audio.format import AudioFrame
from gateway.contracts.model import ModelCapabilities, ModelEvent, ResponseRequest, SessionLost, SessionSetup
from gateway.realtime.credentials import Secret
from gateway.settings.schema import EndpointSettings


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """Where to open the WebSocket and what to say at the door."""

    url: str
    """``ws://`` or ``wss://``, complete with its query."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Name and value of each header beyond those of the WebSocket handshake itself; they hold the secret."""


class Dialect(Protocol):
    """One session's translation between an endpoint's wire and ours."""

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the endpoint can do. Commands for what it can't return no messages."""
        ...

    @property
    def binary_audio(self) -> bool:
        """Whether ``append`` makes binary messages; every other command makes text."""
        ...

    @property
    def welcomed(self) -> bool:
        """Whether the endpoint has let us in and takes commands; true from the start where it never speaks first."""
        ...

    @property
    def ignored(self) -> Mapping[str, int]:
        """How often each kind of message came that this dialect does not know."""
        ...

    def connect_request(self, secret: Secret | None) -> ConnectRequest:
        """Return where and how to connect."""
        ...

    def hello(self) -> list[bytes]:
        """Return what is sent as soon as the socket is open, before the endpoint has said anything."""
        ...

    def receive(self, message: str | bytes | bytearray) -> list[ModelEvent]:
        """Return what a text message, or its UTF-8 bytes, means; often nothing.

        Raises:
            ModelError: the message is broken. The session can go on.

        """
        ...

    def receive_binary(self, message: bytes | bytearray) -> list[ModelEvent]:
        """Return what a binary message means.

        Raises:
            ModelError: the message is broken, or this endpoint sends none.

        """
        ...

    def lost(self, code: int, reason: str) -> SessionLost:
        """Return what it means that the endpoint closed with a WebSocket close code (1006: without one)."""
        ...

    def configure(self, setup: SessionSetup) -> list[bytes]:
        """Return the messages that set the session up, now or again."""
        ...

    def append(self, frame: AudioFrame) -> bytes:
        """Return the one message that adds caller audio; on the audio path, so built without an encoder."""
        ...

    def clear_input(self) -> list[bytes]:
        """Return the messages that forget audio which is no item yet."""
        ...

    def add_image(self, data_uri: str) -> list[bytes]:
        """Return the messages that add a picture of the caller's; none where the endpoint takes no pictures."""
        ...

    def commit_input(self) -> list[bytes]:
        """Return the messages that make an item of the audio so far; asked only where ``capabilities.commits``."""
        ...

    def respond(self, request: ResponseRequest) -> list[bytes]:
        """Return the messages that ask for an answer."""
        ...

    def cancel(self, response_id: str) -> list[bytes]:
        """Return the messages that stop a response."""
        ...

    def truncate(self, item_id: str, heard_ms: int) -> list[bytes]:
        """Return the messages that cut an item after ``heard_ms`` milliseconds."""
        ...

    def delete_item(self, item_id: str) -> list[bytes]:
        """Return the messages that take an item out of the model's memory."""
        ...

    def add_message(
        self, role: Literal["user", "assistant", "system"], text: str, item_id: str | None = None
    ) -> list[bytes]:
        """Return the messages that add a written item."""
        ...

    def add_tool_call(self, tool_call_id: str, name: str, arguments: str, item_id: str | None = None) -> list[bytes]:
        """Return the messages that add a tool call which the model made in another session."""
        ...

    def tool_result(self, tool_call_id: str, output: str, item_id: str | None = None) -> list[bytes]:
        """Return the messages that answer a tool call."""
        ...


DialectFactory = Callable[[str, EndpointSettings], Dialect]
"""Makes a dialect for one session of an endpoint, given its name and settings.

Raises ConfigurationError if the settings can't be meant for it; the connector makes one at start to find out.
"""
