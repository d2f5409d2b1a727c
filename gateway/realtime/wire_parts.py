"""The parts of events whose shape differs between endpoints, read leniently where they are needed.

Each is absent, null, or of another shape somewhere; then it counts as absent, and the event that holds it still counts.

Source: Realtime API reference, the session, response and usage objects, read November 2026.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from gateway.realtime import wire


class SessionBody(Struct, frozen=True):
    """A session, as far as it is read; ``expires_at`` is Unix seconds."""

    id: str | None = None
    expires_at: float | None = None


class FormatBody(Struct, frozen=True):
    """An audio format, by its media type."""

    type: str | None = None


class DirectionBody(Struct, frozen=True):
    """What is configured for one direction of audio."""

    format: FormatBody | None = None


class AudioBody(Struct, frozen=True):
    """What is configured for audio."""

    input: DirectionBody | None = None
    output: DirectionBody | None = None


class SessionAudio(Struct, frozen=True):
    """A session's audio, as far as it is checked."""

    audio: AudioBody | None = None


class BetaSessionAudio(Struct, frozen=True):
    """A session's audio in the beta protocol, as far as it is checked."""

    input_audio_format: str | None = None
    output_audio_format: str | None = None


class StatusDetails(Struct, frozen=True):
    """Why a response was cancelled, cut short or failed."""

    reason: str | None = None
    error: wire.ErrorBody | None = None


class CachedTokens(Struct, frozen=True):
    """Input tokens that were in the cache; a part of the input."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class InputTokens(Struct, frozen=True):
    """Input tokens by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    cached_tokens_details: CachedTokens | None = None


class OutputTokens(Struct, frozen=True):
    """Output tokens by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class UsageBody(Struct, frozen=True):
    """Tokens of one response."""

    input_token_details: InputTokens | None = None
    output_token_details: OutputTokens | None = None


class TranscriptionUsageBody(Struct, frozen=True):
    """What a transcriber bills: ``type`` is ``tokens`` or ``duration``."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: InputTokens | None = None
    seconds: float = 0.0


_Part = TypeVar("_Part", bound=Struct)


def part(raw: Raw, kind: type[_Part]) -> _Part | None:
    """Return a raw part of an event as ``kind``, or None if it is absent, null or of another shape."""
    try:
        return msgspec.json.decode(raw, type=kind | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def tag_of(response: wire.Response) -> str | None:
    """Return the tag that a response was asked for with, or None if the endpoint made it by itself."""
    try:
        metadata = msgspec.json.decode(response.metadata, type=dict[str, object] | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    tag = metadata.get("tag") if metadata else None
    return tag if isinstance(tag, str) else None


def items_of(response: wire.Response) -> list[wire.Item]:
    """Return the items that a finished response lists; none where they are of another shape."""
    try:
        return msgspec.json.decode(response.output, type=list[wire.Item] | None) or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
