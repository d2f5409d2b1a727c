"""``WS /ws/conversation``: a page talks to the model, over a leg like any other.

The first message decides: ``start`` opens a conversation as it says, ``resume`` takes one up again, anything else (or
nothing for half a second) opens one as the query says (``?rate=16000&flow=…&voice=…``), else the default persona's at
24 kHz. The messages are listed in ``legs/browser_wire.py`` and ``legs/browser_view.py``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final

import structlog
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.clock import Clock
from gateway.contracts.leg import LegStarted
from gateway.contracts.live import LiveEvent
from gateway.contracts.record import AnyRecord, CallStarted, ModelConnected
from gateway.errors import ConfigurationError, Forbidden
from gateway.legs.browser_leg import BrowserLeg
from gateway.legs.browser_resume import BACKOFF_MS, Cloakroom
from gateway.legs.browser_view import live_message, record_message
from gateway.legs.browser_wire import BadMessage, BrowserWire, Limits, encode, read_object
from gateway.settings.schema import NumberSettings
from gateway.web.access import Access, Identity
from gateway.web.audit import Action
from gateway.web.denials import deny
from gateway.web.refusals import Refusal
from gateway.web.visitors import Visitor, VisitorDesk, Wish, wish_of

log = structlog.get_logger()

CONVERSATION_PATH: Final = "/ws/conversation"
FIRST_WITHIN_S: Final = 0.5
"""Seconds in which the first message decides; a page sends ``start`` as soon as its socket is open."""
_POLICY: Final = 1008
_TRY_LATER: Final = 1013
_REFUSED: Final = {
    "busy": "All lines are busy at the moment; try again in a few minutes.",
    "draining": "This service is being restarted; try again in a minute.",
}


class Conversations:
    """The door for pages.

    Args:
        access: the guard.
        desk: the house.
        clock: times the legs.

    """

    def __init__(self, access: Access, desk: VisitorDesk, clock: Clock) -> None:
        self._access = access
        self._desk = desk
        self._clock = clock
        self._cloakroom = Cloakroom()
        self._running: set[asyncio.Task[None]] = set()

    def routes(self) -> list[BaseRoute]:
        """Return the socket; nothing where it is switched off."""
        return [WebSocketRoute(CONVERSATION_PATH, self.converse)] if self._desk.settings.browser.enabled else []

    async def converse(self, socket: WebSocket) -> None:
        """Take one socket from its upgrade to its end."""
        try:
            identity = self._access.admit(socket, "operator")
            with self._access.sockets.slot(identity.name):
                await socket.accept()
                await self._serve(socket, identity)
        except Refusal as refusal:
            log.info("conversation_refused", status=refusal.status, why=refusal.code)
            await deny(socket, refusal)

    async def _serve(self, socket: WebSocket, identity: Identity) -> None:
        limits = self._limits()
        try:
            first = await _first(socket)
            said = None if first is None else read_object(first, limits)
            if said is not None and said["type"] == "resume":
                await self._resume(socket, identity, said)
            elif said is not None and said["type"] == "start":
                await self._begin(socket, identity, wish_of(said, self._desk), None)
            else:
                await self._begin(socket, identity, wish_of(dict(socket.query_params), self._desk), first)
        except BadMessage as bad:
            await _turn_away(socket, bad.code, bad.message, _POLICY)
        except Refusal as refusal:
            await _turn_away(socket, refusal.code, refusal.message, _TRY_LATER)
        except WebSocketDisconnect:
            log.debug("conversation_not_begun")

    # --- a new one -------------------------------------------------------------------------------------------------

    async def _begin(self, socket: WebSocket, identity: Identity, wish: Wish, first: str | bytes | None) -> None:
        wire = BrowserWire(wish.rate_hz, self._limits())
        if (why := self._desk.may_answer()) is not None:
            raise Refusal(503, why, _REFUSED.get(why, _REFUSED["busy"]))
        leg_id = f"web-{secrets.token_hex(8)}"
        started = LegStarted(leg_id=leg_id, stream_id=leg_id, from_caller=wire.from_caller, to_caller=wire.to_caller)
        leg = BrowserLeg(wire, started, clock=self._clock, resume_s=self._desk.settings.browser.resume_s)
        view = PageView(leg, wish, lambda: self._way_back(leg, identity))
        await self._access.note(Action.CONVERSATION, identity, leg_id)
        running = asyncio.create_task(self._run(Visitor(leg, wish, view)), name="conversation")
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        await leg.serve(socket, first)

    async def _run(self, visitor: Visitor) -> None:
        """Run the conversation, over all of its sockets, and let go of the leg whatever happens."""
        try:
            await self._desk.visit(visitor)
        except ConfigurationError as error:
            log.error("conversation_not_configured", why=str(error))
            message = "This persona is not set up correctly; the gateway's log says what is wrong."
            visitor.leg.tell({"type": "error", "code": "not_configured", "message": message})
        finally:
            self._cloakroom.forget(visitor.leg)
            await visitor.leg.close()

    def _way_back(self, leg: BrowserLeg, identity: Identity) -> Mapping[str, Any] | None:
        """Return how a page comes back; None where it can't."""
        within_s = self._desk.settings.browser.resume_s
        if not within_s:
            return None
        return {"token": self._cloakroom.ticket(leg, identity.name), "within_s": within_s, "backoff_ms": BACKOFF_MS}

    # --- one that was lost -----------------------------------------------------------------------------------------

    async def _resume(self, socket: WebSocket, identity: Identity, said: Mapping[str, Any]) -> None:
        token, received_ms = said.get("token"), said.get("received_ms")
        if isinstance(received_ms, bool) or not isinstance(received_ms, int | float | None):
            raise BadMessage("bad_position", "received_ms must be milliseconds.")
        try:
            leg = self._cloakroom.claim(token if isinstance(token, str) else "", identity.name)
        except Forbidden as refused:
            log.info("resume_refused", why=refused.why)
            message = "This conversation can't be taken up again; start a new one."
            raise BadMessage("resume_refused", message) from None
        away_ms = await leg.take_up(received_ms)
        log.info("page_returned", leg_id=leg.started.leg_id, away_ms=away_ms)
        leg.tell(
            {
                "type": "session_resumed",
                "message": "The conversation goes on.",
                "away_ms": away_ms,
                "resume": self._way_back(leg, identity),
            }
        )
        await leg.serve(socket)

    def _limits(self) -> Limits:
        browser = self._desk.settings.browser
        return Limits(browser.message_bytes, browser.image_bytes, browser.text_characters)


class PageView:
    """Shows a page its conversation: a sink for the records, and a view of what is live.

    Args:
        leg: over which it is told.
        wish: what the page asked for.
        way_back: gives what a page that lost its socket comes back with.

    """

    def __init__(self, leg: BrowserLeg, wish: Wish, way_back: Any) -> None:
        self._leg = leg
        self._wish = wish
        self._way_back = way_back
        self._started: CallStarted | None = None

    def on_live(self, event: LiveEvent) -> None:
        """Show what has just happened."""
        self._leg.tell(live_message(event))

    def accept(self, record: AnyRecord) -> None:
        """Show a record."""
        if isinstance(record, CallStarted):
            self._started = record
        elif isinstance(record, ModelConnected):
            self._leg.tell(self._ready())
        elif (message := record_message(record)) is not None:
            self._leg.tell(message)

    async def close(self) -> None:
        """Nothing is kept back."""

    def _ready(self) -> Mapping[str, Any]:
        started = self._leg.started
        line: NumberSettings = self._wish.line
        return {
            "type": "session_ready",
            "message": "Ready. You can speak." if not self._wish.push_to_talk else "Ready. Press to speak.",
            "call_id": "" if self._started is None else str(self._started.call_id),
            "persona": "" if self._started is None else str(self._started.persona),
            "flow": line.flow,
            "push_to_talk": self._wish.push_to_talk,
            "input_rate": started.from_caller.rate_hz,
            "output_rate": started.to_caller.rate_hz,
            "resume": self._way_back(),
        }


async def _first(socket: WebSocket) -> str | bytes | None:
    """Return the first message; None if there is none for half a second.

    Raises:
        WebSocketDisconnect: the page is gone.

    """
    try:
        async with asyncio.timeout(FIRST_WITHIN_S):
            message = await socket.receive()
    except TimeoutError:
        return None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code") or 1005)
    text: str | bytes | None = message.get("text")
    return text if text is not None else bytes(message["bytes"])


async def _turn_away(socket: WebSocket, code: str, message: str, close_code: int) -> None:
    try:
        await socket.send_text(encode({"type": "error", "code": code, "message": message}))
        await socket.close(close_code)
    except (WebSocketDisconnect, RuntimeError):
        log.debug("conversation_socket_gone", why=code)
