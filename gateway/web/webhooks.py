"""Twilio's webhooks: a call comes in, its stream has ended, this is how it went.

Each is verified before anything in it is believed, reads a bounded body within a bounded time, and answers at once:
Twilio gives a webhook seconds, and nothing here waits for a model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.errors import Unsupported
from gateway.legs.carriers.twilio_calls import (
    MAX_PARAMETER_CHARACTERS,
    RESERVED_PARAMETERS,
    after_document,
    answer_document,
    refusal_document,
)
from gateway.web.front_desk import Ring
from gateway.web.origin import socket_twin
from gateway.web.twilio_door import AFTER_PATH, MEDIA_PATH, STATUS_PATH, VOICE_PATH, Closed, TwilioDoor
from gateway.web.twilio_signature import Form

log = structlog.get_logger()

MAX_BODY_BYTES: Final = 65_536
MAX_FIELDS: Final = 200
BODY_LIMIT_S: Final = 5.0
"""Seconds in which a body must have arrived."""

_CALL_SID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_STREAM_EVENT: Final = re.compile(r"stream-(started|stopped|error)")
_CALL_STATUS: Final = re.compile(r"[a-z-]{1,20}")
_SIP_HEADER: Final = "SipHeader_"
_NOT_CUSTOM: Final = RESERVED_PARAMETERS | {"bodySHA256"}

REFUSALS: Final = {
    "busy": "All lines are busy at the moment. Please call again in a few minutes. Goodbye.",
    "draining": "This service is being restarted. Please call again in a minute. Goodbye.",
}
"""What a caller hears who can't be taken, by the front desk's word for it."""


def webhook_routes(hooks: TwilioWebhooks) -> list[BaseRoute]:
    """Return Twilio's webhooks; Twilio may be told to use POST (its default) or GET."""
    methods = ["GET", "POST"]
    return [
        Route(VOICE_PATH, hooks.voice, methods=methods),
        Route(AFTER_PATH, hooks.after, methods=methods),
        Route(STATUS_PATH, hooks.status, methods=methods),
    ]


class TwilioWebhooks:
    """Answers Twilio's webhooks."""

    def __init__(self, door: TwilioDoor) -> None:
        self._door = door

    async def voice(self, request: Request) -> Response:
        """Answer a call: connect it to the media socket, or tell the caller why not."""
        try:
            form = await self.verified(request)
            call_sid = _call_sid(form)
        except Closed as closed:
            return _refusal(closed)
        desk = self._door.desk
        if (why := desk.may_answer()) is not None:
            log.info("call_refused", carrier="twilio", leg_id=call_sid, why=why)
            return document(refusal_document(REFUSALS.get(why, REFUSALS["busy"])))
        caller_number, dialed_number = form.get("From", "")[:256], form.get("To", "")[:256]
        token = self._door.tickets.issue(call_sid)
        desk.ringing(Ring(call_sid, caller_number, dialed_number, token))
        base = self._door.base_url = self._door.origin.base_url(request)
        return document(
            answer_document(
                socket_twin(base) + MEDIA_PATH,
                token,
                custom_parameters(request, form, at_most_bytes=desk.settings.limits.parameter_bytes // 2),
                base + AFTER_PATH,
                base + STATUS_PATH,
                caller_number=caller_number,
                dialed_number=dialed_number,
            )
        )

    async def after(self, request: Request) -> Response:
        """Say what comes after the stream. Changes nothing: Twilio asks this of transferred calls too, and again."""
        try:
            call_sid = _call_sid(await self.verified(request))
        except Closed as closed:
            return _refusal(closed)
        try:
            return document(after_document(self._door.pending.get(call_sid)))
        except Unsupported:
            return document(after_document(None))

    async def status(self, request: Request) -> Response:
        """Note how a call went, or how its stream does."""
        try:
            form = await self.verified(request)
            call_sid = _call_sid(form)
        except Closed as closed:
            return _refusal(closed)
        status = form.get("StreamEvent") or form.get("CallStatus", "")
        pattern = _STREAM_EVENT if "StreamEvent" in form else _CALL_STATUS
        if not pattern.fullmatch(status):
            return _refusal(Closed(400))
        if status == "stream-error":
            # The only word about a handshake of Twilio's that failed, such as one that we refused.
            log.warning(
                "carrier_stream_error", carrier="twilio", leg_id=call_sid, error=form.get("StreamError", "")[:200]
            )
        duration = form.get("CallDuration", "")
        duration_s = int(duration) if duration.isascii() and duration.isdigit() and len(duration) < 10 else None
        self._door.desk.carrier_status(call_sid, status, duration_s)
        return Response(status_code=204)

    async def verified(self, request: Request) -> Form:
        """Return the request's fields, of the form or of a GET's query, once its signature holds.

        Raises:
            Closed: it does not, or the body is too long, too slow or no form.

        """
        body = await _body(request)
        if request.method == "GET":
            self._door.admit(request, body=body)
            return request.query_params
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            # Verified so that the log tells a stranger from a wrong setting; no webhook of ours comes as JSON.
            self._door.admit(request, body=body)
            raise Closed(415)
        try:
            form = Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
        except ValueError as error:
            raise Closed(400) from error
        self._door.admit(request, form=form)
        return form


def custom_parameters(request: Request, form: Form, *, at_most_bytes: int) -> Mapping[str, str]:
    """Return what the operator wants passed on: the voice URL's own query, and a trunk's ``X-`` SIP headers.

    A query such as ``/twilio/voice?campaign=spring`` is part of what Twilio signs. What does not fit Twilio's or our
    own bounds is left out and logged by name.
    """
    query = list(request.query_params.items())
    if request.method == "GET":
        # There Twilio's own fields are in the query too; all of theirs begin with a capital letter.
        query = [(name, value) for name, value in query if not name[:1].isupper()]
    headers = [(name.removeprefix(_SIP_HEADER), value) for name, value in form.items() if name.startswith(_SIP_HEADER)]
    kept: dict[str, str] = {}
    left_bytes = at_most_bytes
    for name, value in [*headers, *query]:
        if name in _NOT_CUSTOM or not name:
            continue
        size_bytes = len(name.encode()) + len(value.encode())
        if len(name) + len(value) > MAX_PARAMETER_CHARACTERS or size_bytes > left_bytes:
            log.warning("custom_parameter_left_out", carrier="twilio", name=name[:40], size_bytes=size_bytes)
            continue
        left_bytes -= size_bytes
        kept[name] = value
    return kept


async def _body(request: Request) -> bytes:
    """Return the body; raise :class:`Closed` if it is too long or takes too long."""
    parts = []
    size_bytes = 0
    try:
        async with asyncio.timeout(BODY_LIMIT_S):
            async for part in request.stream():
                size_bytes += len(part)
                if size_bytes > MAX_BODY_BYTES:
                    raise Closed(413)
                parts.append(part)
    except TimeoutError:
        raise Closed(408) from None
    return b"".join(parts)


def _call_sid(form: Form) -> str:
    call_sid = form.get("CallSid", "")
    if not _CALL_SID.fullmatch(call_sid):
        raise Closed(400)
    return str(call_sid)


def document(twiml: str) -> Response:
    """Return TwiML as an answer."""
    return Response(twiml, media_type="text/xml", headers={"cache-control": "no-store"})


def _refusal(closed: Closed) -> Response:
    words = {400: "bad request", 403: "forbidden", 408: "too slow", 413: "too large", 415: "unsupported media type"}
    return PlainTextResponse(words.get(closed.status, "unavailable"), status_code=closed.status)
