"""How the speech API answers: JSON, errors in one shape, audio while it is made, and events while words come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.audio.wav_stream import WavError
from gateway.contracts.text import RedactedText
from gateway.privacy.redactor import Redactor
from gateway.speech_service.answers import Transcript
from gateway.speech_service.problems import Problem
from gateway.web.refusals import Refusal
from gateway.web.speech_api.shapes import ErrorAnswer, ErrorBody

log = structlog.get_logger()

_NOT_KEPT: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_RETRY_AFTER_S: Final = "5"
_GONE: Final = 499
"""The client left; nobody reads this."""

Handler = Callable[[Request], Awaitable[Response]]
Work = Callable[[Callable[[int, RedactedText], None]], Awaitable[Transcript]]


def as_json(content: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    body = msgspec.json.encode(content)
    return Response(body, status, {**_NOT_KEPT, **(headers or {})}, media_type="application/json")


def as_error(problem: Problem) -> Response:
    """Return a problem in the shape that all errors have."""
    headers = {"retry-after": _RETRY_AFTER_S} if problem.status == 429 else None
    return as_json(_error(problem), status=problem.status, headers=headers)


def as_problem(error: Problem | WavError) -> Problem:
    """Return an error that the sender of a recording can do something about as a problem."""
    if isinstance(error, Problem):
        return error
    message, _, remedy = str(error).rpartition("; ")
    return Problem(400, "not_a_wav_file", message, remedy)


def told(handler: Handler) -> Handler:
    """Return a handler that answers its problems."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()
        except (Problem, WavError) as error:
            problem = as_problem(error)
            if problem.status >= 500:
                log.warning("speech_request_failed", path=request.url.path, code=problem.code)
            return as_error(problem)
        except ClientDisconnect:
            return Response(status_code=_GONE)

    return answer


class Sound(Response):
    """Audio that is sent while it is made.

    Args:
        pieces: the audio; closed in any case, also when the client leaves.
        held: let go of at the end.
        media_type: what it is.
        headers: further headers.

    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        held: contextlib.AsyncExitStack,
        *,
        media_type: str,
        headers: dict[str, str],
    ) -> None:
        super().__init__(None, 200, {**_NOT_KEPT, **headers}, media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; one that breaks off is left unfinished, so that the client sees that it is not whole."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        except Problem as problem:
            log.warning("reading_broke_off", code=problem.code)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._held.aclose()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class WordsAsEvents(Response):
    """Server-sent events: ``delta`` as words come, also while the recording still arrives, then ``done`` or ``error``.

    Args:
        work: writes the recording down, telling pieces of it.
        held: let go of at the end.

    """

    def __init__(self, work: Work, held: contextlib.AsyncExitStack) -> None:
        super().__init__(None, 200, _NOT_KEPT, media_type="text/event-stream")
        del self.headers["content-length"]
        self._work = work
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the work is done."""
        events: asyncio.Queue[bytes | None] = asyncio.Queue()

        def on_delta(channel: int, text: RedactedText) -> None:
            events.put_nowait(_event("delta", {"channel": channel, "text": str(text)}))

        working = asyncio.ensure_future(self._work(on_delta))
        working.add_done_callback(lambda _: events.put_nowait(None))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while (event := await events.get()) is not None:
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": _last(working), "more_body": False})
        except ClientDisconnect:
            return
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await self._held.aclose()


def _last(working: asyncio.Future[Transcript]) -> bytes:
    try:
        return _event("done", working.result())
    except (Problem, WavError) as error:
        problem = as_problem(error)
        log.warning("speech_request_failed", code=problem.code)
        return _event("error", _error(problem).error)


def _error(problem: Problem) -> ErrorAnswer:
    # An endpoint's own words may be in it, and those may quote what was said.
    message = str(Redactor().whole("tool", str(problem)))
    return ErrorAnswer(error=ErrorBody(code=problem.code, message=message, remedy=problem.remedy))


def _event(name: str, content: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(content))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
