"""What the official types let through although the API does not: ranges, base64, two modalities at once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

MAX_ID_CHARACTERS: Final = 32
_SAMPLE_BYTES: Final = {"audio/pcm": 2, "audio/pcmu": 1, "audio/pcma": 1}
_AUDIO_EVENTS: Final = {"response.output_audio.delta": "delta", "input_audio_buffer.append": "audio"}


class OutOfRange(AssertionError):
    """A value that the types allow and the API does not."""


def check_ranges(event: Mapping[str, Any]) -> None:
    """Check the values of one event of either side.

    Raises:
        OutOfRange: one is not what the API takes or gives.

    """
    kind = event["type"]
    if kind in _AUDIO_EVENTS:
        decoded_bytes(event[_AUDIO_EVENTS[kind]], kind)
    if "session" in event:
        _check_session(event["session"])
    if kind == "response.create":
        _check_response(event.get("response") or {})
    if "item" in event and isinstance(event["item"], dict):
        _check_item(event["item"])
    for name in ("audio_start_ms", "audio_end_ms", "output_index", "content_index"):
        if event.get(name, 0) < 0:
            raise OutOfRange(f"{kind}: {name} is {event[name]}")


def decoded_bytes(text: str, what: str) -> int:
    """Return how many bytes base64 text holds.

    Raises:
        OutOfRange: it is not base64.

    """
    try:
        return len(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise OutOfRange(f"{what}: audio is not base64") from error


def sample_bytes(format: Mapping[str, Any] | None) -> int:
    """Return the bytes of one sample in a format of the API."""
    return _SAMPLE_BYTES[(format or {}).get("type", "audio/pcm")]


def _check_session(session: Mapping[str, Any]) -> None:
    audio = session.get("audio") or {}
    detection = (audio.get("input") or {}).get("turn_detection") or {}
    _within("threshold", detection.get("threshold"), 0, 1)
    _within("idle_timeout_ms", detection.get("idle_timeout_ms"), 5000, 30000)
    _within("speed", (audio.get("output") or {}).get("speed"), 0.25, 1.5)
    if detection.get("type") == "semantic_vad":
        for name in ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"):
            if name in detection:
                raise OutOfRange(f"semantic_vad has no {name}")
    _check_response(session)
    for tool in session.get("tools") or ():
        if tool.get("type") == "function" and not tool.get("name"):
            raise OutOfRange("a function tool needs a name")


def _check_response(response: Mapping[str, Any]) -> None:
    modalities = response.get("output_modalities")
    if modalities is not None and len(modalities) != 1:
        raise OutOfRange(f"output_modalities {modalities}: exactly one is allowed")
    limit = response.get("max_output_tokens")
    if isinstance(limit, int):
        _within("max_output_tokens", limit, 1, 4096)
    metadata = response.get("metadata") or {}
    if len(metadata) > 16 or any(len(key) > 64 or len(value) > 512 for key, value in metadata.items()):
        raise OutOfRange("metadata holds at most 16 pairs of 64 and 512 characters")


def _check_item(item: Mapping[str, Any]) -> None:
    for name in ("id", "call_id"):
        value = item.get(name)
        if value is not None and not 0 < len(value) <= MAX_ID_CHARACTERS:
            raise OutOfRange(f"item.{name} has {len(value)} characters; 1 to {MAX_ID_CHARACTERS} are allowed")


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise OutOfRange(f"{name} is {value}; {low} to {high} are allowed")
