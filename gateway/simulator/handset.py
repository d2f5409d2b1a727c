"""One media stream from the carrier's end: the caller, the line, the playout and the network between, without I/O.

The driver opens the socket, hands in what arrives with its time, writes what :meth:`Handset.wake` returns, and wakes
the handset when :meth:`Handset.next_wake_ms` says so. Time is milliseconds of the simulated call from the stream's
first instant.

What happens is done in the order of its own time, not of the wake-ups, so that a late wake-up changes nothing but when
things are written. Caller frames are the exception: after a stall of this machine they go out late and at most
``CATCH_UP_FRAMES`` at once, as a carrier's jitter buffer would let them, and what is known about the caller's speech
moves with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.audio import g711
from gateway.simulator.carriers.twilio import FRAME_BYTES, ClearQueue, Play, SetMark, TwilioStream, Warned
from gateway.simulator.faults import Farewell, Faults
from gateway.simulator.line import LineConditions
from gateway.simulator.network import DelayLine
from gateway.simulator.outcome import CallEvent
from gateway.simulator.performer import FRAME_MS, Ear, Emit, Frame, Performer
from gateway.simulator.playout import Playout, Returned
from gateway.simulator.script import EndedBy, Script
from gateway.simulator.voices import Rendered

CATCH_UP_FRAMES: Final = 5
"""Most caller frames that leave at one instant after this machine was late."""
_CATCH_UP_MS: Final = 5.0
"""Pause before the next few late frames."""
_CLOSED_NORMALLY: Final = 1000
_SILENT_FRAME: Final = g711.ULAW_SILENCE * FRAME_BYTES


@dataclass(frozen=True, slots=True)
class Write:
    """Write this frame: text, or bytes for a binary one."""

    frame: str | bytes
    audio: bool = False
    """Caller audio, which a carrier drops rather than keeps when the gateway does not read."""


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close with a closing handshake."""

    code: int = _CLOSED_NORMALLY


@dataclass(frozen=True, slots=True)
class ResetSocket:
    """Tear the TCP connection down."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """Write nothing more; the gateway is expected to close."""


Action = Write | CloseSocket | ResetSocket | LetGo


@dataclass(frozen=True, slots=True)
class _Gone:
    """The gateway closed the socket."""

    code: int | None


class Handset:
    """A caller on one media stream.

    Args:
        stream: the carrier's protocol.
        script: what the caller does.
        rendered: the script's sound.
        line: the line at work.
        network_ms: delay towards the gateway, and from it.
        faults: what the carrier does wrong.
        emit: told of what happens.

    """

    def __init__(
        self,
        stream: TwilioStream,
        script: Script,
        rendered: Rendered,
        line: LineConditions,
        *,
        network_ms: tuple[float, float] = (0.0, 0.0),
        faults: Faults | None = None,
        emit: Emit = lambda event: None,
    ) -> None:
        self.playout = Playout()
        self.warnings: list[Warned] = []
        self.ended_by: EndedBy | None = None
        """None while the stream is up."""
        self.ended_ms = 0.0
        self.why = ""
        self.close_code: int | None = None
        self.over = False
        """Nothing more will be written; the socket may go."""
        self.late_ms: list[float] = []
        """By how much each caller frame left after its time."""
        self._stream = stream
        self._script = script
        self._line = line
        self._faults = faults or Faults()
        self._emit = emit
        self._ear = Ear(emit)
        self.performer = Performer(script, rendered, self._ear, emit)
        self._to_gateway: DelayLine[Action] = DelayLine(network_ms[0])
        self._from_gateway: DelayLine[str | bytes | _Gone] = DelayLine(network_ms[1])
        self._late_marks: DelayLine[str] = DelayLine(self._faults.marks_late_ms)
        self._stalled: list[Write] | None = None
        self._frame = Frame(0.0)
        self._frames = 0
        self._hold_until_ms = 0.0
        self._opened = False
        self._frozen = False
        self._sent_malformed = False
        self._sent_pcm: list[bytes] = []

    @property
    def caller_pcm(self) -> bytes:
        """What was sent to the gateway so far: PCM16, 8000 Hz, silence where a frame was lost."""
        return b"".join(self._sent_pcm)

    # --- what the driver tells -----------------------------------------------------------------------------------

    def open(self, now_ms: float = 0.0) -> None:
        """Begin: the socket is up."""
        self._opened = True
        self._write(Write(self._stream.connected()), now_ms)
        for _ in range(self._faults.media_before_start):
            self._write(Write(self._stream.media(_SILENT_FRAME, 0), audio=True), now_ms)
        for _ in range(self._faults.starts):
            self._write(Write(self._stream.start()), now_ms)
        self._frame = self.performer.decide(now_ms)

    def receive(self, frame: str | bytes, now_ms: float) -> None:
        """Take a frame that the gateway wrote; it takes effect after the network's delay."""
        self._from_gateway.push(frame, now_ms)

    def lost(self, code: int | None, now_ms: float) -> None:
        """Take notice that the socket is gone; ``code`` is the gateway's close code, None if there was none."""
        self._from_gateway.push(_Gone(code), now_ms)

    def end(self, ended_by: EndedBy, why: str, now_ms: float) -> None:
        """End the stream from the carrier's side, as the faults say; nothing happens if it has ended."""
        if self.ended_by is not None:
            return
        self._ended(ended_by, why, now_ms)
        if self._frozen:
            self._to_gateway.push(ResetSocket(), now_ms)
            return
        farewell = self._faults.farewell
        if farewell in {Farewell.STOP_THEN_CLOSE, Farewell.STOP_ONLY}:
            self._to_gateway.push(Write(self._stream.stop()), now_ms)
        match farewell:
            case Farewell.RESET:
                self._to_gateway.push(ResetSocket(), now_ms)
            case Farewell.STOP_ONLY:
                self._to_gateway.push(LetGo(), now_ms)
            case _:
                self._to_gateway.push(CloseSocket(), now_ms)

    def next_wake_ms(self) -> float | None:
        """Return when to wake next at the latest, None when only the gateway can move things."""
        due = [
            self._from_gateway.next_wake_ms(),
            self.playout.next_wake_ms(),
            self._late_marks.next_wake_ms(),
            self._tick_ms(),
            self._to_gateway.next_wake_ms(),
        ]
        if due[3] is not None:
            due[3] = max(due[3], self._hold_until_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def wake(self, now_ms: float) -> list[Action]:
        """Do everything that is due by ``now_ms``; return what is to be written, in order."""
        frames_left = CATCH_UP_FRAMES if now_ms >= self._hold_until_ms else 0
        while True:
            incoming = _or_never(self._from_gateway.next_wake_ms())
            mark = _or_never(self.playout.next_wake_ms())
            late = _or_never(self._late_marks.next_wake_ms())
            tick = _or_never(self._tick_ms()) if frames_left else _NEVER
            first = min(incoming, mark, late, tick)
            if first > now_ms:
                break
            if first == incoming:
                self._arrive(now_ms)
            elif first == mark:
                self._return(self.playout.wake(first))
            elif first == late:
                self._return_late(now_ms)
            else:
                self._tick(first, now_ms)
                frames_left -= 1
                if not frames_left:
                    self._hold_until_ms = now_ms + _CATCH_UP_MS
        return self._due_actions(now_ms)

    # --- in time's order -----------------------------------------------------------------------------------------

    def _tick_ms(self) -> float | None:
        if not self._opened or self.ended_by is not None:
            return None
        return float((self._frames + 1) * FRAME_MS)

    def _arrive(self, now_ms: float) -> None:
        arrived = self._from_gateway.pop(now_ms)
        assert arrived is not None
        at_ms, frame = max(arrived[0], self.playout.truth.now_ms), arrived[1]
        if isinstance(frame, _Gone):
            self._gone(frame, at_ms)
        elif self.ended_by is None and not self._frozen:
            self._obey(frame, at_ms)

    def _obey(self, frame: str | bytes, at_ms: float) -> None:
        asked = self._stream.receive(frame)
        match asked:
            case Play(payload):
                self.playout.play(payload, at_ms)
            case SetMark(name):
                self.playout.mark(name, at_ms)
                self._return(self.playout.wake(at_ms))
            case ClearQueue():
                self._return(self.playout.clear(at_ms))
                self._ear.new_turn()
                clear = self.playout.truth.clears[-1]
                self._emit(CallEvent(at_ms, "cleared", {"dropped_ms": clear.dropped_bytes / 8, "heard": clear.heard}))
            case Warned():
                self.warnings.append(asked)
                self._emit(CallEvent(at_ms, "warning", {"code": asked.code, "why": asked.why}))

    def _gone(self, gone: _Gone, at_ms: float) -> None:
        self.close_code = gone.code
        if self.ended_by is None:
            code = "without a close code" if gone.code is None else f"with code {gone.code}"
            self._ended(EndedBy.GATEWAY, f"the gateway closed the media stream {code}", at_ms)
        self.over = True

    def _tick(self, at_ms: float, now_ms: float) -> None:
        """Send the 20 ms that end at ``at_ms``, late if ``now_ms`` is, and decide on the next."""
        self._frames += 1
        self.late_ms.append(now_ms - at_ms)
        self._return(self.playout.wake(max(at_ms, self.playout.truth.now_ms)))
        agent_pcm = g711.decode_ulaw(self.playout.truth.ulaw_between(at_ms - FRAME_MS, at_ms))
        self._ear.hear(agent_pcm, at_ms, playing=self.playout.playing(at_ms))
        self._frame.sent(now_ms)
        self._send_audio(self._line.carry(self._frame.pcm, agent_pcm), at_ms, now_ms)
        self._misbehave(at_ms, now_ms)
        if self.ended_by is not None:
            return
        self._frame = self.performer.decide(at_ms)
        if self._frame.key:
            self._emit(CallEvent(at_ms, "pressed", {"key": self._frame.key}))
            self._write(Write(self._stream.dtmf(self._frame.key)), now_ms)
        if self._frame.hang_up:
            self._emit(CallEvent(at_ms, "hung_up"))
            self.end(EndedBy.CALLER, "the caller hung up", now_ms)
        elif at_ms >= self._script.limit_ms:
            by = EndedBy.CARRIER if self._frozen else EndedBy.LIMIT
            self.end(by, f"the limit of {self._script.limit_ms} ms ran out", now_ms)

    def _send_audio(self, pcm: bytes, at_ms: float, now_ms: float) -> None:
        pattern = self._faults.drop_pattern
        if pattern and not pattern[(self._frames - 1) % len(pattern)]:
            self._stream.skip()
            self._sent_pcm.append(bytes(len(pcm)))
            return
        self._sent_pcm.append(pcm)
        self._write(Write(self._stream.media(g711.encode_ulaw(pcm), int(at_ms)), audio=True), now_ms)

    # --- faults --------------------------------------------------------------------------------------------------

    def _misbehave(self, at_ms: float, now_ms: float) -> None:
        faults = self._faults
        if faults.stall_at_ms is not None:
            stalled = faults.stall_at_ms <= at_ms < faults.stall_at_ms + faults.stall_ms
            if stalled and self._stalled is None:
                self._stalled = []
                self._emit(CallEvent(at_ms, "fault", {"fault": "stall"}))
            elif not stalled and self._stalled is not None:
                burst, self._stalled = self._stalled, None
                for write in burst:
                    self._write(write, now_ms)
        if faults.malformed_at_ms is not None and at_ms >= faults.malformed_at_ms and not self._sent_malformed:
            self._sent_malformed = True
            self._emit(CallEvent(at_ms, "fault", {"fault": "malformed"}))
            self._write(Write(faults.malformed), now_ms)
        if faults.freeze_at_ms is not None and at_ms >= faults.freeze_at_ms and not self._frozen:
            self._frozen = True
            self._emit(CallEvent(at_ms, "fault", {"fault": "freeze"}))
        if faults.reset_at_ms is not None and at_ms >= faults.reset_at_ms:
            self._emit(CallEvent(at_ms, "fault", {"fault": "reset"}))
            self._ended(EndedBy.CARRIER, "the carrier's connection was reset", now_ms)
            self._to_gateway.push(ResetSocket(), now_ms)

    def _return(self, marks: list[Returned]) -> None:
        """Send marks back, as far and as punctually as the faults let them."""
        if self._faults.marks_lost:
            return
        for mark in marks:
            for _ in range(2 if self._faults.marks_twice else 1):
                if self._faults.marks_late_ms:
                    self._late_marks.push(mark.name, mark.at_ms)
                else:
                    self._write(Write(self._stream.mark(mark.name)), mark.at_ms)

    def _return_late(self, now_ms: float) -> None:
        late = self._late_marks.pop(now_ms)
        if late is not None and self.ended_by is None:
            self._write(Write(self._stream.mark(late[1])), late[0])

    # --- out -----------------------------------------------------------------------------------------------------

    def _write(self, write: Write, now_ms: float) -> None:
        if self._frozen or self.ended_by is not None:
            return
        if self._stalled is not None:
            self._stalled.append(write)
            return
        self._to_gateway.push(write, now_ms)

    def _ended(self, ended_by: EndedBy, why: str, at_ms: float) -> None:
        self.ended_by, self.why, self.ended_ms = ended_by, why, at_ms
        self.playout.end(max(at_ms, self.playout.truth.now_ms))
        self._emit(CallEvent(at_ms, "stream_ended", {"by": str(ended_by), "why": why}))

    def _due_actions(self, now_ms: float) -> list[Action]:
        actions: list[Action] = []
        while not self.over and (due := self._to_gateway.pop(now_ms)) is not None:
            actions.append(due[1])
            self.over = not isinstance(due[1], Write)
        return actions


_NEVER: Final = float("inf")


def _or_never(at_ms: float | None) -> float:
    return _NEVER if at_ms is None else at_ms
