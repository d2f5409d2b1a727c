"""One connection: a WebSocket on one side, a session core on the other, a clock and a speech desk beside them.

No rule of the protocol is here. One task reads, one writes, one timer wakes the core, and each piece of speech work is
a task of its own; all of them end with the connection.
"""

from __future__ import annotations

import asyncio
from typing import Final, assert_never

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway.audio.format import PCM16_24K
from gateway.clock import Clock
from gateway.offline.beta import Tongue
from gateway.offline.events import Close, Output, Send
from gateway.offline.refusals import Refused
from gateway.offline.session import Session
from gateway.offline.speech_desk import SpeechDesk
from gateway.offline.speech_jobs import Job, Recognise, Speak

_A_MOMENT: Final = bytes(PCM16_24K.size_bytes(20))
"""Silence: there is nothing to hear in it, only something to get ready for."""
MAX_UNSENT_BYTES: Final = 64 * 1024 * 1024
"""What may wait for a client that does not read; past that it is cut off."""

log = structlog.get_logger()


class Connection:
    """Carries a session over a socket until either ends."""

    def __init__(
        self,
        socket: ServerConnection,
        session: Session,
        desk: SpeechDesk,
        clock: Clock,
        *,
        tongue: Tongue,
        read_delay_ms: int = 0,
    ) -> None:
        self._socket = socket
        self._session = session
        self._desk = desk
        self._clock = clock
        self._tongue = tongue
        self._read_delay_s = read_delay_ms / 1000
        self._unsent: asyncio.Queue[str | Close] = asyncio.Queue()
        self._unsent_bytes = 0
        self._jobs: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Carry the session to its end."""
        writer = asyncio.create_task(self._write())
        try:
            self._perform(self._session.open(self._clock.now_ms()))
            await self._read()
            if self._session.closed:
                await writer  # it has the close in its queue
        finally:
            self._session.closed = True
            if self._timer is not None:
                self._timer.cancel()
            for task in (writer, *self._jobs):
                task.cancel()
            await asyncio.gather(writer, *self._jobs, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                if self._read_delay_s:
                    await asyncio.sleep(self._read_delay_s)
                config = self._session.config
                self._perform(self._receive(frame))
                if self._session.closed:
                    return
                if self._session.config is not config:
                    self._prepare()
        except ConnectionClosed as closed:
            log.info("local_connection_lost", code=closed.rcvd.code if closed.rcvd else 1006)

    def _receive(self, frame: str | bytes) -> list[Output]:
        try:
            understood = self._tongue.read(frame)
        except Refused as why:
            return self._session.refuse(why)
        return self._session.receive(understood, self._clock.now_ms())

    async def _write(self) -> None:
        try:
            while True:
                content = await self._unsent.get()
                if isinstance(content, Close):
                    await self._close(content)
                    return
                self._unsent_bytes -= len(content)
                await self._socket.send(content)
        except ConnectionClosed:
            return  # the reader notices, too

    async def _close(self, close: Close) -> None:
        if close.abrupt:
            self._socket.transport.abort()
        else:
            await self._socket.close(close.code, close.reason[:MAX_REASON_CHARACTERS])

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Send(event=event):
                    for frame in self._tongue.write(event):
                        self._unsent_bytes += len(frame)
                        self._unsent.put_nowait(frame)
                case Recognise() | Speak():
                    task = asyncio.create_task(self._do(output))
                    self._jobs.add(task)
                    task.add_done_callback(self._jobs.discard)
                case Close():
                    self._unsent.put_nowait(output)
                case _:
                    assert_never(output)
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            log.warning("local_client_reads_too_slowly", unsent_bytes=self._unsent_bytes)
            self._session.closed = True
            self._socket.transport.abort()
        self._set_timer()

    def _prepare(self) -> None:
        """Have listeners get ready for what the caller may say now, while nobody waits for them."""
        expected = self._session.expects()
        if expected is not None:
            job = Recognise(job_id=0, audio=_A_MOMENT, format=PCM16_24K, expected=expected)
            task = asyncio.create_task(self._have_prepared(job))
            self._jobs.add(task)
            task.add_done_callback(self._jobs.discard)

    async def _have_prepared(self, job: Job) -> None:
        await self._desk.do(job)

    async def _do(self, job: Job) -> None:
        result = await self._desk.do(job)
        self._perform(self._session.finish(job.job_id, result, self._clock.now_ms()))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_at_ms = self._session.next_wake_ms()
        if wake_at_ms is not None:
            delay_s = max(0.0, (wake_at_ms - self._clock.now_ms()) / 1000)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._perform(self._session.wake(self._clock.now_ms()))


MAX_REASON_CHARACTERS: Final = 120
"""A close frame holds 123 bytes of reason (RFC 6455 section 5.5)."""
