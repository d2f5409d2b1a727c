"""The doors for browsers and programs, as Starlette routes; those for carriers are in ``routes.py``."""

from __future__ import annotations

from typing import Protocol

from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from gateway.bridge.registry import CallRegistry
from gateway.clock import Clock
from gateway.settings.schema import Settings
from gateway.web.access import Access
from gateway.web.call_archive import CallArchive, JournalArchive
from gateway.web.calls_api import CallsApi
from gateway.web.conversation import Conversations
from gateway.web.live_board import LiveBoard
from gateway.web.realtime_proxy import ProxyDesk, RealtimeProxy
from gateway.web.security_headers import SecurityHeaders
from gateway.web.sign_in import SignIn
from gateway.web.visitors import VisitorDesk


def browser_middleware(settings: Settings) -> list[Middleware]:
    """Return what stands around all doors: security headers, and CORS if other sites' pages may call."""
    middleware = [Middleware(SecurityHeaders)]
    if settings.access.origins:
        from starlette.middleware.cors import CORSMiddleware

        # Their pages send a key; cookies are never sent from another site's page.
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.access.origins,
            allow_headers=["authorization", "content-type"],
            allow_methods=["GET", "POST", "DELETE"],
        )
        middleware.append(cors)
    return middleware


class ApiDesk(VisitorDesk, ProxyDesk, Protocol):
    """The house, as browsers and programs need it."""

    clock: Clock
    registry: CallRegistry
    board: LiveBoard


def api_routes(access: Access, desk: ApiDesk, archive: CallArchive | None = None) -> list[BaseRoute]:
    """Return sign-in, the calls API, ``/ws/conversation`` and ``/v1/realtime``.

    ``archive`` finds calls that are over; None reads their journals.
    """
    settings = desk.settings
    calls = CallsApi(access, desk.registry, desk.board, archive or JournalArchive(settings.data_dir), settings)
    return [
        *SignIn(access).routes(),
        *calls.routes(),
        *Conversations(access, desk, desk.clock).routes(),
        *RealtimeProxy(access, desk, desk.clock).routes(),
    ]
