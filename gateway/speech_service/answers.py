"""What the speech services answer, as it stands in JSON. All text in it has been through the redactor."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from gateway.contracts.model import TranscriptionUse, Usage


class Segment(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A stretch of speech by one speaker. Times are milliseconds from the beginning of the recording."""

    text: str
    start_ms: int
    end_ms: int
    channel: int
    """0 is the first, or the only one."""
    speaker: str | None = None
    """The transcriber's own name for who speaks, where it tells speakers apart."""
    failed: str | None = None
    """The endpoint's code, where these words could not be written down."""


class Used(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a request used, as the endpoint told it."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0
    seconds: float = 0.0
    """Of audio, where a transcriber bills by time."""
    complete: bool = True
    """False if the endpoint did not tell all of it: then it is at least this."""


class Transcript(Struct, frozen=True, kw_only=True, rename="camel"):
    """Speech in writing."""

    text: str
    """All words in the order in which they were said; of a recording with two channels, a line for each segment."""
    duration_ms: int
    segments: list[Segment]
    complete: bool
    """False if some words could not be written down; their segments say so."""
    usage: Used
    cost: float | None
    """None if it is unknown, which is not the same as nothing."""
    currency: str | None
    """ISO 4217."""


class Deviation(Struct, frozen=True, kw_only=True):
    """A passage that was not read word for word."""

    wanted: str
    said: str


class Reading(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a text was read aloud, told at its end."""

    exact: bool
    """Whether it was read word for word."""
    finished: bool
    """False while it is still being read, or if it broke off."""
    deviations: list[Deviation]
    duration_ms: int
    usage: Used
    cost: float | None
    """None if it is unknown."""
    currency: str | None
    problem: str | None = None
    """Why it broke off."""


class VoiceInfo(Struct, frozen=True, kw_only=True):
    """A voice of the endpoint."""

    name: str
    gender: str | None


class Info(Struct, frozen=True, kw_only=True, rename="camel"):
    """What there is."""

    service: str
    model: str | None
    transcriber: str | None
    features: list[str]
    voices: list[VoiceInfo]
    aliases: dict[str, str]
    """Other names → the voice that speaks for them here."""
    audio_format: str


def of_transcripts(uses: Iterable[TranscriptionUse], *, unreported: int) -> Used:
    """Return what transcripts used, together."""
    uses = list(uses)
    return Used(
        input_text_tokens=sum(use.input_text for use in uses),
        input_audio_tokens=sum(use.input_audio for use in uses),
        output_text_tokens=sum(use.output_text for use in uses),
        seconds=round(sum(use.seconds for use in uses), 3),
        complete=unreported == 0,
    )


def of_responses(uses: Iterable[Usage | None]) -> Used:
    """Return what responses used, together; None is one that did not tell."""
    uses = list(uses)
    told = [use for use in uses if use is not None]
    return Used(
        input_text_tokens=sum(use.input_text for use in told),
        input_audio_tokens=sum(use.input_audio for use in told),
        output_text_tokens=sum(use.output_text for use in told),
        output_audio_tokens=sum(use.output_audio for use in told),
        complete=len(told) == len(uses),
    )


def money(amounts: Iterable[Decimal | None]) -> float | None:
    """Return a sum for JSON; None if a part of it is unknown."""
    amounts = list(amounts)
    known = [amount for amount in amounts if amount is not None]
    return float(sum(known, Decimal(0))) if len(known) == len(amounts) else None
