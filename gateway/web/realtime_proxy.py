"""``WS /v1/realtime``: a program speaks the Realtime API (GA) to us and reaches the operator's endpoint.

It shows one of our keys, as a bearer or among the subprotocols; the endpoint's own key stays here. Whatever model it
asks for, it gets the endpoint's. What it says passes ``proxy_policy``, what the endpoint says goes back as it is, and
on the way it is read for the record.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.bridge.story import Story
from gateway.clock import Clock
from gateway.contracts.model import ModelEvent, SessionLost
from gateway.contracts.record import Sink
from gateway.errors import Ending, ModelError, Party, Unsupported
from gateway.privacy.redactor import Redactor
from gateway.realtime.relay import RelayConnector, RelayDialect
from gateway.realtime.session import RealtimeSession
from gateway.settings.schema import Settings
from gateway.web.access import Access, Identity
from gateway.web.audit import Action
from gateway.web.denials import deny
from gateway.web.proxy_policy import NotAllowed, ProxyPolicy
from gateway.web.proxy_record import ProxyRecord
from gateway.web.refusals import Refusal

log = structlog.get_logger()

PROXY_PATH: Final = "/v1/realtime"
PROTOCOL: Final = "realtime"
"""The subprotocol that browser clients of the API offer beside their key."""
UNREAD_BYTES: Final = 16 * 1024 * 1024
"""What may wait for a program that does not read; past it, its session ends."""
CLOSE_WITHIN_S: Final = 2.0
_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
_POLICY: Final = 1008
_TOO_BIG: Final = 1009
_UPSTREAM: Final = 1011


@dataclass(slots=True)
class Held:
    """What the house gives to one session."""

    call_id: str
    connector: RelayConnector
    sink: Sink
    redactor: Redactor
    story: Story
    ended: asyncio.Future[Ending] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done when the house wants the session to end."""

    def end(self, ending: Ending) -> None:
        """End the session; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(ending)


class ProxyDesk(Protocol):
    """The house, as the proxy sees it."""

    settings: Settings

    def may_answer(self) -> str | None:
        """Return why no session can be taken now, or None if one can."""
        ...

    def hold_session(self) -> AbstractAsyncContextManager[Held]:
        """Hold a slot, a record and the way to the endpoint for as long as the block lasts.

        Raises:
            Unsupported: the endpoint does not speak GA.

        """
        ...


class RealtimeProxy:
    """The door for programs.

    Args:
        access: the guard.
        desk: the house.
        clock: times the sessions.

    """

    def __init__(self, access: Access, desk: ProxyDesk, clock: Clock) -> None:
        self._access = access
        self._desk = desk
        self._clock = clock
        self._policy = ProxyPolicy(desk.settings.proxy.allow)

    def routes(self) -> list[BaseRoute]:
        """Return the socket; nothing where it is switched off."""
        return [WebSocketRoute(PROXY_PATH, self.relay)] if self._desk.settings.proxy.enabled else []

    async def relay(self, socket: WebSocket) -> None:
        """Take one socket from its upgrade to its end."""
        try:
            identity = self._access.admit(socket, "operator")
            with self._access.sockets.slot(identity.name):
                if (why := self._desk.may_answer()) is not None:
                    raise Refusal(503, why, "No session can be taken at the moment; try again later.")
                await self._hold(socket, identity)
        except Refusal as refusal:
            log.info("proxy_refused", status=refusal.status, why=refusal.code)
            await deny(socket, refusal)
        except Unsupported as error:
            log.error("proxy_refused", why=str(error))
            await deny(socket, Refusal(501, "not_ga", "The endpoint of this gateway does not speak the GA protocol."))

    async def _hold(self, socket: WebSocket, identity: Identity) -> None:
        async with self._desk.hold_session() as held:
            await self._access.note(Action.MODEL_SESSION, identity, held.call_id)
            started_ms = self._clock.now_ms()
            record = ProxyRecord(held.sink, held.redactor, held.story)
            record.begin(
                held.call_id, who=identity.name, endpoint=held.connector.name, started_at_s=self._clock.wall_s()
            )
            ending = Ending(Party.MODEL, "unreachable", ok=False)
            dropped_ms = 0.0
            try:
                session, dialect = await held.connector.connect()
                relay = _Relay(
                    socket,
                    session,
                    dialect,
                    record,
                    self._policy,
                    clock=self._clock,
                    started_ms=started_ms,
                    most_bytes=self._desk.settings.proxy.message_bytes,
                )
                ending = await relay.run(held.ended, self._desk.settings.limits.call_s)
                dropped_ms = session.dropped_ms
            except ModelError as error:
                log.error("model_unreachable", endpoint=held.connector.name, why=str(error))
                why = "The model can't be reached; the gateway's log says why."
                raise Refusal(502, "model_unreachable", why) from None
            finally:
                record.end(ending, self._clock.now_ms() - started_ms, dropped_ms=dropped_ms)


class _Relay:
    """One session between a program and an endpoint."""

    def __init__(
        self,
        socket: WebSocket,
        session: RealtimeSession,
        dialect: RelayDialect,
        record: ProxyRecord,
        policy: ProxyPolicy,
        *,
        clock: Clock,
        started_ms: float,
        most_bytes: int,
    ) -> None:
        self._socket = socket
        self._session = session
        self._dialect = dialect
        self._record = record
        self._policy = policy
        self._clock = clock
        self._started_ms = started_ms
        self._to_program: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._waiting_bytes = 0
        self._lost: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._most_bytes = most_bytes

    async def run(self, wanted_end: asyncio.Future[Ending], limit_s: float) -> Ending:
        """Pass messages on until one side is gone, time is up or the house wants the end; return why it ended."""
        offered = self._socket.scope.get("subprotocols") or []
        await self._socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
        self._session.listen(self)
        self._dialect.hand_on(self._put)
        reading = asyncio.create_task(self._read(), name="proxy reader")
        writing = asyncio.create_task(self._write(), name="proxy writer")
        try:
            async with asyncio.timeout(limit_s):
                ends: set[asyncio.Future[Any]] = {reading, writing, self._lost, wanted_end}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            ending, code = self._why(reading, wanted_end)
        except TimeoutError:
            ending, code = Ending(Party.GATEWAY, "deadline", ok=False), _POLICY
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            self._to_program.put_nowait(None)
            await asyncio.wait({writing}, timeout=CLOSE_WITHIN_S)
            writing.cancel()
            await asyncio.wait({writing})
            await self._session.close()
        await self._close(code)
        return ending

    def _why(self, reading: asyncio.Task[tuple[Ending, int]], wanted: asyncio.Future[Ending]) -> tuple[Ending, int]:
        if reading.done() and not reading.cancelled():
            return reading.result()
        if self._lost.done():
            return self._lost.result(), _UPSTREAM
        if wanted.done():
            return wanted.result(), _GOING_AWAY
        return Ending(Party.CALLER, "stream_lost", ok=False), _GOING_AWAY

    # --- from the program ------------------------------------------------------------------------------------------

    async def _read(self) -> tuple[Ending, int]:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                gone = message.get("code") in {_NORMAL, _GOING_AWAY, 1005, None}
                return Ending(Party.CALLER, "hung_up" if gone else "stream_lost", ok=gone), _NORMAL
            text = message.get("text")
            said = text if text is not None else message["bytes"]
            if len(said) > self._most_bytes:
                return Ending(Party.CALLER, "protocol", ok=False), _TOO_BIG
            try:
                self._session.pass_on(self._policy.passed(said))
            except NotAllowed as refused:
                self._record.fault("not_passed_on", refused.message, self._now_ms())
                self._put(refused.event())

    # --- from the endpoint -----------------------------------------------------------------------------------------

    def on_model(self, event: ModelEvent) -> None:
        """Read on the way what the endpoint says, for the record."""
        self._record.take(event, self._now_ms())
        if isinstance(event, SessionLost) and not self._lost.done():
            self._lost.set_result(Ending(Party.MODEL, "lost", ok=False))

    def _put(self, message: bytes) -> None:
        self._waiting_bytes += len(message)
        if self._waiting_bytes > UNREAD_BYTES and not self._lost.done():
            self._lost.set_result(Ending(Party.CALLER, "protocol", ok=False))
        else:
            self._to_program.put_nowait(message)

    async def _write(self) -> None:
        try:
            while (message := await self._to_program.get()) is not None:
                self._waiting_bytes -= len(message)
                await self._socket.send({"type": "websocket.send", "text": message.decode("utf-8", "replace")})
        except (WebSocketDisconnect, RuntimeError):
            log.debug("proxy_socket_gone")  # the reader is told in its own way

    async def _close(self, code: int) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._socket.close(code)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            log.debug("proxy_socket_gone")

    def _now_ms(self) -> float:
        return self._clock.now_ms() - self._started_ms
