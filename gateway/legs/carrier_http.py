"""The one sender of requests to carriers' REST APIs: time limits, retries, credentials.

Cores make a :class:`~gateway.legs.carriers.base.CarrierRequest`; this sends it. Credentials come from the settings at
the moment of sending and appear in no request, error or log line, and redirects are not followed with them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec
import structlog

from gateway.errors import CarrierError
from gateway.legs.carriers.base import CarrierRequest
from gateway.settings.schema import CarriersSettings

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger()

FIRST_PAUSE_S: Final = 0.1
"""Seconds before the first retry; doubled each time, and up to as much again is added at random."""

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_REMEDIES: Final = {
    401: "check account_sid and auth_token under carriers",
    403: "check what the account is allowed to do",
    404: "the call is gone, or account_sid is another account's",
    429: "the account's rate limit is used up; ask the carrier for more",
}
_CARRIERS_TROUBLE: Final = "see the carrier's status page"
_UNREACHABLE: Final = "check the network and api_base under carriers"


@dataclass(frozen=True, slots=True)
class CarrierReply:
    """A carrier's answer that counts as success. ``code`` is the carrier's own error code, if it gave one."""

    status: int
    code: int | None = None
    sid: str | None = None
    """What was made, where something was."""


class _Body(msgspec.Struct):
    code: int | None = None
    sid: str | None = None


class CarrierHttp:
    """Sends requests to carriers; one for the whole process, closed with :meth:`close`.

    Each carrier's ``api_timeout_ms`` bounds a request with all its retries: whoever hangs up knows how long it takes
    at most. A try that may be repeated has half of what is left.

    Args:
        settings: the carriers' credentials and limits.
        transport: takes the network's place in tests.

    """

    def __init__(self, settings: CarriersSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        twilio = settings.twilio
        self._limits = {"twilio": (twilio.api_timeout_ms / 1000, twilio.api_retries)}
        self._auth: Mapping[str, tuple[str, str]] = {}
        if twilio.account_sid and twilio.auth_token:
            self._auth = {"twilio": (twilio.account_sid, twilio.auth_token.get_secret_value())}
        self._loopback = urlsplit(twilio.api_base).hostname in {"127.0.0.1", "::1", "localhost"}
        self._transport = transport
        self._client: asyncio.Future[httpx.AsyncClient] | None = None

    def warm_up(self) -> None:
        """Begin to make the client, in a thread: trusted certificates take long to load."""
        self._opened()

    def _opened(self) -> asyncio.Future[httpx.AsyncClient]:
        if self._client is None:
            self._client = asyncio.ensure_future(asyncio.to_thread(self._make_client))
        return self._client

    def _make_client(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            transport=self._transport,
            timeout=None,  # noqa: S113 - every try runs under the limits above
            follow_redirects=False,
            trust_env=not self._loopback,  # a proxy of the environment is for the world outside
        )

    async def close(self) -> None:
        """Close the connections that are kept open."""
        if self._client is not None:
            client, self._client = await self._client, None
            await client.aclose()

    async def send(self, request: CarrierRequest) -> CarrierReply:
        """Send a request and return the carrier's answer, within the carrier's ``api_timeout_ms``.

        Refusals for being too many and requests that never left are repeated; server errors and answers that never
        came only if the request is idempotent.

        Raises:
            CarrierError: the carrier said no, or gave no answer in time; the message has the remedy.

        """
        limit_s, retries = self._limits[request.carrier]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        pause_s = FIRST_PAUSE_S
        for left in range(retries, -1, -1):
            patience_s = max(0.0, deadline - loop.time())
            outcome = await self._try(request, patience_s / 2 if left and request.idempotent else patience_s)
            if isinstance(outcome, CarrierReply):
                log.debug("carrier_request", carrier=request.carrier, action=request.action, status=outcome.status)
                return outcome
            wait_s = pause_s * (1 + random.random())  # noqa: S311 - spreads retries; no secret
            if not left or not outcome.repeatable or loop.time() + wait_s >= deadline:
                raise CarrierError(
                    f"{request.carrier}: {request.action} got {outcome.trouble} from {request.url}; {outcome.remedy}"
                )
            log.warning("carrier_retry", carrier=request.carrier, action=request.action, trouble=outcome.trouble)
            await asyncio.sleep(wait_s)
            pause_s *= 2
        raise AssertionError("the last try returns or raises")

    async def _try(self, request: CarrierRequest, patience_s: float) -> CarrierReply | _Failure:
        import httpx

        try:
            async with asyncio.timeout(patience_s):
                client = await asyncio.shield(self._opened())
                response = await client.request(
                    request.method,
                    request.url,
                    data=dict(request.form) or None,
                    auth=self._auth.get(request.carrier),
                )
        except TimeoutError:
            return _Failure(f"no answer within {patience_s * 1000:.0f} ms", _UNREACHABLE, request.idempotent)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):  # it never left: nothing is repeated
            return _Failure("no connection", _UNREACHABLE, repeatable=True)
        except httpx.RequestError as error:
            return _Failure(f"a broken connection ({type(error).__name__})", _UNREACHABLE, request.idempotent)
        body = _body(response.content)
        code = body.code
        status = response.status_code
        if response.is_success or status in request.ok_statuses or code in request.ok_codes:
            return CarrierReply(status, code, body.sid)
        trouble = f"{status}" if code is None else f"{status} (code {code})"
        if status == _TOO_MANY:
            return _Failure(trouble, _REMEDIES[status], repeatable=True)
        if status >= _SERVER_ERROR:
            return _Failure(trouble, _CARRIERS_TROUBLE, request.idempotent)
        return _Failure(trouble, _REMEDIES.get(status, "see the carrier's error codes"), repeatable=False)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A try that failed: what came, what helps, and whether trying again can do no harm."""

    trouble: str
    remedy: str
    repeatable: bool


def _body(body: bytes) -> _Body:
    """Return what is read of an answer's JSON: the carrier's own error code, or what was made."""
    try:
        return msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Body()
