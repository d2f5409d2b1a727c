"""The model sessions of one call: the one in use, the one that is to follow, and those that take their leave.

It opens, sets up, swaps and closes; when to do so is said by the conversation (``succession``). Each session is heard
through an ear of its own, so that nothing a session says after its time reaches the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, assert_never

import structlog

from gateway.audio.format import AudioFrame
from gateway.bridge.commands import (
    AddImage,
    AddMessage,
    AddToolCall,
    AnswerTool,
    CancelResponse,
    ClearInput,
    CommitInput,
    DeleteItem,
    Respond,
    TruncateItem,
)
from gateway.clock import Clock
from gateway.contracts.model import (
    ModelConnector,
    ModelEvent,
    ModelSession,
    SessionLost,
    SessionReady,
    SessionSetup,
)
from gateway.errors import ModelError, ModelRefused

log = structlog.get_logger()

READY_WITHIN_S: Final = 5.0
"""Time limit for an open session to take its set-up."""

ToModel = (
    Respond
    | CancelResponse
    | TruncateItem
    | DeleteItem
    | AddMessage
    | AddToolCall
    | AnswerTool
    | ClearInput
    | CommitInput
    | AddImage
)


class SessionOwner(Protocol):
    """Who hears of sessions: the call. Returns at once, never raises."""

    def on_model(self, event: ModelEvent) -> None:
        """Take an event of the session in use."""
        ...

    def session_opened(self, session_id: str, lasts_ms: float | None) -> None:
        """The next session took its set-up; it ends after ``lasts_ms``, if the endpoint says when."""
        ...

    def session_refused(self, why: str, *, retryable: bool) -> None:
        """There is no next session, or it was lost while it waited."""
        ...


class Sessions:
    """The sessions of one call.

    Args:
        connector: opens them.
        clock: tells what an expiry date means.
        owner: hears of them.
        setup: what a session is told at its start, as it is at that moment.
    """

    def __init__(
        self, connector: ModelConnector, *, clock: Clock, owner: SessionOwner, setup: Callable[[], SessionSetup]
    ) -> None:
        self._connector = connector
        self._clock = clock
        self._owner = owner
        self._setup = setup
        self._current: ModelSession | None = None
        self._next: _Ear | None = None
        self._opening: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._dropped_ms = 0.0
        self.met = False
        """Whether any session was ever in use."""

    # --- the one in use --------------------------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether there is a session to talk to."""
        return self._current is not None

    @property
    def dropped_ms(self) -> float:
        """Caller audio that was dropped because endpoints did not read, in milliseconds, over all sessions."""
        return self._dropped_ms + (self._current.dropped_ms if self._current is not None else 0.0)

    def append(self, frame: AudioFrame) -> None:
        """Add caller audio; nothing happens without a session."""
        if self._current is not None:
            self._current.append(frame)

    def tell(self, command: ToModel) -> None:
        """Carry a command out; nothing happens without a session."""
        session = self._current
        if session is None:
            return
        match command:
            case Respond(request):
                session.respond(request)
            case CancelResponse(response_id):
                session.cancel(response_id)
            case TruncateItem(item_id, heard_ms):
                session.truncate(item_id, heard_ms)
            case DeleteItem(item_id):
                session.delete_item(item_id)
            case AddMessage(role, text, item_id):
                session.add_message(role, text, item_id)
            case AddToolCall(tool_call_id, name, arguments, item_id):
                session.add_tool_call(tool_call_id, name, arguments, item_id)
            case AnswerTool(tool_call_id, output, item_id):
                session.tool_result(tool_call_id, output, item_id)
            case ClearInput():
                session.clear_input()
            case CommitInput():
                session.commit_input()
            case AddImage(data_uri):
                session.add_image(data_uri)
            case _:
                assert_never(command)

    # --- the first one ---------------------------------------------------------------------------------------------

    async def first(self, early: Awaitable[ModelSession] | None) -> ModelSession:
        """Return a session: the one opened while the phone rang if it is alive, else one opened now.

        Raises:
            ModelError: there is none to be had.

        """
        if early is not None:
            opening = asyncio.ensure_future(early)
            try:
                session = await opening
            except ModelError:
                pass  # logged where it was opened
            except asyncio.CancelledError:
                self._give_back(opening)
                raise
            else:
                if not session.over:
                    return session
                log.warning("early_session_died", endpoint=self._connector.name)
                self._let_go(session)
        return await self._connector.connect()

    def _give_back(self, opening: asyncio.Future[ModelSession]) -> None:
        """Close a session that came at the very moment when nobody waited for it any more."""
        if opening.done() and not opening.cancelled() and opening.exception() is None:
            self._let_go(opening.result())

    def keep(self, session: ModelSession | None) -> None:
        """Use the first session from now on, if there is one."""
        if session is not None:
            self._current, self.met = session, True

    def configure(self) -> None:
        """Tell the session in use what it is."""
        if self._current is not None:
            self._current.configure(self._setup())

    def listen(self) -> None:
        """Hear the session in use, beginning with what it has said already."""
        if self._current is not None:
            self._current.listen(_Ear(self, self._current))

    # --- the next one ----------------------------------------------------------------------------------------------

    def open_next(self) -> None:
        """Begin to open the next session; the owner is told what comes of it."""
        self._opening = asyncio.ensure_future(self._open_next())

    async def _open_next(self) -> None:
        session = None
        try:
            session = await self._connector.connect()
            ear = _Ear(self, session)
            session.listen(ear)
            session.configure(self._setup())
            async with asyncio.timeout(READY_WITHIN_S):
                ready = await ear.taken_set_up()
        except TimeoutError:
            self._refused(session, f"the session did not take its set-up within {READY_WITHIN_S:g} s", retryable=True)
        except ModelError as error:
            self._refused(session, str(error), retryable=not isinstance(error, ModelRefused) or error.retryable)
        except asyncio.CancelledError:
            if session is not None:
                self._let_go(session)
            raise
        else:
            self._next = ear
            self._owner.session_opened(ready.session_id, self.lasts_ms(ready))

    def _refused(self, session: ModelSession | None, why: str, *, retryable: bool) -> None:
        log.warning("model_connect_failed", endpoint=self._connector.name, why=why)
        if session is not None:
            self._let_go(session)
        self._owner.session_refused(why, retryable=retryable)

    def lasts_ms(self, ready: SessionReady) -> float | None:
        """Return how long a session will last, if its endpoint says when it expires."""
        if ready.expires_at_s is None:
            return None
        return max(0.0, (ready.expires_at_s - self._clock.wall_s()) * 1000)

    def use_next(self) -> None:
        """Let the session that was opened last take over; the one before it is closed."""
        ear, self._next = self._next, None
        assert ear is not None, "a session takes over when it was opened"
        self._part()
        self._current, self.met = ear.session, True

    def _part(self) -> None:
        if self._current is not None:
            session, self._current = self._current, None
            self._dropped_ms += session.dropped_ms
            self._let_go(session)

    def heard(self, ear: _Ear, event: ModelEvent) -> None:
        """Take what a session says: the one in use is the call's, the one that waits may only be lost."""
        if ear.session is self._current:
            if isinstance(event, SessionLost):
                self._part()
            self._owner.on_model(event)
        elif ear is self._next and isinstance(event, SessionLost):
            self._next = None
            self._refused(ear.session, f"the session was lost while it waited: {event.reason}", retryable=True)

    # --- leaving ---------------------------------------------------------------------------------------------------

    def _let_go(self, session: ModelSession) -> None:
        closing = asyncio.ensure_future(session.close())
        self._leaving.add(closing)
        closing.add_done_callback(self._gone)

    def _gone(self, closing: asyncio.Task[None]) -> None:
        self._leaving.discard(closing)
        if not closing.cancelled() and (error := closing.exception()) is not None:
            log.error("model_session_not_closed", endpoint=self._connector.name, error=type(error).__name__)

    def close(self) -> list[Awaitable[object]]:
        """Close every session there is; return what to wait for."""
        self._part()
        if self._next is not None:
            ear, self._next = self._next, None
            self._let_go(ear.session)
        waits: list[Awaitable[object]] = []
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            waits.append(self._opened_no_more(self._opening))
        return [*waits, *self._leaving]

    async def _opened_no_more(self, opening: asyncio.Task[None]) -> None:
        await asyncio.wait({opening})
        await asyncio.gather(*self._leaving)


class _Ear:
    """Hears one session, from its set-up to its end."""

    __slots__ = ("_first", "_sessions", "session")

    def __init__(self, sessions: Sessions, session: ModelSession) -> None:
        self._sessions = sessions
        self.session = session
        self._first: asyncio.Future[SessionReady | SessionLost] = asyncio.get_running_loop().create_future()

    async def taken_set_up(self) -> SessionReady:
        """Wait until the session took its set-up.

        Raises:
            ModelRefused: it was lost instead, or right after.

        """
        first = await self._first
        if isinstance(first, SessionLost):
            raise ModelRefused(f"the session was lost at once: {first.reason}", retryable=first.retryable)
        if self.session.over:
            raise ModelRefused("the session was lost as soon as it was set up", retryable=True)
        return first

    def on_model(self, event: ModelEvent) -> None:
        """Take an event of the session."""
        if isinstance(event, SessionReady | SessionLost) and not self._first.done():
            self._first.set_result(event)
        self._sessions.heard(self, event)
