"""Getting in, and every way of not getting in, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from gateway.contracts.model import ModelConnector, ModelSession
from gateway.errors import ConfigurationError, ModelError, ModelRefused
from gateway.realtime.connector import _trouble
from gateway.realtime.credentials import Secret, SecretKind
from tests.realtime.endpoint import HELLO, KEY, BareSocket, connector, endpoint, tcp
from tests.realtime.official import heard

pytestmark = pytest.mark.usefixtures("nothing_left")

CERTIFICATE = Path(__file__).with_name("loopback.pem")


async def greet(ws: ServerConnection) -> None:
    await ws.send(HELLO)
    await ws.wait_closed()


async def say_nothing(ws: ServerConnection) -> None:
    await ws.wait_closed()


async def test_a_session_opens_with_the_endpoints_first_word() -> None:
    seen: list[Request] = []

    async def behave(ws: ServerConnection) -> None:
        seen.append(ws.request)
        await greet(ws)

    async with endpoint(behave, compression="deflate") as url:
        door: ModelConnector = connector(url)
        session: ModelSession = await door.connect()
        assert (door.name, session.capabilities) == ("main", door.capabilities)
        await session.close()

    (request,) = seen
    assert request.path == "/v1/realtime?model=m"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["User-Agent"].startswith("twobanks/")
    assert not {"OpenAI-Beta", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"} & set(request.headers)


async def test_a_late_first_word_is_waited_for() -> None:
    async def behave(ws: ServerConnection) -> None:
        await asyncio.sleep(0.05)
        await greet(ws)

    async with endpoint(behave) as url:
        await (await connector(url).connect()).close()


async def test_a_first_word_in_the_same_segment_as_the_upgrade_is_heard() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await BareSocket(reader, writer).accept(HELLO)

    async with tcp(behave) as url:
        session = await connector(url).connect()
        session.abort()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_refusal_at_the_door_carries_its_status_and_what_to_do(status: int) -> None:
    def refuse(ws: ServerConnection, request: Request) -> Response:
        return ws.respond(http.HTTPStatus(status), f"no entry for {request.headers['Authorization']}")

    async with endpoint(greet, process_request=refuse) as url:
        with pytest.raises(ModelRefused) as refused:
            await connector(url).connect()
    assert refused.value.status == status
    assert refused.value.retryable == (status in {429, 500, 503})
    assert str(refused.value).startswith(
        f"endpoint 'main' (ws://127.0.0.1:{url.split(':')[2][:-3]}/v1/realtime) refused"
    )
    assert f"HTTP {status} (no entry for ••••); " in str(refused.value)
    assert KEY not in str(refused.value)


async def test_a_redirect_names_the_url_to_set() -> None:
    def refuse(ws: ServerConnection, request: Request) -> Response:
        response = ws.respond(http.HTTPStatus.TEMPORARY_REDIRECT, "")
        response.headers["Location"] = "https://eu.h.test/v1/realtime?x=1"
        return response

    async with endpoint(greet, process_request=refuse) as url:
        with pytest.raises(ModelRefused, match=r"set url to https://eu\.h\.test/v1/realtime$"):
            await connector(url).connect()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "it closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH\r\n", "invalid HTTP status line"),
        (b"HTTP/1.1 101 Fine\r\n\r\n", "missing Connection header"),
    ],
)
async def test_what_is_no_websocket_is_called_so(answer: bytes, says: str) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with tcp(behave) as url:
        with pytest.raises(ModelError, match=f"is no WebSocket: .*{says}.*; check url"):
            await connector(url).connect()


async def test_an_endpoint_that_never_answers_the_upgrade_is_given_up_in_time() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with tcp(behave) as url:
        with pytest.raises(
            ModelError, match=r"endpoint 'main' .* did not answer within 100 ms: the upgrade to a WebSocket"
        ):
            await connector(url, connect_timeout_ms=100).connect()


async def test_an_endpoint_that_opens_and_says_nothing_is_given_up_in_time() -> None:
    async with endpoint(say_nothing) as url:
        with pytest.raises(ModelError, match="within 100 ms: the socket is open and the endpoint says nothing"):
            await connector(url, connect_timeout_ms=100).connect()


async def test_a_credential_that_takes_too_long_is_given_up_in_time() -> None:
    class Slow:
        async def secret(self) -> Secret | None:
            await asyncio.Event().wait()
            return None

    async with endpoint(greet) as url:
        with pytest.raises(ModelError, match="within 100 ms: the credential was not given"):
            await connector(url, connect_timeout_ms=100, credential=Slow()).connect()


async def test_every_session_asks_for_a_fresh_secret() -> None:
    tokens: list[str] = []

    class Rotating:
        async def secret(self) -> Secret | None:
            return Secret(SecretKind.TOKEN, f"tok-{len(tokens)}")

    async def behave(ws: ServerConnection) -> None:
        assert ws.request is not None
        tokens.append(ws.request.headers["Authorization"])
        await greet(ws)

    async with endpoint(behave) as url:
        door = connector(url, credential=Rotating(), api_key=None)
        for _ in range(2):
            await (await door.connect()).close()
    assert tokens == ["Bearer tok-0", "Bearer tok-1"]


async def test_nobody_listening_is_told_with_host_and_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ModelError, match=f"can't be reached at 127.0.0.1:{port}: the connection was refused"):
            await connector(f"http://127.0.0.1:{port}/v1").connect()


@pytest.mark.parametrize(
    ("code", "close", "retryable", "says"),
    [
        ("invalid_api_key", 3000, False, "at once: invalid_api_key; check api_key"),
        ("session_expired", 1001, True, "at once: session_expired; try again"),
        ("unknown_model", 1011, True, r"at once: closed_1011 \(unknown_model: no such thing\); try again"),
        (None, 3000, False, "at once: model_not_found; check model: there is none of that name"),
    ],
)
async def test_a_session_that_ends_before_it_began_is_a_refusal(
    code: str | None, close: int, retryable: bool, says: str
) -> None:
    async def behave(ws: ServerConnection) -> None:
        if code is not None:
            error = {"type": "invalid_request_error", "code": code, "message": "no such thing", "param": None}
            await ws.send(heard("error", error=error).decode())
        await ws.close(close, "invalid_request_error.model_not_found" if close == 3000 else "")

    async with endpoint(behave) as url:
        with pytest.raises(ModelRefused, match=says) as refused:
            await connector(url).connect()
    assert refused.value.retryable is retryable


@pytest.mark.parametrize("steps", range(8))
async def test_connecting_can_be_cancelled_at_any_step_and_leaves_nothing(steps: int) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        task = asyncio.ensure_future(connector(f"http://127.0.0.1:{listener.getsockname()[1]}/v1").connect())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            peer, _ = listener.accept()
            with peer:
                await hears_the_end(peer)


async def hears_the_end(peer: socket.socket) -> None:
    peer.setblocking(False)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            while await asyncio.get_running_loop().sock_recv(peer, 65536):
                pass


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def test_a_session_over_tls() -> None:
    async with endpoint(greet, ssl=server_tls()) as url:
        session = await connector(url, tls=ssl.create_default_context(cafile=str(CERTIFICATE))).connect()
        await session.close()


async def test_a_certificate_of_a_stranger_is_not_trusted() -> None:
    async with endpoint(greet, ssl=server_tls()) as url:
        with pytest.raises(ModelError, match=r"its certificate is not trusted \(self.signed certificate\)"):
            await connector(url).connect()


async def test_tls_towards_a_plain_server_says_what_to_check() -> None:
    async with endpoint(greet) as url:
        with pytest.raises(ModelError, match="the connection broke off; check url, above all whether"):
            await connector(url.replace("http", "https")).connect()


def test_an_unknown_host_is_told_as_such() -> None:
    assert _trouble(socket.gaierror(-2, "x")) == "the name of the host is unknown; check url and the name server"


@pytest.mark.parametrize(
    ("url", "changes", "warned"),
    [
        ("http://127.0.0.1:9/v1", {}, False),
        ("http://[::1]:9/v1", {}, False),
        ("http://localhost:9/v1", {}, False),
        ("https://h.test/v1", {}, False),
        ("http://h.test/v1", {"api_key": None}, False),
        ("http://h.test/v1", {}, True),
    ],
)
def test_a_key_that_would_go_in_clear_over_the_network_is_warned_about(
    url: str, changes: dict[str, Any], warned: bool
) -> None:
    with capture_logs() as logs:
        connector(url, **changes)
    assert [entry["event"] for entry in logs] == (["model_key_in_clear"] if warned else [])
    assert KEY not in str(logs)


def test_settings_that_cannot_be_meant_stop_the_start() -> None:
    with pytest.raises(ConfigurationError, match=r"endpoints\.main\.url"):
        connector("nonsense")


def test_a_connector_prints_its_name_and_no_key() -> None:
    assert repr(connector("http://127.0.0.1:9/v1")) == "RealtimeConnector('main')"
