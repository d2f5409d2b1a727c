"""The socket client against bytes as TCP may cut them, without a network."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from gateway.realtime.client import Closure, SocketClient, SocketLimits


class WireTransport(asyncio.Transport):
    """Keeps what was written; can be told that the network takes no more."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0, "nothing may wait where it can't be dropped"

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.written.append(b"")

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


class Notes:
    """A receiver that remembers; ``then`` is done at every message."""

    def __init__(self, then: Any = None) -> None:
        self.messages: list[tuple[bytes, bool]] = []
        self.closures: list[Closure] = []
        self._then = then

    def on_message(self, message: bytes | bytearray, *, binary: bool) -> None:
        self.messages.append((bytes(message), binary))
        if self._then is not None:
            self._then()

    def on_closed(self, closure: Closure) -> None:
        self.closures.append(closure)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def dialled(notes: Notes) -> tuple[SocketClient, WireTransport, ServerProtocol]:
    """Return a client whose upgrade request the server has taken and not yet answered."""
    client = SocketClient(parse_uri("ws://h.test/v1"), [("X-Test", "1")], notes, SocketLimits())
    transport, server = WireTransport(), ServerProtocol(max_size=None)
    client.connection_made(transport)
    server.receive_data(b"".join(transport.written))
    transport.written.clear()
    (request,) = server.events_received()
    assert isinstance(request, Request)
    assert request.headers["X-Test"] == "1"
    server.send_response(server.accept(request))
    return client, transport, server


def sent(server: ServerProtocol) -> bytes:
    return b"".join(server.data_to_send())


def heard_by(server: ServerProtocol, transport: WireTransport) -> list[bytes]:
    for data in transport.written:
        if data:
            server.receive_data(data)
    transport.written.clear()
    return [bytes(frame.data) for frame in server.events_received()]


messages = st.lists(
    st.tuples(st.binary(max_size=70_000) | st.sampled_from([b"", b"x" * 125, b"y" * 126]), st.integers(1, 3)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(messages, st.data())
def test_messages_are_the_same_wherever_tcp_cuts_them(
    loop: asyncio.Runner, payloads: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    async def run() -> None:
        notes = Notes()
        client, transport, server = dialled(notes)
        for payload, fragments in payloads:
            size = -(-len(payload) // fragments) or 1
            parts = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
            server.send_binary(parts[0], fin=len(parts) == 1)
            for number, part in enumerate(parts[1:], 2):
                server.send_ping(b"between fragments")
                server.send_continuation(part, fin=number == len(parts))
        stream = sent(server)
        cuts = data.draw(st.lists(st.integers(0, min(len(stream), 400)) | st.integers(0, len(stream)), max_size=30))
        edges = [0, *sorted(set(cuts)), len(stream)]
        for start, end in itertools.pairwise(edges):
            if start < end:
                client.data_received(stream[start:end])
        assert client.upgraded.result().status == 101
        assert notes.messages == [(payload, True) for payload, _ in payloads]
        assert notes.closures == []
        client.abort()
        client.connection_lost(None)

    loop.run(run())


async def test_byte_by_byte_is_no_different() -> None:
    notes = Notes()
    client, _, server = dialled(notes)
    server.send_text(b'{"a":1}')
    server.send_close(1001, "bye")
    for byte in sent(server):
        client.data_received(bytes([byte]))
    assert notes.messages == [(b'{"a":1}', False)]
    assert notes.closures == [Closure(1001, "bye")]
    client.abort()


async def test_a_command_given_in_the_batch_that_holds_the_close_does_nothing_and_raises_nothing() -> None:
    notes = Notes(then=lambda: client.send_command(b"late"))
    client, transport, server = dialled(notes)
    server.send_text(b"1")
    server.send_close(1000, "")
    client.data_received(sent(server))
    assert client.failures == 0
    assert len(notes.closures) == 1
    assert b"late" not in heard_by(server, transport)
    client.abort()


async def test_an_exception_of_the_receiver_is_logged_without_its_words_and_costs_nothing_else() -> None:
    def fail() -> None:
        raise ValueError("caller's words: 4111")

    notes = Notes(then=fail)
    client, _, server = dialled(notes)
    server.send_text(b"1")
    server.send_text(b"2")
    with capture_logs() as logs:
        client.data_received(sent(server))
    assert [message for message, _ in notes.messages] == [b"1", b"2"]
    assert client.failures == 2
    assert {entry["error"] for entry in logs} == {"ValueError"}
    assert "4111" not in str(logs)
    client.abort()


async def test_while_paused_everything_waits_in_order_and_old_audio_goes() -> None:
    client, transport, server = dialled(Notes())
    client.data_received(sent(server))
    client.send_audio(b"a0", 20)
    client.pause_writing()
    client.send_audio(b"old", 1500)
    client.send_command(b"c1")
    client.send_audio(b"a1", 400)
    client.send_command(b"c2")
    client.send_audio(b"a2", 400)
    assert heard_by(server, transport) == [b"a0"]
    assert (client.waiting_ms, client.dropped_ms) == (800, 1500)
    client.resume_writing()
    client.send_audio(b"a3", 20)
    assert heard_by(server, transport) == [b"c1", b"a1", b"c2", b"a2", b"a3"]
    assert (client.waiting_ms, client.dropped_ms) == (0, 1500)
    client.abort()


async def test_a_pause_in_the_midst_of_catching_up_is_respected() -> None:
    client, transport, server = dialled(Notes())
    client.data_received(sent(server))
    client.pause_writing()
    for number in range(4):
        client.send_command(b"c%d" % number)

    real_write = transport.write

    def one_at_a_time(data: bytes) -> None:
        real_write(data)
        client.pause_writing()

    transport.write = one_at_a_time  # type: ignore[method-assign]
    client.resume_writing()
    assert heard_by(server, transport) == [b"c0"]
    client.send_command(b"c4")
    assert heard_by(server, transport) == []
    transport.write = real_write  # type: ignore[method-assign]
    client.resume_writing()
    assert heard_by(server, transport) == [b"c1", b"c2", b"c3", b"c4"]
    client.abort()


async def test_headers_and_messages_are_not_logged_even_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client, _, server = dialled(Notes())
    server.send_text(b"secret words")
    client.data_received(sent(server))
    client.send_command(b"more secret words")
    client.abort()
    assert not [record for record in caplog.records if record.name != "websockets.server"]


async def test_nothing_is_sent_before_the_upgrade_or_after_the_end() -> None:
    client, transport, server = dialled(Notes())
    client.send_command(b"early")
    client.send_audio(b"early", 20)
    assert transport.written == []
    client.data_received(sent(server))
    client.abort()
    client.send_command(b"late")
    assert transport.written == []
    assert transport.aborted
