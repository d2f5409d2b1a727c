"""What happened in a rehearsed call, whoever performed it: an engine in virtual time, or a call over real sockets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gateway.flows.engine.commands import AskModel, FlowCommand, HandOver, RunTool, SayPrompt, StartTalk, Tell


@dataclass(slots=True)
class Trace:
    """One call's story. ``since_caller`` parts count from when the caller last did something."""

    said: list[str] = field(default_factory=list)
    """Prompts, in order."""
    tells: list[Tell] = field(default_factory=list)
    tool_calls: Counter[str] = field(default_factory=Counter)
    questions: int = 0
    """Closed questions to the model."""
    to_model: list[str] = field(default_factory=list)
    """Everything that a model was told."""
    logged: list[str] = field(default_factory=list)
    """Everything that may stand in a log or a record."""
    ended: str | None = None
    _said_from: int = 0
    _tells_from: int = 0

    def caller_acts(self) -> None:
        """The caller does something: what is expected next is what comes of it."""
        self._said_from, self._tells_from = len(self.said), len(self.tells)

    @property
    def said_since(self) -> list[str]:
        """Prompts since the caller last did something."""
        return self.said[self._said_from :]

    @property
    def tells_since(self) -> list[Tell]:
        """Events since the caller last did something."""
        return self.tells[self._tells_from :]

    def note(self, command: FlowCommand) -> None:
        """Take down what an engine wants done."""
        self.logged.append(repr(command))
        match command:
            case SayPrompt(text=text, remembered=remembered):
                self.said.append(text)
                if remembered:
                    self.to_model.append(text)
            case AskModel(brief=brief, said=said, parameters=parameters):
                self.questions += 1
                self.to_model += [brief, said, str(parameters)]
            case StartTalk(instructions=instructions, leave=leave):
                self.to_model += [instructions, str(leave)]
            case HandOver(whisper=str(whisper)):
                self.said.append(whisper)
            case RunTool(tool=tool):
                self.tool_calls[tool.name] += 1
            case Tell():
                self.tells.append(command)
            case _:
                pass
