"""All the doors of the telephone gateway, as Starlette routes."""

from __future__ import annotations

from starlette.routing import BaseRoute

from gateway.clock import Clock
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.tickets import TicketOffice
from gateway.telemetry.metrics import Metrics
from gateway.web.front_desk import FrontDesk
from gateway.web.health import health_routes
from gateway.web.metrics import metrics_routes
from gateway.web.streams import stream_routes
from gateway.web.twilio_door import TwilioDoor
from gateway.web.webhooks import webhook_routes


def routes(
    desk: FrontDesk,
    tickets: TicketOffice,
    http: CarrierHttp,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
) -> list[BaseRoute]:
    """Return every route: health, Twilio's webhooks and its media socket, and ``/metrics`` if there are any.

    Serve them with uvicorn's ``ws="websockets-sansio"``, ``ws_per_message_deflate=False``, a ``ws_max_size`` a little
    above ``limits.message_bytes``, and ``proxy_headers=False``: which proxies are believed is decided here.
    """
    door = TwilioDoor(desk, tickets, http, clock)
    figures = [] if metrics is None else metrics_routes(metrics, desk.settings.metrics)
    return [*health_routes(desk), *figures, *webhook_routes(door), *stream_routes(door)]
