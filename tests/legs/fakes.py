"""A carrier's end of a media socket without a network, a listener that remembers, and a leg that is all pretence."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket

from gateway.audio.format import PCMU_8K, AudioFormat, AudioFrame
from gateway.contracts.leg import (
    HeardSignal,
    KeyPressed,
    LegCapabilities,
    LegEnded,
    LegEvent,
    LegListener,
    LegStarted,
    MarkReturned,
    TransferTarget,
)
from gateway.errors import Ending, Party, Unsupported
from gateway.legs.carriers.base import StreamCounters, StreamEvent, WireMessage


class Remembering:
    """A listener that keeps everything it hears, in order."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []

    def on_audio(self, frame: AudioFrame) -> None:
        self.events.append(frame)

    def on_leg(self, event: LegEvent) -> None:
        self.events.append(event)

    @property
    def audio(self) -> bytes:
        return b"".join(event.raw for event in self.events if isinstance(event, AudioFrame))

    @property
    def endings(self) -> list[Ending]:
        return [event.ending for event in self.events if isinstance(event, LegEnded)]

    @property
    def marks(self) -> list[str]:
        return [event.name for event in self.events if isinstance(event, MarkReturned)]


class FakeSocket:
    """An ASGI WebSocket, accepted, whose other end is held by the test. It closes as uvicorn's does."""

    def __init__(self) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reads = asyncio.Event()
        self._reads.set()
        self.closes_when_told = True
        self.sent: list[WireMessage] = []
        self.close_code: int | None = None
        self.socket = WebSocket({"type": "websocket", "headers": []}, self._receive, self._send)

    async def accept(self) -> FakeSocket:
        self._incoming.put_nowait({"type": "websocket.connect"})
        await self.socket.accept()
        return self

    async def _receive(self) -> dict[str, Any]:
        return await self._incoming.get()

    async def _send(self, message: Any) -> None:
        await self._reads.wait()
        if message["type"] == "websocket.send":
            self.sent.append(message["text"] if message.get("text") is not None else message["bytes"])
        elif message["type"] == "websocket.close":
            self.close_code = message["code"]
            if self.closes_when_told:
                self.vanish(message["code"])

    def says(self, message: dict[str, Any] | str | bytes) -> None:
        """Have the carrier send a message."""
        if isinstance(message, bytes):
            self._incoming.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def vanish(self, code: int = 1006) -> None:
        """Have the socket close from the carrier's side."""
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": code})

    def stall(self) -> None:
        """Have the carrier stop reading."""
        self._reads.clear()

    def read_on(self) -> None:
        """Have the carrier read again."""
        self._reads.set()

    @property
    def told(self) -> list[dict[str, Any]]:
        """What the carrier got, as JSON."""
        return [json.loads(message) for message in self.sent]


async def settle() -> None:
    """Let everything that is ready to run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


# --- Twilio's words ---------------------------------------------------------------------------------------------------


def start(
    *,
    call_sid: str = "CA90",
    stream_sid: str = "MZ51aa",
    parameters: dict[str, str] | None = None,
    encoding: str = "audio/x-mulaw",
    rate_hz: int = 8000,
) -> dict[str, Any]:
    return {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": stream_sid,
        "start": {
            "streamSid": stream_sid,
            "accountSid": "AC77",
            "callSid": call_sid,
            "tracks": ["inbound"],
            "customParameters": parameters or {},
            "mediaFormat": {"encoding": encoding, "sampleRate": rate_hz, "channels": 1},
        },
    }


def media(frame: AudioFrame, chunk: int, *, stream_sid: str = "MZ51aa", timestamp_ms: int | None = None) -> str:
    """Return a media message, written as Twilio does."""
    stamp = chunk * 20 if timestamp_ms is None else timestamp_ms
    return (
        f'{{"event":"media","sequenceNumber":"{chunk + 1}","streamSid":"{stream_sid}","media":{{"track":"inbound",'
        f'"chunk":"{chunk}","timestamp":"{stamp}","payload":"{frame.base64.decode()}"}}}}'
    )


def mark(name: str, *, stream_sid: str = "MZ51aa") -> dict[str, Any]:
    return {"event": "mark", "sequenceNumber": "9", "streamSid": stream_sid, "mark": {"name": name}}


def dtmf(key: str, *, stream_sid: str = "MZ51aa") -> dict[str, Any]:
    track = {"track": "inbound_track", "digit": key}
    return {"event": "dtmf", "sequenceNumber": "9", "streamSid": stream_sid, "dtmf": track}


def stop(*, call_sid: str = "CA90", stream_sid: str = "MZ51aa") -> dict[str, Any]:
    ids = {"accountSid": "AC77", "callSid": call_sid}
    return {"event": "stop", "sequenceNumber": "9", "streamSid": stream_sid, "stop": ids}


CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}


def tone(index: int = 0, size_bytes: int = 160) -> AudioFrame:
    """Return a frame that can be told from any other."""
    return AudioFrame(PCMU_8K, bytes((index * 37 + at) % 256 for at in range(size_bytes)))


# --- another carrier, for the capabilities that Twilio lacks ----------------------------------------------------------


class PlainCore:
    """A carrier of the test's own making: bytes are audio, and words are everything else.

    It has no marks of its own where ``heard`` says so, and then ``send_mark`` sends nothing.
    """

    carrier = "plain"

    def __init__(self, capabilities: LegCapabilities, audio: AudioFormat = PCMU_8K) -> None:
        self.capabilities = capabilities
        self.counters = StreamCounters()
        self.ticket = ""
        self.started: LegStarted | None = None
        self._audio = audio

    def receive(self, message: WireMessage) -> list[StreamEvent]:
        if isinstance(message, bytes):
            frame = AudioFrame(self._audio, message)
            self.counters.received_ms += frame.duration_ms
            return [frame]
        word, _, rest = message.partition(" ")
        match word:
            case "start":
                self.started = LegStarted(leg_id=rest, stream_id="", from_caller=self._audio, to_caller=self._audio)
                return [self.started]
            case "mark":
                return [MarkReturned(rest)]
            case "key":
                return [KeyPressed(rest)]
            case "stop":
                return [LegEnded(Ending(Party.CALLER, "hung_up"))]
        raise AssertionError(message)

    def send_audio(self, frame: AudioFrame) -> list[WireMessage]:
        return [frame.raw]

    def send_mark(self, name: str) -> list[WireMessage]:
        return [f"mark {name}"] if self.capabilities.heard is HeardSignal.NAMED_MARKS else []

    def clear(self) -> list[WireMessage]:
        return ["clear"]


# --- a leg without any wire -------------------------------------------------------------------------------------------


@dataclass
class FakeLeg:
    """A leg that keeps the contract and has nothing behind it; the test is its carrier.

    ``wire`` is what the carrier has got, ``(word, value)`` in order. While ``stalled`` it gets nothing.
    """

    capabilities: LegCapabilities
    started: LegStarted = field(
        default_factory=lambda: LegStarted(leg_id="CA90", stream_id="", from_caller=PCMU_8K, to_caller=PCMU_8K)
    )
    wire: list[tuple[str, Any]] = field(default_factory=list)
    stalled: bool = False
    call_is_up: bool = True
    transferred_to: str | None = None
    socket_is_open: bool = True

    def __post_init__(self) -> None:
        self._waiting: deque[tuple[str, Any]] = deque()
        self._listener: LegListener | None = None
        self._unheard: list[StreamEvent] = [self.started]
        self._ended = False

    def tells(self, events: Sequence[StreamEvent]) -> None:
        """Have the carrier tell of something."""
        for event in events:
            if self._ended:
                return
            self._ended = isinstance(event, LegEnded)
            if self._listener is None:
                self._unheard.append(event)
            elif isinstance(event, AudioFrame):
                self._listener.on_audio(event)
            else:
                self._listener.on_leg(event)

    def flush(self) -> None:
        """Have the carrier read what waits."""
        if not self.stalled:
            self.wire.extend(self._waiting)
            self._waiting.clear()

    def listen(self, listener: LegListener) -> None:
        unheard, self._unheard = self._unheard, []
        for event in unheard:
            if isinstance(event, AudioFrame):
                listener.on_audio(event)
            else:
                listener.on_leg(event)
        self._listener = listener

    def send_audio(self, frame: AudioFrame) -> None:
        self._put("audio", frame.raw)

    def send_mark(self, name: str) -> None:
        if self.capabilities.heard is HeardSignal.NAMED_MARKS:
            self._put("mark", name)

    def clear(self) -> None:
        self._waiting.clear()
        self._put("clear", None)

    def _put(self, word: str, value: Any) -> None:
        if not self._ended:
            self._waiting.append((word, value))
            self.flush()

    async def send_digits(self, digits: str) -> None:
        raise Unsupported("fake: sends no keys")

    async def transfer(self, target: TransferTarget) -> None:
        if not self.capabilities.transfers:
            raise Unsupported("fake: transfers nobody")
        self.transferred_to = target.uri
        self._go(Ending(Party.AGENT, "transferred"))

    async def hang_up(self) -> None:
        if not self._ended:
            self.call_is_up = False
        self._go(Ending(Party.GATEWAY, "hung_up"))

    async def close(self) -> None:
        self._go(Ending(Party.GATEWAY, "closed"))

    def _go(self, ending: Ending) -> None:
        self.socket_is_open = False
        self._waiting.clear()
        self.tells([LegEnded(ending)])
