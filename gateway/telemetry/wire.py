"""What ``--trace-wire`` shows: every message of a carrier or a model, as a log line without what must not be there.

Audio becomes a byte count. In everything that is not known to be an identifier or a fixed word, digits become dots: a
card number may be spread over many deltas, of which no single line would give it away. The logging processors run
behind this and redact again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import structlog

_log = structlog.get_logger(__name__)
_on = False

_AUDIO_KEYS: Final = frozenset({"payload", "audio"})
_PARAMETER_KEYS: Final = frozenset({"customParameters", "custom_parameters"})
_FIXED_KEYS: Final = frozenset(
    {"event", "type", "status", "code", "name", "object", "role", "model", "voice", "track", "tracks", "encoding"}
    | {"version", "protocol", "reason", "eagerness", "sequenceNumber", "chunk", "timestamp", "param"}
)
_ID_KEY: Final = re.compile(r"(?:^|_)id$|[Ss]id$")
_DIGITS: Final = re.compile(r"\d")

Direction = Literal["in", "out"]
"""``in``: the peer wrote it; ``out``: we did."""

WireTrace = Callable[[Direction, bytes | bytearray | str], None]
"""Sees each message of one peer as it goes by."""


def show_wire(on: bool) -> None:
    """Switch tracing on or off, for the process."""
    global _on  # noqa: PLW0603 - one switch, read on the hot path
    _on = on


def wire_shown() -> bool:
    """Return whether messages are traced, so that the hot path need not prepare any."""
    return _on


def tracer(peer: str) -> WireTrace | None:
    """Return what sees the messages of ``peer`` from now on; None while tracing is off, so that nothing is prepared."""
    if not _on:
        return None
    return lambda direction, message: trace(peer, direction, message)


def trace(peer: str, direction: Direction, message: bytes | bytearray | str) -> None:
    """Log one message that ``peer`` (``twilio``, ``openai`` …) wrote or is sent, if tracing is on."""
    if _on:
        _log.info("wire", peer=peer, direction=direction, message=describe(message))


def describe(message: bytes | bytearray | str) -> str:
    """Return a message as it may be shown: JSON with audio counted and digits dotted, or its size."""
    size = len(message)
    try:
        found: Any = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeError):
        return f"<{size} bytes, not JSON>"
    kind = str(found.get("type", "")) if isinstance(found, dict) else ""
    return msgspec.json.encode(_shown(found, "", audio_delta=kind.endswith("audio.delta"))).decode()


def _shown(value: Any, key: str, *, audio_delta: bool) -> Any:
    match value:
        case dict() if key in _PARAMETER_KEYS:
            return {_dotted(str(name)): f"<{len(str(inner))} characters>" for name, inner in value.items()}
        case dict():
            return {
                _dotted(str(name)): _shown(inner, str(name), audio_delta=audio_delta) for name, inner in value.items()
            }
        case list():
            return [_shown(inner, key, audio_delta=audio_delta) for inner in value]
        case str() if key in _AUDIO_KEYS or (key == "delta" and audio_delta):
            return f"<{len(value) * 3 // 4} bytes of audio>"
        case str() if key in _FIXED_KEYS or _ID_KEY.search(key):
            return value
        case str():
            return _dotted(value)
        case _:
            return value


def _dotted(text: str) -> str:
    return _DIGITS.sub("•", text)
