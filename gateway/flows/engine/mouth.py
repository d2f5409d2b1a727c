"""What is being said: prompts by number, how long they may take to be heard, and what was said last.

The engine says, the bridge plays and tells what was heard. A prompt that is never reported would hold a call up for
ever, so each gets an allowance, far longer than it takes; after it, it counts as cut off.
"""

from __future__ import annotations

from typing import Final

from gateway.flows.engine.commands import SayPrompt
from gateway.flows.engine.state import CallState
from gateway.flows.steps import InterruptPolicy

ALLOWANCE_MS: Final = 15_000
"""What a prompt may take beyond its own length: to be made, to wait, to be held while a caller coughs."""
CHARACTER_MS: Final = 150
"""Slow speech, with room to spare: twice what a voice takes for a character."""


class Mouth:
    """The prompts of one call.

    Args:
        state: gives the language.

    """

    def __init__(self, state: CallState) -> None:
        self._state = state
        self._count = 0
        self._open: dict[int, str] = {}
        self._limit_ms: float | None = None
        self._last = ""
        self._last_private = False

    def say(
        self,
        text: str,
        *,
        epoch: int,
        step: str,
        now_ms: float,
        interrupt: InterruptPolicy,
        exact: bool = False,
        audio: str | None = None,
        remembered: bool = True,
    ) -> SayPrompt:
        """Return a prompt to be said; it counts as being said until it is reported, stopped or overdue."""
        self._count += 1
        self._open[self._count] = step
        begins = now_ms if self._limit_ms is None else max(now_ms, self._limit_ms)
        self._limit_ms = begins + ALLOWANCE_MS + CHARACTER_MS * len(text)
        self._last, self._last_private = text, not remembered
        language = self._state.language
        return SayPrompt(
            prompt=self._count,
            epoch=epoch,
            step=step,
            text=text,
            language=language,
            voice=self._state.flow.voices.get(language),
            exact=exact,
            audio=audio,
            interrupt=interrupt,
            remembered=remembered,
        )

    @property
    def busy(self) -> bool:
        """Whether anything is being said."""
        return bool(self._open)

    @property
    def last_said(self) -> str:
        """What the caller was told last, for the model to understand an answer by."""
        return self._last

    def step_changed(self) -> None:
        """Forget what was said last if it was private: it is the business of its own step alone."""
        if self._last_private:
            self._last, self._last_private = "", False

    def over(self, prompt: int) -> str | None:
        """Note that a prompt was heard or cut, and return the step that said it; None if nobody waits for it."""
        step = self._open.pop(prompt, None)
        if not self._open:
            self._limit_ms = None
        return step

    def stop(self) -> bool:
        """Forget all that is being said; returns whether anything was."""
        was_busy = self.busy
        self._open.clear()
        self._limit_ms = None
        return was_busy

    def overdue_ms(self) -> float | None:
        """Return when everything should have been heard at the latest."""
        return self._limit_ms

    def unreported(self) -> list[int]:
        """Return the prompts that nobody has told of yet, in order."""
        return list(self._open)
