"""What the settings say of what a call leaves behind."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, model_validator

from gateway.settings.section import Section
from gateway.settings.store import StoreSettings
from gateway.settings.webhook import WebhookSettings


class EncryptionSettings(Section):
    """Recordings that only the holder of a key can read (AES-256-GCM): give ``key`` or ``key_command``."""

    key: SecretStr | None = None
    """32 bytes in base64 or hexadecimal, as ``openssl rand -base64 32`` makes them; by ``${ENV}`` or ``${file:…}``."""
    key_command: str | None = Field(None, min_length=1)
    """A command of your key management that prints such a key; run once at the start, without a shell."""

    @model_validator(mode="after")
    def _one_of_both(self) -> EncryptionSettings:
        if (self.key is None) == (self.key_command is None):
            raise ValueError("wants either key or key_command")
        return self


class RecordSettings(Section):
    """What a call leaves behind in ``data_dir``."""

    journal: bool = True
    """Everything that happened, as one JSON line each."""
    recording: bool = True
    """Both sides as heard, as a stereo WAV file."""
    card_protection: Literal["on", "off"] = "on"
    """``on``: what was masked in the transcript is silent in the recording, so is speech that was not written down
    within 10 s, and tones of keys are taken out. ``off`` keeps all sound."""
    encryption: EncryptionSettings | None = None
    """Seals recordings; ``gateway calls show CALL --recording OUT.wav`` opens one."""
    timeline: bool = True
    """The call as a picture, and its transcript."""
    retention_days: int = Field(30, ge=1)
    """Days after which what a call left is deleted: files and rows."""
    store: StoreSettings = StoreSettings()
    """The database of calls."""
    webhook: WebhookSettings | None = None
    """Where records are sent."""
