"""What the simulator's tests put in the place of a voice and of a gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pybase64
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from gateway.audio import g711, tones
from gateway.simulator.handset import Action, Handset, Write

TONE = g711.encode_ulaw(tones.tone(400, 1000, 8000))


def agent_audio(ms: int) -> bytes:
    """Audible mu-law of this length."""
    return (TONE * (ms // 1000 + 1))[: ms * 8]


@dataclass
class ToneSpoken:
    pcm: bytes


class ToneVoice:
    """Speaks each text as a tone of 60 ms a character: exact, loud to its ends and quick to make."""

    def speak(
        self, text: str, *, language: str = "en", voice: str | None = None, rate_hz: int = 24000, speed: float = 1.0
    ) -> ToneSpoken:
        return ToneSpoken(tones.tone(500, 60 * len(text) / speed, rate_hz))


def media(stream_sid: str, payload: bytes) -> str:
    encoded = pybase64.b64encode(payload).decode()
    return json.dumps({"event": "media", "streamSid": stream_sid, "media": {"payload": encoded}})


def mark(stream_sid: str, name: str) -> str:
    return json.dumps({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def clear(stream_sid: str) -> str:
    return json.dumps({"event": "clear", "streamSid": stream_sid})


def speech(stream_sid: str, item: int, ms: int, *, every_ms: int = 200) -> list[str]:
    """An item as a gateway sends it: a mark before its first byte, audio, a mark every so often."""
    audio = agent_audio(ms)
    frames = [mark(stream_sid, f"{item}:0")]
    for start in range(0, ms, every_ms):
        stop = min(start + every_ms, ms)
        frames += [media(stream_sid, audio[start * 8 : stop * 8]), mark(stream_sid, f"{item}:{stop}")]
    return frames


# --- virtual time -------------------------------------------------------------------------------------------------

Reply = Callable[[dict[str, object], float], list[str]]


def play_out(handset: Handset, answer: Reply, *, until_ms: float = 60_000) -> list[tuple[float, Action]]:
    """Run a handset against a gateway that answers at once, in virtual time; return what it wrote and when."""
    written: list[tuple[float, Action]] = []
    now_ms = 0.0
    handset.open(now_ms)
    while now_ms <= until_ms and not handset.over:
        for action in handset.wake(now_ms):
            written.append((now_ms, action))
            if isinstance(action, Write) and isinstance(action.frame, str):
                with contextlib.suppress(json.JSONDecodeError):
                    for frame in answer(json.loads(action.frame), now_ms):
                        handset.receive(frame, now_ms)
        due = handset.next_wake_ms()
        if due is None:
            break
        now_ms = max(now_ms, due)
    return written


def messages(written: list[tuple[float, Action]], event: str) -> list[tuple[float, dict[str, object]]]:
    """The written messages of one kind with their times."""
    texts = [(at, json.loads(w.frame)) for at, w in written if isinstance(w, Write) and isinstance(w.frame, str)]
    return [(at, message) for at, message in texts if message["event"] == event]


# --- real sockets -------------------------------------------------------------------------------------------------


@dataclass
class Webhook:
    """A request that reached the fake gateway."""

    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class FakeGateway:
    """A gateway that answers webhooks with given TwiML and lets a coroutine handle the media stream."""

    twiml: dict[str, str] = field(default_factory=dict)
    """By path; ``{ws}`` stands for the media stream's address, ``{http}`` for this server's own."""
    handle: Callable[[FakeStream], object] | None = None
    webhooks: list[Webhook] = field(default_factory=list)
    streams: list[FakeStream] = field(default_factory=list)
    refuse_with: int | None = None
    http: str = ""
    ws: str = ""

    def paths(self) -> list[str]:
        return [webhook.path for webhook in self.webhooks]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[FakeGateway]:
        async with serve(self._media, "127.0.0.1", 0, process_request=self._upgrade) as sockets:
            self.ws = f"ws://127.0.0.1:{next(iter(sockets.sockets)).getsockname()[1]}/twilio/media"
            server = await asyncio.start_server(self._webhook, "127.0.0.1", 0)
            self.http = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                yield self
            finally:
                server.close()
                await server.wait_closed()

    def _upgrade(self, connection: ServerConnection, request: object) -> object:
        return None if self.refuse_with is None else connection.respond(self.refuse_with, "no\n")

    async def _media(self, connection: ServerConnection) -> None:
        stream = FakeStream(connection, dict(connection.request.headers.raw_items()))
        self.streams.append(stream)
        with contextlib.suppress(ConnectionClosed):
            if self.handle is not None:
                await self.handle(stream)
            else:
                async for _ in stream:
                    pass

    async def _webhook(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = first.split(" ")[1]
        self.webhooks.append(Webhook(path, headers, dict(parse_qsl(body.decode(), keep_blank_values=True))))
        answer = self.twiml.get(path.partition("?")[0])
        if answer is None:
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        else:
            content = answer.replace("{ws}", self.ws).replace("{http}", self.http).encode()
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(content)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + content
            )
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@dataclass
class FakeStream:
    """The gateway's end of a media stream."""

    connection: ServerConnection
    headers: dict[str, str]
    received: list[dict[str, object]] = field(default_factory=list)
    stream_sid: str = ""
    call_sid: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    def __aiter__(self) -> AsyncIterator[dict[str, object]]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[dict[str, object]]:
        async for text in self.connection:
            message = json.loads(text)
            self.received.append(message)
            if message["event"] == "start":
                self.stream_sid = message["streamSid"]
                self.call_sid = message["start"]["callSid"]
                self.parameters = message["start"]["customParameters"]
            yield message

    async def until(self, event: str) -> dict[str, object]:
        async for message in self:
            if message["event"] == event:
                return message
        raise AssertionError(f"the stream ended before {event!r}")

    async def until_mark(self, name: str) -> None:
        async for message in self:
            if message["event"] == "mark" and message["mark"]["name"] == name:
                return

    async def say(self, item: int, ms: int) -> None:
        for frame in speech(self.stream_sid, item, ms):
            await self.connection.send(frame)

    async def clear(self) -> None:
        await self.connection.send(clear(self.stream_sid))
