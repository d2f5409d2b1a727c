"""The media socket that Twilio opens for each call.

In order, and each step only after the one before: the upgrade's signature, then the socket, then ``start`` within ten
seconds, then the one-time token, bound to the call that ``start`` names. Only then there is a leg, and only then
anything else in the house hears of it.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.errors import Forbidden
from gateway.legs.carriers.base import CloseCode
from gateway.legs.carriers.twilio import TwilioStream
from gateway.legs.stream_leg import StreamLeg
from gateway.web.twilio_door import MEDIA_PATH, Closed, TwilioDoor

log = structlog.get_logger()

START_LIMIT_S: Final = 10.0
"""Seconds from the upgrade to ``start``; Twilio sends it at once."""
MAX_UNSTARTED: Final = 100
"""Sockets that may be waiting for their ``start`` or their token; the next one is refused at the door."""


def stream_routes(door: TwilioDoor) -> list[BaseRoute]:
    """Return Twilio's media socket."""
    return [WebSocketRoute(MEDIA_PATH, TwilioStreams(door).media)]


class TwilioStreams:
    """Takes Twilio's media sockets, one call each."""

    def __init__(self, door: TwilioDoor) -> None:
        self._door = door
        self._unstarted = 0

    async def media(self, socket: WebSocket) -> None:
        """Take one media socket from its upgrade to its end."""
        try:
            self._door.admit(socket)
        except Closed:
            await socket.close()  # before it was accepted: the server answers the upgrade with 403
            return
        if self._unstarted >= MAX_UNSTARTED:
            log.warning("media_stream_refused", carrier="twilio", why=f"{MAX_UNSTARTED} sockets wait for their start")
            await socket.close()
            return
        self._unstarted += 1
        try:
            leg = await self._admitted(socket)
        finally:
            self._unstarted -= 1
        if leg is not None:
            await self._run(leg)

    async def _admitted(self, socket: WebSocket) -> StreamLeg | None:
        """Return the leg once its stream has started and its token is redeemed; None if the socket was closed."""
        door = self._door
        limits = door.desk.settings.limits
        await socket.accept()
        leg = StreamLeg(
            socket,
            TwilioStream(message_bytes=limits.message_bytes, parameter_bytes=limits.parameter_bytes),
            clock=door.clock,
            control=door.calls,
            http=door.http,
            pending=door.pending,
        )
        if not await leg.open(START_LIMIT_S):
            return None
        if door.is_open_to_all:
            if not leg.ticket and (why := door.desk.may_answer()) is not None:
                # It came straight here, so nobody asked at the webhook.
                log.info("call_refused", carrier="twilio", leg_id=leg.started.leg_id, why=why)
                await leg.turn_away(CloseCode.TRY_AGAIN_LATER)
                return None
            return leg
        try:
            await door.tickets.redeem(leg.ticket, leg.started.leg_id)
        except Forbidden as refused:
            log.warning("media_stream_refused", carrier="twilio", leg_id=leg.started.leg_id, why=refused.why)
            await leg.turn_away(CloseCode.POLICY)
            return None
        return leg

    async def _run(self, leg: StreamLeg) -> None:
        """Run the call on its leg, and let go of the leg whatever happens to the call."""
        running = asyncio.create_task(leg.run(), name="media stream reader")
        try:
            await self._door.desk.take(leg)
        finally:
            await leg.close()
            await running
