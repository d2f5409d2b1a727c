"""What the settings say of a Realtime endpoint."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from gateway.settings.capability import CapabilitySettings, TranscriptionOption
from gateway.settings.section import Section
from gateway.settings.session import SessionFields

EndpointType = Literal["openai", "azure", "compatible", "local"]
"""The types of endpoint that come with the gateway; a plug-in's is ``package.module:Factory``."""

_PLUGIN: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def is_plugin(kind: str) -> bool:
    """Return whether an endpoint's ``type`` names a plug-in, ``package.module:Factory``."""
    return _PLUGIN.fullmatch(kind) is not None


def _known_kind(kind: str) -> str:
    if kind not in get_args(EndpointType) and not is_plugin(kind):
        raise PydanticCustomError("endpoint_type", "is neither a type of endpoint nor package.module:Factory")
    return kind


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
    languages: list[str] = []
    """The languages that may be spoken, where the transcriber takes several."""
    prompt: str | None = None
    keywords: list[str] = []
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """How long the transcriber waits before it writes; more is more exact."""
    lacks: list[TranscriptionOption] | None = None
    """Options that this transcriber refuses; from ``models.yaml``, by its name."""


class TranscriptionChanges(Section):
    """What a persona or a number changes of its endpoint's ``transcription``; what is not given stays."""

    model: str | None = None
    """Another transcriber; it does not inherit what the endpoint's lacks."""
    language: str | None = None
    """ISO-639-1; ``null`` lets the transcriber guess."""
    languages: list[str] = []
    """The languages that may be spoken, where the transcriber takes several."""
    prompt: str | None = None
    """What the talk is about, for the transcriber."""
    keywords: list[str] = []
    """Words to expect."""
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """How long the transcriber waits before it writes; more is more exact."""
    lacks: list[TranscriptionOption] | None = None
    """Options that this transcriber refuses; from ``models.yaml``, by its name."""


class EndpointSettings(Section):
    """A Realtime endpoint, named by its key under ``endpoints``."""

    type: Annotated[EndpointType | str, AfterValidator(_known_kind)]
    """``openai``, ``azure`` (Azure OpenAI), ``compatible`` (the same protocol elsewhere), ``local`` (the embedded
    server), or a plug-in: ``package.module:Factory``."""
    protocol: Literal["ga", "beta"] = "ga"
    """``beta``: the event names and the flat session of before 2025; Azure calls it preview, and an ``api_version``,
    set or in the URL, means it."""
    url: str | None = None
    """http(s) or ws(s) base or full URL; None is the type's own (``local``: started as a child process). Of ``azure``
    the resource's address, in any form that a portal shows."""
    model: str | None = None
    """The model's name; ``models.yaml`` has it for ``openai``, and ``compatible`` needs one."""
    deployment: str | None = None
    """``azure``: the name of the model's deployment; None takes ``model``, else the one in the URL."""
    api_version: str | None = None
    """``azure`` preview: a date such as ``2025-04-01-preview``, which is the default; GA has none."""
    api_key: SecretStr | None = None
    """Written as ``${file:…}`` it is read again at each connect, so that a key is changed without a restart."""
    auth: Literal["key", "entra"] | None = None
    """``key`` or ``entra`` (Microsoft Entra ID); None is ``entra`` for ``azure`` without ``api_key``, else ``key``."""
    entra_credential: Literal["default", "managed_identity", "workload_identity"] = "default"
    """Where tokens come from; ``default`` tries the environment, workload and managed identity, and command lines."""
    entra_scope: str | None = None
    """What tokens are asked for; None is ``https://ai.azure.com/.default``, in preview
    ``https://cognitiveservices.azure.com/.default``."""
    client_id: str | None = None
    """Of a user-assigned managed identity or a workload identity; None is the system's, or ``AZURE_CLIENT_ID``."""
    organization: str | None = None
    """OpenAI: sent along with the key."""
    project: str | None = None
    """OpenAI: sent along with the key."""
    audio: Literal["pcm24", "pcmu", "pcma", "auto"] = "pcm24"
    """Wire format to the model. ``auto`` passes the leg's G.711 through untouched when nothing needs PCM."""
    append_ms: int = Field(20, ge=20, le=100)
    """Caller audio per message to the model, in milliseconds."""
    voice: str | None = None
    """Whose voice the model has; ``models.yaml`` names the built-in ones."""
    vad: VadSettings = ServerVadSettings()
    """When the caller's turn begins and ends."""
    transcription: TranscriptionSettings | None = None
    """The caller's words in writing; ``null`` is off."""
    interruption: Literal["gateway", "server"] = "gateway"
    """Who stops a response when the caller speaks."""
    connect_timeout_ms: int = Field(5000, ge=100, le=60000)
    """How long name, TCP, TLS, upgrade and first word may take together."""
    session_limit_s: int | None = Field(None, ge=10, le=86400)
    """How long a session lasts where the endpoint does not say so itself; 900, 1800 and 3600 exist. A call goes on: its
    next session is opened ahead and takes over in a pause."""
    reconnect_within_ms: int = Field(8000, ge=0, le=60000)
    """How long another session is tried for when one is lost, before the caller is told that it went wrong; 0: not."""
    ws_ping_s: float = Field(20, ge=1, le=3600)
    """Seconds between pings that keep the socket open through proxies."""
    ws_pong_timeout_s: float = Field(20, ge=1, le=3600)
    """Seconds without an answer to a ping after which the socket is lost."""
    session: SessionFields = SessionFields()
    """Further fields of the session; a persona's and a number's win over these."""
    capabilities: CapabilitySettings = CapabilitySettings()
    """What this endpoint can't do, beyond what its type can't do anyway."""
    options: dict[str, Any] = {}
    """A plug-in's own options; it alone reads them."""

    @model_validator(mode="before")
    @classmethod
    def _version_means_preview(cls, fields: Any) -> Any:
        """Take ``protocol: beta`` from an ``api_version``, where the operator names no protocol."""
        if not isinstance(fields, dict) or fields.get("type") != "azure" or "protocol" in fields:
            return fields
        url = fields.get("url")
        versioned = fields.get("api_version") or (isinstance(url, str) and preview_version(url))
        return {**fields, "protocol": "beta"} if versioned else fields


def preview_version(url: str) -> str | None:
    """Return the ``api-version`` of an Azure URL that is one of the preview; None for GA's and for no URL at all.

    GA lives under ``/openai/v1`` and takes no version: one that was left behind there means nothing.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if "/openai/v1" in parts.path:
        return None
    return next((value for name, value in parse_qsl(parts.query) if name == "api-version"), None)
