"""The one sender: what it repeats, what it does not, how long it takes, and what it never says."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from gateway.contracts.leg import TransferTarget
from gateway.errors import CarrierError
from gateway.legs import carrier_http
from gateway.legs.carrier_http import CarrierHttp, CarrierReply
from gateway.legs.carriers.twilio_calls import TwilioCalls
from gateway.settings.schema import CarriersSettings, TwilioSettings

SECRET = "0123456789abcdef0123456789abcdef"
CALLS = TwilioCalls(account_sid="AC77", api_base="https://api.example.net")
HANG_UP = CALLS.hang_up_request("CA90")
TRANSFER = CALLS.transfer_request("CA90", TransferTarget("tel:+15550003333"))

Step = httpx.Response | Exception


def _settings(**twilio: Any) -> CarriersSettings:
    values = {"account_sid": "AC77", "auth_token": SecretStr(SECRET), "api_retries": 2, "api_timeout_ms": 2000}
    return CarriersSettings(twilio=TwilioSettings(**{**values, **twilio}))


class Api:
    """Answers with each step in turn; fails the test if it is asked more often."""

    def __init__(self, *steps: Step) -> None:
        self._steps: Iterator[Step] = iter(steps)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = next(self._steps)
        if isinstance(step, Exception):
            raise step
        return step


Sender = Callable[..., CarrierHttp]


@pytest.fixture
async def sender(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sender]:
    monkeypatch.setattr(carrier_http, "FIRST_PAUSE_S", 0.0)
    made: list[CarrierHttp] = []

    def make(api: Any, **twilio: Any) -> CarrierHttp:
        made.append(CarrierHttp(_settings(**twilio), transport=httpx.MockTransport(api)))
        return made[-1]

    yield make
    for http in made:
        await http.close()


async def test_a_request_is_sent_as_it_is_with_the_accounts_credentials(sender: Sender) -> None:
    api = Api(httpx.Response(200, json={"status": "completed"}))
    assert await sender(api).send(HANG_UP) == CarrierReply(200)
    (request,) = api.requests
    assert (request.method, str(request.url)) == ("POST", HANG_UP.url)
    assert request.content == b"Status=completed"
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == f"AC77:{SECRET}".encode()


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(404), httpx.Response(404, json={"code": 20404}), httpx.Response(400, json={"code": 21220})],
)
async def test_a_call_that_is_gone_is_success_for_a_hang_up(sender: Sender, answer: httpx.Response) -> None:
    reply = await sender(Api(answer)).send(HANG_UP)
    assert reply.status == answer.status_code


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(429),
        httpx.Response(500),
        httpx.Response(503, text="<html>"),
        httpx.ConnectError("no"),
        httpx.ReadError("cut"),
        httpx.RemoteProtocolError("nonsense"),
    ],
)
async def test_passing_trouble_is_tried_again(sender: Sender, trouble: Step) -> None:
    api = Api(trouble, trouble, httpx.Response(200))
    with structlog.testing.capture_logs() as logs:
        assert await sender(api).send(HANG_UP) == CarrierReply(200)
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["carrier_retry"] * 2


async def test_trouble_that_lasts_is_an_error_after_the_last_try(sender: Sender) -> None:
    api = Api(*[httpx.Response(503)] * 3)
    with pytest.raises(CarrierError, match=r"twilio: hang_up got 503 from https://api.example.net/.*status page"):
        await sender(api).send(HANG_UP)
    assert len(api.requests) == 3


@pytest.mark.parametrize("trouble", [httpx.Response(500), httpx.ReadError("cut")])
async def test_a_transfer_whose_fate_is_unknown_is_not_tried_again(sender: Sender, trouble: Step) -> None:
    api = Api(trouble)
    with pytest.raises(CarrierError, match="transfer got"):
        await sender(api).send(TRANSFER)


@pytest.mark.parametrize("trouble", [httpx.Response(429), httpx.ConnectError("no"), httpx.ConnectTimeout("no")])
async def test_a_transfer_that_never_began_is_tried_again(sender: Sender, trouble: Step) -> None:
    assert await sender(Api(trouble, httpx.Response(200))).send(TRANSFER) == CarrierReply(200)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "account_sid and auth_token"), (403, "what the account is allowed"), (404, "gone"), (400, "error codes")],
)
async def test_a_no_is_final_and_says_what_helps(sender: Sender, status: int, remedy: str) -> None:
    api = Api(httpx.Response(status, json={"code": 20003, "message": "x"}))
    with pytest.raises(CarrierError, match=rf"got {status} \(code 20003\) .*{remedy}"):
        await sender(api).send(TRANSFER)


async def test_an_api_that_hangs_is_given_up_within_the_limit(sender: Sender) -> None:
    tries = 0

    async def hang(_: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(5):  # far above the limit of 100 ms: whether it ends at all
        with pytest.raises(CarrierError, match=r"no answer within .* check the network"):
            await sender(hang, api_timeout_ms=100).send(HANG_UP)
    assert tries > 1


async def test_a_redirect_is_not_followed_with_our_credentials(sender: Sender) -> None:
    api = Api(httpx.Response(302, headers={"location": "https://evil.example.net/"}))
    with pytest.raises(CarrierError, match="got 302"):
        await sender(api).send(HANG_UP)


async def test_no_error_and_no_log_line_holds_a_secret_or_a_number(sender: Sender) -> None:
    for steps in ([httpx.Response(401)], [httpx.ReadError(SECRET)], [httpx.Response(429)] * 3):
        with structlog.testing.capture_logs() as logs, pytest.raises(CarrierError) as error:
            await sender(Api(*steps)).send(TRANSFER)
        assert SECRET not in f"{error.value}{logs}"
        assert "5550003333" not in f"{error.value}{logs}"


async def test_without_credentials_a_request_goes_out_without_them(sender: Sender) -> None:
    api = Api(httpx.Response(200))
    await sender(api, auth_token=None).send(replace(HANG_UP, form={}))
    assert "authorization" not in api.requests[0].headers


async def test_a_stand_in_on_this_machine_is_spoken_to_over_a_real_socket() -> None:
    seen = asyncio.Queue[bytes]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.put_nowait(head + await reader.readexactly(len(b"Status=completed")))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    http = CarrierHttp(_settings(api_base=base))
    try:
        reply = await http.send(TwilioCalls(account_sid="AC77", api_base=base).hang_up_request("CA90"))
    finally:
        await http.close()
        server.close()
        await server.wait_closed()
    assert reply == CarrierReply(200)
    assert (await seen.get()).startswith(b"POST /2010-04-01/Accounts/AC77/Calls/CA90.json HTTP/1.1\r\n")
