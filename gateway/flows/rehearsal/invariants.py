"""What holds in every call, whatever happens: a watch over one engine's commands.

* Nothing keyed in a secret step is in any command but as a sealed argument of a tool or a charge.
* A step with a guard is stood on only if the guard holds; personal data is fetched for callers who are known.
* After the caller has gone nothing is said; after the end nothing is done; an answer that is not current moves nothing.
* No event makes more than so many commands; epochs never go back.
"""

from __future__ import annotations

from typing import Final

from gateway.flows.engine.commands import (
    AskModel,
    FlowCommand,
    HandOver,
    HangUp,
    RunTool,
    SayPrompt,
    StartTalk,
    Tell,
)
from gateway.flows.engine.core import Engine
from gateway.flows.engine.events import FlowEvent, HungUp, ToolReturned
from gateway.flows.expressions.evaluate import holds
from gateway.flows.model import Flow

PIN: Final = "739182"
CARD: Final = "4929123456789015"
"""What walkers key in secret steps: digits that no flow says by itself."""
COMMANDS_AT_MOST: Final = 500
"""For one event: forty keys typed ahead, each of which may lead through a few steps."""


class Watch:
    """Looks at everything that one engine wants.

    Args:
        flow: what the call runs.
        engine: the engine, to look at and not to touch.

    """

    def __init__(self, flow: Flow, engine: Engine) -> None:
        self._flow = flow
        self._engine = engine
        self.breaches: list[str] = []
        self.tells: list[Tell] = []
        self.is_over = False
        self._identified = not any(tool.identifies for tool in flow.tools.values())
        self._identifying: set[int] = set()
        self._epoch = 0
        self._stood_on = ("", 0)

    def breach(self, what: str) -> None:
        """Note that something does not hold."""
        self.breaches.append(f"{what} (on step '{self._engine.path}')")

    def look(self, commands: list[FlowCommand], event: FlowEvent | None) -> None:
        """Check what an event has led to."""
        if self.is_over and commands:
            self.breach("commands after the end")
        if len(commands) > COMMANDS_AT_MOST:
            self.breach(f"{len(commands)} commands for one event")
        if self._engine.epoch < self._epoch:
            self.breach("an epoch went back")
        self._epoch = self._engine.epoch
        if isinstance(event, ToolReturned) and event.run in self._identifying and event.outcome == "ok":
            self._identified = True
        for command in commands:
            self._look_at(command, event)
        self._look_at_guard()

    def _look_at(self, command: FlowCommand, event: FlowEvent | None) -> None:
        if any(secret in text for text in _texts(command) for secret in (PIN, CARD)):
            self.breach(f"something secret is in a {type(command).__name__}")
        match command:
            case SayPrompt() if isinstance(event, HungUp):
                self.breach("something is said to a caller who has gone")
            case RunTool(run=run, tool=tool):
                if tool.identifies:
                    self._identifying.add(run)
                elif tool.personal and not self._identified:
                    self.breach(f"'{tool.name}' is called for a caller who is not known")
            case Tell(name="call_ended"):
                self.tells.append(command)
                self.is_over = True
            case Tell():
                self.tells.append(command)
            case HangUp():
                self.is_over = True
            case _:
                pass

    def _look_at_guard(self) -> None:
        """A step is stood on anew: its guard has to hold."""
        path, engine = self._engine.path, self._engine
        stand = (path, engine.state.visits.get(path, 0))
        if stand == self._stood_on or engine.ended is not None:
            return
        self._stood_on = stand
        guard = engine.step.guard
        if guard is not None and engine.state.history[-1:] == [path] and not holds(guard.need, engine.state):
            self.breach("a step is stood on whose guard does not hold")


def _texts(command: FlowCommand) -> list[str]:
    """Return every text of a command that leaves the engine, those that its ``repr`` hides too."""
    texts = [repr(command)]
    match command:
        case SayPrompt(text=text):
            texts.append(text)
        case AskModel(brief=brief, said=said, parameters=parameters):
            texts += [brief, said, str(parameters)]
        case StartTalk(instructions=instructions, leave=leave):
            texts += [instructions, str(leave)]
        case HandOver(whisper=whisper, headers=headers):
            texts += [str(whisper), str(headers)]
        case RunTool(arguments=arguments, idempotency_key=key):
            texts += [str(arguments), str(key)]
        case _:
            pass
    return texts
