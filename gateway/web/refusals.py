"""How the API says no: one stable shape, one clear sentence.

    {"error": {"code": "not_signed_in", "message": "Sign in, or send an API key as a bearer token."}}

``code`` is a fixed word for programs, ``message`` is for people.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

log = structlog.get_logger()

Handler = Callable[[Request], Awaitable[Response]]

UNKNOWN_CALL: Final = ("unknown_call", "There is no such call, or it was deleted.")


class Refusal(Exception):
    """A request is not granted.

    Args:
        status: HTTP's.
        code: a fixed word.
        message: one sentence for people, without anything secret.
        headers: further headers of the answer.

    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """Return the answer that says so."""
        return JSONResponse(error_body(self.code, self.message), status_code=self.status, headers=self.headers)


def error_body(code: str, message: str) -> dict[str, Any]:
    """Return the one shape of an error."""
    return {"error": {"code": code, "message": message}}


def answering(handler: Handler) -> Handler:
    """Return a handler that answers a :class:`Refusal` in the API's shape, and lets nothing be cached."""

    async def answered(request: Request) -> Response:
        try:
            response = await handler(request)
        except Refusal as refusal:
            log.info("request_refused", path=request.url.path, status=refusal.status, why=refusal.code)
            response = refusal.response()
        response.headers.setdefault("cache-control", "no-store")
        return response

    return answered


async def json_object(request: Request, *, at_most_bytes: int = 65_536) -> dict[str, Any]:
    """Return a request's body, which must be a JSON object.

    Raises:
        Refusal: it is too long, or something else.

    """
    parts, size_bytes = [], 0
    async for part in request.stream():
        size_bytes += len(part)
        if size_bytes > at_most_bytes:
            raise Refusal(413, "too_large", f"The body may have {at_most_bytes} bytes at most.")
        parts.append(part)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Refusal(415, "not_json", "The body must be sent as application/json.")
    try:
        return msgspec.json.decode(b"".join(parts), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "bad_json", "The body must be a JSON object.") from None
