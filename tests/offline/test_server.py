"""The server over real sockets: upgrades, faults that need a wire, the report, and a clean end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from gateway.errors import ConfigurationError
from gateway.offline.faults import Faults
from gateway.offline.script import read_script
from gateway.offline.server import LocalServer, LocalServerConfig, serve
from gateway.offline.speech_jobs import Job, Result
from tests.offline.rig import SoundEars, hum

TOKEN = {"Authorization": "Bearer secret"}


class HummingDesk:
    """Speech work without engines; notes when it is given up."""

    def __init__(self, hold: asyncio.Event | None = None) -> None:
        self.hold = hold
        self.given_up = asyncio.Event()
        self.closed = False

    async def do(self, job: Job) -> Result:
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return hum(job)

    async def warm_up(self) -> None:
        return

    async def close(self) -> None:
        self.closed = True


Start = Callable[..., Awaitable[LocalServer]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    servers: list[LocalServer] = []

    async def starter(desk: HummingDesk | None = None, **config: Any) -> LocalServer:
        settings = LocalServerConfig(**{"token": "secret", "pace": 0, **config})
        server = await serve(settings, desk=desk or HummingDesk(), make_activity=SoundEars)
        servers.append(server)
        return server

    yield starter
    for server in servers:
        await server.close()


@asynccontextmanager
async def dialled(server: LocalServer, query: str = "?model=m", **headers: str) -> AsyncIterator[ClientConnection]:
    async with connect(
        server.url + query, additional_headers={**TOKEN, **headers}, compression=None, max_size=None, proxy=None
    ) as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"
        yield socket


async def tell(socket: ClientConnection, type: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": type, **fields}))


async def until(socket: ClientConnection, type: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        if event["type"] == type:
            return event


async def status_of(server: LocalServer, query: str = "?model=m", **headers: str) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(server.url + query, additional_headers=headers, compression=None, proxy=None):
            pass
    return refused.value.response.status_code


async def test_a_session_is_carried_over_a_socket(start: Start) -> None:
    server = await start()
    async with dialled(server) as socket:
        await tell(socket, "response.create", response={"instructions": "SAY: hello there"})
        done = await until(socket, "response.done")
    assert done["response"]["output"][0]["content"][0]["transcript"] == "hello there"


async def test_only_who_shows_the_token_comes_in(start: Start) -> None:
    server = await start()
    assert await status_of(server) == 401
    assert await status_of(server, Authorization="Bearer wrong") == 401
    assert await status_of(server, "?call_id=rtc_1", **TOKEN) == 404


async def test_a_refusal_is_told_in_the_apis_own_body(start: Start) -> None:
    server = await start(faults=Faults(refuse=429))
    with pytest.raises(InvalidStatus) as refused:
        async with dialled(server):
            pass
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.body)["error"]["type"] == "rate_limit_error"


async def test_faults_by_header_reach_one_connection(start: Start) -> None:
    server = await start(faults_by_header=True)
    assert await status_of(server, **TOKEN, **{"x-fault": "refuse=403"}) == 403
    async with dialled(server) as socket:
        await tell(socket, "input_audio_buffer.clear")
        assert (await until(socket, "input_audio_buffer.cleared"))["event_id"]


async def test_an_abrupt_drop_is_seen_as_1006(start: Start) -> None:
    server = await start(faults=Faults(drop_after_deltas=1))
    async with dialled(server) as socket:
        await tell(socket, "response.create", response={"instructions": "SAY: hello there"})
        with pytest.raises(ConnectionClosedError):
            await until(socket, "response.done")
        assert socket.close_code == 1006


async def test_an_expired_session_says_so_and_closes_with_1001(start: Start) -> None:
    server = await start(expires_after_s=0.05)
    async with dialled(server) as socket:
        assert (await until(socket, "error"))["error"]["code"] == "session_expired"
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1001


async def test_a_scripted_refusal_is_a_session_of_its_own(start: Start) -> None:
    server = await start(script=read_script("sessions: [{faults: {refuse: 503}}, {faults: {close_after_ms: 1}}]"))
    assert await status_of(server, **TOKEN) == 503
    async with dialled(server) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1011


async def test_a_slow_consumer_reads_in_its_own_time_and_loses_nothing(start: Start) -> None:
    server = await start(faults=Faults(read_delay_ms=1))
    async with dialled(server) as socket:
        for _ in range(50):
            await tell(socket, "input_audio_buffer.clear")
        for _ in range(50):
            await until(socket, "input_audio_buffer.cleared")


async def test_a_huge_frame_passes(start: Start) -> None:
    server = await start(faults=Faults(huge_frame_bytes=3_000_000))
    async with dialled(server) as socket:
        await tell(socket, "response.create", response={"instructions": "SAY: hello"})
        delta = await until(socket, "response.output_audio_transcript.delta")
        assert len(delta["obfuscation"]) == 3_000_000


async def test_fifteen_mebibytes_can_be_appended_and_more_can_not(start: Start) -> None:
    server = await start()
    async with dialled(server) as socket:
        detection = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await tell(socket, "session.update", session=detection)
        await tell(socket, "input_audio_buffer.append", audio="AAAA" * (5 * 1024 * 1024))
        await tell(socket, "input_audio_buffer.commit")
        await until(socket, "input_audio_buffer.committed")
        await tell(socket, "input_audio_buffer.append", audio="AAAA" * (5 * 1024 * 1024) + "AAAA")
        assert (await until(socket, "error"))["error"]["param"] == "audio"


async def test_the_report_proves_what_is_remembered(start: Start) -> None:
    server = await start()
    async with dialled(server) as socket:
        await tell(socket, "response.create", response={"instructions": "SAY: one two three four"})
        item_id = (await until(socket, "response.done"))["response"]["output"][0]["id"]
        for heard_ms in (600, 99999):
            await tell(socket, "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=heard_ms)
        await until(socket, "error")
        address = server.url.replace("ws:", "http:").replace("/v1/realtime", "/report")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(address)).status_code == 401
            (session,) = (await client.get(address, headers=TOKEN)).json()["sessions"]
    (item,) = session["items"]
    assert (item["text"], item["audio_ms"], item["truncated_at_ms"]) == ("one two", 600.0, 600)
    assert [note["refused"] for note in session["truncations"]] == [None, "invalid_value"]
    assert session["received"]["conversation.item.truncate"] == 2
    assert not server.report().sessions[0].open or server.report().sessions[0].id == session["id"]


async def test_a_scripts_violations_are_in_the_report(start: Start) -> None:
    server = await start(script=read_script("sessions: [{steps: [{expect: turn}]}]"))
    async with dialled(server) as socket:
        await tell(socket, "response.create")
        await until(socket, "response.done")
    (session,) = server.report().sessions
    assert server.report().violations == [
        f"session {session.id}: a response (trigger client) came, but step 0 expects turn",
        f"session {session.id}: step 0 (turn) was not reached",
    ]


async def test_health_needs_no_token(start: Start) -> None:
    server = await start()
    address = server.url.replace("ws:", "http:").replace("/v1/realtime", "/healthz")
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(address)).json() == {"status": "ok"}


async def test_a_client_that_leaves_gives_its_speech_work_up(start: Start) -> None:
    desk = HummingDesk(hold=asyncio.Event())
    server = await start(desk)
    async with dialled(server) as socket:
        await tell(socket, "response.create", response={"instructions": "SAY: hello"})
        await until(socket, "response.created")
    await desk.given_up.wait()


async def test_too_many_sessions_are_told_to_come_later(start: Start) -> None:
    server = await start(max_sessions=1)
    async with dialled(server):
        assert await status_of(server, **TOKEN) == 429


async def test_closing_ends_every_connection_and_every_task(start: Start) -> None:
    before = asyncio.all_tasks()
    server = await start()
    async with dialled(server) as socket:
        await tell(socket, "response.create", response={"instructions": "SAY: hello"})
        await server.close()
        with pytest.raises(ConnectionClosed):
            await until(socket, "nothing of this kind")
    assert asyncio.all_tasks() <= before


async def test_strangers_are_kept_out_off_loopback() -> None:
    with pytest.raises(ConfigurationError, match="is not loopback"):
        await serve(LocalServerConfig(host="0.0.0.0"))
