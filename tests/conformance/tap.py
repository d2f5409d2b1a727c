"""A tap on the wire: a small WebSocket proxy that records both directions and checks each event as it passes.

    async with Tap("ws://127.0.0.1:4000/v1/realtime") as tap:
        ...connect a client to tap.url...
    tap.assert_clean()

Violations never stop the traffic; they are kept in :attr:`Tap.problems` and raised by :meth:`Tap.assert_clean`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from tests.conformance.official import NotOfficial, Side, check
from tests.conformance.official_beta import check_beta
from tests.conformance.order import OrderChecker, OutOfOrder
from tests.conformance.ranges import OutOfRange, check_ranges

_PASSED_ON = ("authorization", "openai-organization", "openai-project", "openai-beta", "api-key", "x-fault")


@dataclass(frozen=True)
class Passed:
    """One event that passed, and who sent it."""

    side: Side
    event: dict[str, Any]

    @property
    def type(self) -> str:
        """The event's type."""
        return str(self.event.get("type"))


@dataclass
class TappedSession:
    """One connection through the tap; one that speaks ``beta`` is checked event by event, but not for its order."""

    log: list[Passed] = field(default_factory=list)
    beta: bool = False
    order: OrderChecker = field(default_factory=OrderChecker)
    problems: list[str] = field(default_factory=list)
    close_code: int | None = None

    def passed(self, side: Side, frame: str | bytes) -> None:
        """Record and check one frame."""
        try:
            event = json.loads(frame)
            self.log.append(Passed(side, event))
            if self.beta:
                check_beta(event, side)
                return
            check(event, side)
            check_ranges(event)
            self.order.server(event) if side == "server" else self.order.client(event)
        except (NotOfficial, OutOfOrder, OutOfRange, ValueError) as problem:
            self.problems.append(f"{side}: {problem}")

    def types(self, side: Side) -> list[str]:
        """Return the types of all events of one side, in order."""
        return [passed.type for passed in self.log if passed.side == side]


class Tap:
    """The proxy. ``upstream`` is the server's URL; what clients ask for beyond its host is passed on."""

    def __init__(self, upstream: str) -> None:
        self.sessions: list[TappedSession] = []
        self._upstream = upstream.removesuffix("/v1/realtime")
        self._server: Server | None = None
        self._dialled: dict[int, ClientConnection] = {}

    @property
    def url(self) -> str:
        """Where clients connect; path and query are passed on."""
        assert self._server is not None
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return f"ws://{host}:{port}/v1/realtime"

    @property
    def base_url(self) -> str:
        """What the official client wants for ``base_url``."""
        return self.url.replace("ws:", "http:").removesuffix("/realtime")

    @property
    def problems(self) -> list[str]:
        """Everything that was wrong so far, over all sessions."""
        return [problem for session in self.sessions for problem in session.problems]

    def assert_clean(self, *, cut_off: bool = False) -> None:
        """Raise if any event was not official, out of range or out of order, or something was left open.

        ``cut_off`` excuses what a connection that was lost left open.
        """
        assert self.problems == []
        for session in self.sessions:
            if not session.beta:
                session.order.finish(cut_off=cut_off)

    @property
    def root(self) -> str:
        """What Azure's clients want for their endpoint: ``http://host:port``."""
        return self.base_url.removesuffix("/v1")

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._carry, "127.0.0.1", 0, process_request=self._dial, compression=None, max_size=None, close_timeout=1
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        return False

    async def _dial(self, client: ServerConnection, request: Request) -> Response | None:
        """Dial upstream before the client is let in, so that a refusal reaches it as it came."""
        headers = {name: value for name, value in request.headers.raw_items() if name.lower() in _PASSED_ON}
        try:
            upstream = await connect(
                f"{self._upstream}{request.path}",
                additional_headers=headers,
                compression=None,
                max_size=None,
                proxy=None,
            )
        except InvalidStatus as refused:
            return refused.response
        self._dialled[id(client)] = upstream
        return None

    async def _carry(self, client: ServerConnection) -> None:
        assert client.request is not None
        session = TappedSession(beta=_is_beta(client.request))
        self.sessions.append(session)
        upstream = self._dialled.pop(id(client))
        down = asyncio.create_task(self._pump(upstream, client, session, "server"))
        up = asyncio.create_task(self._pump(client, upstream, session, "client"))
        try:
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (down, up):
                task.cancel()
            await asyncio.gather(down, up, return_exceptions=True)
            session.close_code = upstream.close_code
            await upstream.close()
            if upstream.close_code == 1006:
                client.transport.abort()
            else:
                await client.close(upstream.close_code or 1000, upstream.close_reason or "")

    @staticmethod
    async def _pump(
        source: ServerConnection | ClientConnection,
        sink: ServerConnection | ClientConnection,
        session: TappedSession,
        side: Side,
    ) -> None:
        try:
            async for frame in source:
                session.passed(side, frame)
                await sink.send(frame)
        except ConnectionClosed:
            return


def _is_beta(request: Request) -> bool:
    return "openai-beta" in request.headers or request.path.partition("?")[0] == "/openai/realtime"
