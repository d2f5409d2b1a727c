"""Calls over HTTP: who is there, what was said, and what somebody beside the call may do about it.

    GET  /api/calls                     live calls, and the latest that are over (?limit=, ?before=)
    GET  /api/calls/events              everything as it happens, as server-sent events (?call_id=)
    GET  /api/calls/{id}                one call
    GET  /api/calls/{id}/transcript     what was said, redacted
    GET  /api/calls/{id}/recording      a stereo WAV file; ranges are served
    GET  /api/calls/{id}/timeline       a picture (SVG), or with ?format=json every record
    POST /api/calls/{id}/hangup         {}
    POST /api/calls/{id}/transfer       {"to": "tel:+44…"} or {"to": "<name of a transfer target>"}
    POST /api/calls/{id}/say            {"text": "…"}

Looking needs the role viewer, doing the role operator. Each sight of words or sound, and each deed, is written down
before it is granted.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from gateway.bridge.call import Call
from gateway.bridge.registry import CallRegistry, LiveCall
from gateway.contracts.leg import TransferTarget
from gateway.errors import Ending, Party
from gateway.records.encryption import SUFFIX, load_key, plain_bytes
from gateway.settings.schema import Settings
from gateway.web.access import Access
from gateway.web.audit import Action
from gateway.web.call_archive import ArchivedCall, CallArchive, transcript_of
from gateway.web.live_board import LiveBoard
from gateway.web.refusals import UNKNOWN_CALL, Refusal, answering, json_object

MOST_CALLS: Final = 500
"""Calls in one answer."""
SAY_CHARACTERS: Final = 1000
"""Longest announcement."""
HEARTBEAT_S: Final = 15.0
"""A stream without news says so, so that proxies keep it open and a page that is gone is noticed."""
_TARGET: Final = re.compile(r"tel:\+[0-9]{4,15}|sips?:[^\s@]{1,128}@[^\s@]{1,128}")


class CallsApi:
    """Answers for calls.

    Args:
        access: the guard.
        registry: the live calls, to act on.
        board: the live calls, to look at.
        archive: the calls that are over.
        settings: name the transfer targets.

    """

    def __init__(
        self, access: Access, registry: CallRegistry, board: LiveBoard, archive: CallArchive, settings: Settings
    ) -> None:
        self._access = access
        self._registry = registry
        self._board = board
        self._archive = archive
        self._settings = settings

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/api/calls", answering(self.list), methods=["GET"]),
            Route("/api/calls/events", answering(self.events), methods=["GET"]),
            Route("/api/calls/{call_id}", answering(self.one), methods=["GET"]),
            Route("/api/calls/{call_id}/transcript", answering(self.transcript), methods=["GET"]),
            Route("/api/calls/{call_id}/recording", answering(self.recording), methods=["GET"]),
            Route("/api/calls/{call_id}/timeline", answering(self.timeline), methods=["GET"]),
            Route("/api/calls/{call_id}/hangup", answering(self.hang_up), methods=["POST"]),
            Route("/api/calls/{call_id}/transfer", answering(self.transfer), methods=["POST"]),
            Route("/api/calls/{call_id}/say", answering(self.say), methods=["POST"]),
        ]

    # --- looking ---------------------------------------------------------------------------------------------------

    async def list(self, request: Request) -> Response:
        """Return live and finished calls."""
        self._access.admit(request, "viewer")
        limit = _number(request, "limit", 50, int)
        before_s = _number(request, "before", None, float)
        if limit is None or not 1 <= limit <= MOST_CALLS:
            raise Refusal(400, "bad_limit", f"The limit must be from 1 to {MOST_CALLS}.")
        live = self._board.calls
        ids = {call["call_id"] for call in live}
        ended = await asyncio.to_thread(self._archive.latest, limit + len(live), before_s)
        return JSONResponse({"live": live, "ended": [one for one in ended if one["call_id"] not in ids][:limit]})

    async def one(self, request: Request) -> Response:
        """Return one call."""
        self._access.admit(request, "viewer")
        live = self._board.call(_id(request))
        return JSONResponse(live if live is not None else (await self._found(request)).facts)

    async def transcript(self, request: Request) -> Response:
        """Return what was said."""
        identity = self._access.admit(request, "viewer")
        call = await self._found(request)
        await self._access.note(Action.TRANSCRIPT, identity, _id(request))
        return JSONResponse({"call_id": _id(request), "transcript": transcript_of(call.events)})

    async def recording(self, request: Request) -> Response:
        """Return the sound."""
        identity = self._access.admit(request, "viewer")
        path = _file((await self._found(request)).recording, "recording")
        await self._access.note(Action.RECORDING, identity, _id(request))
        encryption = self._settings.records.encryption
        if path.suffix == SUFFIX:
            if encryption is None:
                raise Refusal(409, "no_key", "This recording is encrypted, and records.encryption names no key.")
            key = await asyncio.to_thread(load_key, encryption)
            return Response(await asyncio.to_thread(plain_bytes, path, key), media_type="audio/wav")
        return FileResponse(path, media_type="audio/wav", filename=path.name, content_disposition_type="inline")

    async def timeline(self, request: Request) -> Response:
        """Return the picture, or every record."""
        identity = self._access.admit(request, "viewer")
        call = await self._found(request)
        if request.query_params.get("format") == "json":
            await self._access.note(Action.TIMELINE, identity, _id(request))
            events = [{"event": one.event, "at_ms": one.at_ms, **one.fields} for one in call.events]
            return JSONResponse({"call_id": _id(request), "events": events})
        path = _file(call.timeline, "timeline")
        await self._access.note(Action.TIMELINE, identity, _id(request))
        return FileResponse(path, media_type="image/svg+xml", content_disposition_type="inline")

    async def events(self, request: Request) -> Response:
        """Return everything as it happens."""
        identity = self._access.admit(request, "viewer")
        call_id = request.query_params.get("call_id")
        await self._access.note(Action.LIVE, identity, call_id or "")
        with contextlib.ExitStack() as holding:
            holding.enter_context(self._access.sockets.slot(identity.name))
            return _EventStream(self._news(call_id), holding.pop_all())

    async def _news(self, call_id: str | None) -> AsyncIterator[bytes]:
        async with self._board.watched() as watcher:
            yield _sse({"event": "calls", "live": self._board.calls})
            while True:
                event = await watcher.next(HEARTBEAT_S)
                if event is None:
                    yield b": still here\n\n"
                elif call_id is None or event.get("call_id", call_id) == call_id:
                    yield _sse(event)

    # --- doing -----------------------------------------------------------------------------------------------------

    async def hang_up(self, request: Request) -> Response:
        """End a call."""
        return await self._act(request, Action.HANG_UP, _hang_up)

    async def transfer(self, request: Request) -> Response:
        """Hand a caller over."""
        return await self._act(request, Action.TRANSFER, self._transfer)

    def _transfer(self, live: LiveCall, body: dict[str, Any]) -> None:
        call, to = _call(live), body.get("to")
        if not isinstance(to, str):
            raise Refusal(400, "no_target", "Say where to: a tel: or sip: address, or the name of a transfer target.")
        named = {name: uri for one in self._settings.personas.values() for name, uri in one.transfer_targets.items()}
        target = named.get(to, to)
        if not _TARGET.fullmatch(target):
            wanted = "The target must be tel:+NUMBER, sip:USER@HOST or a transfer target's name."
            raise Refusal(400, "bad_target", wanted)
        if not call.can_transfer:
            raise Refusal(409, "cannot_transfer", "This call can't be transferred: its line has no transfers.")
        call.transfer(TransferTarget(target))

    async def say(self, request: Request) -> Response:
        """Have the agent say something."""
        return await self._act(request, Action.SAY, _say)

    async def _act(self, request: Request, action: Action, act: Callable[[LiveCall, dict[str, Any]], None]) -> Response:
        identity = self._access.admit(request, "operator")
        body = await json_object(request) if request.headers.get("content-type") else {}
        call = self._live(_id(request))
        await self._access.note(action, identity, _id(request))
        act(call, body)
        return JSONResponse({"call_id": _id(request), "accepted": True}, status_code=202)

    def _live(self, call_id: str) -> LiveCall:
        found = next((live for live in self._registry.live if live.call_id == call_id), None)
        if found is None:
            raise Refusal(404, "not_live", "There is no such live call.")
        return found

    async def _found(self, request: Request) -> ArchivedCall:
        call = await asyncio.to_thread(self._archive.find, _id(request))
        if call is None:
            raise Refusal(404, *UNKNOWN_CALL)
        return call


class _EventStream(StreamingResponse):
    """Server-sent events; gives back what it holds when the page is gone, even if it never read a word."""

    def __init__(self, content: AsyncIterator[bytes], holding: contextlib.ExitStack) -> None:
        super().__init__(content, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self._holding = holding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._holding:
            await super().__call__(scope, receive, send)


def _call(live: LiveCall) -> Call:
    if live.call is None:
        raise Refusal(409, "not_ours", "Nobody of ours talks in this session, or it has only just begun.")
    return live.call


def _hang_up(live: LiveCall, _: dict[str, Any]) -> None:
    if live.held is None:
        raise Refusal(409, "not_begun", "This call has only just begun; try again.")
    live.held.end(Ending(Party.GATEWAY, "hung_up"))


def _say(live: LiveCall, body: dict[str, Any]) -> None:
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Refusal(400, "no_text", "Say what is to be said, as text.")
    if len(text) > SAY_CHARACTERS:
        raise Refusal(400, "text_too_long", f"The text may have {SAY_CHARACTERS} characters at most.")
    _call(live).say(text)


def _id(request: Request) -> str:
    return str(request.path_params["call_id"])


def _file(path: Path | None, what: str) -> Path:
    if path is None:
        raise Refusal(404, f"no_{what}", f"This call has no {what}, or it is not finished yet.")
    return path


def _number(request: Request, name: str, default: Any, kind: type[int] | type[float]) -> Any:
    given = request.query_params.get(name)
    if given is None:
        return default
    try:
        return kind(given)
    except ValueError:
        raise Refusal(400, f"bad_{name}", f"{name} must be a number.") from None


def _sse(event: Any) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"
