"""What the operator, or ``models.yaml``, says that an endpoint can't do, on top of what its kind can't do anyway."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.settings.section import Section

TranscriptionOption = Literal["language", "languages", "prompt", "keywords", "delay"]
"""Options that some transcribers refuse."""

Lack = Literal[
    "speed",
    "max_output_tokens",
    "noise_reduction",
    "noise_reduction.strength",
    "reasoning",
    "tool_choice",
    "parallel_tool_calls",
    "truncation",
    "temperature",
    "include",
    "tracing",
    "prompt",
    "voice",
    "images",
    "transcription",
    "transcription.language",
    "transcription.languages",
    "transcription.prompt",
    "transcription.keywords",
    "transcription.delay",
    "vad.idle_timeout_ms",
]
"""Settings that an endpoint of our own types may be without; a plug-in may be without more."""


class CapabilitySettings(Section):
    """Lowers what an endpoint is taken to be able to do; ``true`` never raises it."""

    truncates: bool | None = None
    """Takes "only this much was heard". Without it an interrupted answer is written anew, if items can be deleted."""
    deletes_items: bool | None = None
    cancels: bool | None = None
    """Stops an answer on demand. Without it the rest of an interrupted answer is made, and not played."""
    semantic_vad: bool | None = None
    """Without it ``semantic_vad`` becomes ``server_vad`` with a silence that fits the eagerness."""
    out_of_band: bool | None = None
    """Answers beside the conversation. Without it a disclosure is asked for within."""
    audio: list[Literal["pcm24", "pcmu", "pcma"]] | None = Field(None, min_length=1)
    """The wire formats that it takes and gives."""
    lacks: list[Lack] | None = None
    """Settings that it has not; taken in place of what ``models.yaml`` says of the model."""
    window_tokens: int | None = Field(None, ge=1)
    """The most tokens that the model can keep in mind; from ``models.yaml``, by the model."""
