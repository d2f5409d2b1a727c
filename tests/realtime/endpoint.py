"""Endpoints on loopback that do as a test says, and an ear that waits for what a session tells."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from gateway.clock import SystemClock
from gateway.contracts.model import ModelEvent, ModelSession
from gateway.realtime.client import SocketLimits
from gateway.realtime.connector import RealtimeConnector
from gateway.settings.schema import EndpointSettings
from tests.realtime.official import heard

KEY = "sk-test-0123456789"
HELLO = heard("session.created", session={"type": "realtime", "id": "sess_1"}).decode()

Event = TypeVar("Event", bound=ModelEvent)


def settings(url: str, **changes: Any) -> EndpointSettings:
    fields: dict[str, Any] = {"type": "compatible", "url": url, "model": "m", "api_key": SecretStr(KEY)}
    return EndpointSettings(**(fields | changes))


def connector(url: str, *, limits: SocketLimits | None = None, **changes: Any) -> RealtimeConnector:
    options = {name: changes.pop(name) for name in ("credential", "trace", "tls", "dialect") if name in changes}
    return RealtimeConnector("main", settings(url, **changes), clock=SystemClock(), limits=limits, **options)


@contextlib.asynccontextmanager
async def endpoint(behave: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> AsyncIterator[str]:
    """Serve ``behave`` for every session that is opened; give the base URL."""
    options.setdefault("compression", None)
    options.setdefault("close_timeout", 0.2)
    if "sock" not in options:
        options |= {"host": "127.0.0.1", "port": 0}
    async with serve(behave, **options) as server:
        port = server.sockets[0].getsockname()[1]
        scheme = "https" if options.get("ssl") else "http"
        yield f"{scheme}://127.0.0.1:{port}/v1"


@contextlib.asynccontextmanager
async def tcp(behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve bare TCP; give the base URL. In the end every connection must have been let go of by the client."""
    handlers: set[asyncio.Task[None] | None] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await behave(reader, writer)
                while await reader.read(65536):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with asyncio.timeout(5):
        await asyncio.gather(*(handler for handler in handlers if handler is not None))


class BareSocket:
    """The server's side of a WebSocket, frame by frame, that answers nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.protocol = ServerProtocol(max_size=None)
        self._events: list[Any] = []

    async def accept(self, *more: str) -> None:
        """Grant the upgrade, and send text messages in the same segment."""
        request = await self.next()
        assert isinstance(request, Request)
        self.protocol.send_response(self.protocol.accept(request))
        for text in more:
            self.protocol.send_text(text.encode())
        self._writer.write(b"".join(self.protocol.data_to_send()))

    async def next(self) -> Any:
        """Return the next thing that came, without any answer to it."""
        while not self._events:
            data = await self._reader.read(65536)
            if not data:
                raise ConnectionError("the peer is gone")
            self.protocol.receive_data(data)
            self._events = self.protocol.events_received()
            if not any(isinstance(event, Frame) for event in self._events):
                continue
            self.protocol.data_to_send()  # pongs and close frames that are not to be sent
        return self._events.pop(0)

    async def next_ping(self) -> bytes:
        """Return the payload of the next ping."""
        while True:
            frame = await self.next()
            if frame.opcode is Opcode.PING:
                return bytes(frame.data)

    def pong(self, payload: bytes) -> None:
        """Answer a ping."""
        self.protocol.send_pong(payload)
        self._writer.write(b"".join(self.protocol.data_to_send()))


def narrow_listener() -> socket.socket:
    """Return a listening socket whose connections take in next to nothing until somebody reads."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening


class Ear:
    """A listener that remembers everything and can be waited on."""

    def __init__(self) -> None:
        self.events: list[ModelEvent] = []
        self._news = asyncio.Event()
        self.raises = 0

    def on_model(self, event: ModelEvent) -> None:
        self.events.append(event)
        self._news.set()
        if self.raises:
            self.raises -= 1
            raise RuntimeError("caller's words: 4111")

    async def hears(self, kind: type[Event]) -> Event:
        """Wait for the next event of that kind that was not yet asked for."""
        async with asyncio.timeout(5):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        self.events.remove(event)
                        return event
                self._news.clear()
                await self._news.wait()


async def listening(url: str, **changes: Any) -> tuple[ModelSession, Ear]:
    """Connect and listen."""
    session = await connector(url, **changes).connect()
    ear = Ear()
    session.listen(ear)
    return session, ear
