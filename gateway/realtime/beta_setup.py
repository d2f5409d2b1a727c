"""A session's set-up as the beta protocol wants it: flat, with the names of before 2025; Azure calls it preview.

Further fields come by their GA path, as everywhere in the gateway, and get their beta name here; a name without dots
that GA does not have is taken for a beta name. What beta lacks is left out, because one unknown field would get the
whole set-up refused; the settings have told the operator of it at the start.

Source: the beta types of the official client, and Microsoft's preview reference, read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.audio.format import AudioFormat, Encoding
from gateway.contracts.model import SessionSetup, Transcription, TurnDetection
from gateway.errors import ConfigurationError
from gateway.realtime import ga_setup
from gateway.realtime.wire_client import writable

BETA_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "audio.input.noise_reduction": "input_audio_noise_reduction",
        "audio.input.transcription": "input_audio_transcription",
        "audio.input.turn_detection": "turn_detection",
        "audio.output.speed": "speed",
        "audio.output.voice": "voice",
        "max_output_tokens": "max_response_output_tokens",
        "temperature": "temperature",
        "tool_choice": "tool_choice",
        "tracing": "tracing",
    }
)
"""Path of a session field in GA → its name in beta."""

GA_ONLY: Final = frozenset({"include", "parallel_tool_calls", "prompt", "reasoning", "truncation"})
"""Session fields that beta lacks."""

_OURS: Final = frozenset(
    {"model", "instructions", "modalities", "tools", "input_audio_format", "output_audio_format", "type", "audio"}
)
_FORMATS: Final = {Encoding.PCM16: "pcm16", Encoding.PCMU: "g711_ulaw", Encoding.PCMA: "g711_alaw"}
_NOISE_REDUCTION: Final = "input_audio_noise_reduction"


def session_object(setup: SessionSetup, *, with_voice: bool = True) -> dict[str, Any]:
    """Return the flat ``session`` object that says all of ``setup``, without the voice where it is frozen."""
    session: dict[str, Any] = {
        "modalities": ["audio", "text"],
        "instructions": writable(setup.instructions),
        "input_audio_format": format_name(setup.input_format),
        "output_audio_format": format_name(setup.output_format),
        "tools": ga_setup.tool_objects(setup.tools),
    }
    if setup.turn_detection is not None:
        session["turn_detection"] = turn_detection_object(setup.turn_detection)
    if setup.transcription is not None:
        session["input_audio_transcription"] = transcription_object(setup.transcription)
    if setup.voice is not None and with_voice:
        session["voice"] = setup.voice
    return session | beta_fields(setup.extras)


def format_name(format: AudioFormat) -> str:
    """Return an audio format by its beta name."""
    return _FORMATS[format.encoding]


def turn_detection_object(detection: TurnDetection) -> dict[str, Any]:
    """Return turn detection with every value that its kind has in beta: there is no idle time."""
    made = ga_setup.turn_detection_object(detection)
    made.pop("idle_timeout_ms", None)
    return made


def transcription_object(transcription: Transcription) -> dict[str, Any]:
    """Return how to transcribe; keywords, which beta has no field for, go into the prompt."""
    made: dict[str, Any] = {"model": transcription.model}
    if transcription.language is not None:
        made["language"] = transcription.language
    hints = [*([transcription.prompt] if transcription.prompt else []), *transcription.keywords]
    if hints:
        made["prompt"] = writable(", ".join(hints))
    return made


def beta_fields(extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return further session fields under their beta names; those that only GA has are left out.

    Raises:
        ConfigurationError: a field has no beta name, or is one that the gateway says itself.

    """
    fields: dict[str, Any] = {}
    for path, value in extras.items():
        if path in GA_ONLY:
            continue
        name = BETA_NAMES.get(path, path)
        if name in _OURS or name.partition(".")[0] in _OURS:
            raise ConfigurationError(
                f"session field {path!r} would change {name!r} of the beta protocol, or has no name there; "
                "use the endpoint's, the persona's or the flow's own setting, or the field's beta name"
            )
        # The strength of noise reduction is GA's alone.
        plain = name != _NOISE_REDUCTION or not isinstance(value, Mapping)
        fields[name] = value if plain else {"type": value.get("type")}
    return fields
