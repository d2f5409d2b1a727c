"""What the speech API is asked, as it stands in JSON; what it answers is in ``speech_service.answers``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.audio.wav_stream import HIGHEST_HZ, LOWEST_HZ

Language = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        max_length=35,
        description="A language tag such as en or en-GB; what is left out is guessed.",
    ),
]
Keywords = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=200)]],
    Meta(max_length=100, description="Words and names to expect."),
]


class RecognizeRequest(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Speech to be written down."""

    audio_data: Annotated[str, Meta(description="Base64 of the audio.")]
    format: Annotated[
        Literal["pcm16", "wav", "mulaw", "ulaw", "alaw"] | None,
        Meta(description="What the audio is; left out: a WAV file if it begins like one, else pcm16 (little-endian)."),
    ] = None
    sample_rate: Annotated[int, Meta(ge=LOWEST_HZ, le=HIGHEST_HZ)] | None = None
    """Hertz; 24000 for pcm16, 8000 for mu-law and A-law; a WAV file says it itself."""
    language: Language | None = None
    keywords: Keywords = []


class SynthesizeRequest(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A text to be read aloud, word for word."""

    text: Annotated[str, Meta(min_length=1)]
    voice: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """One of the endpoint's voices or of the aliases in ``/api/speech-realtime/info``."""
    language: Language | None = None
    format: Literal["pcm", "wav"] = "pcm"
    """``pcm`` is 16-bit little-endian mono at 24 kHz; ``wav`` the same with a header."""


class ErrorBody(Struct, frozen=True, kw_only=True):
    """What went wrong."""

    code: str
    """A fixed word."""
    message: str
    remedy: str | None = None
    """What to do, where the message does not say it."""


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """Every refusal has this shape."""

    error: ErrorBody


def plain_language(tag: str | None) -> str | None:
    """Return a language tag as ISO-639-1, which is what transcribers take."""
    return None if tag is None else tag.partition("-")[0].lower()
