"""What the settings say of the speech API: speech to text and text to speech over HTTP."""

from __future__ import annotations

from pydantic import Field

from gateway.settings.section import Section, Word


class SpeechApiSettings(Section):
    """Speech to text and text to speech over HTTP, on the port that calls come in on."""

    enabled: bool = True
    """False takes its doors away."""
    endpoint: Word | None = None
    """Which endpoint; None is the default one."""
    transcription_sessions: bool = True
    """False writes down in ordinary sessions that never answer, where the endpoint's transcription sessions fail."""
    requests: int = Field(32, ge=1, le=1000)
    """Requests at the same time; the next one is answered with 429."""
    upload_bytes: int = Field(1_000_000_000, ge=1024)
    """Largest recording; it is never held whole."""
    message_bytes: int = Field(20_000_000, ge=1024, le=200_000_000)
    """Largest JSON body, with its base64 audio; it is held whole."""
    audio_s: int = Field(14_400, ge=1)
    """Longest recording."""
    body_wait_ms: int = Field(30_000, ge=100, le=600_000)
    """How long a body may pause while it arrives."""
    text_characters: int = Field(5000, ge=1, le=100_000)
    """Longest text that is read aloud."""
    answer_within_ms: int = Field(15_000, ge=100, le=120_000)
    """How long the endpoint may take to write the next words down, or to say the next."""
    session_s: int = Field(1200, ge=60, le=7200)
    """So many seconds of audio, or of time, are one session's; the next pause begins another."""
