"""All the doors of the telephone gateway, as Starlette routes."""

from __future__ import annotations

from starlette.routing import BaseRoute

from gateway.clock import Clock
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.tickets import TicketOffice
from gateway.web.front_desk import FrontDesk
from gateway.web.health import health_routes
from gateway.web.streams import stream_routes
from gateway.web.twilio_door import TwilioDoor
from gateway.web.webhooks import webhook_routes


def routes(desk: FrontDesk, tickets: TicketOffice, http: CarrierHttp, clock: Clock | None = None) -> list[BaseRoute]:
    """Return every route: health, Twilio's webhooks and its media socket.

    Serve them with uvicorn's ``ws="websockets-sansio"``, ``ws_per_message_deflate=False``, a ``ws_max_size`` a little
    above ``limits.message_bytes``, and ``proxy_headers=False``: which proxies are believed is decided here.
    """
    door = TwilioDoor(desk, tickets, http, clock)
    return [*health_routes(desk), *webhook_routes(door), *stream_routes(door)]
