"""What the settings say of a Realtime endpoint."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from gateway.settings.section import Section


class ServerVadSettings(Section):
    """Turn detection by loudness on the endpoint's side."""

    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(0.5, ge=0, le=1)
    """0 to 1; higher wants louder speech (noisy lines)."""
    prefix_padding_ms: int = Field(300, ge=0, le=5000)
    """Audio kept from before speech was noticed."""
    silence_duration_ms: int = Field(500, ge=50, le=10000)
    """Silence that ends a turn; lower answers sooner and cuts slow speakers off."""
    idle_timeout_ms: int | None = Field(None, ge=5000, le=30000)
    """The endpoint's own idle prompt; off, because the gateway's idle ladder counts from what was heard."""


class SemanticVadSettings(Section):
    """Turn detection by meaning on the endpoint's side."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    """How soon a pause counts as the end: high waits up to 2 s, medium (auto) 4 s, low 8 s."""


VadSettings = Annotated[ServerVadSettings | SemanticVadSettings, Field(discriminator="type")]


class TranscriptionSettings(Section):
    """The caller's words in writing, beside the conversation."""

    model: str
    """The transcriber; on Azure the name of a transcription *deployment*."""
    language: str | None = None
    """ISO-639-1, such as ``en``; None lets the transcriber guess."""
    prompt: str | None = None
    keywords: list[str] = []


class EndpointSettings(Section):
    """A Realtime endpoint, named by its key under ``endpoints``."""

    type: Literal["openai", "compatible", "local"]
    """``openai`` (GA protocol), ``compatible`` (the same protocol elsewhere), ``local`` (the embedded server)."""
    url: str | None = None
    """http(s) or ws(s) base or full URL; None is the type's own (``local``: started as a child process)."""
    model: str | None = None
    api_key: SecretStr | None = None
    organization: str | None = None
    project: str | None = None
    audio: Literal["pcm24", "pcmu", "pcma", "auto"] = "pcm24"
    """Wire format to the model. ``auto`` passes the leg's G.711 through untouched when nothing needs PCM."""
    append_ms: int = Field(20, ge=20, le=100)
    """Caller audio per message to the model, in milliseconds."""
    voice: str | None = None
    vad: VadSettings = ServerVadSettings()
    transcription: TranscriptionSettings | None = None
    interruption: Literal["gateway", "server"] = "gateway"
    """Who stops a response when the caller speaks."""
    connect_timeout_ms: int = Field(5000, ge=100, le=60000)
    session: dict[str, Any] = {}
    """Further session fields by GA path, such as ``audio.output.speed: 1.1``."""
