"""The stand-in of the REST API, over real sockets."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from gateway.simulator.carriers.twilio_webhook import TwilioCredentials
from gateway.simulator.rest import Complete, RestFaults, RunTwiml, RunUrl, TwilioRest

ACCOUNT = TwilioCredentials("AC" + "a" * 32, "secret-token")
CALL = f"/2010-04-01/Accounts/{ACCOUNT.account_sid}/Calls/CA1.json"
AUTH = (ACCOUNT.account_sid, ACCOUNT.auth_token)


@pytest.fixture
async def client():
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        yield client


@pytest.fixture
async def rest():
    async with TwilioRest(ACCOUNT) as rest:
        rest.register("CA1", lambda command: None)
        yield rest


@pytest.mark.parametrize(
    ("form", "command", "status"),
    [
        ({"Status": "completed"}, Complete(), "completed"),
        (
            {"Twiml": "<Response><Dial>+1555</Dial></Response>"},
            RunTwiml(b"<Response><Dial>+1555</Dial></Response>"),
            "in-progress",
        ),
        ({"Url": "https://x/next", "Method": "get"}, RunUrl("https://x/next", "GET"), "in-progress"),
    ],
)
async def test_a_call_is_told_what_the_gateway_asked(rest, client, form, command, status):
    told = []
    rest.register("CA1", told.append)
    answer = await client.post(rest.base_url + CALL, data=form, auth=AUTH)
    assert (answer.status_code, answer.json()["status"], answer.json()["sid"]) == (200, status, "CA1")
    assert told == [command]


async def test_a_call_can_be_looked_at(rest, client):
    answer = await client.get(rest.base_url + CALL, auth=AUTH)
    assert (answer.status_code, answer.json()["status"]) == (200, "in-progress")


@pytest.mark.parametrize("path", ["/", CALL.replace("CA1", "CA2"), CALL.replace("aaa", "bbb"), "/x" + CALL])
async def test_what_is_not_there_is_404_with_its_code(rest, client, path):
    answer = await client.post(rest.base_url + path, data={"Status": "completed"}, auth=AUTH)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


async def test_a_call_that_has_ended_is_not_there(rest, client):
    rest.unregister("CA1")
    answer = await client.post(rest.base_url + CALL, data={"Status": "completed"}, auth=AUTH)
    assert answer.json()["code"] == 20404


@pytest.mark.parametrize("auth", [None, (ACCOUNT.account_sid, "wrong"), ("AC0", ACCOUNT.auth_token)])
async def test_only_the_account_may_ask(rest, client, auth):
    told = []
    rest.register("CA1", told.append)
    answer = await client.post(rest.base_url + CALL, data={"Status": "completed"}, auth=auth)
    assert (answer.status_code, answer.json()["code"], told) == (401, 20003, [])


@pytest.mark.parametrize(
    "form", [{}, {"Status": "completed", "Twiml": "<Response/>"}, {"Twiml": "a", "Url": "b"}, {"Status": "ringing"}]
)
async def test_a_request_for_nothing_or_for_two_things_is_400(rest, client, form):
    told = []
    rest.register("CA1", told.append)
    answer = await client.post(rest.base_url + CALL, data=form, auth=AUTH)
    assert (answer.status_code, told) == (400, [])


async def test_the_api_can_drop_fail_and_then_recover(client):
    told = []
    async with TwilioRest(ACCOUNT, faults=RestFaults(drop_first=1, fail_first=2, delay_ms=1)) as rest:
        rest.register("CA1", told.append)
        url, form = rest.base_url + CALL, {"Status": "completed"}
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(url, data=form, auth=AUTH)
        statuses = [(await client.post(url, data=form, auth=AUTH)).status_code for _ in range(3)]
        assert (statuses, told) == ([500, 500, 200], [Complete()])
        assert [request.form for request in rest.requests] == [form] * 4


async def test_a_slow_api_lets_the_client_time_out_and_ends_cleanly(client):
    async with TwilioRest(ACCOUNT, faults=RestFaults(delay_ms=60_000)) as rest:
        rest.register("CA1", lambda command: None)
        with pytest.raises(httpx.ReadTimeout):
            await client.post(rest.base_url + CALL, data={"Status": "completed"}, auth=AUTH, timeout=0.05)


@pytest.mark.parametrize(
    "noise", [b"\r\n\r\n", b"POST\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\xff"]
)
async def test_noise_closes_the_connection_and_nothing_else(rest, client, noise):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(rest.base_url.rpartition(":")[2]))
    writer.write(noise)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert (await client.get(rest.base_url + CALL, auth=AUTH)).status_code == 200


def test_requests_and_accounts_do_not_print_their_secret(rest):
    assert ACCOUNT.auth_token not in repr(rest.credentials)
