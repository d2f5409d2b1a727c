"""One media stream on a real socket: carries bytes between a gateway and a :class:`Handset`, and holds no rules."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from gateway.simulator.carriers.twilio import CONGESTED, CONNECTION_FAILED, HANDSHAKE_FAILED, Warned
from gateway.simulator.carriers.twilio_webhook import SIGNATURE_HEADER
from gateway.simulator.handset import CloseSocket, Handset, LetGo, ResetSocket, Write
from gateway.simulator.outcome import CallEvent
from gateway.simulator.pace import Pace

OPEN_LIMIT_S: Final = 5.0
_FAREWELL_LIMIT_S: Final = 5.0
"""How long the gateway may take to close after the carrier said farewell."""
_MOST_WAITING_FRAMES: Final = 250
"""Caller audio kept for a gateway that does not read: 5 s, then the oldest is dropped (warning 31930)."""
_LARGEST_MESSAGE_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where a media stream is dialled."""

    url: str
    """What the upgrade request is made to: ``ws://`` or ``wss://``."""
    host: str | None = None
    """Where the TCP connection goes instead, as through a proxy that ends TLS."""
    port: int | None = None
    signature: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the proxy adds."""


class StreamRefused(Exception):
    """The gateway did not take the media stream. ``status`` is its HTTP answer, None if there was none."""

    def __init__(self, warning: Warned, status: int | None) -> None:
        super().__init__(str(warning))
        self.warning = warning
        self.status = status


async def dial(address: Address) -> ClientConnection:
    """Open a media stream's socket.

    Raises:
        StreamRefused: nobody there, too slow, or an answer other than 101.

    """
    headers = dict(address.headers)
    if address.signature is not None:
        headers[SIGNATURE_HEADER] = address.signature
    elsewhere: dict[str, Any] = {} if address.host is None else {"host": address.host, "port": address.port}
    try:
        return await connect(
            address.url,
            additional_headers=headers,
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=OPEN_LIMIT_S,
            close_timeout=_FAREWELL_LIMIT_S,
            ping_interval=None,
            max_size=_LARGEST_MESSAGE_BYTES,
            **elsewhere,
        )
    except InvalidStatus as refused:
        status = refused.response.status_code
        warning = Warned(HANDSHAKE_FAILED, f"{address.url} answered the upgrade with {status}, wanted 101")
        raise StreamRefused(warning, status) from refused
    except (OSError, TimeoutError, InvalidHandshake) as error:
        reason = str(error) or type(error).__name__
        raise StreamRefused(Warned(CONNECTION_FAILED, f"{address.url}: {reason}"), None) from error


class StreamSocket:
    """Runs one handset on one socket until both are done.

    Args:
        connection: the open socket; it is closed by :meth:`run`, whatever happens.
        handset: the caller.
        pace: the call's time; its zero is the stream's first instant.
        read_pause_ms: how long the carrier takes over each message (``Faults.slow_reader_ms``).
        emit: told when the network is congested.

    """

    def __init__(
        self,
        connection: ClientConnection,
        handset: Handset,
        pace: Pace,
        *,
        read_pause_ms: float = 0.0,
        emit: Callable[[CallEvent], None] = lambda event: None,
    ) -> None:
        self._connection = connection
        self._handset = handset
        self._pace = pace
        self._read_pause_s = read_pause_ms / pace.speedup / 1000
        self._emit = emit
        self._moved = asyncio.Event()
        self._unwritten: deque[Write] = deque()
        self._frames_waiting = 0
        self._to_write = asyncio.Event()
        self._finishing = False
        self._congested = False

    def nudge(self) -> None:
        """Make the handset look again: somebody has told it something."""
        self._moved.set()

    async def run(self) -> None:
        """Carry the call to its end."""
        reading = asyncio.create_task(self._read(), name="simulated caller reads")
        writing = asyncio.create_task(self._write(), name="simulated caller writes")
        try:
            await self._carry(writing, reading)
        finally:
            for task in (reading, writing):
                task.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
            self._connection.transport.abort()
            await self._connection.wait_closed()

    async def _carry(self, writing: asyncio.Task[None], reading: asyncio.Task[None]) -> None:
        handset, pace = self._handset, self._pace
        handset.open(pace.now_ms())
        farewell: CloseSocket | ResetSocket | LetGo | None = None
        while not handset.over:
            for action in handset.wake(pace.now_ms()):
                if isinstance(action, Write):
                    self._queue(action)
                else:
                    farewell = action
            if not handset.over:
                await pace.wait(self._moved, handset.next_wake_ms())
        self._finishing = True
        self._to_write.set()
        if farewell is None:  # the gateway has closed
            return
        if isinstance(farewell, ResetSocket):
            self._reset()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_LIMIT_S):
                await writing
                if isinstance(farewell, CloseSocket):
                    await self._connection.close(farewell.code)
                await reading

    def _queue(self, write: Write) -> None:
        self._unwritten.append(write)
        self._frames_waiting += write.audio
        if self._frames_waiting > _MOST_WAITING_FRAMES:
            oldest = next(waiting for waiting in self._unwritten if waiting.audio)
            self._unwritten.remove(oldest)
            self._frames_waiting -= 1
            if not self._congested:
                self._congested = True
                warning = Warned(CONGESTED, "the gateway reads too slowly; caller audio was dropped")
                self._handset.warnings.append(warning)
                self._emit(CallEvent(self._pace.now_ms(), "warning", {"code": warning.code, "why": warning.why}))
        self._to_write.set()

    async def _write(self) -> None:
        """Write what is queued, as fast as the gateway takes it; ends when all is written and no more comes."""
        while True:
            while self._unwritten:
                write = self._unwritten.popleft()
                self._frames_waiting -= write.audio
                try:
                    await self._connection.send(write.frame)
                except ConnectionClosed:
                    return
            if self._finishing:
                return
            self._to_write.clear()
            await self._to_write.wait()

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._connection.recv()
                self._handset.receive(frame, self._pace.now_ms())
                self._moved.set()
                if self._read_pause_s:
                    await asyncio.sleep(self._read_pause_s)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else None
            self._handset.lost(code, self._pace.now_ms())
            if self._handset.over:
                self._handset.close_code = code
        self._moved.set()

    def _reset(self) -> None:
        raw = self._connection.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.transport.abort()
