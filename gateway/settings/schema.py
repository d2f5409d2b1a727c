"""What ``config/gateway.yaml`` may say. ``config/README.md`` explains each setting; this is its one definition.

Durations end in ``_ms`` or ``_s``. A secret is a :class:`pydantic.SecretStr` and prints as stars. Unknown keys are
errors. ``settings/load.py`` reads the file, puts ``${ENV}`` and ``${file:…}`` in, and turns what pydantic finds into
messages with file, line, column and the nearest right word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from gateway.settings.access import AccessSettings, BrowserSettings, KeySettings, ProxySettings
from gateway.settings.endpoint import (
    EndpointSettings,
    SemanticVadSettings,
    ServerVadSettings,
    TranscriptionChanges,
    TranscriptionSettings,
    VadSettings,
)
from gateway.settings.flows import FlowSettings
from gateway.settings.metrics import MetricsSettings
from gateway.settings.persona import IdleSettings, PersonaSettings
from gateway.settings.prices import PriceSettings
from gateway.settings.privacy import PrivacySettings
from gateway.settings.records import RecordSettings
from gateway.settings.section import Section, Word
from gateway.settings.session import SessionFields
from gateway.settings.speech_api import SpeechApiSettings
from gateway.settings.tools import ToolSettings

__all__ = [
    "AccessSettings",
    "BrowserSettings",
    "CarriersSettings",
    "EndpointSettings",
    "FlowSettings",
    "IdleSettings",
    "KeySettings",
    "LimitSettings",
    "LogSettings",
    "MetricsSettings",
    "NumberSettings",
    "PersonaSettings",
    "PriceSettings",
    "PrivacySettings",
    "ProxySettings",
    "RecordSettings",
    "Section",
    "SemanticVadSettings",
    "ServerSettings",
    "ServerVadSettings",
    "Settings",
    "SpeechApiSettings",
    "ToolSettings",
    "TranscriptionSettings",
    "TwilioSettings",
    "VadSettings",
    "Word",
]


class NumberSettings(Section):
    """What answers a dialled number."""

    persona: Word | None = None
    """Who answers; with ``flow``, whose endpoint, turn detection and disclosure the flow takes."""
    flow: Word | None = None
    """The call flow that answers, by its id."""
    endpoint: Word | None = None
    """Which endpoint; None is the persona's. This and all that follows wins over what the persona says."""
    voice: str | None = None
    """The voice on this line."""
    language: str | None = None
    """Of the local voice on this line; the transcriber's is ``transcription.language``."""
    greeting: str | None = None
    """Said first; ``null`` waits for the caller."""
    vad: VadSettings | None = None
    """When the caller's turn begins and ends."""
    transcription: TranscriptionChanges | None = None
    """Changes the endpoint's and the persona's, option by option; ``null`` is off."""
    session: SessionFields = SessionFields()
    """Fields of the session that win over the persona's and the endpoint's."""


class TwilioSettings(Section):
    """The Twilio account whose calls are taken."""

    account_sid: str | None = None
    """``AC…``; needed to transfer and hang up."""
    auth_token: SecretStr | None = None
    """Verifies webhooks and upgrades, and signs in to the REST API."""
    api_base: str = "https://api.twilio.com"
    """REST API; another host for tests or a region."""
    api_timeout_ms: int = Field(4000, ge=100, le=30000)
    """How long one request to the REST API may take."""
    api_retries: int = Field(2, ge=0, le=5)
    """Further tries of such a request."""


class CarriersSettings(Section):
    """The carriers that may bring calls."""

    twilio: TwilioSettings = TwilioSettings()
    """Twilio."""


class ServerSettings(Section):
    """Where the gateway listens and how it is seen from outside."""

    host: str = "127.0.0.1"
    """Address to listen on; ``0.0.0.0`` is every one of this machine."""
    port: int = Field(8000, ge=0, le=65535)
    """0 takes a free one."""
    public_url: str | None = None
    """``https://voice.example.net``: what carriers dial and sign. Required when ``host`` is not loopback."""
    trusted_proxies: list[str] = []
    """Addresses or networks whose ``X-Forwarded-*`` headers are believed."""
    auth: Literal["on", "off"] = "on"
    """``off`` takes media streams without signature or token; on loopback only."""
    drain_s: int = Field(120, ge=0, le=7200)
    """How long live calls may go on after SIGTERM."""
    token_secret: SecretStr | None = None
    """Signs the one-time tokens; the same on every worker and replica. None makes one in ``data_dir``."""
    token_ttl_s: int = Field(30, ge=5, le=300)
    """How long a one-time token can be redeemed."""


class LimitSettings(Section):
    """Bounds on what strangers and models can use up."""

    calls: int = Field(200, ge=1)
    """Concurrent calls; the next one is told that all lines are busy."""
    call_s: int = Field(3600, ge=10)
    """Hard deadline of a call."""
    early_sessions: int = Field(20, ge=0)
    """Model sessions opened while the phone still rings."""
    message_bytes: int = Field(65536, ge=1024)
    """Largest message taken from a carrier's media stream."""
    parameter_bytes: int = Field(4096, ge=256)
    """All custom parameters of a call together."""


class LogSettings(Section):
    """How the gateway tells what it does."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is told."""
    form: Literal["json", "text", "auto"] = "auto"
    """``auto`` is text on a terminal and JSON elsewhere."""


class Settings(Section):
    """The whole file."""

    data_dir: Path = Path(".gateway")
    """Journals, recordings, caches and the token secret; made with mode 0700."""
    server: ServerSettings = ServerSettings()
    endpoint: Word | None = None
    """The default endpoint; None takes ``OPENAI_API_KEY`` if it is set, else the local server."""
    endpoints: dict[Word, EndpointSettings] = {}
    personas: dict[Word, PersonaSettings] = {}
    persona: Word = "receptionist"
    """Who answers numbers that are not listed."""
    numbers: dict[str, NumberSettings] = {}
    """Dialled number (E.164) → who answers."""
    tools: dict[Word, ToolSettings] = {}
    """What models may do besides talking; a persona's ``tools`` names those that its model may call."""
    flows: FlowSettings = FlowSettings()
    carriers: CarriersSettings = CarriersSettings()
    access: AccessSettings = AccessSettings()
    """Who may use the pages and the API."""
    browser: BrowserSettings = BrowserSettings()
    """Conversations from a web page."""
    proxy: ProxySettings = ProxySettings()
    """The Realtime API for programs."""
    limits: LimitSettings = LimitSettings()
    records: RecordSettings = RecordSettings()
    privacy: PrivacySettings = PrivacySettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    speech_api: SpeechApiSettings = SpeechApiSettings()
    prices: PriceSettings = PriceSettings()
