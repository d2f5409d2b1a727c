"""What ``config/gateway.yaml`` may say. ``config/README.md`` explains each setting; this is its one definition.

Durations end in ``_ms`` or ``_s``. A secret is a :class:`pydantic.SecretStr` and prints as stars. Unknown keys are
errors. ``settings/load.py`` reads the file, puts ``${ENV}`` and ``${file:…}`` in, and turns what pydantic finds into
messages with file, line, column and the nearest right word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
"""A name given by the operator: lower case, digits, ``_`` and ``-``, starting with a letter."""


class Section(BaseModel):
    """A part of the settings: immutable, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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


class IdleSettings(Section):
    """What happens when the caller says nothing; counted from the *heard* end of the agent's speech."""

    after_ms: int = Field(8000, ge=1000, le=120000)
    """Silence before each step of the ladder."""
    prompts: list[str] = ["Are you still there?"]
    """Said in turn, one a step."""
    goodbye: str = "I can't hear you, so I will hang up now. Goodbye."
    """Said when the prompts are used up; then the call ends."""


class PersonaSettings(Section):
    """Who answers: a plain conversation without a flow."""

    instructions: str
    """What the model is told. ``SAY:``, ``FACTS:`` and ``GOAL:`` lines are understood by the local server too.
    ``{caller_number}``, ``{dialed_number}`` and ``{parameters.NAME}`` are filled in."""
    endpoint: Word | None = None
    """Which endpoint; None is the default one."""
    voice: str | None = None
    language: str = "en"
    greeting: str | None = "Hello! How can I help you?"
    """Said first, in the model's own voice; null waits for the caller."""
    goodbye: str | None = "Thank you for calling. Goodbye."
    """Said when the model ends the call without having said goodbye; null lets it find its own words."""
    disclosure: str | None = None
    """Said before anything else, word for word, not interruptible; its heard time is in the record."""
    tools: list[str] = ["end_call"]
    """Names of built-in tools: ``end_call``, ``transfer_call``."""
    transfer_targets: dict[Word, str] = {}
    """Where ``transfer_call`` may send a caller: name → ``tel:+44…`` or ``sip:…``. The model only picks a name."""
    idle: IdleSettings = IdleSettings()
    interruption: Literal["gateway", "server"] | None = None
    vad: VadSettings | None = None
    min_barge_in_ms: int = Field(0, ge=0, le=2000)
    """Speech shorter than this does not interrupt: the agent is held and goes on from the exact sample. 0 is off."""
    apology: str = "I'm sorry, something went wrong on our side. Please call again later. Goodbye."
    """Said by the local voice, or a shipped recording, when the model is lost for good."""


class NumberSettings(Section):
    """What answers a dialled number."""

    persona: Word | None = None
    flow: Word | None = None


class TwilioSettings(Section):
    """The Twilio account whose calls are taken."""

    account_sid: str | None = None
    auth_token: SecretStr | None = None
    """Verifies webhooks and upgrades, and signs in to the REST API."""
    api_base: str = "https://api.twilio.com"
    """REST API; another host for tests or a region."""
    api_timeout_ms: int = Field(4000, ge=100, le=30000)
    api_retries: int = Field(2, ge=0, le=5)


class CarriersSettings(Section):
    """The carriers that may bring calls."""

    twilio: TwilioSettings = TwilioSettings()


class ServerSettings(Section):
    """Where the gateway listens and how it is seen from outside."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
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
    form: Literal["json", "text", "auto"] = "auto"
    """``auto`` is text on a terminal and JSON elsewhere."""


class RecordSettings(Section):
    """What a call leaves behind in ``data_dir``."""

    journal: bool = True
    recording: bool = True
    timeline: bool = True
    retention_days: int = Field(30, ge=1)


class PrivacySettings(Section):
    """How text is redacted."""

    redactor: str | None = None
    """``package.module:callable`` that runs after ours and can only remove more."""


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
    carriers: CarriersSettings = CarriersSettings()
    limits: LimitSettings = LimitSettings()
    records: RecordSettings = RecordSettings()
    privacy: PrivacySettings = PrivacySettings()
    log: LogSettings = LogSettings()
