"""Handing the caller on, and taking a message: the engine says what, the carrier's side does it and tells."""

from __future__ import annotations

from typing import Any, Final

from gateway.flows.engine.commands import FinishMessage, HandOver, TakeMessage
from gateway.flows.engine.events import FlowEvent, HandedOver, MessageTaken
from gateway.flows.engine.stage import StepRun
from gateway.flows.prompts import Prompt
from gateway.flows.steps import InterruptPolicy, Transfer, Voicemail

QUEUE_MS: Final = 30 * 60_000
"""How long a caller may wait in a queue that names no limit."""
OVERDUE_MS: Final = 30_000
"""After its own limits and this, a transfer or a recording of which nothing was heard has failed."""


class TransferRun(StepRun[Transfer]):
    """Says where the caller goes, and hands them on."""

    def __init__(self, core: Any, step: Transfer) -> None:
        super().__init__(core, step)
        self._prompt: int | None = None
        self._ringing = False

    @property
    def undisturbed(self) -> bool:
        """While somebody is rung nothing else may move the call."""
        return self._ringing

    def enter(self, now_ms: float) -> None:
        """Say it first; what was typed ahead was meant for us and not for a colleague."""
        self.core.typed_ahead.drop()
        if self.step.say is None:
            self._hand_over(now_ms)
            return
        self._prompt = self.core.say(self.step.say, interrupt=InterruptPolicy(mode="blocked"))

    def prompt_over(self, prompt: int, now_ms: float, *, cut: bool) -> None:
        """The caller knows: go."""
        if prompt == self._prompt and not self._ringing:
            self._hand_over(now_ms)

    def _hand_over(self, now_ms: float) -> None:
        """Ring; raises CannotCompute, of which the core makes a fault, where a text lacks a value."""
        core, step = self.core, self.step
        to = core.state.text(step.to)
        headers = {name: core.state.text(value) for name, value in step.headers.items()}
        whisper = self._text(step.whisper)
        announcement = self._text(step.announcement)
        self._ringing = True
        waits_ms = step.max_wait_ms or (QUEUE_MS if to.startswith("queue:") else 0)
        core.alarm("nobody", now_ms + step.ring_for_ms + waits_ms + OVERDUE_MS)
        core.put(
            HandOver(
                epoch=core.epoch,
                step=step.path,
                to=to,
                mode=step.mode,
                whisper=whisper,
                language=core.state.language,
                summary_words=step.summary_words,
                summary_leaves_out=step.summary_leaves_out,
                hold_music=step.hold_music,
                announcement=announcement,
                announce_every_ms=step.announce_every_ms,
                ring_for_ms=step.ring_for_ms,
                max_wait_ms=step.max_wait_ms,
                priority=step.priority,
                headers=headers,
            )
        )

    def _text(self, prompt: Prompt | None) -> str | None:
        if prompt is None:
            return None
        return self.core.state.text(prompt.wording(self.core.state.language).text)

    def other(self, event: FlowEvent, now_ms: float) -> None:
        """Leave by the outcome."""
        if isinstance(event, HandedOver) and self._ringing:
            self._leave_by(event.outcome)

    def ring(self, alarm: str, now_ms: float) -> None:
        """Nothing was heard of it."""
        if alarm == "nobody":
            self._leave_by("failed")

    def _leave_by(self, outcome: str) -> None:
        self.core.tell("transfer_result", outcome=outcome)
        self.core.exit(outcome)

    def repeat(self, now_ms: float) -> None:
        """There is nothing to say again."""

    def stray_key(self, key: str, now_ms: float) -> None:
        """A key means nothing while somebody is rung."""


class VoicemailRun(StepRun[Voicemail]):
    """Asks for a message and takes it."""

    def __init__(self, core: Any, step: Voicemail) -> None:
        super().__init__(core, step)
        self._prompt: int | None = None
        self._recording = False

    @property
    def undisturbed(self) -> bool:
        """A message is heard out; it has a limit of its own."""
        return self._recording

    def enter(self, now_ms: float) -> None:
        """Say what the caller is to leave."""
        self.core.typed_ahead.drop()
        self.core.waiting_item = None
        self._prompt = self.core.say(self.step.prompt)

    def prompt_over(self, prompt: int, now_ms: float, *, cut: bool) -> None:
        """Begin to record, also when the caller has begun to speak."""
        if prompt != self._prompt or self._recording:
            return
        step, core = self.step, self.core
        send_to = None if step.send_to is None else core.state.text(step.send_to)
        self._recording = True
        core.alarm("lost", now_ms + step.max_time_ms + OVERDUE_MS)
        core.put(
            TakeMessage(
                epoch=core.epoch,
                step=step.path,
                max_time_ms=step.max_time_ms,
                silence_ms=step.silence_ms,
                end_key=step.end_key,
                privacy=step.privacy,
                send_to=send_to,
                transcribe=step.transcribe,
            )
        )

    def spoke(self, item: str, now_ms: float) -> None:
        """It is in the recording."""

    def key(self, key: str, now_ms: float) -> bool:
        """The end key ends the message, or skips the prompt."""
        if not self._recording:
            self.core.stop_saying()
            if self._prompt is not None:
                self.prompt_over(self._prompt, now_ms, cut=True)
            return True
        if key == self.step.end_key:
            self.core.put(FinishMessage(self.core.epoch))
        return True

    def other(self, event: FlowEvent, now_ms: float) -> None:
        """Leave by the outcome."""
        if isinstance(event, MessageTaken) and self._recording:
            if event.outcome == "recorded":
                self.core.state.done()
                if self.step.save is not None:
                    self.core.state.put(self.step.save, event.reference)
            self.core.exit(event.outcome)

    def ring(self, alarm: str, now_ms: float) -> None:
        """Nothing was heard of the recording."""
        if alarm == "lost":
            self.core.exit("failed")
