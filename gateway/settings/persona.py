"""What the settings say of a persona: who answers a call that runs no flow."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.settings.endpoint import VadSettings
from gateway.settings.section import Section, Word


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
