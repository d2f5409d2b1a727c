"""A WebSocket client that answers within the event loop's own callbacks.

The ``websockets`` package does the protocol (RFC 6455) without I/O; this file is the I/O around it: an
``asyncio.Protocol`` that writes at once and hands messages on as they arrive. No task, queue hop or coroutine stands
between a caller's frame and the socket, nor between the socket and the call. Timers are two handles per connection.

When the endpoint does not read, the kernel and the transport hold next to nothing (``TCP_NOTSENT_LOWAT``, a write
buffer without slack); all that waits is in the :class:`~gateway.realtime.outbox.Outbox`, which drops old audio.

Source: websockets documentation, "Integrate the Sans-I/O layer".
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, cast

import structlog
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import WebSocketURI

from gateway.realtime.frames import FrameWriter
from gateway.realtime.outbox import QUEUE_MS, Outbox

log = structlog.get_logger()

_WIRE_LOG: Final = logging.getLogger("gateway.realtime.websocket")
_WIRE_LOG.setLevel(logging.WARNING)
"""For the protocol layer: at DEBUG it would write out headers, with the key in them, and messages."""

_NOT_SENT_BYTES: Final = 16 * 1024
"""What the kernel may hold beyond what is on its way; its own default is megabytes: half a minute of speech."""
_TCP_NOTSENT_LOWAT: Final = getattr(socket, "TCP_NOTSENT_LOWAT", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """Time and size limits of one connection."""

    ping_every_ms: float = 20_000
    pong_within_ms: float = 20_000
    """Without a pong for so long after a ping the connection is dead."""
    close_within_ms: float = 1_000
    """How long the closing handshake and the end of TCP may take together."""
    message_bytes: int = 16 * 1024 * 1024
    """Largest message taken."""
    queue_ms: float = QUEUE_MS
    """Caller audio that may wait for a slow endpoint."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How the upgrade was answered; ``status`` is 101 when the socket is open and 0 when no HTTP answer came."""

    status: int
    body: bytes = b""
    location: str = ""
    fault: str = ""
    """What was wrong with the answer, where it was no plain refusal."""


@dataclass(frozen=True, slots=True)
class Closure:
    """Why a connection that was open has ended, unasked."""

    code: int
    """The endpoint's close code; 1006 when none came."""
    reason: str
    """The endpoint's own words."""
    fault: str = ""
    """Our reason, where it was us who gave up: ``no_pong`` or ``protocol_violated``."""


class Receiver(Protocol):
    """Who hears a socket. Returns at once."""

    def on_message(self, message: bytes | bytearray, *, binary: bool) -> None:
        """Take a whole message; text is UTF-8 that was not checked."""
        ...

    def on_closed(self, closure: Closure) -> None:
        """Take the end of an open connection that :meth:`SocketClient.close` did not ask for; comes at most once."""
        ...


class SocketClient(asyncio.Protocol):
    """One WebSocket connection.

    Args:
        uri: where it goes.
        headers: further headers of the upgrade request.
        receiver: who hears it.
        limits: time and size limits.

    """

    def __init__(
        self, uri: WebSocketURI, headers: Iterable[tuple[str, str]], receiver: Receiver, limits: SocketLimits
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._headers = tuple(headers)
        self._receiver: Receiver | None = receiver
        self._protocol = ClientProtocol(uri, max_size=limits.message_bytes, logger=_WIRE_LOG)
        self._transport: asyncio.Transport | None = None
        self._frames = FrameWriter()
        self._outbox = Outbox(limits.queue_ms)
        self._binary_audio = False
        self._paused = False
        self._open = False
        self._parts: list[bytes | bytearray] = []
        self._parts_binary = False
        self._pings = 0
        self._keepalive: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self.upgraded: asyncio.Future[Upgrade] = self._loop.create_future()
        """Done once the upgrade was answered, whichever way."""
        self.failures = 0
        """Exceptions that the receiver let out."""

    # --- what is asked of it ---------------------------------------------------------------------------------------

    @property
    def dropped_ms(self) -> float:
        """Milliseconds of audio dropped because the endpoint did not read."""
        return self._outbox.dropped_ms

    @property
    def waiting_ms(self) -> float:
        """Milliseconds of audio that wait for the endpoint to read."""
        return self._outbox.audio_ms

    def send_command(self, message: bytes) -> None:
        """Write a text message now, or as soon as the endpoint reads; after the end it does nothing."""
        if not self._open:
            return
        if self._paused or self._outbox:
            self._outbox.put_command(message)
        else:
            self._write(message, binary=False)

    def send_audio(self, message: bytes, duration_ms: float, *, binary: bool = False) -> None:
        """Write a message of ``duration_ms`` of audio now, or queue it within the bound."""
        if not self._open:
            return
        if self._paused or self._outbox:
            self._binary_audio = binary
            self._outbox.put_audio(message, duration_ms)
        else:
            self._write(message, binary=binary)

    def begin_close(self) -> None:
        """Start the closing handshake; from here on the receiver hears nothing."""
        self._receiver = None
        self._end()
        if self._transport is None:
            return
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self._flush()
        elif self._protocol.state is State.CONNECTING:
            self._transport.abort()
        self._expect_the_end()

    async def close(self) -> None:
        """Close within ``limits.close_within_ms``, politely if the endpoint plays along."""
        self.begin_close()
        if self._transport is None:
            return
        try:
            await asyncio.shield(self._gone)
        except asyncio.CancelledError:
            self._transport.abort()
            raise

    def abort(self) -> None:
        """Drop the connection at once."""
        self._receiver = None
        self._end()
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        _tune(self._transport)
        request = self._protocol.connect()
        for name, value in self._headers:
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Hand on what ``data`` completes."""
        protocol = self._protocol
        protocol.receive_data(data)
        self._flush()
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
            elif isinstance(event, Response):
                self._on_answer(event)
        if protocol.state is not State.OPEN:
            self._on_no_longer_open()

    def eof_received(self) -> None:
        """Take the end of the stream; the transport closes itself."""
        self._protocol.receive_eof()
        self._flush()
        self._on_no_longer_open()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that it is over."""
        self._protocol.receive_eof()
        self._protocol.data_to_send()
        self._on_no_longer_open()
        if self._deadline is not None:
            self._deadline.cancel()
        if not self._gone.done():
            self._gone.set_result(None)

    def pause_writing(self) -> None:
        """Let everything wait in the outbox: the endpoint reads slower than we write."""
        self._paused = True

    def resume_writing(self) -> None:
        """Write what has waited, until it is too much again."""
        self._paused = False
        while not self._paused and (waiting := self._outbox.pop()) is not None:
            message, is_audio = waiting
            self._write(message, binary=is_audio and self._binary_audio)

    # --- reading ---------------------------------------------------------------------------------------------------

    def _on_answer(self, answer: Response) -> None:
        """Take the HTTP answer to the upgrade request."""
        refused = self._protocol.handshake_exc
        if refused is None:
            self._open = True
            self._await_next_ping()
            self._settle(Upgrade(101))
        elif answer.status_code == 101:
            self._settle(Upgrade(0, fault=str(refused)))
        else:
            location = answer.headers.get_all("Location")
            self._settle(Upgrade(answer.status_code, bytes(answer.body), location[0] if location else ""))

    def _on_frame(self, frame: Frame) -> None:
        opcode, data = frame.opcode, cast("bytes | bytearray", frame.data)
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                self._deliver(data, binary=opcode is Opcode.BINARY)
            else:
                self._parts, self._parts_binary = [data], opcode is Opcode.BINARY
        elif opcode is Opcode.CONT:
            self._parts.append(data)
            if frame.fin:
                whole, self._parts = b"".join(self._parts), []
                self._deliver(whole, binary=self._parts_binary)
        elif opcode is Opcode.PONG and data == self._ping_payload():
            self._await_next_ping()
        # Pings and a close are answered by the protocol layer.

    def _deliver(self, message: bytes | bytearray, *, binary: bool) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        try:
            receiver.on_message(message, binary=binary)
        except Exception as error:  # noqa: BLE001 - a driver: one bad message costs neither the socket nor the loop
            self.failures += 1
            log.error("model_message_failed", error=type(error).__name__, where=where_raised(error))

    def _on_no_longer_open(self) -> None:
        """Find out, once, why the connection is not open, and see that TCP ends too."""
        protocol = self._protocol
        if not self.upgraded.done() and protocol.state is not State.OPEN:
            failure = protocol.handshake_exc
            if failure is not None or protocol.state is State.CLOSED:
                self._settle(Upgrade(0, fault=_root(failure or EOFError())))
        if self._open and protocol.state is not State.OPEN:
            self._tell(self._closure())
        if protocol.close_expected():
            self._expect_the_end()

    def _closure(self) -> Closure:
        received, sent = self._protocol.close_rcvd, self._protocol.close_sent
        if received is not None:
            return Closure(received.code, received.reason)
        if sent is not None:
            return Closure(sent.code, "", "protocol_violated")
        return Closure(1006, "")

    def _tell(self, closure: Closure) -> None:
        receiver, self._receiver = self._receiver, None
        self._end()
        if receiver is None:
            return
        try:
            receiver.on_closed(closure)
        except Exception as error:  # noqa: BLE001 - as above
            self.failures += 1
            log.error("model_message_failed", error=type(error).__name__, where=where_raised(error))

    def _settle(self, upgrade: Upgrade) -> None:
        if not self.upgraded.done():
            self.upgraded.set_result(upgrade)

    # --- writing ---------------------------------------------------------------------------------------------------

    def _write(self, message: bytes, *, binary: bool) -> None:
        protocol = self._protocol
        if protocol.state is not State.OPEN:
            # The batch that is being handed on also held the endpoint's close; on_closed comes after it.
            return
        transport = self._transport
        assert transport is not None
        if not transport.is_closing():
            transport.write(self._frames.frame(message, binary=binary))

    def _flush(self) -> None:
        transport = self._transport
        assert transport is not None
        for data in self._protocol.data_to_send():
            if transport.is_closing():
                continue
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    # --- keeping alive and ending ----------------------------------------------------------------------------------

    def _await_next_ping(self) -> None:
        self._set_keepalive(self._limits.ping_every_ms, self._ping)

    def _ping(self) -> None:
        self._pings += 1
        self._protocol.send_ping(self._ping_payload())
        self._flush()
        self._set_keepalive(self._limits.pong_within_ms, self._no_pong)

    def _ping_payload(self) -> bytes:
        return b"%d" % self._pings

    def _no_pong(self) -> None:
        self._tell(Closure(1006, "", "no_pong"))
        self.abort()

    def _set_keepalive(self, after_ms: float, then: Callable[[], None]) -> None:
        if self._keepalive is not None:
            self._keepalive.cancel()
        self._keepalive = self._loop.call_later(after_ms / 1000, then)

    def _end(self) -> None:
        """Take no more commands and ping no more."""
        self._open = False
        self._outbox.clear()
        if self._keepalive is not None:
            self._keepalive.cancel()

    def _expect_the_end(self) -> None:
        """Give the endpoint until the deadline to end TCP; it is its turn to (RFC 6455 section 7.1.1)."""
        if self._deadline is None and self._transport is not None:
            self._deadline = self._loop.call_later(self._limits.close_within_ms / 1000, self._transport.abort)


def _tune(transport: asyncio.Transport) -> None:
    """Send small messages at once, and let none of them grow old in a buffer."""
    transport.set_write_buffer_limits(high=0)
    tcp = transport.get_extra_info("socket")
    if tcp is not None and tcp.family in {socket.AF_INET, socket.AF_INET6}:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _TCP_NOTSENT_LOWAT is not None:
            tcp.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _NOT_SENT_BYTES)


def _root(error: BaseException) -> str:
    """Return the words of the innermost cause; the outer ones only say that there is one."""
    while error.__cause__ is not None:
        error = error.__cause__
    return "it closed the connection without an answer" if isinstance(error, EOFError) else str(error)


def where_raised(error: BaseException) -> str:
    """Return ``file:line`` of where an exception was raised: its message might hold somebody's words."""
    place = error.__traceback__
    if place is None:
        return ""
    while place.tb_next is not None:
        place = place.tb_next
    return f"{place.tb_frame.f_code.co_filename.rpartition('/')[2]}:{place.tb_lineno}"
