"""The other bank: a session with a speech-to-speech model, in words that no vendor owns.

The nouns *item*, *response* and *delta* are the Realtime API's, with its ids, unchanged. No event *name* of a vendor
passes this file: a dialect translates (``gateway/realtime``). What an endpoint can't do stands in its
:class:`ModelCapabilities`, and the bridge takes the next best way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from gateway.audio.format import AudioFormat, AudioFrame

# --- how a session is set up --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVad:
    """Turn detection by loudness (realtime.md section 2.2). Every value is always sent."""

    threshold: float = 0.5
    """0 to 1; higher wants louder speech."""
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    idle_timeout_ms: int | None = None
    """None, or 5000 to 30000 milliseconds."""
    create_response: bool = True
    interrupt_response: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticVad:
    """Turn detection by meaning: waits longer when the sentence sounds unfinished."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = False


TurnDetection = ServerVad | SemanticVad


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """How the caller's speech becomes text beside the conversation."""

    model: str
    language: str | None = None
    languages: tuple[str, ...] = ()
    prompt: str | None = None
    keywords: tuple[str, ...] = ()
    delay: str | None = None
    """How long the transcriber waits before it writes: ``minimal`` to ``xhigh``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as the model sees it; ``parameters`` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSetup:
    """Everything that a session is told at its start, or again later. ``None`` leaves the endpoint's own default.

    ``extras`` are further session fields by their documented GA path (``{"audio.output.speed": 1.1}``); those that the
    endpoint's capabilities lack are already left out.
    """

    instructions: str
    voice: str | None
    input_format: AudioFormat
    output_format: AudioFormat
    turn_detection: TurnDetection | None
    transcription: Transcription | None
    tools: tuple[ToolSpec, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCapabilities:
    """What an endpoint can do; the dialect says it, the operator may lower it."""

    truncates: bool = True
    """Takes "only this much was heard" for an item of its own."""
    deletes_items: bool = True
    cancels: bool = True
    input_formats: tuple[AudioFormat, ...]
    output_formats: tuple[AudioFormat, ...]
    semantic_vad: bool = True
    out_of_band: bool = True
    """Answers beside the conversation (``conversation: none``)."""
    commits: bool = False
    """Takes the audio so far as a turn on demand, with turn detection off."""
    renews: bool = False
    lacks: frozenset[str] = frozenset()
    """Settings that it has not, by name: ``speed``, ``transcription.keywords``, ``vad.threshold``; not sent."""
    window_tokens: int | None = None
    """The most tokens that the model can keep in mind, if known."""


@dataclass(frozen=True, slots=True)
class InputText:
    """Words that stand in the input of one response and nowhere else."""

    role: Literal["user", "assistant", "system"]
    text: str

    def __repr__(self) -> str:
        return f"InputText({self.role}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class InputItem:
    """An item of the conversation, such as what the caller said, in the input of one response."""

    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRequest:
    """An answer that the bridge asks for. ``tag`` comes back in :class:`ResponseStarted`."""

    tag: str
    instructions: str | None = None
    tools: tuple[ToolSpec, ...] | None = None
    tool_choice: str | None = None
    """None, ``"auto"``, ``"none"``, ``"required"`` or the name of a tool that must be called."""
    out_of_band: bool = False
    without_history: bool = False
    """Made from the instructions alone: nothing that was said before can colour it."""
    text_only: bool = False
    input: tuple[InputText | InputItem, ...] | None = None
    """What it is made from, in place of the conversation; only beside the conversation."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Goes with the request beside the tag: at most 15 pairs, keys of 64 and values of 512 characters."""


# --- what a session tells -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The session took our set-up. ``expires_at_s`` is Unix seconds, or None if the endpoint does not say."""

    session_id: str
    expires_at_s: float | None


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak, ``audio_ms`` into all the audio that was appended to this session."""

    item_id: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller stopped, ``audio_ms`` into all the audio appended (the silence that decided it is included)."""

    item_id: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class UtteranceCommitted:
    """What the caller said is an item of the conversation, after ``previous_item_id``."""

    item_id: str
    previous_item_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionUse:
    """What a transcriber bills for one utterance: tokens, or the seconds of its audio."""

    input_text: int = 0
    input_audio: int = 0
    output_text: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CallerTranscript:
    """A piece of what the caller said, or with ``final`` the whole of it. May come long after the answer."""

    item_id: str
    text: str
    final: bool
    used: TranscriptionUse | None = None
    """With ``final``, if the endpoint says."""

    def __repr__(self) -> str:
        return f"CallerTranscript({self.item_id}, {len(self.text)} characters, final={self.final})"


@dataclass(frozen=True, slots=True)
class CallerSegment:
    """A stretch of what was said that a transcriber tells apart by its speaker; times are within the item's audio."""

    item_id: str
    text: str
    speaker: str
    """The transcriber's own name for who speaks, such as ``A``."""
    start_ms: int
    end_ms: int

    def __repr__(self) -> str:
        return f"CallerSegment({self.item_id}, {len(self.text)} characters, {self.start_ms}-{self.end_ms} ms)"


@dataclass(frozen=True, slots=True)
class CallerTranscriptFailed:
    """The caller's words could not be written down; the conversation goes on."""

    item_id: str
    code: str


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The model answers. ``tag`` is the request's, or None when the endpoint answered by itself."""

    response_id: str
    tag: str | None
    out_of_band: bool = False


@dataclass(frozen=True, slots=True)
class ItemAudio:
    """A delta of speech of one item, in the session's output format."""

    response_id: str
    item_id: str
    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class ItemText:
    """A delta of the words of an item: of its speech (``spoken``), or written instead of spoken."""

    response_id: str
    item_id: str
    text: str
    spoken: bool = True

    def __repr__(self) -> str:
        return f"ItemText({self.item_id}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class ItemDone:
    """An item of the model is whole; ``text`` is all of its words, ``complete`` false if it was cut off."""

    response_id: str
    item_id: str
    text: str
    complete: bool = True

    def __repr__(self) -> str:
        return f"ItemDone({self.item_id}, {len(self.text)} characters, complete={self.complete})"


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """The model wants a tool run; ``arguments`` is JSON text as the model wrote it, perhaps broken."""

    response_id: str
    item_id: str
    tool_call_id: str
    name: str
    arguments: str

    def __repr__(self) -> str:
        return f"ToolAsked({self.name}, {len(self.arguments)} characters)"


class ResponseStatus(StrEnum):
    """How a response ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one response; cached is a part of input."""

    input_text: int = 0
    input_audio: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    output_text: int = 0
    output_audio: int = 0


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """A response has ended, one way or the other. ``reason`` is the endpoint's code, such as ``turn_detected``."""

    response_id: str
    status: ResponseStatus
    reason: str = ""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Truncated:
    """The endpoint confirmed a truncation."""

    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class ModelFault:
    """The endpoint refused something or warns; the session lives.

    ``command``: what of ours caused it, by the name of the :class:`ModelSession` method (``respond``, ``cancel`` …), if
    known; ``subject``: the tag, response, item or tool call that the command was about.
    """

    code: str
    message: str
    command: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The session is gone and was not asked to go. ``retryable`` says whether another try can help."""

    reason: str
    retryable: bool


ModelEvent = (
    SessionReady
    | SpeechStarted
    | SpeechStopped
    | UtteranceCommitted
    | CallerTranscript
    | CallerSegment
    | CallerTranscriptFailed
    | ResponseStarted
    | ItemAudio
    | ItemText
    | ItemDone
    | ToolAsked
    | ResponseDone
    | Truncated
    | ModelFault
    | SessionLost
)


class ModelListener(Protocol):
    """Who hears a session: the call. Returns at once, never raises, runs on the event loop."""

    def on_model(self, event: ModelEvent) -> None:
        """Take an event, in the order of the wire."""
        ...


# --- what a session is asked --------------------------------------------------------------------------------------


class ModelSession(Protocol):
    """A live session. Commands return at once and keep their order; after the end they do nothing.

    Audio that can't be written because the endpoint reads too slowly waits in a bounded queue (2 s); past that the
    oldest is dropped and counted in ``dropped_ms``. Commands other than audio are never dropped.
    """

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the endpoint can do."""
        ...

    @property
    def dropped_ms(self) -> float:
        """Milliseconds of caller audio that were dropped because the endpoint did not read."""
        ...

    @property
    def over(self) -> bool:
        """Whether the session was lost or closed; what it is told then goes nowhere."""
        ...

    def listen(self, listener: ModelListener) -> None:
        """Name the one who hears; events that came before are delivered at once, in order."""
        ...

    def configure(self, setup: SessionSetup) -> None:
        """Tell the session what it is; answered by :class:`SessionReady`. Formats are fixed after the first."""
        ...

    def append(self, frame: AudioFrame) -> None:
        """Add caller audio in the set-up's input format."""
        ...

    def clear_input(self) -> None:
        """Forget caller audio that is not yet an item."""
        ...

    def add_image(self, data_uri: str) -> None:
        """Add a picture of the caller's at the conversation's end; nothing happens where ``lacks`` has ``images``."""
        ...

    def commit_input(self) -> None:
        """Make an item of the caller audio so far, where ``capabilities.commits``; by itself it brings no answer."""
        ...

    def respond(self, request: ResponseRequest) -> None:
        """Ask for an answer."""
        ...

    def cancel(self, response_id: str) -> None:
        """Stop a response."""
        ...

    def truncate(self, item_id: str, heard_ms: int) -> None:
        """Tell how much of an item was heard; the rest leaves the model's memory."""
        ...

    def delete_item(self, item_id: str) -> None:
        """Take an item out of the model's memory."""
        ...

    def add_message(self, role: Literal["user", "assistant", "system"], text: str, item_id: str | None = None) -> None:
        """Add a written item at the conversation's end, under ``item_id`` (at most 32 characters) if given."""
        ...

    def add_tool_call(self, tool_call_id: str, name: str, arguments: str, item_id: str | None = None) -> None:
        """Add a tool call that the model made in another session; its result follows with :meth:`tool_result`."""
        ...

    def tool_result(self, tool_call_id: str, output: str, item_id: str | None = None) -> None:
        """Answer a tool call; ``output`` is JSON or plain text. Asks for no response.

        ``item_id`` (at most 32 characters) is what the answer's own item is to be called.
        """
        ...

    async def close(self) -> None:
        """End the session, with a time limit; no :class:`SessionLost` follows."""
        ...


class ModelConnector(Protocol):
    """Opens sessions on one named endpoint."""

    @property
    def name(self) -> str:
        """The endpoint's name in the settings."""
        ...

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the endpoint can do."""
        ...

    async def connect(self) -> ModelSession:
        """Open a session: socket, authentication, and the endpoint's first word; not yet configured.

        Raises:
            ModelRefused: the endpoint said no (key, model, quota …); the message has the remedy.
            ModelError: it could not be reached within the endpoint's ``connect_timeout_ms``.

        """
        ...
