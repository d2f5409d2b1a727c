"""Whether the process lives, and whether calls should be sent to it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.web.front_desk import FrontDesk


def health_routes(desk: FrontDesk) -> list[BaseRoute]:
    """Return ``/healthz`` with its alias ``/health``, and ``/readyz``."""

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        # A full gateway stays ready: its callers hear that all lines are busy. What says no here is in ``reasons``.
        is_ready, reasons = desk.ready()
        words = {"status": "ready" if is_ready else "not ready", "reasons": dict(reasons)}
        return JSONResponse(words, status_code=200 if is_ready else 503, headers={"cache-control": "no-store"})

    return [Route("/healthz", alive), Route("/health", alive), Route("/readyz", ready)]
