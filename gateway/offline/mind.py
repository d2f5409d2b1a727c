"""What decides the words: the interface between a session and a brain, or a script that stands in for one.

A mind never waits. Asked what to answer, it either does (:class:`Answer`) or says what it needs to hear first
(:class:`Listen`); the session has that recognised and asks again with the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gateway.offline.conversation import Entry
from gateway.offline.session_config import FunctionTool, ToolChoice
from gateway.offline.speech_jobs import Expected, Recognised

Trigger = Literal["client", "turn", "idle"]
"""Who asked for a response: a ``response.create``, the end of a turn, or ``idle_timeout_ms``."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Have this item heard with this expectation, then ask again."""

    item_id: str
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Utter:
    """Words: spoken or written as the response's modality wants.

    ``sound`` other than ``speech`` needs no voice: a tone or silence that lasts ``ms`` milliseconds (None: 300 ms a
    word), over which the words are spread evenly. ``speech`` with ``ms`` is cut or padded to that length.
    """

    text: str
    sound: Literal["speech", "tone", "silence"] = "speech"
    ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call; ``arguments`` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Nothing for ``ms`` milliseconds."""

    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The response fails here."""

    code: str = "server_error"
    message: str = "the server had an error while processing your request"
    after_ms: int = 0
    """Milliseconds of the utterance before it that are still sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """The connection ends here: closed with ``code``, or cut without a close frame when ``code`` is None."""

    code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Expire:
    """The session expires here."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Any event at all is sent here, such as one that no client can know. It needs a ``type``."""

    event: Mapping[str, Any]


Stunt = Hangup | Expire | Inject


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response consists of, in order."""

    parts: tuple[Utter | Call | Pause | Fail | Stunt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """All that a mind knows when it is asked for an answer.

    ``instructions`` are the session's; ``response_instructions`` those of this response, or None. ``heard`` holds what
    this mind asked to be recognised for this response.
    """

    trigger: Trigger
    instructions: str
    response_instructions: str | None
    tools: Sequence[FunctionTool]
    tool_choice: ToolChoice
    entries: Sequence[Entry]
    keywords: Sequence[str]
    language: str
    out_of_band: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    heard: Mapping[tuple[str, Expected], Recognised] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A transcript that is known without listening. ``failed`` is an error code instead of words."""

    text: str = ""
    failed: str | None = None
    delay_ms: int = 0
    deltas: int | None = None
    """Into how many deltas the words are cut; None is one a word."""


class Mind(Protocol):
    """What a session asks."""

    def answer(self, thought: Thought) -> Answer | Listen:
        """Say what the response is, or what has to be heard first."""
        ...

    def transcribe(self, item_id: str, thought: Thought) -> Listen | Wording:
        """Say how a turn of the user is written down. Called once a turn, transcription wanted or not."""
        ...

    def expects(self, thought: Thought) -> Expected | None:
        """Return what a caller may say at this point, so that listening can be prepared; None if there is nothing."""
        ...

    def noticed(self, kind: str, frame: str | bytes) -> Sequence[Stunt]:
        """Take note of a client event of type ``kind`` after it was carried out, and say what happens then."""
        ...

    def leftovers(self) -> list[str]:
        """Return what went against expectations by now, as sentences; a brain has none."""
        ...
