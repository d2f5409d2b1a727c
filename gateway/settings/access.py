"""What the settings say of browsers and programs: who may come in, from where, how often, and what they may ask for.

Carriers are not meant here: they sign their requests, or bring one-time tokens.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from gateway.settings.section import Section, Word, word_for

KEY_CHARACTERS: Final = 24
"""The fewest characters of an API key: nobody guesses one."""

Role = Literal["viewer", "operator", "admin"]
"""``viewer`` looks at calls; ``operator`` also talks, ends, transfers and uses the model; ``admin`` does all."""


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise ValueError("wanted scheme and host, such as https://app.example.com")
    return value.lower()


class KeySettings(Section):
    """An API key. The key alone may stand for the section."""

    key: SecretStr
    """At least 24 characters, such as the output of ``openssl rand -hex 24``."""
    role: Role = "operator"
    """``viewer`` looks at calls; ``operator`` also talks, ends, transfers and uses the model; ``admin`` does all."""

    @model_validator(mode="after")
    def _is_long(self) -> KeySettings:
        if len(self.key.get_secret_value()) < KEY_CHARACTERS:
            raise ValueError(f"is too short; wanted at least {KEY_CHARACTERS} characters, as of: openssl rand -hex 24")
        return self


class AccessSettings(Section):
    """Who may use the pages and the API. Without a key nobody may, but with ``server.auth: off`` on loopback."""

    keys: dict[Word, Annotated[KeySettings, BeforeValidator(word_for("key"))]] = {}
    """API keys by the name under which their use is written down."""
    session_s: int = Field(43200, ge=60, le=2_592_000)
    """How long a browser stays signed in."""
    origins: list[Annotated[str, AfterValidator(_origin)]] = []
    """Origins of other pages that may call, such as ``https://app.example.com``; none may but our own."""
    hosts: list[str] = []
    """Further host names under which this gateway is called; its own address and ``public_url`` are known."""
    requests_per_minute: int = Field(240, ge=1)
    """Of one key, and of one address; twice as many may come at once."""
    sign_ins_per_minute: int = Field(10, ge=1)
    """Wrong or right, of one address."""
    sockets: int = Field(20, ge=1)
    """Conversations, model sessions and event streams at the same time, of one key."""


StartField = Literal["persona", "flow", "voice", "language", "vad", "transcription", "greeting", "speed"]
"""What a page may choose when it starts a conversation."""


class BrowserSettings(Section):
    """Conversations over ``/ws/conversation``."""

    enabled: bool = True
    """Whether there are any."""
    allow: list[StartField] = ["persona", "flow", "voice", "language", "vad", "transcription", "speed"]
    """What a page may choose at the start."""
    personas: list[Word] | None = None
    """Those that a page may choose; None is all."""
    message_bytes: int = Field(1_048_576, ge=65_536, le=16_777_216)
    """Largest message taken from a page."""
    image_bytes: int = Field(524_288, ge=0)
    """Largest picture taken, decoded; 0 takes none."""
    text_characters: int = Field(4000, ge=1)
    """Longest written turn."""
    resume_s: float = Field(15, ge=0, le=120)
    """How long a page that lost its socket may come back; 0: never."""


ProxyField = Literal[
    "instructions",
    "voice",
    "speed",
    "turn_detection",
    "transcription",
    "noise_reduction",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "output_modalities",
    "format",
    "truncation",
    "reasoning",
    "include",
    "tracing",
    "prompt",
]
"""Fields of a session that a program may set over ``/v1/realtime``; the audio ones wherever they stand in it."""


class ProxySettings(Section):
    """The Realtime API for programs, over ``/v1/realtime``: our address and key, your endpoint."""

    enabled: bool = True
    """Whether there is one."""
    endpoint: Word | None = None
    """Which endpoint; None is the default one. It must speak the GA protocol."""
    allow: list[ProxyField] = [
        "instructions",
        "voice",
        "speed",
        "turn_detection",
        "transcription",
        "noise_reduction",
        "tools",
        "tool_choice",
        "max_output_tokens",
        "output_modalities",
        "format",
        "truncation",
        "reasoning",
    ]
    """Fields that a program may set; others are refused. The model is always the endpoint's. Tools that the vendor runs
    (``mcp``) are refused, for what they do is not in our hands."""
    message_bytes: int = Field(4_194_304, ge=65_536, le=16_777_216)
    """Largest message taken from a program."""
