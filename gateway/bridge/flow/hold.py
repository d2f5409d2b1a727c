"""What a caller hears while a colleague's phone rings: the flow's music, and now and then its announcement."""

from __future__ import annotations

from typing import Final

from gateway.bridge.flow.prompts import Prompts
from gateway.flows.engine.commands import HandOver, SayPrompt
from gateway.flows.steps import InterruptPolicy

_BLOCKED: Final = InterruptPolicy(mode="blocked")


class Hold:
    """One call's waiting. Its prompts have numbers below zero, which no engine gives."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._command: HandOver | None = None
        self._serial = 0
        self._announced_ms = 0.0

    def begin(self, command: HandOver, now_ms: float) -> None:
        """Play, until somebody is there."""
        self._command, self._announced_ms = command, now_ms
        self._next(now_ms)

    def prompt_over(self, prompt: int, now_ms: float, *, heard: bool) -> bool:
        """Take the end of a prompt; tell whether it was one of these."""
        if prompt < 0 and heard:
            self._next(now_ms)
        return prompt < 0

    def end(self, now_ms: float) -> None:
        """Somebody is there, or nobody comes."""
        playing, self._command = self._command is not None and self._serial > 0, None
        if playing and self._prompts.active:
            self._prompts.stop(now_ms)

    def _next(self, now_ms: float) -> None:
        command = self._command
        if command is None:
            return
        due = command.announcement is not None and now_ms - self._announced_ms >= command.announce_every_ms
        if due:
            self._announced_ms = now_ms
            self._say(command, command.announcement or "", None)
        elif command.hold_music is not None:
            self._say(command, "", command.hold_music)

    def _say(self, command: HandOver, text: str, audio: str | None) -> None:
        self._serial += 1
        self._prompts.say(
            SayPrompt(
                prompt=-self._serial,
                epoch=command.epoch,
                step=command.step,
                text=text,
                language=command.language,
                voice=None,
                exact=True,
                audio=audio,
                interrupt=_BLOCKED,
                remembered=False,
            )
        )
