"""A session's configuration: the defaults it starts with, and what a ``session.update`` may change in it.

An update is partial. Sections (``session``, ``audio``, its ``input`` and ``output``, ``noise_reduction``) are merged
field by field; whole values (a format, ``turn_detection``, ``transcription``, ``tools``) are replaced, so that a
partial ``turn_detection`` gets the server's defaults for the rest. Those defaults are the ones that live sessions show,
not the documented ones: ``silence_duration_ms`` is 200.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat
from gateway.offline.refusals import Refused, refusal

DEFAULT_INSTRUCTIONS: Final = "You are the gateway's local model. You read tool schemas and SAY, FACTS and GOAL lines."
"""What ``session.created`` shows before anybody gave instructions."""


class _Part(Struct, forbid_unknown_fields=True, frozen=True):
    pass


class Pcm(_Part, tag_field="type", tag="audio/pcm", kw_only=True, frozen=True):
    """16-bit linear, little-endian, mono, 24 kHz."""

    rate: Literal[24000] = 24000


class Pcmu(_Part, tag_field="type", tag="audio/pcmu", kw_only=True, frozen=True):
    """G.711 mu-law, 8 kHz."""


class Pcma(_Part, tag_field="type", tag="audio/pcma", kw_only=True, frozen=True):
    """G.711 A-law, 8 kHz."""


AudioFormatConfig = Pcm | Pcmu | Pcma

_FORMATS: Final[dict[type[AudioFormatConfig], AudioFormat]] = {Pcm: PCM16_24K, Pcmu: PCMU_8K, Pcma: PCMA_8K}


def wire_format(config: AudioFormatConfig) -> AudioFormat:
    """Return the house's name for a format of the API."""
    return _FORMATS[type(config)]


class VoiceId(_Part, kw_only=True, frozen=True):
    """A custom voice by its id."""

    id: str


class ServerVad(_Part, tag_field="type", tag="server_vad", kw_only=True, frozen=True):
    """Turn detection by loudness. Durations in milliseconds."""

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Meta(ge=0)] = 300
    silence_duration_ms: Annotated[int, Meta(ge=0)] = 200
    idle_timeout_ms: Annotated[int, Meta(ge=5000, le=30000)] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(_Part, tag_field="type", tag="semantic_vad", kw_only=True, frozen=True):
    """Turn detection by meaning; approximated here by longer silences (``turns.py``)."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class Transcription(_Part, kw_only=True, frozen=True):
    """How the user's speech becomes text; ``keywords`` and ``prompt`` say what to expect."""

    model: str
    language: str | None = None
    prompt: str | None = None
    languages: list[str] | None = None
    keywords: list[str] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(_Part, kw_only=True, frozen=True):
    """Accepted and shown; the local ears do not filter."""

    type: Literal["near_field", "far_field"]
    strength: float = 1.0


class AudioInput(_Part, kw_only=True, frozen=True):
    """The user's side."""

    format: AudioFormatConfig = Pcm()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: ServerVad | SemanticVad | None = ServerVad()


class AudioOutput(_Part, kw_only=True, frozen=True):
    """The assistant's side."""

    format: AudioFormatConfig = Pcm()
    voice: str | VoiceId = "marin"
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] = 1.0


class Audio(_Part, kw_only=True, frozen=True):
    """Both sides."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class TranscriptionAudio(_Part, kw_only=True, frozen=True):
    """A transcription session has no voice."""

    input: AudioInput = AudioInput()


class FunctionTool(_Part, tag_field="type", tag="function", kw_only=True, frozen=True):
    """A tool of the client; ``parameters`` is a JSON Schema object."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str = ""
    parameters: dict[str, Any] = {}


class ForcedFunction(_Part, tag_field="type", tag="function", kw_only=True, frozen=True):
    """One tool, by name, that has to be called."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | ForcedFunction


class Reasoning(_Part, kw_only=True, frozen=True):
    """Accepted and shown; the local brain does not reason."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class TokenLimits(_Part, kw_only=True, frozen=True):
    """A bound on what is kept when the context is too long."""

    post_instructions: int | None = None


class RetentionRatio(_Part, tag_field="type", tag="retention_ratio", kw_only=True, frozen=True):
    """Keep this share of the context when it is too long."""

    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: TokenLimits | None = None


class TracingConfig(_Part, kw_only=True, frozen=True):
    """Accepted and shown; nothing is traced."""

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: Any = None


Include = list[Literal["item.input_audio_transcription.logprobs"]] | None


class RealtimeSession(_Part, tag_field="type", tag="realtime", kw_only=True, frozen=True):
    """A speech-to-speech session, whole, as the server shows it. ``expires_at`` is Unix seconds."""

    object: Literal["realtime.session"] = "realtime.session"
    id: str
    model: str
    output_modalities: list[Literal["audio", "text"]] = msgspec.field(default_factory=lambda: ["audio"])
    instructions: str = DEFAULT_INSTRUCTIONS
    tools: list[FunctionTool] = []
    tool_choice: ToolChoice = "auto"
    max_output_tokens: Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] = "inf"
    tracing: Literal["auto"] | TracingConfig | None = None
    truncation: Literal["auto", "disabled"] | RetentionRatio = "auto"
    prompt: dict[str, Any] | None = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None
    expires_at: int
    audio: Audio = Audio()
    include: Include = None


class TranscriptionSession(_Part, tag_field="type", tag="transcription", kw_only=True, frozen=True):
    """A session that only writes down what it hears."""

    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    id: str
    expires_at: int
    audio: TranscriptionAudio = TranscriptionAudio()
    include: Include = None


SessionConfig = RealtimeSession | TranscriptionSession

_SERVER_OWNED: Final = ("id", "object", "expires_at")
_MERGED: Final = {"audio", "audio.input", "audio.output", "audio.input.noise_reduction"}


def updated(current: SessionConfig, raw: msgspec.Raw, *, voice_is_fixed: bool, responding: bool) -> SessionConfig:
    """Return the configuration after a ``session.update`` whose ``session`` is ``raw``.

    ``voice_is_fixed``: assistant audio was sent, so the voice may not change any more. ``responding``: a response is in
    progress, so the speed may not change now.

    Raises:
        Refused: a field is unknown, wrong or out of range, or may not change.

    """
    change = _as_object(raw)
    kind = type(current).__struct_config__.tag
    if "type" not in change:
        raise Refused("missing_required_parameter", "missing required parameter: 'session.type'", param="session.type")
    if change["type"] != kind:
        raise Refused("invalid_value", f"this is a '{kind}' session and stays one", param="session.type")
    for name in _SERVER_OWNED:
        if name in change:
            raise Refused("unknown_parameter", f"unknown parameter: 'session.{name}'", param=f"session.{name}")
    try:
        merged = msgspec.convert(_merge(msgspec.to_builtins(current), change, ""), type(current))
    except msgspec.ValidationError as error:
        raise refusal(error, under="session") from error
    _check_rules(current, merged, voice_is_fixed=voice_is_fixed, responding=responding)
    return merged


def _as_object(raw: msgspec.Raw) -> dict[str, Any]:
    change = msgspec.json.decode(raw)
    if not isinstance(change, dict):
        raise Refused("invalid_value", "'session' must be an object", param="session")
    return change


def _merge(old: dict[str, Any], new: dict[str, Any], path: str) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        here = f"{path}.{name}" if path else name
        if here in _MERGED and isinstance(value, dict) and isinstance(old.get(name), dict):
            merged[name] = _merge(old[name], value, here)
        else:
            merged[name] = value
    return merged


def _check_rules(old: SessionConfig, new: SessionConfig, *, voice_is_fixed: bool, responding: bool) -> None:
    if not isinstance(old, RealtimeSession) or not isinstance(new, RealtimeSession):
        return
    if new.model != old.model:
        raise Refused("invalid_value", "a session's model can't be changed", param="session.model")
    check_modalities(new.output_modalities, param="session.output_modalities")
    check_choice(new.tool_choice, new.tools, param="session.tool_choice")
    if voice_is_fixed and new.audio.output.voice != old.audio.output.voice:
        message = "the voice can't be changed once there is assistant audio"
        raise Refused("cannot_update_voice", message, param="session.audio.output.voice")
    if responding and new.audio.output.speed != old.audio.output.speed:
        message = "the speed can only be changed between turns"
        raise Refused("invalid_value", message, param="session.audio.output.speed")
    if old.tracing is not None and new.tracing is not None and new.tracing != old.tracing:
        raise Refused("invalid_value", "tracing can't be changed once it is on", param="session.tracing")


def check_modalities(modalities: list[Literal["audio", "text"]], *, param: str) -> None:
    """Refuse anything but one modality: speech has its transcript anyway."""
    if len(modalities) != 1:
        message = f"invalid modalities: {modalities}; supported combinations are: ['text'] and ['audio']"
        raise Refused("invalid_value", message, param=param)


def check_choice(choice: ToolChoice, tools: list[FunctionTool], *, param: str) -> None:
    """Refuse to force a tool that does not exist."""
    if isinstance(choice, ForcedFunction) and all(tool.name != choice.name for tool in tools):
        raise Refused("invalid_value", f"tool '{choice.name}' is not among the tools", param=f"{param}.name")
