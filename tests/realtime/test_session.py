"""A session's life over a real socket: what is said, what is heard, and every way in which it ends."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.server import ServerConnection
from websockets.server import ServerProtocol

from gateway.audio.format import PCM16_24K, PCMU_8K, AudioFrame
from gateway.contracts.model import (
    ItemAudio,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    SessionLost,
    SessionReady,
    SpeechStarted,
)
from gateway.realtime.client import SocketLimits
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.openai_ga import OpenAiGa
from gateway.telemetry.wire import describe
from tests.realtime.endpoint import HELLO, BareSocket, Ear, connector, endpoint, listening, narrow_listener, tcp
from tests.realtime.official import heard, said
from tests.realtime.test_ga_setup import setup

pytestmark = pytest.mark.usefixtures("nothing_left")

FRAME = AudioFrame(PCM16_24K, raw=bytes(960))
SPEECH = heard("input_audio_buffer.speech_started", audio_start_ms=20, item_id="item_u").decode()


def speech(number: int) -> str:
    return heard("input_audio_buffer.speech_started", audio_start_ms=number, item_id="item_u").decode()


def after_hello(then: Callable[[ServerConnection], Awaitable[None]]) -> Callable[[ServerConnection], Awaitable[None]]:
    async def behave(ws: ServerConnection) -> None:
        await ws.send(HELLO)
        await then(ws)
        await ws.wait_closed()

    return behave


async def told(ws: ServerConnection) -> dict[str, Any]:
    message = await ws.recv(decode=False)
    assert isinstance(message, bytes)
    return said(message)


# --- saying and hearing --------------------------------------------------------------------------------------------


async def test_a_session_is_configured_and_says_when_it_is_ready() -> None:
    async def then(ws: ServerConnection) -> None:
        update = await told(ws)
        session = update["session"] | {"id": "sess_1", "expires_at": 1_900_000_000}
        await ws.send(heard("session.updated", session=session).decode())

    async with endpoint(after_hello(then)) as url:
        session, ear = await listening(url)
        session.configure(setup())
        assert await ear.hears(SessionReady) == SessionReady("sess_1", 1_900_000_000)
        await session.close()


async def test_what_came_before_anybody_listened_is_told_at_once_and_in_order() -> None:
    async def then(ws: ServerConnection) -> None:
        for number in range(3):
            await ws.send(speech(number))

    async with endpoint(after_hello(then)) as url:
        seen = asyncio.Event()
        lines: list[str] = []

        def show(direction: str, message: bytes | bytearray | str) -> None:
            lines.append(describe(message))
            if len(lines) == 4:
                seen.set()

        session = await connector(url, trace=show).connect()
        await seen.wait()
        ear = Ear()
        session.listen(ear)
        assert ear.events == [SpeechStarted("item_u", number) for number in range(3)]
        await session.close()


async def test_commands_and_audio_arrive_in_the_order_they_were_given() -> None:
    kinds: list[str] = []

    async def then(ws: ServerConnection) -> None:
        kinds.extend([(await told(ws))["type"] for _ in range(9)])
        await ws.send(SPEECH)

    async with endpoint(after_hello(then)) as url:
        session, ear = await listening(url)
        session.configure(setup())
        session.append(FRAME)
        session.respond(ResponseRequest(tag="t"))
        session.append(FRAME)
        session.cancel("resp_1")
        session.truncate("item_1", 40)
        session.delete_item("item_1")
        session.add_message("system", "x")
        session.tool_result("call_1", "{}")
        await ear.hears(SpeechStarted)
        await session.close()
    assert kinds == [
        "session.update",
        "input_audio_buffer.append",
        "response.create",
        "input_audio_buffer.append",
        "response.cancel",
        "conversation.item.truncate",
        "conversation.item.delete",
        "conversation.item.create",
        "conversation.item.create",
    ]


async def test_a_command_is_on_the_wire_before_it_returns() -> None:
    """The peer reads it although our loop has not turned since: nothing waits for a task or a callback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        opening = asyncio.ensure_future(connector(f"http://127.0.0.1:{listener.getsockname()[1]}/v1").connect())
        peer, _ = await loop.sock_accept(listener)
        with peer:
            server = ServerProtocol()
            server.receive_data(await loop.sock_recv(peer, 65536))
            (request,) = server.events_received()
            server.send_response(server.accept(request))
            server.send_text(HELLO.encode())
            await loop.sock_sendall(peer, b"".join(server.data_to_send()))
            session = await opening
            session.append(FRAME)
            server.receive_data(peer.recv(65536))  # a bare, non-blocking read: no turn of the loop in between
            (frame,) = server.events_received()
            assert said(bytes(frame.data))["audio"] == FRAME.base64.decode()
            session.abort()


async def test_a_message_in_fragments_is_heard_whole() -> None:
    async def then(ws: ServerConnection) -> None:
        await ws.send([SPEECH[:7], SPEECH[7:8], SPEECH[8:]])
        await ws.send([part.encode() for part in (SPEECH[:40], SPEECH[40:])])

    async with endpoint(after_hello(then)) as url:
        session, ear = await listening(url)
        for _ in range(2):
            assert await ear.hears(SpeechStarted) == SpeechStarted("item_u", 20)
        await session.close()


async def test_a_delta_of_fifteen_megabytes_is_heard_untouched() -> None:
    size = 15 * 1024 * 1024
    text = "AAAA" * (size // 4)
    delta = heard(
        "response.output_audio.delta", response_id="r", item_id="i", output_index=0, content_index=0, delta=text
    ).decode()

    async with endpoint(after_hello(lambda ws: ws.send(delta))) as url:
        session, ear = await listening(url)
        assert (await ear.hears(ItemAudio)).frame.size_bytes == size // 4 * 3
        await session.close()


async def test_a_broken_message_is_a_fault_and_the_session_goes_on() -> None:
    async def then(ws: ServerConnection) -> None:
        await ws.send('{"type":"response.done"')
        await ws.send(SPEECH)

    async with endpoint(after_hello(then)) as url:
        session, ear = await listening(url)
        fault = await ear.hears(ModelFault)
        assert (fault.code, fault.command) == ("malformed_event", "")
        assert await ear.hears(SpeechStarted)
        await session.close()


async def test_a_listener_that_fails_hears_the_next_event_and_nothing_private_is_logged() -> None:
    async def then(ws: ServerConnection) -> None:
        await ws.send(speech(1))
        await ws.send(speech(2))

    async with endpoint(after_hello(then)) as url:
        with capture_logs() as logs:
            session = await connector(url).connect()
            ear = Ear()
            ear.raises = 1
            session.listen(ear)
            await ear.hears(SpeechStarted)
            assert await ear.hears(SpeechStarted) == SpeechStarted("item_u", 2)
            await session.close()
    (failed,) = [entry for entry in logs if entry["event"] == "model_listener_failed"]
    assert (failed["model_event"], failed["error"], failed["endpoint"]) == ("SpeechStarted", "RuntimeError", "main")
    assert failed["where"].startswith("endpoint.py:")
    assert "4111" not in str(logs)


async def test_a_listener_that_commands_from_within_an_event_is_obeyed_at_once() -> None:
    class Interrupting(Ear):
        def on_model(self, event: ModelEvent) -> None:
            if isinstance(event, SpeechStarted):
                session.cancel("resp_1")
            super().on_model(event)

    answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def then(ws: ServerConnection) -> None:
        await ws.send(SPEECH)
        answer.set_result(await told(ws))

    async with endpoint(after_hello(then)) as url:
        session = await connector(url).connect()
        session.listen(Interrupting())
        assert (await answer)["response_id"] == "resp_1"
        await session.close()


# --- an endpoint that does not read --------------------------------------------------------------------------------


async def test_audio_for_an_endpoint_that_does_not_read_is_dropped_oldest_first_and_commands_stay() -> None:
    read_on = asyncio.Event()
    numbers: list[int] = []
    tags: list[str] = []

    async def then(ws: ServerConnection) -> None:
        await read_on.wait()
        while True:
            message = await told(ws)
            if message["type"] == "response.create":
                tags.append(message["response"]["metadata"]["tag"])
                if tags[-1] == "last":
                    break
                numbers.append(-len(tags))
            else:
                frame = AudioFrame(PCM16_24K, base64=message["audio"].encode())
                numbers.append(int.from_bytes(frame.raw[:4], "little"))
        await ws.send(SPEECH)

    async with endpoint(after_hello(then), sock=narrow_listener(), max_queue=1) as url:
        session, ear = await listening(url)
        count = 6000
        for number in range(count):
            session.append(AudioFrame(PCM16_24K, raw=number.to_bytes(4, "little") + bytes(956)))
            if number % 1000 == 999:
                session.respond(ResponseRequest(tag=f"tag-{number}"))
        session.respond(ResponseRequest(tag="last"))
        dropped = session.dropped_ms
        assert dropped > 0
        read_on.set()
        await ear.hears(SpeechStarted)
        assert session.dropped_ms == dropped
        await session.close()

    frames = [number for number in numbers if number >= 0]
    assert tags == [f"tag-{number}" for number in range(999, count, 1000)] + ["last"]
    assert frames == sorted(frames), "what is left is in order"
    assert len(frames) * 20 + dropped == count * 20, "what was not heard was counted"
    assert frames[-100:] == list(range(count - 100, count)), "the newest two seconds were kept"
    for number in range(1, 7):
        at = numbers.index(-number)
        assert all(frame < number * 1000 for frame in numbers[:at]), "a command overtook no audio"
        assert all(frame < 0 or frame >= number * 1000 for frame in numbers[at:]), "and no audio overtook a command"


async def test_after_a_pause_audio_flows_as_before() -> None:
    read_on = asyncio.Event()

    async def then(ws: ServerConnection) -> None:
        await read_on.wait()
        while (await told(ws))["type"] != "input_audio_buffer.clear":
            pass
        await ws.send(speech(1))
        assert (await told(ws))["type"] == "input_audio_buffer.append"
        await ws.send(speech(2))

    async with endpoint(after_hello(then), sock=narrow_listener(), max_queue=1) as url:
        session, ear = await listening(url)
        while not session.dropped_ms:
            session.append(FRAME)
        session.clear_input()
        read_on.set()
        await ear.hears(SpeechStarted)
        dropped = session.dropped_ms
        session.append(FRAME)
        assert await ear.hears(SpeechStarted) == SpeechStarted("item_u", 2)
        assert session.dropped_ms == dropped
        await session.close()


async def test_closing_towards_an_endpoint_that_does_not_read_takes_no_longer_than_its_limit() -> None:
    over = asyncio.Event()

    async def then(ws: ServerConnection) -> None:
        await over.wait()

    async with endpoint(after_hello(then), sock=narrow_listener(), max_queue=1) as url:
        session, ear = await listening(url, limits=SocketLimits(close_within_ms=50))
        while not session.dropped_ms:
            session.append(FRAME)
        async with asyncio.timeout(2):
            await session.close()
        assert ear.events == []
        over.set()


# --- ending --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "lost"),
    [
        (1000, "", SessionLost("closed_1000", True)),
        (1001, "Your session hit the maximum duration of 60 minutes.", SessionLost("session_expired", True)),
        (1011, "oops", SessionLost("closed_1011", True)),
        (3000, "invalid_request_error.invalid_api_key", SessionLost("invalid_api_key", False)),
    ],
)
async def test_a_close_by_the_endpoint_loses_the_session_with_its_reason(
    code: int, reason: str, lost: SessionLost
) -> None:
    async with endpoint(after_hello(lambda ws: ws.close(code, reason))) as url:
        session, ear = await listening(url)
        assert await ear.hears(SessionLost) == lost
        await session.close()
        assert ear.events == []


async def test_a_connection_that_breaks_loses_the_session() -> None:
    async def then(ws: ServerConnection) -> None:
        ws.transport.abort()

    async with endpoint(after_hello(then)) as url:
        session, ear = await listening(url)
        assert await ear.hears(SessionLost) == SessionLost("connection_lost", True)
        await session.close()


async def test_a_stream_that_ends_without_a_close_loses_the_session() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await BareSocket(reader, writer).accept(HELLO)
        writer.write_eof()

    async with tcp(behave) as url:
        session, ear = await listening(url)
        assert await ear.hears(SessionLost) == SessionLost("connection_lost", True)
        await session.close()


async def test_an_expired_session_is_lost_once_although_error_and_close_both_say_so() -> None:
    async def then(ws: ServerConnection) -> None:
        error = {"type": "invalid_request_error", "code": "session_expired", "message": "m", "param": None}
        await ws.send(heard("error", error=error).decode())
        await ws.send(SPEECH)
        await ws.close(1001, "Your session hit the maximum duration of 60 minutes.")

    async with endpoint(after_hello(then)) as url:
        session, ear = await listening(url)
        assert await ear.hears(SessionLost) == SessionLost("session_expired", True)
        await session.close()
        assert ear.events == []


async def test_a_message_larger_than_the_limit_ends_the_session() -> None:
    async with endpoint(after_hello(lambda ws: ws.send("x" * 70_000))) as url:
        session, ear = await listening(url, limits=SocketLimits(message_bytes=65_536))
        assert await ear.hears(SessionLost) == SessionLost("protocol_violated", True)
        await session.close()
    assert SocketLimits().message_bytes == 16 * 1024 * 1024


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\x83\x00", b"\x81\x85abcd"])
async def test_a_broken_frame_ends_the_session(garbage: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await BareSocket(reader, writer).accept(HELLO)
        writer.write(garbage)

    async with tcp(behave) as url:
        session, ear = await listening(url, limits=SocketLimits(close_within_ms=50))
        assert await ear.hears(SessionLost) == SessionLost("protocol_violated", True)
        await session.close()


async def test_closing_is_polite_and_no_loss() -> None:
    closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def behave(ws: ServerConnection) -> None:
        await ws.send(HELLO)
        await ws.wait_closed()
        closed.set_result(ws.close_code)

    async with endpoint(behave) as url:
        session, ear = await listening(url)
        await asyncio.gather(session.close(), session.close())
        await session.close()
        assert await closed == 1000
        assert ear.events == []


async def test_after_the_end_commands_do_nothing() -> None:
    async with endpoint(after_hello(lambda ws: ws.close())) as url:
        session, ear = await listening(url)
        await ear.hears(SessionLost)
        for _ in range(2):
            session.configure(setup())
            session.append(FRAME)
            session.clear_input()
            session.respond(ResponseRequest(tag="t"))
            session.cancel("r")
            session.truncate("i", 1)
            session.delete_item("i")
            session.add_message("user", "x")
            session.tool_result("c", "{}")
            await session.close()
        assert (ear.events, session.dropped_ms) == ([], 0)


async def test_an_endpoint_that_does_not_answer_a_close_is_left_in_time() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await BareSocket(reader, writer).accept(HELLO)

    async with tcp(behave) as url:
        session, ear = await listening(url, limits=SocketLimits(close_within_ms=50))
        async with asyncio.timeout(2):
            await session.close()
        assert ear.events == []


async def test_a_close_that_is_cancelled_lets_go_of_the_socket_all_the_same() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await BareSocket(reader, writer).accept(HELLO)

    async with tcp(behave) as url:
        session, _ = await listening(url, limits=SocketLimits(close_within_ms=60_000))
        closing = asyncio.ensure_future(session.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing


# --- keeping alive -------------------------------------------------------------------------------------------------


async def test_an_endpoint_that_answers_no_ping_is_dead() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = BareSocket(reader, writer)
        await peer.accept(HELLO)
        peer.pong(await peer.next_ping())
        await peer.next_ping()
        peer.pong(b"another")

    async with tcp(behave) as url:
        session, ear = await listening(url, limits=SocketLimits(ping_every_ms=10, pong_within_ms=30))
        assert await ear.hears(SessionLost) == SessionLost("no_pong", True)
        await session.close()


async def test_an_endpoint_that_answers_pings_is_kept() -> None:
    answered = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = BareSocket(reader, writer)
        await peer.accept(HELLO)
        for _ in range(4):
            peer.pong(await peer.next_ping())
        answered.set()

    async with tcp(behave) as url:
        session, ear = await listening(url, limits=SocketLimits(ping_every_ms=5, pong_within_ms=5000))
        await answered.wait()
        assert ear.events == []
        session.abort()  # type: ignore[attr-defined]


async def test_a_ping_of_the_endpoint_is_answered() -> None:
    async def then(ws: ServerConnection) -> None:
        await (await ws.ping())
        await ws.send(SPEECH)

    async with endpoint(after_hello(then)) as url:
        session, ear = await listening(url)
        assert await ear.hears(SpeechStarted)
        await session.close()


def test_the_keepalive_is_twenty_seconds_each_way_unless_it_is_set() -> None:
    limits = SocketLimits()
    assert (limits.ping_every_ms, limits.pong_within_ms) == (20_000, 20_000)


# --- other dialects and the trace ----------------------------------------------------------------------------------


class SpeaksFirst(OpenAiGa):
    """A made-up endpoint that waits for us to speak first, takes audio as binary and answers in binary."""

    binary_audio = True  # type: ignore[assignment,misc]

    @property
    def welcomed(self) -> bool:
        return self._welcomed

    _welcomed = False

    def hello(self) -> list[bytes]:
        return [b'{"hello":1}']

    def append(self, frame: AudioFrame) -> bytes:
        return frame.raw

    def receive(self, message: str | bytes | bytearray) -> list[ModelEvent]:
        self._welcomed = True
        return [ResponseStarted("r", None)]

    def receive_binary(self, message: bytes | bytearray) -> list[ModelEvent]:
        return [ItemAudio("r", "i", AudioFrame(PCMU_8K, raw=bytes(message)))]


async def test_an_endpoint_of_another_kind_is_one_more_dialect() -> None:
    async def behave(ws: ServerConnection) -> None:
        assert await ws.recv() == '{"hello":1}'
        await ws.send("welcome")
        assert await ws.recv() == b"\x01\x02\x03\x04"
        await ws.send(b"\x05\x06")
        await ws.wait_closed()

    async with endpoint(behave) as url:
        session, ear = await listening(url, dialect=SpeaksFirst)
        assert await ear.hears(ResponseStarted)
        session.append(AudioFrame(PCMU_8K, raw=b"\x01\x02\x03\x04"))
        assert (await ear.hears(ItemAudio)).frame.raw == b"\x05\x06"
        await session.close()


async def test_a_trace_shows_every_message_and_no_audio_or_words() -> None:
    async def then(ws: ServerConnection) -> None:
        await told(ws)
        await told(ws)
        await ws.send(SPEECH)

    async with endpoint(after_hello(then)) as url:
        seen: list[tuple[str, str]] = []
        session, ear = await listening(
            url, trace=lambda direction, message: seen.append((direction, describe(message)))
        )
        session.add_message("user", "4111 1111")
        session.append(FRAME)
        await ear.hears(SpeechStarted)
        await session.close()
    assert [direction for direction, _ in seen] == ["in", "out", "out", "in"]
    assert msgspec.json.decode(seen[2][1]) == {"type": "input_audio_buffer.append", "audio": "<960 bytes of audio>"}
    assert "4111" not in str(seen)


async def test_many_sessions_come_and_go_on_one_connector() -> None:
    async def then(ws: ServerConnection) -> None:
        await told(ws)
        await ws.send(heard("response.created", response={"id": "r", "metadata": {"tag": "t"}}).decode())
        await ws.send(heard("response.done", response={"id": "r", "status": "completed"}).decode())

    async with endpoint(after_hello(then)) as url:
        door: RealtimeConnector = connector(url)

        async def call() -> None:
            session = await door.connect()
            ear = Ear()
            session.listen(ear)
            session.respond(ResponseRequest(tag="t"))
            assert (await ear.hears(ResponseDone)).response_id == "r"
            await session.close()

        for _ in range(3):
            await asyncio.gather(*(call() for _ in range(20)))


def test_limits_are_values() -> None:
    assert dataclasses.replace(SocketLimits(), queue_ms=500.0).queue_ms == 500.0
