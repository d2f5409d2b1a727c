"""A session's set-up as the Realtime API (GA) wants it: the ``session`` object of ``session.update``.

Every turn detection value is always sent: the documented defaults and those of live sessions differ. Further fields
come by their path in that object (``audio.output.speed``) and are merged in; those that would break the gateway's own
bookkeeping are refused when the settings are read.

Source: Realtime API reference, session object; realtime sessions as recorded in 2026 for the defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.audio.format import AudioFormat, Encoding
from gateway.contracts.model import ServerVad, SessionSetup, ToolSpec, Transcription, TurnDetection
from gateway.errors import ConfigurationError
from gateway.realtime.wire_client import writable

OURS: Final = (
    "type",
    "model",
    "instructions",
    "output_modalities",
    "tools",
    "audio.input.format",
    "audio.output.format",
)
"""Session fields that further fields may not touch: other settings, or the call itself, say them."""

_MEDIA_TYPES: Final = {
    Encoding.PCM16: "audio/pcm",
    Encoding.PCMU: "audio/pcmu",
    Encoding.PCMA: "audio/pcma",
}


def session_object(setup: SessionSetup, *, with_voice: bool = True) -> dict[str, Any]:
    """Return the ``session`` object that says all of ``setup``.

    ``with_voice`` is false once the model has spoken: the voice is frozen then, and naming one would get the whole
    update refused.
    """
    incoming: dict[str, Any] = {"format": format_object(setup.input_format)}
    if setup.turn_detection is not None:
        incoming["turn_detection"] = turn_detection_object(setup.turn_detection)
    if setup.transcription is not None:
        incoming["transcription"] = transcription_object(setup.transcription)
    outgoing: dict[str, Any] = {"format": format_object(setup.output_format)}
    if setup.voice is not None and with_voice:
        outgoing["voice"] = setup.voice
    session = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": writable(setup.instructions),
        "audio": {"input": incoming, "output": outgoing},
        "tools": tool_objects(setup.tools),
    }
    return merged(session, setup.extras)


def format_object(format: AudioFormat) -> dict[str, Any]:
    """Return an audio format: PCM names its rate, G.711 has none to name."""
    media_type = _MEDIA_TYPES[format.encoding]
    return {"type": media_type, "rate": format.rate_hz} if format.encoding is Encoding.PCM16 else {"type": media_type}


def media_type(format: AudioFormat) -> str:
    """Return the media type that the endpoint repeats for a format."""
    return _MEDIA_TYPES[format.encoding]


def turn_detection_object(detection: TurnDetection) -> dict[str, Any]:
    """Return turn detection with every value that its kind has."""
    if isinstance(detection, ServerVad):
        return {
            "type": "server_vad",
            "threshold": detection.threshold,
            "prefix_padding_ms": detection.prefix_padding_ms,
            "silence_duration_ms": detection.silence_duration_ms,
            "idle_timeout_ms": detection.idle_timeout_ms,
            "create_response": detection.create_response,
            "interrupt_response": detection.interrupt_response,
        }
    return {
        "type": "semantic_vad",
        "eagerness": detection.eagerness,
        "create_response": detection.create_response,
        "interrupt_response": detection.interrupt_response,
    }


def transcription_object(transcription: Transcription) -> dict[str, Any]:
    """Return how to transcribe, with only the fields that were given: transcribers refuse those that they lack."""
    made: dict[str, Any] = {"model": transcription.model}
    if transcription.language is not None:
        made["language"] = transcription.language
    if transcription.languages:
        made["languages"] = list(transcription.languages)
    if transcription.prompt is not None:
        made["prompt"] = writable(transcription.prompt)
    if transcription.keywords:
        made["keywords"] = list(transcription.keywords)
    if transcription.delay is not None:
        made["delay"] = transcription.delay
    return made


def tool_objects(tools: Iterable[ToolSpec]) -> list[dict[str, Any]]:
    """Return tools as the API lists them: flat, without a nested ``function``."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": writable(tool.description),
            "parameters": dict(tool.parameters),
        }
        for tool in tools
    ]


def merged(session: dict[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``session`` with further fields put in by their path; objects are merged, anything else replaced.

    Raises:
        ConfigurationError: a path is one of :data:`OURS`, leads through something that is no object, or is empty.

    """
    for path, value in extras.items():
        _check(path, value)
        *parents, last = path.split(".")
        place = session
        for parent in parents:
            below = place.setdefault(parent, {})
            if not isinstance(below, dict):
                raise ConfigurationError(
                    f"session field {path!r} leads through {parent!r}, which is {below!r} and no object; "
                    "give the whole of it instead"
                )
            place = below
        place[last] = _merged_value(place.get(last), value)
    return session


def _check(path: str, value: Any) -> None:
    if not all(path.split(".")):
        raise ConfigurationError(f"session field {path!r} is no path; write it like 'audio.output.speed'")
    reach = set(_leaves(path, value)) | {path}
    for ours in OURS:
        if any(leaf == ours or leaf.startswith(f"{ours}.") for leaf in reach):
            raise ConfigurationError(
                f"session field {path!r} would change {ours!r}, which the gateway says itself; "
                "use the endpoint's, the persona's or the flow's own setting"
            )
        if ours.startswith(f"{path}.") and not isinstance(value, Mapping):
            raise ConfigurationError(f"session field {path!r} is {value!r} and would remove {ours!r}; give an object")


def _leaves(path: str, value: Any) -> Iterable[str]:
    if not isinstance(value, Mapping):
        yield path
        return
    for key, below in value.items():
        yield from _leaves(f"{path}.{key}", below)


def _merged_value(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, Mapping)):
        return new
    # Another kind of turn detection or transcriber has other fields: it replaces, it does not mix.
    if "type" in new and new["type"] != old.get("type", new["type"]):
        return dict(new)
    return old | {key: _merged_value(old.get(key), value) for key, value in new.items()}
