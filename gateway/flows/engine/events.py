"""What an engine is told: by the leg, the model, tools and the ear. Nothing here waits or speaks.

Everything that answers a command carries that command's number, so that an answer which comes too late is known for
what it is. Keys and words are raw: they are the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PromptHeard:
    """A prompt was heard to its end, by the playout ledger and not by what was sent."""

    prompt: int


@dataclass(frozen=True, slots=True)
class PromptCut:
    """The caller cut in, or it could not be said; ``heard_ms`` of it were heard."""

    prompt: int
    heard_ms: int


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller speaks; short noises that the step's policy forgives never come here."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """The caller has said something: an item of the model's conversation."""

    item: str


@dataclass(frozen=True, slots=True)
class Words:
    """What the caller said in writing, whole. It may come before or after the model's answer, or never."""

    item: str
    text: str

    def __repr__(self) -> str:
        return f"Words({self.item}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Key:
    """A key was pressed: ``0-9 * #``."""

    key: str

    def __repr__(self) -> str:
        return "Key(•)"


@dataclass(frozen=True, slots=True)
class Answered:
    """The model answered a closed question: the arguments of the function that it had to call, unchecked."""

    epoch: int
    arguments: Mapping[str, object]

    def __repr__(self) -> str:
        return f"Answered({self.epoch}, {sorted(self.arguments)})"


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """No answer to a closed question will come: refused, broken or failed."""

    epoch: int


@dataclass(frozen=True, slots=True)
class TalkTurn:
    """Inside a talk, the model has answered the caller once, and they have heard the answer or cut it off."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LeaveAsked:
    """Inside a talk, the model asks to leave by one of the exits it was given."""

    epoch: int
    request: str
    """The tool call's id, to be answered by :class:`~gateway.flows.engine.commands.AnswerLeave`."""
    arguments: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """A tool has ended with one of its declared outcomes, or ``failed``; ``result`` is its JSON answer, if any."""

    run: int
    outcome: str
    result: object = field(default=None, repr=False)
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A transfer's outcome: ``answered``, ``busy``, ``no_answer``, ``closed``, ``timeout`` or ``failed``."""

    epoch: int
    outcome: str


@dataclass(frozen=True, slots=True)
class MessageTaken:
    """A message was recorded (``recorded``), nothing was said (``empty``), or it went wrong (``failed``)."""

    epoch: int
    outcome: str
    reference: str = ""
    """Where the recording lies, as tools and mails may be told."""


@dataclass(frozen=True, slots=True)
class Charged:
    """A payment's outcome: ``paid``, ``declined`` or ``failed``; ``result`` has the processor's reference."""

    epoch: int
    outcome: str
    result: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller has gone. What follows makes no sound."""


@dataclass(frozen=True, slots=True)
class Broke:
    """Something that the call needs has failed for good, or is used up; ``what`` is a fixed word.

    Such as ``model_lost``, or ``max_cost`` from whoever counts what the call costs.
    """

    what: str


FlowEvent = (
    PromptHeard
    | PromptCut
    | SpeechBegan
    | Spoke
    | Words
    | Key
    | Answered
    | NotAnswered
    | TalkTurn
    | LeaveAsked
    | ToolReturned
    | HandedOver
    | MessageTaken
    | Charged
    | HungUp
    | Broke
)
