"""What the settings say of a persona: who answers a call that runs no flow."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.settings.context import ContextSettings
from gateway.settings.endpoint import TranscriptionChanges, VadSettings
from gateway.settings.section import Section, Word
from gateway.settings.session import SessionFields
from gateway.settings.tools import FillerSettings, LookupSettings


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
    """None is the endpoint's."""
    language: str = "en"
    """What is spoken, ISO-639-1: of the local voice, and of the transcriber's hints."""
    greeting: str | None = "Hello! How can I help you?"
    """Said first, in the model's own voice; null waits for the caller."""
    goodbye: str | None = "Thank you for calling. Goodbye."
    """Said when the model ends the call without having said goodbye; null lets it find its own words."""
    disclosure: str | None = None
    """Said before anything else, word for word, not interruptible; its heard time is in the record."""
    tools: list[str] = ["end_call"]
    """What the model may call: ``end_call``, ``transfer_call``, ``send_digits`` (on lines that can), and names of
    ``tools``."""
    lookup: LookupSettings | None = None
    """Tools that are called when the call starts; their results stand in the instructions."""
    filler: FillerSettings = FillerSettings()
    """Said while the caller would wait for a tool in silence."""
    transfer_targets: dict[Word, str] = {}
    """Where ``transfer_call`` may send a caller: name → ``tel:+44…`` or ``sip:…``. The model only picks a name."""
    idle: IdleSettings = IdleSettings()
    """What happens when the caller says nothing."""
    interruption: Literal["gateway", "server"] | None = None
    """Who stops an answer when the caller speaks; None is the endpoint's way."""
    vad: VadSettings | None = None
    """When the caller's turn begins and ends; None is the endpoint's way."""
    transcription: TranscriptionChanges | None = None
    """Changes the endpoint's, option by option."""
    session: SessionFields = SessionFields()
    """Fields of the session that win over the endpoint's."""
    context: ContextSettings = ContextSettings()
    """How a long conversation is kept."""
    min_barge_in_ms: int = Field(0, ge=0, le=2000)
    """Speech shorter than this does not interrupt: the agent is held and goes on from the exact sample. 0 is off."""
    apology: str = "I'm sorry, something went wrong on our side. Please call again later. Goodbye."
    """Said by the local voice, or a shipped recording, when the model is lost for good."""
