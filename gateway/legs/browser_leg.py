"""A leg whose caller sits before a web page: ``WS /ws/conversation``.

The conversation outlives its socket. :meth:`BrowserLeg.serve` reads and writes one socket until that is gone; if it was
lost and not closed on purpose, the leg waits for the page to come back and goes on over the next one. What the messages
mean is said by ``browser_wire``, what waits to be sent by ``browser_resume``.

However the leg comes to its end (the page's ``end``, a closed or lost socket, a flood, :meth:`BrowserLeg.hang_up`), it
goes through one funnel and tells it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.audio.format import AudioFrame
from gateway.clock import Clock
from gateway.contracts.leg import (
    FramesLost,
    HeardSignal,
    LegCapabilities,
    LegEnded,
    LegEvent,
    LegListener,
    LegStarted,
    MarkReturned,
    MarksOnClear,
    TransferTarget,
)
from gateway.errors import Ending, Party, StreamProtocolError, Unsupported
from gateway.legs.browser_resume import Outbox
from gateway.legs.browser_wire import BadMessage, BrowserWire, Ended, Sent, encode
from gateway.legs.stream_queues import Unheard

log = structlog.get_logger()

MAX_AHEAD_MS: Final = 30_000
"""Milliseconds that the page's audio may be ahead of the clock; past it somebody is flooding us."""
CLOSE_LIMIT_S: Final = 2.0
"""Seconds that the closing of a socket may take."""
FAREWELL_S: Final = 1.0
"""Seconds in which the last messages are written before the socket is closed."""

_NORMAL: Final = 1000
_NO_CODE: Final = 1005
"""What a browser's ``close()`` without a code looks like."""
_UNTOLD: Final = 1006
_POLICY: Final = 1008
_ON_PURPOSE: Final = frozenset({_NORMAL, _NO_CODE})
CAPABILITIES: Final = LegCapabilities(
    heard=HeardSignal.POSITION, marks_on_clear=MarksOnClear.DROPPED, transfers=False, sends_digits=False
)


class BrowserLeg:
    """One conversation's leg: a :class:`~gateway.contracts.leg.Leg`.

    Args:
        wire: the conversation's protocol.
        started: how it began.
        clock: tells how fast audio arrives.
        resume_s: how long the page may be away; 0: not at all.

    """

    def __init__(self, wire: BrowserWire, started: LegStarted, *, clock: Clock, resume_s: float) -> None:
        self._wire = wire
        self._started = started
        self._clock = clock
        self._resume_s = resume_s
        self._listener: LegListener | None = None
        self._unheard = Unheard()
        self._out = Outbox()
        self._something_to_do = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._moving = False
        """Whether the socket is given up for another one."""
        self._began_ms = clock.now_ms()
        self._lost_at_ms: float | None = None
        self._return: asyncio.TimerHandle | None = None
        self._ended: Ending | None = None
        self._close_code = _NORMAL
        self._gone = asyncio.Event()
        """Set while no socket is served."""
        self._gone.set()

    # --- what it is ------------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> LegCapabilities:
        """A page reports positions; it can neither be transferred nor sent keys."""
        return CAPABILITIES

    @property
    def started(self) -> LegStarted:
        """How the conversation began."""
        return self._started

    @property
    def ended(self) -> Ending | None:
        """Why the leg ended, or None while it lives."""
        return self._ended

    @property
    def away(self) -> bool:
        """Whether the page has lost its socket and may come back."""
        return self._lost_at_ms is not None and self._ended is None

    # --- its sockets -----------------------------------------------------------------------------------------------

    async def serve(self, socket: WebSocket, first: str | bytes | None = None) -> None:
        """Read and write an accepted socket until it is gone; ``first`` is a message that was read from it already.

        The leg may live on: then the page has the time that it was given to come back (:meth:`take_up`).
        """
        self._gone.clear()
        writer = self._writer = asyncio.create_task(self._write(socket), name="conversation writer")
        code: int | None = None
        try:
            if first is not None:
                self._take(first)
            while self._ended is None and code is None:
                code = await self._read(socket, writer)
        finally:
            if self._ended is None:
                self._lost(code)
            self._something_to_do.set()
            await asyncio.wait({writer}, timeout=CLOSE_LIMIT_S + FAREWELL_S)
            writer.cancel()
            await asyncio.wait({writer})
            self._writer = None
            self._gone.set()
        if not writer.cancelled():
            writer.result()

    async def take_up(self, received_ms: float | None) -> int:
        """Go on over another socket, which is served next; return for how many milliseconds the page was away.

        A page may be back before its old socket is known to be lost: that one is given up.

        Args:
            received_ms: how far the page has audio; None if it does not say.

        """
        if self._writer is not None:
            self._moving = True
            self._writer.cancel()
            await self._gone.wait()
            self._moving = False
        away_ms = 0
        if self._lost_at_ms is not None:
            away_ms = round(self._clock.now_ms() - self._lost_at_ms)
            self._began_ms += away_ms
        self._lost_at_ms = None
        if self._return is not None:
            self._return.cancel()
        self._out.go_on_from(received_ms)
        if away_ms:
            # A turn that was cut off ends in silence, and the model's clock keeps time.
            self._deliver(FramesLost(away_ms))
        return away_ms

    async def _read(self, socket: WebSocket, writer: asyncio.Task[None]) -> int | None:
        """Take one message; return the socket's close code once it is gone."""
        reading = asyncio.ensure_future(socket.receive())
        try:
            await asyncio.wait({reading, writer}, return_when=asyncio.FIRST_COMPLETED)
            if self._ended is None and not self._moving:
                # A writer that could not write: how the socket ended is for the reader to say.
                await asyncio.wait({reading}, timeout=CLOSE_LIMIT_S)
        finally:
            if not reading.done():
                reading.cancel()
                await asyncio.wait({reading})
        if reading.cancelled():
            return _UNTOLD
        message = reading.result()
        if message["type"] == "websocket.disconnect":
            code = int(message.get("code") or _NO_CODE)
            # uvicorn says 1005 of a lost connection, too; but only a close frame has a reason, be it empty.
            return code if "reason" in message else _UNTOLD
        text = message.get("text")
        self._take(text if text is not None else message["bytes"])
        return None

    def _take(self, message: str | bytes) -> None:
        try:
            event = self._wire.receive(message)
        except BadMessage as bad:
            self.tell({"type": "error", "code": bad.code, "message": bad.message})
            return
        except StreamProtocolError as error:
            self._break_off(str(error))
            return
        match event:
            case None:
                return
            case Ended():
                self._end(Ending(Party.CALLER, "hung_up"))
            case MarkReturned():
                self._out.has_to(self._wire.heard_ms)
                self._deliver(event)
            case AudioFrame():
                self._deliver(event)
                self._check_flood()
            case _:
                self._deliver(event)

    def _check_flood(self) -> None:
        ahead_ms = self._wire.received_ms - (self._clock.now_ms() - self._began_ms)
        if ahead_ms > MAX_AHEAD_MS:
            self._break_off(f"audio came {ahead_ms:.0f} ms ahead of the clock; at most {MAX_AHEAD_MS} are taken")

    def _lost(self, code: int | None) -> None:
        """The socket is gone: closed on purpose, or lost."""
        if code in _ON_PURPOSE:
            self._end(Ending(Party.CALLER, "hung_up"))
        elif not self._resume_s:
            self._end(Ending(Party.CALLER, "stream_lost", ok=False))
        else:
            log.info("page_lost", leg_id=self._started.leg_id, code=code, waits_s=self._resume_s)
            self._lost_at_ms = self._clock.now_ms()
            stays_away = Ending(Party.CALLER, "stream_lost", ok=False)
            self._return = asyncio.get_running_loop().call_later(self._resume_s, self._end, stays_away)

    # --- the listener ----------------------------------------------------------------------------------------------

    def hear_tones(self) -> None:
        """Nothing: a page has a keypad of its own."""

    def listen(self, listener: LegListener) -> None:
        """Name the one who hears; what came before is delivered at once, in order."""
        self._listener = listener
        listener.on_leg(self._started)
        for event in self._unheard.take_all():
            self._deliver(event)

    def _deliver(self, event: AudioFrame | LegEvent) -> None:
        listener = self._listener
        if listener is None:
            self._unheard.keep(event)
        elif isinstance(event, AudioFrame):
            listener.on_audio(event)
        else:
            listener.on_leg(event)

    # --- the media commands ----------------------------------------------------------------------------------------

    def send_audio(self, frame: AudioFrame) -> None:
        """Queue audio for the page: 16-bit PCM at 24 kHz."""
        if self._ended is None:
            self._put(self._wire.send_audio(frame))

    def send_mark(self, name: str) -> None:
        """Ask for ``name`` back; the page's reports pass it."""
        if self._ended is None:
            self._wire.send_mark(name)

    def clear(self) -> None:
        """Drop everything unheard: what waits here at once, then what waits in the page."""
        if self._ended is None:
            self._out.drop_audio()
            self._put(self._wire.clear())

    def tell(self, said: Mapping[str, Any]) -> None:
        """Queue any other message for the page."""
        if self._ended is None:
            self._put(Sent(encode(said)))

    def _put(self, message: Sent) -> None:
        self._out.put(message)
        self._something_to_do.set()
        if self._out.is_overfull:
            self._break_off(f"the page does not read: {len(self._out)} messages wait for it")

    async def _write(self, socket: WebSocket) -> None:
        """Write what is queued, and the close at the end."""
        try:
            while self._talks():
                self._something_to_do.clear()
                while (text := self._out.next()) is not None:
                    await socket.send({"type": "websocket.send", "text": text})
                if self._talks():
                    await self._something_to_do.wait()
            if self._ended is not None:
                async with asyncio.timeout(FAREWELL_S):
                    while (text := self._out.next()) is not None:
                        await socket.send({"type": "websocket.send", "text": text})
                    await socket.close(self._close_code)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            # Starlette's and the server's words for "the peer is gone"; the reader is told in its own way.
            log.debug("conversation_socket_gone", leg_id=self._started.leg_id)

    def _talks(self) -> bool:
        return self._ended is None and self._lost_at_ms is None

    # --- what a page can't do --------------------------------------------------------------------------------------

    async def send_digits(self, digits: str) -> None:
        """Refuse.

        Raises:
            Unsupported: always; a page has nobody to press keys to.

        """
        raise Unsupported("browser: a page is sent no keys; play the tones as audio instead")

    async def transfer(self, target: TransferTarget) -> None:
        """Refuse.

        Raises:
            Unsupported: always; a page can't be handed to a telephone.

        """
        raise Unsupported("browser: a page can't be transferred; give its user the number to call")

    # --- the end ---------------------------------------------------------------------------------------------------

    async def hang_up(self) -> None:
        """Tell the page that it is over, and close its socket."""
        self._end(Ending(Party.GATEWAY, "hung_up"))
        await self._gone.wait()

    async def close(self) -> None:
        """Let go of the page; the same as :meth:`hang_up`, since the socket is all there is."""
        await self.hang_up()

    def _break_off(self, why: str) -> None:
        if self._ended is None:
            log.warning("conversation_broken", leg_id=self._started.leg_id, why=why)
            self._end(Ending(Party.CALLER, "protocol", ok=False), _POLICY)

    def _end(self, ending: Ending, close_code: int = _NORMAL) -> None:
        """The one way out: the first ending counts, is told once, and closes the socket.

        It is told from the event loop and not from here, since a command of the listener's may have brought us here.
        """
        if self._ended is not None:
            return
        self._ended = ending
        self._close_code = close_code
        self._out.drop_audio()
        self._out.put(Sent(encode({"type": "call_ended", "reason": ending.reason, "message": _FAREWELLS[ending.ok]})))
        self._something_to_do.set()
        if self._return is not None:
            self._return.cancel()
        asyncio.get_running_loop().call_soon(self._deliver, LegEnded(ending))


_FAREWELLS: Final = {True: "The conversation is over.", False: "The conversation was broken off."}
