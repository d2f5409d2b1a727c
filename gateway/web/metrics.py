"""``/metrics`` for Prometheus, on the port that calls come in on, and therefore with a guard at the door.

Programs on this machine may read. Behind a proxy every stranger's request comes from this machine, too: so one that
went through a proxy, or asks for another host than loopback, is a stranger's. Whoever else shall read has the token.
"""

from __future__ import annotations

import asyncio
import hmac
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.settings.metrics import MetricsSettings
from gateway.telemetry.metrics import Metrics
from gateway.web.origin import host_of, is_loopback

METRICS_PATH: Final = "/metrics"
PROXY_HEADERS: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""What proxies and tunnels add; any of them means that the request comes from further away than its socket."""
CLOSED: Final = "metrics are for programs on this machine; set metrics.token to read them from elsewhere\n"
WANTED: Final = "wanted: Authorization: Bearer <metrics.token>\n"


def metrics_routes(metrics: Metrics, settings: MetricsSettings) -> list[BaseRoute]:
    """Return ``/metrics``."""

    async def read(request: Request) -> Response:
        if not (_is_local(request) or _has_token(request, settings)):
            if settings.token is None:
                return PlainTextResponse(CLOSED, 403)
            return PlainTextResponse(WANTED, 401, headers={"www-authenticate": "Bearer"})
        page, content_type = await asyncio.to_thread(metrics.page, request.headers.get("accept", ""))
        return Response(page, headers={"content-type": content_type, "cache-control": "no-store"})

    return [Route(METRICS_PATH, read)]


def _is_local(request: Request) -> bool:
    if any(header in request.headers for header in PROXY_HEADERS):
        return False
    host = host_of(f"//{request.headers.get('host', '')}")
    return request.client is not None and is_loopback(request.client.host) and is_loopback(host)


def _has_token(request: Request, settings: MetricsSettings) -> bool:
    if settings.token is None:
        return False
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    wanted = settings.token.get_secret_value()
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), wanted.encode())
