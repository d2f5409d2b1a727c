"""Twilio Media Streams, bidirectional (``<Connect><Stream>``), without I/O.

In: ``connected``, ``start``, ``media``, ``dtmf``, ``mark``, ``stop``. Out: ``media``, ``mark``, ``clear``, and nothing
else exists. A ``clear`` makes Twilio return every outstanding mark exactly as if it had been played. There is no
outbound DTMF. Documents and REST requests are in ``twilio_calls``.

Source: Twilio's Media Streams "WebSocket messages" page, as read in November 2026 from a stored copy.

Almost every message is ``media``, 50 a second and call. One typed parse reads it whole: at this size (373 bytes) that
was measured to be faster than finding the payload by position (0.5 against 0.9 us), it holds for every way of writing
the JSON, and the payload stays base64 text all the same. So there is no second, positional way in.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeVar

import msgspec
import pybase64

from gateway.audio.format import PCMU_8K, AudioFormat, AudioFrame
from gateway.contracts.leg import (
    FramesLost,
    HeardSignal,
    KeyPressed,
    LegCapabilities,
    LegEnded,
    LegStarted,
    MarkReturned,
    MarksOnClear,
)
from gateway.errors import Ending, Party, StreamProtocolError
from gateway.legs.carriers.base import ArrivalLog, CloseCode, StreamCounters, StreamEvent, WireMessage
from gateway.legs.carriers.media_format import audio_format

TOKEN_PARAMETER: Final = "gateway_token"  # noqa: S105 - a name
CALLER_PARAMETER: Final = "gateway_caller"
DIALED_PARAMETER: Final = "gateway_dialed"
"""Custom parameters of our own: ``start`` names neither caller nor dialled number, so our document passes them on."""

MAX_MEDIA_MS: Final = 1000
"""Milliseconds of audio in one outbound message; Twilio takes any size, but a clear waits for a message on its way."""

_GRANULE_MS: Final = 20
"""Outbound audio goes in multiples of this; partial frames were heard as jitter."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_KEYS: Final = frozenset("0123456789*#ABCD")
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MEDIA_TAIL: Final = '"}}'
_KNOWN_EVENTS: Final = frozenset({"connected", "start", "media", "dtmf", "mark", "stop"})


# --- the messages, as Twilio writes them ------------------------------------------------------------------------------

_Counter = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""A number that Twilio writes as a string and simulators write as a number: the decoder is told to take both."""


class _MediaFormat(msgspec.Struct, rename="camel"):
    encoding: str
    sample_rate: _Counter
    channels: _Counter = 1


class _Start(msgspec.Struct, rename="camel"):
    call_sid: str
    media_format: _MediaFormat
    stream_sid: str | None = None
    custom_parameters: dict[str, str] | None = None


class _Media(msgspec.Struct):
    payload: str
    track: str = "inbound"
    chunk: _Counter | None = None
    timestamp: _Counter | None = None


class _Dtmf(msgspec.Struct):
    digit: str
    duration: _Counter | None = None


class _Mark(msgspec.Struct):
    name: str


class _Message(msgspec.Struct, rename="camel"):
    event: str
    stream_sid: str | None = None
    start: _Start | None = None
    media: _Media | None = None
    dtmf: _Dtmf | None = None
    mark: _Mark | None = None


class _AnyMessage(msgspec.Struct):
    event: str


class _MarkOut(msgspec.Struct, rename="camel", tag_field="event", tag="mark"):
    stream_sid: str
    mark: _Mark


class _ClearOut(msgspec.Struct, rename="camel", tag_field="event", tag="clear"):
    stream_sid: str


_MESSAGE: Final = msgspec.json.Decoder(_Message, strict=False)
_ANY_MESSAGE: Final = msgspec.json.Decoder(_AnyMessage)
_ENCODER: Final = msgspec.json.Encoder()
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What the parser raises on text that is no JSON, holds lone surrogates, or nests too deep."""


class TwilioStream:
    """One Twilio media stream: a :class:`~gateway.legs.carriers.base.StreamProtocol`.

    Args:
        message_bytes: the largest message that is read.
        parameter_bytes: all custom parameters together, names and values.

    """

    carrier: Final = "twilio"
    capabilities: Final = LegCapabilities(heard=HeardSignal.NAMED_MARKS, marks_on_clear=MarksOnClear.ECHOED)

    def __init__(self, *, message_bytes: int, parameter_bytes: int) -> None:
        self._message_bytes = message_bytes
        self._parameter_bytes = parameter_bytes
        self._started: LegStarted | None = None
        self._stopped = False
        self._ticket = ""
        self._arrivals = ArrivalLog()
        self._held_back = b""
        # Known from ``start`` on, and at hand for every frame.
        self._stream_sid = ""
        self._format = PCMU_8K
        self._ms_per_byte = 0.0
        self._media_out = ""
        self._granule_bytes = 0
        self.counters = StreamCounters()

    @property
    def started(self) -> LegStarted | None:
        """How the stream began, or None before ``start``."""
        return self._started

    @property
    def ticket(self) -> str:
        """The one-time token among ``start``'s custom parameters; empty if there was none."""
        return self._ticket

    # --- from Twilio --------------------------------------------------------------------------------------------

    def receive(self, message: WireMessage) -> list[StreamEvent]:
        """Take a message and return what it means; after ``stop`` everything is ignored.

        Raises:
            StreamProtocolError: 1002 out of order or for another stream, 1003 not text or an audio format that we
                lack, 1007 not what the message should look like, 1009 too big.

        """
        self.counters.messages += 1
        if self._stopped:
            return []
        try:
            if not isinstance(message, str):
                raise _fault("a binary message came; only text is spoken here", CloseCode.UNACCEPTABLE)
            # No character takes more than four bytes, so few messages need to be measured.
            if len(message) * 4 > self._message_bytes and len(message.encode(errors="replace")) > self._message_bytes:
                raise _fault(
                    f"a message is longer than limits.message_bytes ({self._message_bytes})", CloseCode.TOO_BIG
                )
            return self._parsed(message)
        except StreamProtocolError:
            self.counters.broken += 1
            self._stopped = True
            raise

    def _parsed(self, text: str) -> list[StreamEvent]:
        try:
            message = _MESSAGE.decode(text)
        except _UNREADABLE as error:
            return self._unreadable(text, error)
        match message.event:
            case "media":
                return self._on_media(message)
            case "mark":
                self._expect_started(message)
                return [MarkReturned(_part(message.mark, "mark").name)]
            case "dtmf":
                self._expect_started(message)
                return [_key(_part(message.dtmf, "dtmf"))]
            case "start":
                return [self._on_start(message)]
            case "stop":
                self._expect_started(message)
                self._stopped = True
                return [LegEnded(Ending(Party.CALLER, "hung_up"))]
            case "connected":
                return []
            case _:
                self.counters.unknown_events += 1
                return []

    def _unreadable(self, text: str, error: Exception) -> list[StreamEvent]:
        """Forgive a message of an unknown kind that happens to use our names otherwise; refuse any other."""
        try:
            event = _ANY_MESSAGE.decode(text).event
        except _UNREADABLE:
            raise _fault("a message is no JSON object with an event", CloseCode.MALFORMED) from None
        if event in _KNOWN_EVENTS:
            raise _fault(f'"{event}" is malformed: {_shape_of(error)}', CloseCode.MALFORMED) from None
        self.counters.unknown_events += 1
        return []

    def _on_start(self, message: _Message) -> LegStarted:
        if self._started is not None:
            raise _fault(f'"start" came twice on call {self._started.leg_id}', CloseCode.PROTOCOL)
        start = _part(message.start, "start")
        stream_sid = start.stream_sid if start.stream_sid is not None else message.stream_sid
        if message.stream_sid not in {None, stream_sid}:
            raise _fault('"start" names two streams', CloseCode.PROTOCOL)
        for name, value in (("callSid", start.call_sid), ("streamSid", stream_sid)):
            if value is None or not _IDENTIFIER.fullmatch(value):
                raise _fault(
                    f'"start" has no usable {name}: 1 to 64 letters, digits, "_", "-", "." or ":"', CloseCode.MALFORMED
                )
        assert stream_sid is not None
        parameters = start.custom_parameters or {}
        size_bytes = sum(len(name.encode()) + len(value.encode()) for name, value in parameters.items())
        if size_bytes > self._parameter_bytes:
            raise _fault(
                f"custom parameters take more than limits.parameter_bytes ({self._parameter_bytes})", CloseCode.TOO_BIG
            )
        self._ticket = parameters.pop(TOKEN_PARAMETER, "")
        audio = _format(start.media_format)
        self._stream_sid = stream_sid
        self._format = audio
        self._ms_per_byte = audio.duration_ms(1)
        self._media_out = f'{{"event":"media","streamSid":"{stream_sid}","media":{{"payload":"'
        self._granule_bytes = audio.size_bytes(_GRANULE_MS)
        self._started = LegStarted(
            leg_id=start.call_sid,
            stream_id=stream_sid,
            caller_number=parameters.pop(CALLER_PARAMETER, ""),
            dialed_number=parameters.pop(DIALED_PARAMETER, ""),
            from_caller=audio,
            to_caller=audio,
            parameters=parameters,
        )
        return self._started

    def _on_media(self, message: _Message) -> list[StreamEvent]:
        self._expect_started(message)
        media = _part(message.media, "media")
        if media.track != "inbound":
            raise _fault('"media" is of another track than "inbound"; use <Connect>, not <Start>', CloseCode.PROTOCOL)
        payload = media.payload.encode()
        padding = payload.translate(None, _BASE64)
        if len(payload) % 4 or (padding and (padding not in {b"=", b"=="} or not payload.endswith(padding))):
            raise _fault("a media payload is not base64", CloseCode.MALFORMED)
        if not payload:
            return []
        size_bytes = len(payload) // 4 * 3 - len(padding)
        if size_bytes % self._format.bytes_per_sample:
            raise _fault(f"a media payload of {size_bytes} bytes ends within a sample", CloseCode.MALFORMED)
        duration_ms = size_bytes * self._ms_per_byte
        self.counters.received_ms += duration_ms
        lost_ms = self._arrivals.lost_before(media.chunk, media.timestamp, duration_ms)
        frame = AudioFrame(self._format, None, payload)
        if not lost_ms:
            return [frame]
        self.counters.lost_ms += lost_ms
        return [FramesLost(lost_ms), frame]

    def _expect_started(self, message: _Message) -> None:
        if self._started is None:
            raise _fault(f'"{message.event}" came before "start"', CloseCode.PROTOCOL)
        if message.stream_sid != self._stream_sid and message.stream_sid is not None:
            raise _fault(f'"{message.event}" is for another stream than {self._stream_sid}', CloseCode.PROTOCOL)

    # --- to Twilio ----------------------------------------------------------------------------------------------

    def send_audio(self, frame: AudioFrame) -> list[WireMessage]:
        """Return ``media`` messages of whole 20 ms frames; what is left over waits for more, or for a mark.

        Raises:
            ValueError: the frame is not in the stream's format.

        """
        assert self._started is not None, "nothing may be sent before start"
        audio = self._started.to_caller
        if frame.format is not audio and frame.format != audio:
            raise ValueError(f"audio to the caller is {frame.format}; this stream takes {audio}")
        size_bytes = frame.size_bytes
        most_bytes = audio.size_bytes(MAX_MEDIA_MS)
        if not self._held_back and 0 < size_bytes <= most_bytes and not size_bytes % self._granule_bytes:
            return [self._media(frame.base64)]
        waiting = self._held_back + frame.raw
        whole_bytes = len(waiting) - len(waiting) % self._granule_bytes
        self._held_back = waiting[whole_bytes:]
        return [
            self._media(pybase64.b64encode(waiting[at : min(at + most_bytes, whole_bytes)]))
            for at in range(0, whole_bytes, most_bytes)
        ]

    def send_mark(self, name: str) -> list[WireMessage]:
        """Return the ``mark``, and before it the audio that waited for a whole frame: a mark is behind all of it."""
        assert self._started is not None, "nothing may be sent before start"
        held_back, self._held_back = self._held_back, b""
        mark = _ENCODER.encode(_MarkOut(self._started.stream_id, _Mark(name))).decode()
        return [self._media(pybase64.b64encode(held_back)), mark] if held_back else [mark]

    def clear(self) -> list[WireMessage]:
        """Return the ``clear``; audio that waited for a whole frame is forgotten."""
        assert self._started is not None, "nothing may be sent before start"
        self._held_back = b""
        return [_ENCODER.encode(_ClearOut(self._started.stream_id)).decode()]

    def _media(self, payload: bytes) -> str:
        return f"{self._media_out}{payload.decode('ascii')}{_MEDIA_TAIL}"


def _fault(message: str, close_code: CloseCode) -> StreamProtocolError:
    return StreamProtocolError(f"twilio media stream: {message}", close_code=close_code)


_Part = TypeVar("_Part")


def _part(part: _Part | None, name: str) -> _Part:
    if part is None:
        raise _fault(f'"{name}" has no "{name}" object', CloseCode.MALFORMED)
    return part


def _shape_of(error: Exception) -> str:
    """Return what was wrong with a message's shape; the parser's own words name types and places, never values."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "unreadable text"


def _key(dtmf: _Dtmf) -> KeyPressed:
    key = dtmf.digit.upper()
    if key not in _KEYS:
        raise _fault("a key is none of 0-9, *, #, A-D", CloseCode.MALFORMED)
    return KeyPressed(key, dtmf.duration)


def _format(offered: _MediaFormat) -> AudioFormat:
    """Return the audio format that ``start`` names, or refuse one that we lack."""
    try:
        return audio_format(offered.encoding, offered.sample_rate, offered.channels)
    except ValueError as error:
        raise _fault(str(error), CloseCode.UNACCEPTABLE) from None
