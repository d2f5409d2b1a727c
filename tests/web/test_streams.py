"""Twilio's media socket: the order of the checks, every attack on them, and calls over real sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.contracts.leg import Leg
from gateway.errors import Ending, Party
from gateway.web import streams
from tests.legs.fakes import CONNECTED, dtmf, media, start, stop, tone
from tests.web.doors import RING, House, signature, signed_post, signed_upgrade


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def twilio(house: House) -> TestClient:
    return TestClient(house.app)


def _start(session: WebSocketTestSession, token: str | None, *, call_sid: str = "CA90") -> None:
    session.send_json(CONNECTED)
    parameters = {} if token is None else {"gateway_token": token, "gateway_caller": "+15550001111", "flow": "billing"}
    session.send_json(start(call_sid=call_sid, parameters=parameters))


def _closed_with(session: WebSocketTestSession) -> tuple[int, str]:
    with pytest.raises(WebSocketDisconnect) as closed:
        session.receive_json()
    return closed.value.code, closed.value.reason


# --- the way in -------------------------------------------------------------------------------------------------------


def test_a_signed_upgrade_with_its_token_is_a_call(house: House, twilio: TestClient) -> None:
    with twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as session:
        _start(session, house.tickets.issue("CA90"))
        assert session.receive_json() == {"event": "mark", "streamSid": "MZ51aa", "mark": {"name": "here"}}
        session.send_text(media(tone(1), 1))
        session.send_json(stop())
    (leg,) = house.desk.legs
    assert leg.started.leg_id == "CA90"
    assert leg.started.caller_number == "+15550001111"
    assert leg.started.parameters == {"flow": "billing"}
    assert leg.capabilities.transfers
    assert house.desk.heard.audio == tone(1).raw
    assert house.desk.heard.endings == [Ending(Party.CALLER, "hung_up")]


def test_the_port_in_the_signed_url_makes_no_difference(house: House, twilio: TestClient) -> None:
    with twilio.websocket_connect("/twilio/media", headers=signed_upgrade("wss://gw.example.net:443")) as session:
        _start(session, house.tickets.issue("CA90"))
        assert session.receive_json()["event"] == "mark"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-twilio-signature": "x"},
        signed_upgrade("https://gw.example.net"),
        signed_upgrade("ws://gw.example.net"),
        signed_upgrade("wss://evil.example.net"),
        {"x-twilio-signature": signature("wss://gw.example.net/twilio/media", token="another")},
        {"x-twilio-signature": signature("wss://gw.example.net/twilio/media?x=1")},
    ],
)
def test_an_upgrade_without_twilios_signature_is_refused_before_it_is_accepted(
    house: House, twilio: TestClient, headers: dict[str, str]
) -> None:
    with (
        structlog.testing.capture_logs() as logs,
        pytest.raises(WebSocketDisconnect),
        twilio.websocket_connect("/twilio/media", headers=headers),
    ):
        pass
    assert [line["event"] for line in logs] == ["twilio_refused"]
    assert house.desk.legs == []


def test_without_an_auth_token_nobody_gets_in(tmp_path: Path) -> None:
    house = House(tmp_path, token=None)
    with pytest.raises(WebSocketDisconnect), TestClient(house.app).websocket_connect("/twilio/media"):
        pass
    assert house.desk.legs == []


@pytest.mark.parametrize("attack", ["missing", "replay", "other call", "tampered", "rubbish"])
def test_a_token_that_does_not_hold_closes_the_socket_and_tells_nothing(
    house: House, twilio: TestClient, attack: str
) -> None:
    token: str | None = house.tickets.issue("CA90")
    assert token is not None
    call_sid = "CA90"
    match attack:
        case "missing":
            token = None
        case "replay":
            asyncio.run(house.tickets.redeem(token, "CA90"))
        case "other call":
            call_sid = "CA91"
        case "tampered":
            token = token[:-1] + ("0" if token[-1] != "0" else "1")
        case "rubbish":
            token = "v1.rubbish"
    with (
        structlog.testing.capture_logs() as logs,
        twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as session,
    ):
        _start(session, token, call_sid=call_sid)
        assert _closed_with(session) == (1008, "")
    assert house.desk.legs == []
    (line,) = [line for line in logs if line["log_level"] == "warning"]
    assert line["event"] == "media_stream_refused"
    assert line["why"]
    assert token is None or token not in str(line)


def test_a_stream_that_never_starts_is_closed(
    house: House, twilio: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "START_LIMIT_S", 0.01)
    with twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as session:
        session.send_json(CONNECTED)
        assert _closed_with(session) == (1008, "")
    assert house.desk.legs == []


def test_only_so_many_sockets_may_wait_for_their_start(
    house: House, twilio: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_UNSTARTED", 1)
    with twilio, twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as waiting:
        with pytest.raises(WebSocketDisconnect), twilio.websocket_connect("/twilio/media", headers=signed_upgrade()):
            pass
        _start(waiting, house.tickets.issue("CA90"))
        assert waiting.receive_json()["event"] == "mark"
        with twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as next_one:
            _start(next_one, house.tickets.issue("CA91"), call_sid="CA91")
            assert next_one.receive_json()["event"] == "mark"
            next_one.send_json(stop(call_sid="CA91"))
        waiting.send_json(stop())


def test_a_broken_message_closes_that_stream_and_no_other(house: House, twilio: TestClient) -> None:
    with (
        twilio,
        twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as good,
        twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as bad,
    ):
        _start(good, house.tickets.issue("CA90"))
        _start(bad, house.tickets.issue("CA91"), call_sid="CA91")
        assert good.receive_json()["event"] == bad.receive_json()["event"] == "mark"
        bad.send_text('{"event":"media","media":{"payload":"!!!!"}}')
        assert _closed_with(bad) == (1007, "")
        good.send_text(media(tone(1), 1))
        good.send_json(stop())
    assert house.desk.heard.audio == tone(1).raw


def test_with_auth_off_a_client_comes_straight_in(tmp_path: Path) -> None:
    house = House(tmp_path, auth="off", token=None)
    with TestClient(house.app).websocket_connect("/twilio/media") as session:
        _start(session, None)
        assert session.receive_json()["event"] == "mark"
        session.send_json(stop())
    assert not house.desk.legs[0].capabilities.transfers


def test_with_auth_off_a_client_is_turned_away_when_no_call_may_come(tmp_path: Path) -> None:
    house = House(tmp_path, auth="off")
    house.desk.refusal = "busy"
    with TestClient(house.app).websocket_connect("/twilio/media") as session:
        _start(session, None)
        assert _closed_with(session) == (1013, "")
    assert house.desk.legs == []


def test_a_call_that_was_answered_is_taken_even_while_draining(house: House, twilio: TestClient) -> None:
    token = house.tickets.issue("CA90")
    house.desk.refusal = "draining"
    with twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as session:
        _start(session, token)
        assert session.receive_json()["event"] == "mark"
        session.send_json(stop())
    assert len(house.desk.legs) == 1


@pytest.mark.parametrize("origin", ["https://evil.example.net", "null"])
def test_with_auth_off_a_web_page_does_not_get_in(tmp_path: Path, origin: str) -> None:
    house = House(tmp_path, auth="off")
    with (
        pytest.raises(WebSocketDisconnect),
        TestClient(house.app).websocket_connect("/twilio/media", headers={"origin": origin}),
    ):
        pass
    assert house.desk.legs == []


def test_a_call_that_fails_here_lets_go_of_its_socket(house: House, twilio: TestClient) -> None:
    async def fails(_: Leg) -> None:
        raise ZeroDivisionError

    house.desk.call = fails
    closed = []

    def one_call() -> None:
        with twilio.websocket_connect("/twilio/media", headers=signed_upgrade()) as session:
            _start(session, house.tickets.issue("CA90"))
            closed.append(_closed_with(session))

    with pytest.raises(ZeroDivisionError):
        one_call()
    assert closed == [(1000, "")]


# --- over real sockets ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(house: House) -> AsyncIterator[str]:
    """Serve the house on a port of this machine, and see that nothing is left behind."""
    config = uvicorn.Config(
        house.app,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        proxy_headers=False,
        log_config=None,
        lifespan="off",
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    server = uvicorn.Server(config)
    before = asyncio.all_tasks()
    listening = socket.create_server(("127.0.0.1", 0))  # takes callers from now on, before the server is up
    task = asyncio.create_task(server._serve(sockets=[listening]))
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        await house.http.close()
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}


async def _say(client: ClientConnection, *messages: Any) -> None:
    for message in messages:
        await client.send(message if isinstance(message, str) else json.dumps(message))


async def test_a_whole_call_over_a_real_socket(tmp_path: Path) -> None:
    house = House(tmp_path, public_url=None)
    async with serving(house) as place:
        async with httpx.AsyncClient(base_url=f"http://{place}", trust_env=False) as web:
            answer = await web.post(**signed_post("/twilio/voice", RING, base=f"http://{place}"))
            assert f"ws://{place}/twilio/media" in answer.text
        url = f"ws://{place}/twilio/media"
        headers = {"x-twilio-signature": signature(url)}
        async with connect(url, additional_headers=headers, compression=None, proxy=None) as client:
            token = house.desk.rings[0].token
            await _say(client, CONNECTED, start(parameters={"gateway_token": token}))
            assert json.loads(await client.recv())["mark"] == {"name": "here"}
            await _say(client, *(media(tone(chunk), chunk) for chunk in range(1, 51)), dtmf("5"), stop())
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000
        assert house.desk.heard.audio == b"".join(tone(chunk).raw for chunk in range(1, 51))
        assert house.desk.heard.endings == [Ending(Party.CALLER, "hung_up")]


async def test_a_refused_upgrade_is_a_403_on_the_wire(tmp_path: Path) -> None:
    house = House(tmp_path, public_url=None)
    async with serving(house) as place:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{place}/twilio/media", proxy=None)
        assert refused.value.response.status_code == 403


async def test_hanging_up_over_a_real_socket_leaves_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, auth="off")

    async def says_goodbye(leg: Leg) -> None:
        leg.listen(house.desk.heard)
        leg.send_audio(tone(1))
        await leg.hang_up()

    house.desk.call = says_goodbye
    async with serving(house) as place:
        async with connect(f"ws://{place}/twilio/media", compression=None, proxy=None) as client:
            await _say(client, CONNECTED, start())
            await client.wait_closed()
        assert [request.content for request in house.api] == [b"Status=completed"]
        assert house.desk.heard.endings == [Ending(Party.GATEWAY, "hung_up")]


@pytest.mark.parametrize("said", [0, 1, 2, 3])
async def test_a_carrier_that_drops_the_line_at_any_stage_leaves_nothing(tmp_path: Path, said: int) -> None:
    house = House(tmp_path, auth="off")
    over = asyncio.Event()

    async def until_it_ends(leg: Leg) -> None:
        await house.desk.until_it_ends(leg)
        over.set()

    house.desk.call = until_it_ends
    async with serving(house) as place:
        client = await connect(f"ws://{place}/twilio/media", compression=None, proxy=None)
        await _say(client, *[CONNECTED, start(), media(tone(1), 1)][:said])
        if said > 1:
            await client.recv()  # so that the call has begun
        client.transport.abort()
        await client.wait_closed()
        if said > 1:
            await over.wait()
            assert house.desk.heard.endings == [Ending(Party.CARRIER, "stream_lost", ok=False)]
    assert len(house.desk.legs) == (1 if said > 1 else 0)
