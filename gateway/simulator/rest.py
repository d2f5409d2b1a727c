"""A stand-in of Twilio's REST API on loopback, for the calls that are simulated in this process.

It knows what a gateway asks for: hang a call up (``Status=completed``), send it elsewhere (``Twiml=…`` or ``Url=…``)
and look at it. A gateway is pointed at it by ``carriers.twilio.api_base``.

Source: Twilio REST API 2010-04-01, Call resource; error codes 20003 and 20404.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl, unquote

import msgspec
import structlog

from gateway.simulator.carriers.twilio_webhook import API_VERSION, TwilioCredentials

log = structlog.get_logger()

_LARGEST_BODY: Final = 64 * 1024
_REQUEST_LIMIT_S: Final = 10.0
_UNAUTHENTICATED: Final = 20003
_NOT_FOUND: Final = 20404
_INVALID: Final = 20001


@dataclass(frozen=True, slots=True)
class Complete:
    """Hang the call up."""


@dataclass(frozen=True, slots=True)
class RunTwiml:
    """Leave what the call is doing and run this document."""

    document: bytes


@dataclass(frozen=True, slots=True)
class RunUrl:
    """Leave what the call is doing and run the document at an address."""

    url: str
    method: str = "POST"


RestCommand = Complete | RunTwiml | RunUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class RestFaults:
    """What goes wrong in the API. ``drop_first`` and ``fail_first`` count requests, dropped ones first."""

    delay_ms: float = 0.0
    """Before every answer."""
    drop_first: int = 0
    """Connections closed without an answer."""
    fail_first: int = 0
    """Requests answered with ``status`` and not carried out."""
    status: int = 500


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request that reached the API."""

    method: str
    path: str
    authorization: str = field(repr=False)
    form: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RestReply:
    """An answer of the API."""

    status: int
    body: Mapping[str, object]


class TwilioRest:
    """The API: enter it as an asynchronous context, give ``base_url`` to the gateway and itself to ``place_call``.

    Args:
        credentials: the account that may use it.
        faults: what goes wrong.
        port: of loopback; 0 takes a free one.

    """

    def __init__(self, credentials: TwilioCredentials, *, faults: RestFaults | None = None, port: int = 0) -> None:
        self.credentials = credentials
        self.faults = faults or RestFaults()
        self.requests: list[RestRequest] = []
        """Everything that came, dropped and refused requests too."""
        self.dialled: list[Mapping[str, str]] = []
        """Calls that the API was asked to place: the form, and under ``CallSid`` the call that was made."""
        self._port = port
        self._calls: dict[str, Callable[[RestCommand], None]] = {}
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """The address to put in place of ``https://api.twilio.com``; known once the server runs."""
        return f"http://127.0.0.1:{self._port}"

    def register(self, call_sid: str, on_command: Callable[[RestCommand], None]) -> None:
        """Let the API reach a call; ``on_command`` runs on the event loop and returns at once."""
        self._calls[call_sid] = on_command

    def unregister(self, call_sid: str) -> None:
        """Forget a call: it has ended, and the API answers 404 for it."""
        self._calls.pop(call_sid, None)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for handler in list(self._handlers):
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._server.wait_closed()

    # --- what it answers -----------------------------------------------------------------------------------------

    def answer(self, request: RestRequest) -> RestReply:
        """Carry a request out and return the answer."""
        if not self._authorized(request.authorization):
            return _error(HTTPStatus.UNAUTHORIZED, _UNAUTHENTICATED, "Authenticate")
        sid = self.credentials.account_sid
        prefix, suffix = f"/{API_VERSION}/Accounts/{sid}/Calls/", ".json"
        call_sid = request.path.removeprefix(prefix).removesuffix(suffix)
        if request.path == prefix.rstrip("/") + suffix and request.method == "POST":
            return self._dial(request.form)
        known = request.path == f"{prefix}{call_sid}{suffix}" and call_sid in self._calls
        if not known:
            return _error(HTTPStatus.NOT_FOUND, _NOT_FOUND, f"The requested resource {request.path} was not found")
        if request.method == "GET":
            return RestReply(HTTPStatus.OK, self._call(call_sid, "in-progress"))
        if request.method != "POST":
            return _error(HTTPStatus.METHOD_NOT_ALLOWED, 20004, "Method not allowed")
        return self._update(call_sid, request.form)

    def _update(self, call_sid: str, form: Mapping[str, str]) -> RestReply:
        asked = [name for name in ("Status", "Twiml", "Url") if name in form]
        if len(asked) != 1:
            return _error(HTTPStatus.BAD_REQUEST, _INVALID, f"wanted one of Status, Twiml and Url, got {asked}")
        tell = self._calls[call_sid]
        match asked[0]:
            case "Status":
                if form["Status"] not in {"completed", "canceled"}:
                    return _error(HTTPStatus.BAD_REQUEST, _INVALID, f"Status {form['Status']!r} can't be set")
                tell(Complete())
                return RestReply(HTTPStatus.OK, self._call(call_sid, "completed"))
            case "Twiml":
                tell(RunTwiml(form["Twiml"].encode()))
            case _:
                tell(RunUrl(form["Url"], form.get("Method", "POST").upper()))
        return RestReply(HTTPStatus.OK, self._call(call_sid, "in-progress"))

    def _dial(self, form: Mapping[str, str]) -> RestReply:
        """Place a call to somebody who is not simulated here: whoever runs the API plays them by its webhooks."""
        if missing := [name for name in ("To", "From", "Url") if not form.get(name)]:
            return _error(HTTPStatus.BAD_REQUEST, _INVALID, f"no {missing[0]}")
        call_sid = f"CA{len(self.dialled) + 1:032x}"
        self.dialled.append({**form, "CallSid": call_sid})
        self._calls[call_sid] = lambda _: self.unregister(call_sid)
        return RestReply(HTTPStatus.CREATED, self._call(call_sid, "queued"))

    def _call(self, call_sid: str, status: str) -> dict[str, object]:
        return {
            "sid": call_sid,
            "account_sid": self.credentials.account_sid,
            "api_version": API_VERSION,
            "status": status,
            "uri": f"/{API_VERSION}/Accounts/{self.credentials.account_sid}/Calls/{call_sid}.json",
        }

    def _authorized(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        wanted = f"{self.credentials.account_sid}:{self.credentials.auth_token}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)

    # --- HTTP/1.1, one request a connection ----------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            async with asyncio.timeout(_REQUEST_LIMIT_S):
                request = await _read_request(reader)
            reply = await self._with_faults(request)
            if reply is not None:
                writer.write(_http(reply))
                await writer.drain()
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError) as error:
            log.debug("simulated_rest_request_broken", error=type(error).__name__)
        except asyncio.CancelledError:
            # The API is closing; Python 3.11's streams would report a handler that ends cancelled.
            log.debug("simulated_rest_request_cut")
        finally:
            self._handlers.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _with_faults(self, request: RestRequest) -> RestReply | None:
        count = len(self.requests)
        self.requests.append(request)
        if self.faults.delay_ms:
            await asyncio.sleep(self.faults.delay_ms / 1000)
        if count < self.faults.drop_first:
            return None
        if count < self.faults.drop_first + self.faults.fail_first:
            return _error(self.faults.status, 20500, "Internal Server Error")
        return self.answer(request)


def _error(status: int, code: int, message: str) -> RestReply:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return RestReply(int(status), {"code": code, "message": message, "more_info": more, "status": int(status)})


async def _read_request(reader: asyncio.StreamReader) -> RestRequest:
    """Read one request with a form. Raises ``ValueError`` for what is no such thing."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _LARGEST_BODY:
        raise ValueError(f"a body of {length} bytes")
    body = await reader.readexactly(length)
    form = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))
    return RestRequest(method, unquote(target.partition("?")[0]), headers.get("authorization", ""), form)


def _http(reply: RestReply) -> bytes:
    body = msgspec.json.encode(reply.body)
    head = (
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
