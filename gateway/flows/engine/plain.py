"""Steps that wait for nobody, or only for the ear: say, decide, hours, set, clear, run, language, hangup, return."""

from __future__ import annotations

from gateway.flows.engine.stage import StepRun
from gateway.flows.expressions.evaluate import holds
from gateway.flows.steps import (
    Clear,
    Decide,
    GiveBack,
    Hangup,
    Hours,
    InterruptPolicy,
    Language,
    Return,
    Run,
    Say,
    Set,
)


class SayRun(StepRun[Say]):
    """Goes on when the prompt was heard, when the caller cut in, or by a key of its own."""

    _prompt: int | None = None

    def enter(self, now_ms: float) -> None:
        """Say it."""
        self._prompt = self.core.say(self.step.prompt, attempt=self.core.state.visits[self.step.path])

    def prompt_over(self, prompt: int, now_ms: float, *, cut: bool) -> None:
        """Go on; what the caller says while cutting in answers the next question."""
        if prompt == self._prompt:
            self.core.exit("next")

    def spoke(self, item: str, now_ms: float) -> None:
        """Keep what was said for the next question, if the caller may cut in here."""
        if self.step.interrupt.mode == "allowed":
            self.core.waiting_item = item

    def key(self, key: str, now_ms: float) -> bool:
        """Leave by a key that the step listens for."""
        target = self.step.keys.get(key)
        if target is None:
            return False
        self.core.stop_saying()
        self.core.leave_by(f"key {key}", target)
        return True

    def stray_key(self, key: str, now_ms: float) -> None:
        """A key for what comes next: whoever knows the way need not hear the rest."""
        super().stray_key(key, now_ms)
        if self.step.interrupt.mode != "blocked":
            self.core.stop_saying()
            self.core.exit("next")


class DecideRun(StepRun[Decide]):
    """Takes the first branch that holds."""

    def enter(self, now_ms: float) -> None:
        """Look at the branches in order."""
        for number, branch in enumerate(self.step.branches, start=1):
            if branch.condition is None or holds(branch.condition, self.core.state):
                self.core.leave_by("else" if branch.condition is None else f"if {number}", branch.target)
                return
        self.core.fault(f"step '{self.step.path}' has no else")


class HoursRun(StepRun[Hours]):
    """Asks the calendar."""

    def enter(self, now_ms: float) -> None:
        """Go by what it says of now."""
        state = self.core.state
        self.core.exit(state.flow.calendars[self.step.calendar].state(state.now).value)


class SetRun(StepRun[Set]):
    """Its work was done on entry."""

    def enter(self, now_ms: float) -> None:
        """Go on."""
        self.core.exit("next")


class ClearRun(StepRun[Clear]):
    """Forgets."""

    def enter(self, now_ms: float) -> None:
        """Forget, and go on."""
        self.core.state.forget(self.step.names)
        self.core.exit("next")


class RunRun(StepRun[Run]):
    """Runs a subflow."""

    def enter(self, now_ms: float) -> None:
        """Go into it; its outcome comes back by the core."""
        self.core.enter_subflow(self.step)


class LanguageRun(StepRun[Language]):
    """Changes the language."""

    def enter(self, now_ms: float) -> None:
        """Change it if the flow speaks it; what was typed ahead was meant for other words."""
        tag = self.core.state.text(self.step.tag)
        if tag not in self.core.flow.languages:
            self.core.fault(f"step '{self.step.path}': the flow does not speak '{tag}'")
            return
        self.core.typed_ahead.drop()
        self.core.use_language(tag)
        self.core.exit("next")


class HangupRun(StepRun[Hangup]):
    """Says a last word and ends the call."""

    def enter(self, now_ms: float) -> None:
        """Say it, not to be cut off, and hang up when it was heard."""
        prompt = None
        if self.step.prompt is not None:
            prompt = self.core.say(self.step.prompt, interrupt=InterruptPolicy(mode="blocked"))
            if prompt is None:
                return
        self.core.hang_up_after(prompt, "goodbye")


class ReturnRun(StepRun[Return]):
    """Leaves a subflow."""

    def enter(self, now_ms: float) -> None:
        """Go back with the outcome."""
        self.core.go(GiveBack(self.step.outcome))
