"""What the settings say of the webhook: where the records of calls are sent as they come."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from gateway.settings.section import Section


class WebhookSettings(Section):
    """Records of calls, as JSON, to an address of yours: signed, repeated until it is taken, kept over a restart."""

    url: str
    """``https://…``; plain ``http`` only to this machine."""
    secret: Annotated[SecretStr, Field(min_length=16)]
    """Signs every body: ``Gateway-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of "t.body">``."""
    events: list[str] = []
    """Which records, by their ``event``, such as ``call_ended``; empty: all."""
    timeout_ms: int = Field(10_000, ge=100, le=60_000)
    """How long one request may take."""
    at_once: int = Field(100, ge=1, le=1000)
    """The most records in one body."""

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        local = ("http://127.0.0.1", "http://[::1]", "http://localhost")
        if not url.startswith("https://") and not any(
            url.startswith(prefix) and url[len(prefix) : len(prefix) + 1] in {"", ":", "/"} for prefix in local
        ):
            raise ValueError("is no https:// address; http:// is for this machine only")
        return url
