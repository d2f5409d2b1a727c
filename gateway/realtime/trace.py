"""Showing the wire to an operator: every message one line, audio as byte counts, words only through a redactor.

A trace is handed to the connector and sees each message as it goes by. Words that come in pieces are shown as counts of
characters: a card number may be cut anywhere between two deltas, so only whole texts are worth redacting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

Direction = Literal["to_model", "from_model"]
"""Which way a message went."""

Trace = Callable[[Direction, str], None]
"""Takes a direction and a summary that is fit to be shown."""

WireTrace = Callable[[Direction, bytes | bytearray, bool], None]
"""Takes a direction, a raw message and whether it is binary: what a session is given."""

TextRedactor = Callable[[str], str]
"""Takes somebody's words and gives what may be seen of them."""

_AS_IT_IS: Final = frozenset(
    {
        *("type", "event_id", "id", "item_id", "response_id", "call_id", "previous_item_id", "conversation_id"),
        *("object", "status", "reason", "role", "code", "model", "voice", "conversation", "eagerness", "tool_choice"),
        *("output_modalities", "tag", "language"),
    }
)
"""Fields whose strings are the protocol's own words, ids or settings."""

_AUDIO: Final = frozenset({"audio"})
_IN_PIECES: Final = frozenset({"delta", "obfuscation"})
_LONGEST_SHOWN: Final = 500


def wire_trace(show: Trace, redact: TextRedactor) -> WireTrace:
    """Return what a session is given so that ``show`` gets a line for every message, words gone through ``redact``."""

    def trace(direction: Direction, message: bytes | bytearray, binary: bool) -> None:
        try:
            line = binary_summary(message) if binary else summary(message, redact)
        except Exception as error:  # noqa: BLE001 - the redactor comes from outside; showing the wire costs no call
            line = f"<{len(message)} bytes, not shown: {type(error).__name__} while redacting>"
        show(direction, line)

    return trace


def summary(message: str | bytes | bytearray, redact: TextRedactor) -> str:
    """Return one line that says what a text message holds.

    Args:
        message: JSON as it is on the wire; anything else is shown by its size.
        redact: every string that is not the protocol's own goes through it.

    """
    try:
        told = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"<{len(message)} bytes that are no JSON>"
    if not isinstance(told, dict):
        return f"<JSON without a type, {len(message)} bytes>"
    audio = "audio" if str(told.get("type", "")).endswith("output_audio.delta") else ""
    shown = {key: _shown(audio if key == "delta" and audio else key, value, redact) for key, value in told.items()}
    line = msgspec.json.encode(shown).decode()
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}… ({len(line)} characters)"


def binary_summary(message: bytes | bytearray) -> str:
    """Return one line for a binary message."""
    return f"<{len(message)} binary bytes>"


def _shown(key: str, value: Any, redact: TextRedactor) -> Any:
    if isinstance(value, dict):
        return {
            redact(below) if " " in below else below: _shown(below, worth, redact) for below, worth in value.items()
        }
    if isinstance(value, list):
        return [_shown(key, worth, redact) for worth in value]
    if not isinstance(value, str):
        return value
    if key in _AUDIO:
        return f"<{len(value) // 4 * 3 - value[-2:].count('=')} bytes of audio>"
    if key in _IN_PIECES:
        return f"<{len(value)} characters>"
    return value if key in _AS_IT_IS else redact(value)
