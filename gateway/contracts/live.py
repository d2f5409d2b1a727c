"""What somebody who looks on sees of a call while it goes on, sooner than the record has it: redacted, like the record.

Everything else that a looker-on wants to know (transcripts, tools, the end) comes as records, to a
:class:`~gateway.contracts.record.Sink`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.contracts.text import Label, RedactedText


@dataclass(frozen=True, slots=True)
class CallerSpeaks:
    """The caller began to speak, or stopped."""

    speaking: bool


@dataclass(frozen=True, slots=True)
class AgentWords:
    """Further words of what the agent is saying; they run ahead of its voice."""

    item_id: str
    text: RedactedText


@dataclass(frozen=True, slots=True)
class AnswerOver:
    """The model has finished an answer: ``completed``, ``cancelled``, ``failed`` or ``incomplete``."""

    status: Label


LiveEvent = CallerSpeaks | AgentWords | AnswerOver


class LiveView(Protocol):
    """Somebody who looks on. Returns at once, never raises, runs on the event loop."""

    def on_live(self, event: LiveEvent) -> None:
        """Take what has just happened."""
        ...
