"""Sends the requests of HTTP tools: one client, no cookies, no foreign hosts, retries only where they are safe."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import TYPE_CHECKING, Any, Final

from gateway.contracts.tool import CallFacts
from gateway.errors import ToolError
from gateway.settings.tools import HttpToolSettings
from gateway.toolbox.headers import Headers
from gateway.toolbox.http_answer import OVERLOADED, REDIRECTS, HttpAnswer, result_of
from gateway.toolbox.http_request import HttpRequest, RequestTemplate, redirected

if TYPE_CHECKING:
    import httpx

MAX_BODY_BYTES: Final = 1_048_576
"""More is not read: a tool's answer is for a model's ear."""
MAX_REDIRECTS: Final = 3
CONNECT_S: Final = 3.0
"""A host that can't be reached for so long is tried again, or given up."""
FIRST_PAUSE_S: Final = 0.1
"""Before the second try; doubled each time, and up to as much again at random."""
_IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})


class HttpClient:
    """The client of all HTTP tools; made when it is first needed, in a thread, for certificates take long to load.

    It keeps no cookie, for a cookie would cross from one call to the next.
    """

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._made: asyncio.Task[httpx.AsyncClient] | None = None

    async def client(self) -> httpx.AsyncClient:
        """Return the client."""
        if self._made is None:
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return await asyncio.shield(self._made)

    def _make(self) -> httpx.AsyncClient:
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        import httpx

        return httpx.AsyncClient(
            transport=self._transport,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            headers={"Accept-Encoding": "identity", "User-Agent": "voice-gateway"},
        )

    async def close(self) -> None:
        """Close it, if it was ever made."""
        if self._made is not None:
            await (await self._made).aclose()


class HttpTool:
    """The work of one HTTP tool (:data:`~gateway.toolbox.guard.Work`)."""

    def __init__(self, name: str, settings: HttpToolSettings, http: HttpClient) -> None:
        self._settings = settings
        self._headers = Headers(name, settings.headers)
        self._http = http
        self._template = RequestTemplate(settings)
        self._repeatable = settings.method in _IDEMPOTENT or settings.idempotency_key

    async def __call__(self, arguments: dict[str, Any], facts: CallFacts) -> object:
        """Send the request, again if need be, and return what the model may see of the answer."""
        key = str(uuid.uuid4()) if self._settings.idempotency_key else None
        request = self._template.fill(arguments, facts, headers=await self._headers.current(), key=key)
        return result_of(await self._sent(request), self._settings.pick)

    async def _sent(self, request: HttpRequest) -> HttpAnswer:
        import httpx

        client, tried = await self._http.client(), 0
        while True:
            answer: HttpAnswer | None = None
            try:
                answer = await _follow(client, request)
                again = self._repeatable and answer.status in OVERLOADED
            except (httpx.ConnectError, httpx.ConnectTimeout):
                again = True  # nothing was sent, so nothing can happen twice
            except httpx.TransportError:
                again = self._repeatable
            if not again or tried == self._settings.retries:
                break
            pause_s = FIRST_PAUSE_S * 2**tried
            await asyncio.sleep(pause_s * random.uniform(1, 2))  # noqa: S311 - spreads tries, hides nothing
            tried += 1
        if answer is None:
            raise ToolError("the service can't be reached", kind="unreachable", retry=True)
        return answer


async def _follow(client: httpx.AsyncClient, request: HttpRequest) -> HttpAnswer:
    for _ in range(MAX_REDIRECTS + 1):
        answer = await _once(client, request)
        if answer.status not in REDIRECTS:
            return answer
        request = redirected(request, answer.location or "")
    raise ToolError("the service redirects in a circle", kind="redirected")


async def _once(client: httpx.AsyncClient, request: HttpRequest) -> HttpAnswer:
    body = bytearray()
    sending = client.stream(request.method, request.url, headers=dict(request.headers), content=request.body)
    async with sending as response:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise ToolError(f"the service's answer is over {MAX_BODY_BYTES} bytes", kind="too_large")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        location = response.headers.get("location")
        return HttpAnswer(response.status_code, bytes(body), location, kind.endswith(("/json", "+json")))
