"""Acting out a script, 20 ms at a time: what the caller's ear makes of the agent, and what the mouth does next.

Sans-IO. At each frame's beginning the performer decides what its 20 ms hold, knowing only what the ear got before: a
caller reacts and never foresees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

import numpy as np

from gateway.simulator.line import FRAME_PCM_BYTES
from gateway.simulator.outcome import CallEvent, SpeechSpan
from gateway.simulator.script import (
    Agent,
    HangUp,
    InterruptAfter,
    PlayFile,
    Press,
    Say,
    Script,
    StaySilent,
    WaitForAgent,
)
from gateway.simulator.voices import AUDIBLE, Rendered, audible_samples

Emit = Callable[[CallEvent], None]

FRAME_MS: Final = 20
_SILENCE: Final = bytes(FRAME_PCM_BYTES)
_SAMPLES_PER_MS: Final = 8
_SPELL_MS: Final = 400
"""Silence that ends a spell of agent speech, for the events; a pause between words is shorter."""
_SURELY_DONE_MS: Final = 1500
"""Silence after which the agent counts as finished although the gateway still plays (silence, then)."""


class Ear:
    """What the caller makes of the agent's sound. A *turn* is what the agent says since :meth:`new_turn`."""

    __slots__ = ("_emit", "_last_sound_ms", "_playing", "_speaking", "turn_heard_ms")

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._last_sound_ms: float | None = None
        self._speaking = False
        self._playing = False
        self.turn_heard_ms = 0.0
        """How much was heard in this turn, counted from its first sound; pauses while audio plays count too."""

    @property
    def turn_begun(self) -> bool:
        """Whether the agent has made a sound in this turn."""
        return self.turn_heard_ms > 0

    def new_turn(self) -> None:
        """Forget what was said: the caller has spoken, or has listened to the end."""
        self.turn_heard_ms = 0.0

    def hear(self, pcm: bytes, at_ms: float, *, playing: bool) -> None:
        """Take the 20 ms that end at ``at_ms``. ``playing``: the carrier has more of the agent's audio."""
        self._playing = playing
        loud = bool(pcm) and bool((np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) >= AUDIBLE).any())
        if loud:
            self._last_sound_ms = at_ms
            if not self._speaking:
                self._speaking = True
                self._emit(CallEvent(at_ms - FRAME_MS, "agent_started"))
        elif self._speaking and self.quiet_ms(at_ms) >= _SPELL_MS:
            self._speaking = False
            self._emit(CallEvent(at_ms - _SPELL_MS, "agent_stopped"))
        if loud or (self.turn_begun and playing):
            self.turn_heard_ms += FRAME_MS

    def quiet_ms(self, at_ms: float) -> float:
        """Return for how long the agent has made no sound."""
        return at_ms if self._last_sound_ms is None else at_ms - self._last_sound_ms

    def finished(self, at_ms: float, settle_ms: float) -> bool:
        """Return whether the agent has said something in this turn and is done."""
        quiet_ms = self.quiet_ms(at_ms)
        return self.turn_begun and quiet_ms >= (max(settle_ms, _SURELY_DONE_MS) if self._playing else settle_ms)


@dataclass(slots=True)
class Frame:
    """What the caller does in 20 ms."""

    begins_ms: float
    pcm: bytes = _SILENCE
    key: str = ""
    hang_up: bool = False
    span: SpeechSpan | None = None
    """The utterance that this frame is a part of."""
    starts: int | None = None
    """The sample in this frame at which the utterance becomes audible."""
    stops: int | None = None
    """The sample after its last audible one, if that is in this frame."""

    def sent(self, at_ms: float) -> None:
        """Note when the carrier really sent it, so that the utterance's times are true on a slow machine."""
        began_ms = at_ms - FRAME_MS
        if self.span is None:
            return
        if self.starts is not None:
            self.span.start_ms = began_ms + self.starts / _SAMPLES_PER_MS
        if self.stops is not None:
            self.span.stop_ms = began_ms + self.stops / _SAMPLES_PER_MS


class Performer:
    """Acts out one script.

    Args:
        script: the caller.
        rendered: its sound.
        ear: what it hears; the performer tells it when a turn begins.
        emit: told of what happens.

    """

    __slots__ = (
        "_audible",
        "_ear",
        "_emit",
        "_entered_ms",
        "_place",
        "_rendered",
        "_script",
        "_span",
        "done",
        "failures",
        "spans",
    )

    def __init__(self, script: Script, rendered: Rendered, ear: Ear, emit: Emit) -> None:
        self._script = script
        self._rendered = rendered
        self._ear = ear
        self._emit = emit
        self._entered_ms: float | None = None
        self._place = 0
        self._span: SpeechSpan | None = None
        self._audible = (0, 0)
        self.done = 0
        """Steps carried out."""
        self.failures: list[str] = []
        self.spans: list[SpeechSpan] = []

    def decide(self, at_ms: float) -> Frame:
        """Return what the 20 ms from ``at_ms`` on hold."""
        while self.done < len(self._script.steps):
            if self._entered_ms is None:
                self._entered_ms, self._place = at_ms, 0
            if (frame := self._act(at_ms, self._entered_ms)) is not None:
                return frame
            self.done += 1
            self._entered_ms = None
        return Frame(at_ms)

    def _act(self, at_ms: float, entered_ms: float) -> Frame | None:
        """Return the step's next 20 ms, None when it is done."""
        step = self._script.steps[self.done]
        match step:
            case Say() | PlayFile():
                return self._speak(step, at_ms)
            case WaitForAgent():
                return self._wait(step, at_ms, entered_ms)
            case InterruptAfter():
                if self._ear.turn_heard_ms >= step.heard_ms and self._ear.turn_begun:
                    self._emit(CallEvent(at_ms, "interrupting", {"heard_ms": self._ear.turn_heard_ms}))
                    return None
                what = f"the agent was not heard for {step.heard_ms} ms"
                return self._patience(what, step.within_ms, step.line, at_ms, entered_ms)
            case Press():
                return self._press(step, at_ms, entered_ms)
            case StaySilent():
                return Frame(at_ms) if at_ms - entered_ms < step.duration_ms else None
            case HangUp():
                self.done += 1
                return Frame(at_ms, hang_up=True)
            case _:
                assert_never(step)

    def _speak(self, step: Say | PlayFile, at_ms: float) -> Frame | None:
        pcm = self._rendered.utterances[self.done]
        if self._place == 0:
            first, last = self._audible = audible_samples(pcm)
            text = step.text if isinstance(step, Say) else step.path.name
            start_ms = at_ms + first / _SAMPLES_PER_MS
            self._span = SpeechSpan(text, start_ms, at_ms + last / _SAMPLES_PER_MS, self._wants_answer())
            self._emit(CallEvent(start_ms, "speech_started", {"text": text}))
            if last:
                self.spans.append(self._span)
        chunk = pcm[self._place : self._place + FRAME_PCM_BYTES]
        if not chunk:
            assert self._span is not None
            self._emit(CallEvent(self._span.stop_ms, "speech_stopped", {"text": self._span.text}))
            self._span = None
            return None
        first, last = self._audible
        offset = self._place // 2
        self._place += FRAME_PCM_BYTES
        frame = Frame(at_ms, chunk.ljust(FRAME_PCM_BYTES, b"\0"), span=self._span)
        here = range(FRAME_PCM_BYTES // 2)
        frame.starts = first - offset if first - offset in here else None
        frame.stops = last - offset if last - 1 - offset in here else None
        if frame.stops is not None:
            self._ear.new_turn()  # not at the recording's end: it may go on in silence while the agent answers
        return frame

    def _wants_answer(self) -> bool:
        following = self._script.steps[self.done + 1 :]
        return bool(following) and isinstance(following[0], WaitForAgent | InterruptAfter)

    def _wait(self, step: WaitForAgent, at_ms: float, entered_ms: float) -> Frame | None:
        match step.agent:
            case Agent.TO_START:
                if self._ear.turn_begun:
                    return None
            case Agent.TO_FINISH:
                if self._ear.finished(at_ms, step.settle_ms):
                    self._ear.new_turn()
                    return None
        return self._patience(f"waited for the agent {step.agent}", step.within_ms, step.line, at_ms, entered_ms)

    def _patience(self, what: str, within_ms: int, line: int, at_ms: float, entered_ms: float) -> Frame | None:
        if at_ms - entered_ms < within_ms:
            return Frame(at_ms)
        failure = f"{what} within {within_ms} ms, in vain (step {self.done + 1}{f', line {line}' if line else ''})"
        self.failures.append(failure)
        self._emit(CallEvent(at_ms, "step_failed", {"why": failure}))
        return None

    def _press(self, step: Press, at_ms: float, entered_ms: float) -> Frame | None:
        if at_ms - entered_ms < self._place * step.gap_ms:
            return Frame(at_ms)
        if self._place == len(step.keys):
            return None
        self._place += 1
        self._ear.new_turn()
        return Frame(at_ms, key=step.keys[self._place - 1])
