"""All the doors of the telephone gateway, as Starlette routes."""

from __future__ import annotations

from starlette.routing import BaseRoute

from gateway.clock import Clock
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.tickets import TicketOffice
from gateway.settings.effective import any_flow
from gateway.telemetry.metrics import Metrics
from gateway.web.front_desk import FrontDesk
from gateway.web.health import health_routes
from gateway.web.metrics import metrics_routes
from gateway.web.streams import stream_routes
from gateway.web.twilio_door import TwilioDoor
from gateway.web.webhooks import TwilioWebhooks, webhook_routes


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
    hooks = TwilioWebhooks(door)
    colleagues: list[BaseRoute] = []
    if door.calls is not None and any_flow(desk.settings):
        from gateway.legs.hand_over import HandOverDesk  # a gateway without flows hands nobody over so
        from gateway.web.colleagues import colleague_routes

        hand_overs = HandOverDesk(door.calls, http, desk.settings.flows, lambda: door.base_url)
        desk.hands_over(hand_overs)
        colleagues = colleague_routes(hooks, hand_overs)
    figures = [] if metrics is None else metrics_routes(metrics, desk.settings.metrics)
    return [*health_routes(desk), *figures, *webhook_routes(hooks), *colleagues, *stream_routes(door)]
