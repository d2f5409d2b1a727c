"""What an endpoint has, asked for after a wrong name, and said once."""

from __future__ import annotations

import asyncio
import http
import json
from collections.abc import Callable

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from gateway.errors import ModelRefused
from gateway.realtime.dialect import ConnectRequest
from gateway.realtime.listing import Listing, NotListed, list_models, listing_url, wanted_model
from tests.realtime.endpoint import connector, endpoint, tcp

pytestmark = pytest.mark.usefixtures("nothing_left")

Answer = Callable[[ServerConnection, Request], Response | None]


def lists(names: list[str], asked: list[str]) -> Answer:
    """Return what lists these models, and refuses every session for its model."""

    def answer(ws: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        if request.path.endswith("/models"):
            return ws.respond(http.HTTPStatus.OK, json.dumps({"data": [{"id": name} for name in names]}))
        error = {"code": "model_not_found", "message": "The model does not exist or you do not have access to it."}
        return ws.respond(http.HTTPStatus.NOT_FOUND, json.dumps({"error": error}))

    return answer


async def never(ws: ServerConnection) -> None:
    raise AssertionError("no session was granted")


async def test_the_first_refusal_for_a_wrong_model_says_what_there_is_and_later_ones_do_not_ask_again() -> None:
    asked: list[str] = []
    names = ["gpt-realtime-2.1", "gpt-5", "tts-1"]
    async with endpoint(never, process_request=lists(names, asked)) as url:
        door = connector(url, model="gpt-realtime-2")
        with pytest.raises(ModelRefused) as first:
            await door.connect()
        with pytest.raises(ModelRefused) as second:
            await door.connect()
    assert str(first.value).endswith(
        "check model: there is none of that name for this key; its realtime models: gpt-realtime-2.1;"
        " nearest: 'gpt-realtime-2.1'"
    )
    assert (first.value.status, first.value.retryable, first.value.cause) == (404, False, "unknown_model")
    assert str(second.value).endswith("check model: there is none of that name for this key")
    assert asked == ["/v1/realtime?model=gpt-realtime-2", "/v1/models", "/v1/realtime?model=gpt-realtime-2"]


async def test_other_refusals_ask_for_no_list() -> None:
    asked: list[str] = []

    def refuse(ws: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        return ws.respond(http.HTTPStatus.UNAUTHORIZED, json.dumps({"error": {"code": "invalid_api_key"}}))

    async with endpoint(never, process_request=refuse) as url:
        with pytest.raises(ModelRefused, match="check api_key"):
            await connector(url).connect()
    assert asked == ["/v1/realtime?model=m"]


def request(url: str) -> ConnectRequest:
    return ConnectRequest(url, ())


@pytest.mark.parametrize(
    "content", [b"no json", b'{"data": 7}', b'{"data": [{}]}', b"\xff"], ids=["text", "number", "nameless", "bytes"]
)
async def test_a_list_that_is_none_is_not_believed(content: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    async with tcp(behave) as url:
        with pytest.raises(NotListed, match="gives no list"):
            await list_models(request(f"{url.replace('http', 'ws')}/realtime"))


async def test_a_list_that_does_not_come_is_not_waited_for() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with tcp(behave) as url:
        with pytest.raises(NotListed, match=r"did not come within 0\.05 s"):
            await list_models(request(f"{url.replace('http', 'ws')}/realtime"), within_s=0.05)


async def test_a_list_without_end_is_cut_off() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    async with tcp(behave) as url:
        with pytest.raises(NotListed, match="is longer than"):
            await list_models(request(f"{url.replace('http', 'ws')}/realtime"), within_s=10)


@pytest.mark.parametrize(
    ("url", "where", "kind"),
    [
        ("wss://api.openai.com/v1/realtime?model=m", "https://api.openai.com/v1/models", "models"),
        ("ws://127.0.0.1:9/v1/realtime", "http://127.0.0.1:9/v1/models", "models"),
        (
            "wss://r.openai.azure.com/openai/v1/realtime?model=d",
            "https://r.openai.azure.com/openai/deployments?api-version=2023-03-15-preview",
            "deployments",
        ),
        (
            "wss://api.example.net/azure/openai/realtime?api-version=2025-04-01-preview&deployment=d",
            "https://api.example.net/azure/openai/deployments?api-version=2023-03-15-preview",
            "deployments",
        ),
    ],
)
def test_where_an_endpoint_lists_what_it_has(url: str, where: str, kind: str) -> None:
    assert listing_url(url) == (where, kind)


def test_what_a_session_asks_for_is_read_from_its_url() -> None:
    assert wanted_model("wss://h.test/v1/realtime?model=a%20b") == "a b"
    assert wanted_model("wss://h.test/openai/realtime?api-version=x&deployment=d") == "d"
    assert wanted_model("wss://h.test/v1/realtime") == ""


def test_deployments_are_told_with_their_models_and_long_lists_are_cut() -> None:
    listing = Listing("deployments", ("chat", "ears"), ("gpt-realtime", "gpt-4o-transcribe"))
    assert listing.told("chatt") == "its realtime deployments: chat (gpt-realtime); nearest: 'chat'"
    assert listing.told("x", transcriber=True) == "its transcription deployments: ears (gpt-4o-transcribe)"
    many = Listing("models", tuple(f"gpt-realtime-{letter}" for letter in "abcdefghij"))
    assert many.told("").endswith("gpt-realtime-h and 2 more")
    assert Listing("models", ("gpt-5",)).told("m") == "it has 1 models and none for realtime"
    assert many.has("gpt-realtime-a")
