"""Twilio's side of a bidirectional media stream: what Twilio writes, and how it judges what it is sent.

Sans-IO: methods give the text frames to write; :meth:`TwilioStream.receive` says what a frame from the gateway asks
for. Playing it, and returning its marks, is the playout's business (``simulator/playout.py``).

Twilio takes three messages only: media, mark and clear, with the right ``streamSid``. Everything else is warning
31951: counted here each time, so that no fault hides behind the first.

Source: Twilio Voice, "Media Streams - WebSocket messages" and error 31951.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pybase64

FRAME_MS: Final = 20
"""A media message to the gateway holds this much."""
FRAME_BYTES: Final = 160
INVALID_MESSAGE: Final = 31951
"""The gateway sent something that Twilio does not take."""
CONGESTED: Final = 31930
"""The gateway read too slowly and Twilio threw caller audio away."""
HANDSHAKE_FAILED: Final = 31920
"""The gateway answered the upgrade with something else than 101."""
CONNECTION_FAILED: Final = 31901
"""The gateway's address did not take the connection in time."""
KEYS: Final = frozenset("0123456789*#ABCD")
_SHOWN_CHARACTERS: Final = 120


def new_sid(prefix: str) -> str:
    """Return a Twilio-like id: a two-letter prefix and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Play:
    """The gateway queues audio."""

    payload: bytes
    """Mu-law, 8000 Hz."""


@dataclass(frozen=True, slots=True)
class SetMark:
    """The gateway wants this name back once everything before it was heard."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearQueue:
    """The gateway drops what was not heard."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Twilio would raise a warning and go on."""

    code: int
    """Twilio's number of it."""
    why: str

    def __str__(self) -> str:
        return f"{self.code}: {self.why}"


Asked = Play | SetMark | ClearQueue | Warned
"""What a frame from the gateway can mean."""


@dataclass(slots=True)
class TwilioStream:
    """One media stream as Twilio writes and reads it.

    ``skip`` counts a frame of caller audio that Twilio had and did not send; its number is missing on the wire.
    """

    call_sid: str
    account_sid: str
    stream_sid: str = field(default_factory=lambda: new_sid("MZ"))
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What ``<Parameter>`` gave; arrives as ``customParameters``."""
    _sequence: int = 0
    _chunk: int = 0

    def connected(self) -> str:
        """Return the first message, which names no stream yet."""
        return _write({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self) -> str:
        """Return the message that opens the stream."""
        return self._numbered(
            "start",
            {
                "streamSid": self.stream_sid,
                "accountSid": self.account_sid,
                "callSid": self.call_sid,
                "tracks": ["inbound"],
                "customParameters": dict(self.parameters),
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            },
        )

    def media(self, payload: bytes, timestamp_ms: int) -> str:
        """Return a frame of caller audio; ``timestamp_ms`` is the stream's age at the frame's end."""
        self._chunk += 1
        encoded = pybase64.b64encode(payload).decode("ascii")
        return self._numbered(
            "media",
            {"track": "inbound", "chunk": str(self._chunk), "timestamp": str(timestamp_ms), "payload": encoded},
        )

    def skip(self) -> None:
        """Count a frame that is lost between Twilio and the gateway."""
        self._chunk += 1

    def dtmf(self, key: str) -> str:
        """Return a key press.

        Raises:
            ValueError: ``key`` is not one of ``0-9 * # A-D``.

        """
        if key not in KEYS:
            raise ValueError(f"key {key!r} is on no telephone; wanted one of 0-9 * # A-D")
        return self._numbered("dtmf", {"track": "inbound_track", "digit": key})

    def mark(self, name: str) -> str:
        """Return a mark that comes back."""
        return self._numbered("mark", {"name": name})

    def stop(self) -> str:
        """Return the last message."""
        return self._numbered("stop", {"accountSid": self.account_sid, "callSid": self.call_sid})

    def receive(self, frame: str | bytes) -> Asked:
        """Say what a frame from the gateway asks for; never raises for what a gateway may send."""
        if isinstance(frame, bytes):
            return Warned(INVALID_MESSAGE, f"a binary frame of {len(frame)} bytes; only text is taken")
        try:
            message = msgspec.json.decode(frame)
        except (msgspec.DecodeError, RecursionError) as error:
            return Warned(INVALID_MESSAGE, f"not JSON ({error}): {_shown(frame)}")
        if not isinstance(message, dict):
            return Warned(INVALID_MESSAGE, f"not a JSON object: {_shown(frame)}")
        event = message.get("event")
        if event not in ("media", "mark", "clear"):  # may be unhashable
            return Warned(INVALID_MESSAGE, f"event {_shown(repr(event))}; only media, mark and clear are taken")
        if message.get("streamSid") != self.stream_sid:
            wrong = _shown(repr(message.get("streamSid")))
            return Warned(INVALID_MESSAGE, f"{event} for stream {wrong}, this one is {self.stream_sid}")
        match event:
            case "media":
                return _media(message)
            case "mark":
                return _mark(message)
            case _:
                return ClearQueue()

    def _numbered(self, event: str, body: Mapping[str, object]) -> str:
        self._sequence += 1
        return _write(
            {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream_sid, event: body}
        )


def _media(message: Mapping[str, Any]) -> Asked:
    media = message.get("media")
    payload = media.get("payload") if isinstance(media, dict) else None
    if not isinstance(payload, str) or not payload:
        return Warned(INVALID_MESSAGE, "media without a payload")
    try:
        return Play(pybase64.b64decode(payload, validate=True))
    except ValueError as error:  # binascii.Error is one
        return Warned(INVALID_MESSAGE, f"media whose payload is not base64: {error}")


def _mark(message: Mapping[str, Any]) -> Asked:
    mark = message.get("mark")
    name = mark.get("name") if isinstance(mark, dict) else None
    if not isinstance(name, str) or not name:
        return Warned(INVALID_MESSAGE, "mark without a name")
    return SetMark(name)


def _write(message: Mapping[str, object]) -> str:
    return msgspec.json.encode(message).decode("utf-8")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
