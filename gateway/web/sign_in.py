"""Signing in and out of the pages.

``POST /api/session`` with ``{"key": "…"}`` shows a key once and gets a cookie, ``GET`` tells who is signed in, and
``DELETE`` signs out.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.web.access import Access
from gateway.web.audit import Action
from gateway.web.refusals import Refusal, answering, json_object

SESSION_PATH = "/api/session"


class SignIn:
    """Answers for sessions.

    Args:
        access: the guard.

    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route(SESSION_PATH, answering(self.sign_in), methods=["POST"]),
            Route(SESSION_PATH, answering(self.who), methods=["GET"]),
            Route(SESSION_PATH, answering(self.sign_out), methods=["DELETE"]),
        ]

    async def sign_in(self, request: Request) -> Response:
        """Exchange a key for a cookie."""
        self._access.check_page(request)
        key = (await json_object(request, at_most_bytes=4096)).get("key")
        if not isinstance(key, str):
            raise Refusal(400, "no_key", "Send the API key as key.")
        identity = await self._access.sign_in(request, key)
        secure = self._access.origin.base_url(request).startswith("https:")
        response = JSONResponse({"name": identity.name, "role": identity.role})
        self._access.cookies.sign_in(response, identity.name, secure=secure)
        return response

    async def who(self, request: Request) -> Response:
        """Say who is signed in."""
        identity = self._access.admit(request, "viewer")
        return JSONResponse({"name": identity.name, "role": identity.role})

    async def sign_out(self, request: Request) -> Response:
        """Take the cookie back."""
        identity = self._access.admit(request, "viewer")
        await self._access.note(Action.SIGN_OUT, identity)
        response = Response(status_code=204)
        self._access.cookies.sign_out(response)
        return response
