"""A leg whose media comes over a WebSocket that the carrier opened: Twilio and its kin.

One coroutine reads and feeds the carrier's core, and the listener is called from it directly: no task and no queue
stands between a caller's frame and the bridge. One task writes, from a bounded queue that a clear overtakes. What the
messages mean is the core's business (``carriers/``); how a call is ended or transferred is a request that the carrier's
:class:`~gateway.legs.carriers.base.CallControl` makes and ``carrier_http`` sends.

However the leg comes to its end (``stop``, a lost socket, a broken protocol, :meth:`StreamLeg.hang_up`,
:meth:`StreamLeg.close`), it goes through one funnel and tells it once.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Final

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.audio.format import AudioFrame
from gateway.clock import Clock
from gateway.contracts.leg import (
    FramesLost,
    LegCapabilities,
    LegEnded,
    LegListener,
    LegStarted,
    MarkFate,
    MarkReturned,
    TransferTarget,
)
from gateway.errors import CarrierError, Ending, Party, StreamProtocolError, Unsupported
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.carriers.base import CallControl, CloseCode, StreamEvent, StreamProtocol, WireMessage
from gateway.legs.pending_transfers import PendingTransfers
from gateway.legs.sounded_keys import SoundedKeys
from gateway.legs.stream_queues import Unheard, Unsent
from gateway.telemetry.wire import tracer

log = structlog.get_logger()

MAX_AHEAD_MS: Final = 30_000
"""Milliseconds that the caller's audio may be ahead of the clock; past it somebody is flooding us."""
CLOSE_LIMIT_S: Final = 2.0
"""Seconds that the closing of the socket may take; then it is left to the server to cut."""
TRANSFER_LIMIT_S: Final = 5.0
"""Seconds after an accepted transfer in which the carrier ends the stream; then we do."""


class StreamLeg:
    """One call's leg over a carrier's media stream: a :class:`~gateway.contracts.leg.Leg`.

    Life: :meth:`open` until the stream has started, then :meth:`run` beside whoever was handed the leg. After a false
    :meth:`open`, or when the leg is not wanted, :meth:`turn_away`.

    Args:
        socket: accepted, and read and written by this leg alone.
        core: the carrier's protocol.
        clock: tells how fast audio arrives.
        control: makes the carrier's requests; None where there are no credentials. Then closing the socket is all
            there is to a hang-up, and there are no transfers.
        http: sends those requests; needed with ``control``.
        pending: where a transfer is noted for the carrier's question what comes after the stream.

    """

    def __init__(
        self,
        socket: WebSocket,
        core: StreamProtocol,
        *,
        clock: Clock,
        control: CallControl | None = None,
        http: CarrierHttp | None = None,
        pending: PendingTransfers | None = None,
    ) -> None:
        self._socket = socket
        self._core = core
        self._clock = clock
        self._requests = None if control is None or http is None else (control, http)
        self._pending = pending
        self._capabilities = dataclasses.replace(core.capabilities, transfers=self._requests is not None)

        self._trace = tracer(core.carrier)
        self._listener: LegListener | None = None
        self._unheard = Unheard()
        self._sounded: SoundedKeys | None = None
        self._started_at_ms = 0.0
        self._next_flood_check_ms = MAX_AHEAD_MS * 1.0

        self._unsent = Unsent()
        self._something_to_do = asyncio.Event()

        self._ended: Ending | None = None
        self._close_code: int = CloseCode.NORMAL
        self._carrier_let_go = False
        self._leaving: Ending | None = None
        """What the carrier's ``stop`` will mean, because we asked for it."""
        self._transferred = False
        self._hung_up = False
        self._hanging_up = asyncio.Lock()
        self._farewell: asyncio.TimerHandle | None = None

        self._socket_gone = False
        self._reading: asyncio.Timeout | None = None
        self._running = False
        self._over = asyncio.Event()

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> LegCapabilities:
        """What the carrier's protocol can do, and transfers where there are credentials."""
        return self._capabilities

    @property
    def started(self) -> LegStarted:
        """How the stream began; asked only after :meth:`open` was true."""
        started = self._core.started
        assert started is not None, "the stream has not started"
        return started

    @property
    def ticket(self) -> str:
        """The one-time token that came with the stream's start; empty if there was none."""
        return self._core.ticket

    @property
    def ended(self) -> Ending | None:
        """Why the leg ended, or None while it lives."""
        return self._ended

    # --- the reader ---------------------------------------------------------------------------------------------

    async def open(self, within_s: float) -> bool:
        """Read until the stream has started; false if it broke, went away or took longer than ``within_s``.

        After false the socket is closed; there is no leg.
        """
        try:
            async with asyncio.timeout(within_s):
                while self._core.started is None and self._ended is None:
                    await self._read()
        except TimeoutError:
            log.warning("media_stream_refused", carrier=self._core.carrier, why=f"no start within {within_s:g} s")
            self._end(Ending(Party.CARRIER, "protocol", ok=False), CloseCode.POLICY)
        if self._ended is not None:
            await self._close_alone()
            return False
        self._started_at_ms = self._clock.now_ms()
        return True

    async def turn_away(self, close_code: int) -> None:
        """Close a stream that is not wanted, telling nothing but ``close_code``."""
        self._end(Ending(Party.GATEWAY, "refused", ok=False), close_code)
        await self._close_alone()

    async def run(self) -> None:
        """Read and write until the leg has ended and its socket is closed. Run it once, after :meth:`open`."""
        self._running = True
        writer = asyncio.create_task(self._write(), name="media stream writer")
        try:
            async with asyncio.timeout(None) as self._reading:
                while not self._socket_gone:
                    await self._read()
        except TimeoutError:
            log.debug("media_stream_cut", carrier=self._core.carrier)  # the carrier never let us close
            writer.cancel()
        finally:
            self._reading = None
            self._end(Ending(Party.GATEWAY, "fault", ok=False), CloseCode.INTERNAL)
            await asyncio.wait({writer}, timeout=CLOSE_LIMIT_S)
            writer.cancel()
            await asyncio.wait({writer})
            self._over.set()
            counters = self._core.counters
            log.debug(
                "media_stream_ended",
                carrier=self._core.carrier,
                ending=str(self._ended),
                messages=counters.messages,
                unknown_events=counters.unknown_events,
                received_ms=round(counters.received_ms),
                lost_ms=counters.lost_ms,
                dropped_ms=round(self._unheard.dropped_ms),
            )
        if not writer.cancelled():
            writer.result()

    async def _read(self) -> None:
        """Take one message and deliver what it means, before anything else runs."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            self._lost(message.get("code", CloseCode.GOING_AWAY))
            return
        if self._ended is not None:
            return
        text = message.get("text")
        received = text if text is not None else message["bytes"]
        if self._trace is not None:
            self._trace("in", received)
        try:
            events = self._core.receive(received)
        except StreamProtocolError as error:
            self._break_off(str(error), error.close_code)
            return
        for event in events:
            if type(event) is LegEnded:
                self._carrier_let_go = True
                self._end(self._leaving or event.ending)
            else:
                self._deliver(event)
        if self._core.counters.received_ms >= self._next_flood_check_ms:
            self._check_flood()

    def _check_flood(self) -> None:
        counters = self._core.counters
        ahead_ms = counters.received_ms + counters.lost_ms - (self._clock.now_ms() - self._started_at_ms)
        if ahead_ms > MAX_AHEAD_MS:
            self._break_off(
                f"audio came {ahead_ms:.0f} ms ahead of the clock; at most {MAX_AHEAD_MS} are taken", CloseCode.POLICY
            )
        self._next_flood_check_ms = counters.received_ms + 1000

    def _lost(self, code: int) -> None:
        """The socket is closed: in good order by the carrier, or not."""
        self._socket_gone = True
        if self._ended is not None:
            return
        self._carrier_let_go = code == CloseCode.NORMAL
        if self._leaving is not None:
            self._end(self._leaving)
        elif code == CloseCode.NORMAL:
            self._end(Ending(Party.CALLER, "hung_up"))
        else:
            self._end(Ending(Party.CARRIER, "stream_lost", ok=False))

    def _break_off(self, why: str, close_code: int) -> None:
        if self._ended is None:
            leg_id = None if self._core.started is None else self._core.started.leg_id
            log.warning(
                "media_stream_broken", carrier=self._core.carrier, leg_id=leg_id, why=why, close_code=close_code
            )
            self._end(Ending(Party.CARRIER, "protocol", ok=False), close_code)

    # --- the listener -------------------------------------------------------------------------------------------

    def listen(self, listener: LegListener) -> None:
        """Name the one who hears; what came before is delivered at once, in order."""
        self._listener = listener
        for event in self._unheard.take_all():
            self._deliver(event)

    def hear_tones(self) -> None:
        """Tell from now on of keys that sound in the caller's audio, too; it costs a seventh of a call's work."""
        if self._sounded is None:
            self._sounded = SoundedKeys(self.started.from_caller)

    def _deliver(self, event: StreamEvent) -> None:
        listener = self._listener
        if listener is None:
            self._unheard.keep(event)
        elif type(event) is AudioFrame:
            listener.on_audio(event)
            if self._sounded is not None:
                self._listen_for_keys(self._sounded, event, listener)
        else:
            assert not isinstance(event, AudioFrame)
            listener.on_leg(event)
            if type(event) is FramesLost and self._sounded is not None:
                self._listen_for_keys(self._sounded, event, listener)

    @staticmethod
    def _listen_for_keys(sounded: SoundedKeys, event: AudioFrame | FramesLost, listener: LegListener) -> None:
        """Tell of keys that came as sound alone, or beside the carrier's own word of them."""
        try:
            pressed = sounded.lose(event.lost_ms) if isinstance(event, FramesLost) else sounded.push(event)
        except ValueError:  # broken base64, for which the listener ends the call
            return
        for key in pressed:
            listener.on_leg(key)

    # --- the four media commands --------------------------------------------------------------------------------

    def send_audio(self, frame: AudioFrame) -> None:
        """Queue audio in ``started.to_caller`` format, of any length in whole samples."""
        if self._ended is None:
            self._queue(self._core.send_audio(frame), frame.duration_ms)

    def send_mark(self, name: str) -> None:
        """Ask for ``name`` back once everything sent before was heard."""
        if self._ended is None:
            self._queue(self._core.send_mark(name), 0.0, mark=name)

    def clear(self) -> None:
        """Drop everything unheard: what is still queued here at once, then what the carrier holds."""
        if self._ended is None:
            # A mark that was not written yet can't come back: it is given back here, as the clear's.
            for name in self._unsent.drop_all():
                asyncio.get_running_loop().call_soon(self._deliver, MarkReturned(name, MarkFate.CLEARED))
            self._queue(self._core.clear(), 0.0)

    def _queue(self, messages: list[WireMessage], audio_ms: float, *, mark: str = "") -> None:
        self._unsent.add(messages, audio_ms, mark=mark)
        self._something_to_do.set()
        if self._unsent.is_overfull:
            self._break_off(
                f"the carrier does not read: {len(self._unsent)} messages "
                f"with {self._unsent.waiting_ms:.0f} ms of audio wait for it",
                CloseCode.POLICY,
            )

    # --- the writer ---------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Write what is queued, and the close at the end."""
        try:
            while self._ended is None:
                self._something_to_do.clear()
                while (message := self._unsent.next()) is not None:
                    await self._send(message)
                if self._ended is None:
                    await self._something_to_do.wait()
            if not self._socket_gone:
                await self._socket.close(self._close_code)
        except (WebSocketDisconnect, RuntimeError):
            # Starlette's and the server's words for "the peer is gone". The reader is told in its own way, or has been.
            self._end(self._leaving or Ending(Party.CARRIER, "stream_lost", ok=False))

    async def _send(self, message: WireMessage) -> None:
        if self._trace is not None:
            self._trace("out", message)
        if isinstance(message, str):
            await self._socket.send({"type": "websocket.send", "text": message})
        else:
            await self._socket.send({"type": "websocket.send", "bytes": message})

    # --- keys, transfer, hang-up --------------------------------------------------------------------------------

    async def send_digits(self, digits: str) -> None:
        """Refuse: a media stream of this kind carries no keys towards the caller.

        Raises:
            Unsupported: always; play the tones as audio instead.

        """
        raise Unsupported(f"{self._core.carrier}: a media stream sends no keys; play the tones as audio instead")

    async def transfer(self, target: TransferTarget) -> None:
        """Have the carrier hand the caller over; the stream ends by itself afterwards, or is closed after 5 s.

        Raises:
            Unsupported: there are no credentials for the carrier's API, or it can't reach the target.
            CarrierError: the carrier refused or did not answer in time; the call goes on here.

        """
        if self._requests is None:
            raise Unsupported(f"{self._core.carrier}: a transfer needs the account's credentials under carriers")
        if self._ended is not None or self._transferred:
            return
        control, http = self._requests
        leg_id = self.started.leg_id
        request = control.transfer_request(leg_id, target)
        # Noted before it is asked: ``stop`` and the question what comes next may overtake the answer.
        self._leaving = Ending(Party.AGENT, "transferred")
        if self._pending is not None:
            self._pending.put(leg_id, target)
        try:
            await http.send(request)
        except CarrierError:
            self._leaving = None
            if self._pending is not None:
                self._pending.drop(leg_id)
            raise
        self._transferred = True
        if self._ended is None:
            loop = asyncio.get_running_loop()
            self._farewell = loop.call_later(TRANSFER_LIMIT_S, self._end, self._leaving)

    async def hang_up(self) -> None:
        """End the carrier's call, see it confirmed, and close the socket. Once is enough, and twice does no harm.

        Nothing is asked of the carrier when it ended the stream itself or the caller was handed over: then the call
        is no longer ours. After a stream that was lost or broken it is still asked, since the call may live on.

        Raises:
            CarrierError: the carrier did not confirm in time; the socket is closed all the same.

        """
        async with self._hanging_up:
            try:
                if self._requests is not None and not (self._hung_up or self._transferred or self._carrier_let_go):
                    self._leaving = self._leaving or Ending(Party.GATEWAY, "hung_up")
                    control, http = self._requests
                    await http.send(control.hang_up_request(self.started.leg_id))
                    self._hung_up = True
            finally:
                await self._shut(Ending(Party.GATEWAY, "hung_up"))

    async def close(self) -> None:
        """Let go of the media stream without ending the carrier's call, and wait until it is closed."""
        await self._shut(Ending(Party.GATEWAY, "closed"))

    # --- the funnel ---------------------------------------------------------------------------------------------

    def _end(self, ending: Ending, close_code: int = CloseCode.NORMAL) -> None:
        """The one way out: the first ending counts, is told once, and closes the socket.

        It is told from the event loop and not from here, since a command of the listener's may have brought us here.
        """
        if self._ended is not None:
            return
        self._ended = ending
        self._close_code = close_code
        self._unsent.drop_all()
        self._something_to_do.set()
        if self._farewell is not None:
            self._farewell.cancel()
        loop = asyncio.get_running_loop()
        if self._reading is not None:
            self._reading.reschedule(loop.time() + CLOSE_LIMIT_S)
        loop.call_soon(self._deliver, LegEnded(ending))

    async def _shut(self, ending: Ending) -> None:
        self._end(self._leaving or ending)
        if self._running:
            await self._over.wait()
        else:
            await self._close_alone()

    async def _close_alone(self) -> None:
        """Close the socket where no writer is there to do it."""
        if self._socket_gone:
            return
        self._socket_gone = True
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._socket.close(self._close_code)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            log.debug("media_stream_cut", carrier=self._core.carrier)
