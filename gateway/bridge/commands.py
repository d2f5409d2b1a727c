"""What the conversation wants done. The driver (``call.py``) carries the commands out in their order, at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gateway.audio.format import AudioFrame
from gateway.contracts.leg import TransferTarget
from gateway.contracts.model import ResponseRequest
from gateway.contracts.record import AnyRecord
from gateway.errors import Ending

if TYPE_CHECKING:  # flows are loaded by the calls that run one
    from gateway.bridge.flow.plan import Work


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """Send audio to the caller, who hears it from ``plays_at_ms`` on unless it is cleared."""

    frame: AudioFrame
    plays_at_ms: float


@dataclass(frozen=True, slots=True)
class PlaceMark:
    """Ask for a mark after what was sent."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearPlayout:
    """Drop all that the caller has not heard at ``cut_at_ms``. It stands first among the commands of a barge-in."""

    cut_at_ms: float


@dataclass(frozen=True, slots=True)
class Respond:
    """Ask the model for an answer."""

    request: ResponseRequest


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop a response by its id."""

    response_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """Cut an item in the model's memory at what was heard."""

    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Take an item, of which nothing was heard, out of the model's memory."""

    item_id: str


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Put words into the model's memory, under an id by which they can be taken out again."""

    role: Literal["user", "assistant", "system"]
    text: str
    item_id: str | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"AddMessage({self.role}, {len(self.text)} characters, {self.item_id})"


@dataclass(frozen=True, slots=True)
class AddToolCall:
    """Put a tool call that an earlier session made into the model's memory."""

    tool_call_id: str
    name: str
    arguments: str
    item_id: str = field(compare=False)

    def __repr__(self) -> str:
        return f"AddToolCall({self.name}, {self.tool_call_id}, {self.item_id})"


@dataclass(frozen=True, slots=True)
class AnswerTool:
    """Give the model a tool's result."""

    tool_call_id: str
    output: str
    item_id: str | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"AnswerTool({self.tool_call_id}, {len(self.output)} characters, {self.item_id})"


Said = AddMessage | AddToolCall | AnswerTool
"""What stands in a conversation, as another session is told of it."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open another session and set it up; it comes back through ``session_opened`` or ``session_refused``."""


@dataclass(frozen=True, slots=True)
class UseSession:
    """Let the session that was opened last take the place of the one in use: all that follows is told to it.

    ``said`` is told to it first: the conversation so far.
    """

    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class HearAgain:
    """Let the session hear the caller's latest audio, which no session has made an utterance of."""


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a tool of the operator's, off the media path; its end comes back through ``tool_finished``."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class CancelTools:
    """Stop every tool that still runs."""


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Hand the caller over; the outcome comes back through ``transfer_finished``."""

    target: TransferTarget


@dataclass(frozen=True, slots=True)
class SpeakLocally:
    """Render ``text`` without the model (a local voice or a recording); it comes back through ``local_speech``."""

    text: str
    purpose: str


@dataclass(frozen=True, slots=True)
class ConfigureSession:
    """Tell the session in use what it is from now on: what ``changes`` names of its set-up is replaced.

    Sessions that follow begin so. It is taken when the endpoint confirms it (``SessionReady``).
    """

    changes: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClearInput:
    """Have the model forget what it hears of the caller and has not yet made an utterance of."""


@dataclass(frozen=True, slots=True)
class CommitInput:
    """Have the model make an utterance of what it has heard; for sessions without turn detection."""


@dataclass(frozen=True, slots=True)
class AddImage:
    """Put a picture of the caller's into the model's memory."""

    data_uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DoAside:
    """Have something done for a flow, off the media path; its outcome comes back through ``done_aside``."""

    name: str
    work: Work


@dataclass(frozen=True, slots=True)
class StopAside:
    """Nobody waits any more for what was to be done under that name."""

    name: str


@dataclass(frozen=True, slots=True)
class DoAfterwards:
    """Have something done that may outlive the call; nothing comes back."""

    work: Work


@dataclass(frozen=True, slots=True)
class Write:
    """Hand a record to the sinks."""

    record: AnyRecord


@dataclass(frozen=True, slots=True)
class HoldRecording:
    """Let no sound from ``from_ms`` on be written to disk until it is decided whether it may be: under that name."""

    name: str
    from_ms: float


@dataclass(frozen=True, slots=True)
class LetRecordingGo:
    """What was held under that name is decided."""

    name: str


@dataclass(frozen=True, slots=True)
class SilenceRecording:
    """Keep nothing of what both sides said between two times."""

    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the call, once and for all."""

    ending: Ending


Command = (
    PlayAudio
    | PlaceMark
    | ClearPlayout
    | Respond
    | CancelResponse
    | TruncateItem
    | DeleteItem
    | AddMessage
    | AddToolCall
    | AnswerTool
    | OpenSession
    | UseSession
    | HearAgain
    | RunTool
    | CancelTools
    | TransferCall
    | SpeakLocally
    | ConfigureSession
    | ClearInput
    | CommitInput
    | AddImage
    | DoAside
    | StopAside
    | DoAfterwards
    | Write
    | HoldRecording
    | LetRecordingGo
    | SilenceRecording
    | EndCall
)
