"""Webhooks about the colleagues that hand-overs ring: they answer, they press a key, their call ends."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.legs.hand_over import COLLEAGUE_PATH, HandOverDesk
from gateway.web.twilio_door import Closed
from gateway.web.webhooks import TwilioWebhooks, document

_KEYS: Final = re.compile(r"[0-9*#]{0,8}")
_ENDED: Final = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


def colleague_routes(hooks: TwilioWebhooks, desk: HandOverDesk) -> list[BaseRoute]:
    """Return the routes; each is verified like any other webhook."""
    colleagues = Colleagues(hooks, desk)
    at = COLLEAGUE_PATH + "/{token}"
    return [
        Route(at, colleagues.answered, methods=["POST"]),
        Route(at + "/key", colleagues.key, methods=["POST"]),
        Route(at + "/status", colleagues.status, methods=["POST"]),
    ]


class Colleagues:
    """Answers what the carrier asks about colleagues."""

    def __init__(self, hooks: TwilioWebhooks, desk: HandOverDesk) -> None:
        self._hooks = hooks
        self._desk = desk

    async def answered(self, request: Request) -> Response:
        """Say what a colleague hears who has answered."""
        try:
            await self._hooks.verified(request)
        except Closed as closed:
            return Response(status_code=closed.status)
        return document(self._desk.answered(request.path_params["token"]))

    async def key(self, request: Request) -> Response:
        """Say what follows a colleague's key."""
        try:
            form = await self._hooks.verified(request)
        except Closed as closed:
            return Response(status_code=closed.status)
        digits = form.get("Digits", "")
        return document(self._desk.key(request.path_params["token"], digits if _KEYS.fullmatch(digits) else ""))

    async def status(self, request: Request) -> Response:
        """Take word that a colleague's call has ended."""
        try:
            form = await self._hooks.verified(request)
        except Closed as closed:
            return Response(status_code=closed.status)
        status = form.get("CallStatus", "")
        if status in _ENDED:
            self._desk.status(request.path_params["token"], status)
        return Response(status_code=204)
