"""Twilio's webhooks: what they answer, and to whom."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
import pytest
import structlog
from starlette.requests import Request
from starlette.testclient import TestClient

from gateway.contracts.leg import TransferTarget
from gateway.legs.pending_transfers import PendingTransfers
from gateway.web import webhooks
from gateway.web.twilio_door import Closed
from tests.web.doors import PUBLIC, RING, House, signature, signed_post

PATHS = ["/twilio/voice", "/twilio/after", "/twilio/status"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def twilio(house: House) -> TestClient:
    return TestClient(house.app)


def _parameters(document: str) -> dict[str, str]:
    stream = ET.fromstring(document).find("Connect/Stream")
    assert stream is not None
    return {parameter.attrib["name"]: parameter.attrib["value"] for parameter in stream}


# --- a call comes in --------------------------------------------------------------------------------------------------


def test_a_call_is_connected_to_the_media_socket_under_our_public_url(house: House, twilio: TestClient) -> None:
    response = twilio.post(**signed_post("/twilio/voice", RING))
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/xml")
    connect = ET.fromstring(response.text).find("Connect")
    assert connect is not None
    assert connect.attrib["action"] == f"{PUBLIC}/twilio/after"
    assert connect[0].attrib["url"] == "wss://gw.example.net/twilio/media"
    assert connect[0].attrib["statusCallback"] == f"{PUBLIC}/twilio/status"


async def test_the_token_is_the_calls_own_and_holds_once(house: House) -> None:
    transport = httpx.ASGITransport(house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://inside") as client:
        response = await client.post(**signed_post("/twilio/voice", RING))
    token = _parameters(response.text)["gateway_token"]
    await house.tickets.redeem(token, "CA90")


def test_the_desk_hears_of_the_ring_with_its_token(house: House, twilio: TestClient) -> None:
    response = twilio.post(**signed_post("/twilio/voice", RING))
    (ring,) = house.desk.rings
    assert (ring.leg_id, ring.caller_number, ring.dialed_number) == ("CA90", "+15550001111", "+15550002222")
    assert ring.token == _parameters(response.text)["gateway_token"]
    assert ring.token not in repr(ring)
    assert "0001111" not in repr(ring)


def test_numbers_query_and_sip_headers_go_along_as_parameters(twilio: TestClient) -> None:
    form = {**RING, "SipHeader_X-Account": "gold"}
    response = twilio.post(**signed_post("/twilio/voice?flow=billing&campaign=spring+sale", form))
    parameters = _parameters(response.text)
    assert parameters.pop("gateway_token")
    assert parameters == {
        "gateway_caller": "+15550001111",
        "gateway_dialed": "+15550002222",
        "flow": "billing",
        "campaign": "spring sale",
        "X-Account": "gold",
    }


def test_parameters_that_are_ours_or_do_not_fit_are_left_out(twilio: TestClient) -> None:
    many = "&".join(f"n{index}={'v' * 400}" for index in range(5))
    path = f"/twilio/voice?gateway_token=forged&gateway_caller=me&bodySHA256=x&long={'v' * 500}&{many}&last=1"
    with structlog.testing.capture_logs() as logs:
        parameters = _parameters(twilio.post(**signed_post(path, RING)).text)
    assert parameters["gateway_token"].startswith("v1.")
    assert parameters["gateway_caller"] == "+15550001111"
    assert set(parameters) == {"gateway_token", "gateway_caller", "gateway_dialed", "n0", "n1", "last"}
    assert [line["name"] for line in logs] == ["long", "n2", "n3", "n4"]


def test_a_get_is_answered_too(house: House, twilio: TestClient) -> None:
    path = f"/twilio/voice?{urlencode({**RING, 'flow': 'billing'})}"
    response = twilio.get(path, headers={"x-twilio-signature": signature(PUBLIC + path)})
    assert response.status_code == 200
    parameters = _parameters(response.text)
    assert parameters["gateway_caller"] == "+15550001111"
    assert set(parameters) == {"gateway_token", "gateway_caller", "gateway_dialed", "flow"}
    assert house.desk.rings[0].leg_id == "CA90"


@pytest.mark.parametrize(("why", "words"), [("busy", "All lines are busy"), ("draining", "being restarted")])
def test_a_call_that_cannot_be_taken_is_told_so_and_hung_up(
    house: House, twilio: TestClient, why: str, words: str
) -> None:
    house.desk.refusal = why
    response = twilio.post(**signed_post("/twilio/voice", RING))
    verbs = ET.fromstring(response.text)
    assert [verb.tag for verb in verbs] == ["Say", "Hangup"]
    assert words in (verbs[0].text or "")
    assert house.desk.rings == []


# --- afterwards -------------------------------------------------------------------------------------------------------


def test_after_the_stream_the_call_is_hung_up(twilio: TestClient) -> None:
    response = twilio.post(**signed_post("/twilio/after", RING))
    assert [verb.tag for verb in ET.fromstring(response.text)] == ["Hangup"]


async def test_after_the_stream_of_a_transferred_call_comes_its_dial_however_often_it_is_asked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        PendingTransfers, "get", lambda _, leg_id: TransferTarget("tel:+15550003333") if leg_id == "CA90" else None
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://inside") as client:
        for _ in range(2):
            response = await client.post(**signed_post("/twilio/after", RING))
            assert ET.fromstring(response.text).findtext("Dial/Number") == "+15550003333"
        other = await client.post(**signed_post("/twilio/after", {**RING, "CallSid": "CA91"}))
    assert [verb.tag for verb in ET.fromstring(other.text)] == ["Hangup"]


def test_the_final_status_reaches_the_desk(house: House, twilio: TestClient) -> None:
    response = twilio.post(**signed_post("/twilio/status", {**RING, "CallStatus": "completed", "CallDuration": "93"}))
    assert response.status_code == 204
    twilio.post(**signed_post("/twilio/status", {**RING, "CallStatus": "no-answer", "CallDuration": "soon"}))
    assert house.desk.statuses == [("CA90", "completed", 93), ("CA90", "no-answer", None)]


def test_the_streams_status_reaches_the_desk_and_its_error_the_log(house: House, twilio: TestClient) -> None:
    form = {"CallSid": "CA90", "StreamSid": "MZ51aa", "StreamEvent": "stream-error", "StreamError": "31920 handshake"}
    with structlog.testing.capture_logs() as logs:
        assert twilio.post(**signed_post("/twilio/status", form)).status_code == 204
    assert house.desk.statuses == [("CA90", "stream-error", None)]
    assert [(line["event"], line["error"]) for line in logs] == [("carrier_stream_error", "31920 handshake")]


@pytest.mark.parametrize("status", [{"CallStatus": ""}, {"CallStatus": "<b>"}, {"StreamEvent": "stream-party"}])
def test_a_status_that_is_none_is_refused(house: House, twilio: TestClient, status: dict[str, str]) -> None:
    assert twilio.post(**signed_post("/twilio/status", {**RING, **status})).status_code == 400
    assert house.desk.statuses == []


# --- who may not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("attack", ["missing", "wrong", "other url", "other form", "http scheme", "tampered"])
def test_without_twilios_signature_nothing_happens(house: House, twilio: TestClient, path: str, attack: str) -> None:
    request = signed_post(path, RING)
    headers = request["headers"]
    match attack:
        case "missing":
            del headers["x-twilio-signature"]
        case "wrong":
            headers["x-twilio-signature"] = signature(PUBLIC + path, RING, token="another")
        case "other url":
            headers["x-twilio-signature"] = signature(PUBLIC + path + "/", RING)
        case "other form":
            headers["x-twilio-signature"] = signature(PUBLIC + path, {**RING, "CallSid": "CA1"})
        case "http scheme":
            headers["x-twilio-signature"] = signature("http://gw.example.net" + path, RING)
        case "tampered":
            request["content"] = request["content"].replace(b"CA90", b"CA91")
    with structlog.testing.capture_logs() as logs:
        response = twilio.post(**request)
    assert (response.status_code, response.text) == (403, "forbidden")
    assert (house.desk.rings, house.desk.statuses) == ([], [])
    assert [line["event"] for line in logs] == ["twilio_refused"]


def test_a_stranger_who_forges_forwarding_headers_gains_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, public_url=None, trusted_proxies=["10.0.0.0/8"])
    request = signed_post("/twilio/voice", RING, base="https://gw.example.net")
    request["headers"].update({"x-forwarded-proto": "https", "x-forwarded-host": "gw.example.net"})
    assert TestClient(house.app, client=("192.0.2.9", 5)).post(**request).status_code == 403
    assert TestClient(house.app, client=("10.0.0.9", 5)).post(**request).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_without_an_auth_token_twilio_is_told_that_we_are_not_there_yet(tmp_path: Path, path: str) -> None:
    house = House(tmp_path, token=None)
    with structlog.testing.capture_logs() as logs:
        assert TestClient(house.app).post(**signed_post(path, RING)).status_code == 503
    assert logs[0]["remedy"] == "set carriers.twilio.auth_token"
    assert house.desk.rings == []


def test_with_auth_off_neighbours_need_no_signature(tmp_path: Path) -> None:
    house = House(tmp_path, auth="off")
    response = TestClient(house.app, base_url="http://127.0.0.1:8000").post("/twilio/voice", data=RING)
    assert "ws://127.0.0.1:8000/twilio/media" in response.text


@pytest.mark.parametrize("headers", [{"x-forwarded-for": "192.0.2.9"}, {"origin": "https://evil.example.net"}])
def test_with_auth_off_neither_tunnel_nor_web_page_gets_in(tmp_path: Path, headers: dict[str, str]) -> None:
    house = House(tmp_path, auth="off")
    assert TestClient(house.app).post("/twilio/voice", data=RING, headers=headers).status_code == 403
    assert house.desk.rings == []


@pytest.mark.parametrize("call_sid", ["", "../x", "C" * 65, "CA 1"])
def test_a_call_without_a_usable_id_is_refused(house: House, twilio: TestClient, call_sid: str) -> None:
    assert twilio.post(**signed_post("/twilio/voice", {**RING, "CallSid": call_sid})).status_code == 400
    assert house.desk.rings == []


def test_a_body_that_is_too_long_is_not_read_to_its_end(house: House, twilio: TestClient) -> None:
    form = {**RING, "Extra": "x" * 70_000}
    assert twilio.post(**signed_post("/twilio/voice", form)).status_code == 413


@pytest.mark.parametrize("body", [b"\xff\xfe=1", b"&".join(b"a=%d" % index for index in range(300))])
def test_a_body_that_is_no_form_is_refused(twilio: TestClient, body: bytes) -> None:
    assert twilio.post("/twilio/voice", content=body).status_code == 400


def test_a_json_body_is_refused_even_with_its_hash_signed(house: House, twilio: TestClient) -> None:
    body = b'{"CallSid":"CA90"}'
    headers = {"content-type": "application/json"}
    assert twilio.post("/twilio/status", content=body, headers=headers).status_code == 403
    path = f"/twilio/status?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers["x-twilio-signature"] = signature(PUBLIC + path)
    assert twilio.post(path, content=body, headers=headers).status_code == 415
    assert house.desk.statuses == []


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BODY_LIMIT_S", 0.01)

    async def never() -> Any:
        await asyncio.Event().wait()

    with pytest.raises(Closed) as closed:
        await webhooks._body(Request({"type": "http", "method": "POST", "headers": []}, never))
    assert closed.value.status == 408
