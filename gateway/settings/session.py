"""Fields of a model session that an operator may set: at an endpoint, a persona or a number, the later one winning.

Each is one field of the Realtime API's session object. A field that is not given is not sent, so that the endpoint's
own default holds; ``null`` takes back what an earlier level said. What an endpoint lacks is told at the start.

Source: Realtime API reference, session object (GA, and beta for ``temperature``), read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from gateway.settings.section import Section, word_for

SESSION_PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "speed": "audio.output.speed",
        "max_output_tokens": "max_output_tokens",
        "noise_reduction": "audio.input.noise_reduction",
        "reasoning": "reasoning",
        "tool_choice": "tool_choice",
        "parallel_tool_calls": "parallel_tool_calls",
        "truncation": "truncation",
        "temperature": "temperature",
        "include": "include",
        "tracing": "tracing",
        "prompt": "prompt",
    }
)
"""Each field, and its path in the session object of the GA protocol (``temperature``: of the beta protocol)."""

PLAIN_TOOL_CHOICES: Final = frozenset({"auto", "none", "required"})
"""Choices of a tool that are no tool's name."""

_NO_LIMIT: Final = "inf"


Effort = Literal["minimal", "low", "medium", "high", "xhigh"]


class NoiseReductionSettings(Section):
    """Filters the caller's audio before turn detection and the model hear it."""

    type: Literal["near_field", "far_field"]
    """``near_field`` for handsets and headsets, ``far_field`` for speakerphones."""
    strength: float | None = Field(None, ge=0)
    """Higher filters more; the endpoint's own default is 1."""


class ReasoningSettings(Section):
    """How long a reasoning model thinks before it speaks; more of it answers later."""

    effort: Effort


class TokenLimitSettings(Section):
    """Bounds on the model's memory."""

    post_instructions: int | None = Field(None, ge=1)
    """Tokens that the conversation may have, instructions and tools not counted."""


class TruncationSettings(Section):
    """What the model forgets when the conversation grows too long for it."""

    type: Literal["auto", "disabled", "retention_ratio"] = "retention_ratio"
    """``auto``: the oldest, as little as needed; ``disabled``: nothing, an answer fails instead; ``retention_ratio``:
    the oldest, down to that share, so that it happens more seldom and cached tokens stay cached."""
    retention_ratio: float | None = Field(None, ge=0, le=1)
    """Share of the conversation that is kept; 0.8 where ``type`` is ``retention_ratio`` and nothing is given."""
    token_limits: TokenLimitSettings | None = None


class TracingSettings(Section):
    """The vendor's own traces of the session; they hold what was said. Nothing given is ``auto``."""

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: dict[str, Any] | None = None


class PromptSettings(Section):
    """A prompt that is stored with the vendor."""

    id: str
    version: str | None = None
    variables: dict[str, Any] | None = None


def _without_limit(value: Any) -> Any:
    return None if value == _NO_LIMIT else value


def _traced(value: Any) -> Any:
    return {} if value == "auto" else value


class SessionFields(Section):
    """Fields of the session object; none is sent unless it is given."""

    speed: float | None = Field(None, ge=0.25, le=1.5)
    """How fast the model speaks; 1 is its own pace."""
    max_output_tokens: Annotated[
        int | None,
        BeforeValidator(
            _without_limit, json_schema_input_type=Annotated[int, Field(ge=1, le=4096)] | Literal["inf"] | None
        ),
    ] = Field(None, ge=1, le=4096)
    """Tokens of one answer, speech included (20 a second); ``inf`` is without limit."""
    noise_reduction: (
        Annotated[
            NoiseReductionSettings,
            BeforeValidator(
                word_for("type"), json_schema_input_type=Literal["near_field", "far_field"] | NoiseReductionSettings
            ),
        ]
        | None
    ) = None
    """``near_field``, ``far_field``, or a section with ``strength``."""
    reasoning: (
        Annotated[
            ReasoningSettings, BeforeValidator(word_for("effort"), json_schema_input_type=Effort | ReasoningSettings)
        ]
        | None
    ) = None
    """``minimal``, ``low``, ``medium``, ``high`` or ``xhigh``; reasoning models only."""
    tool_choice: str | None = None
    """``auto``, ``none``, ``required``, or the name of the one tool that must be called."""
    parallel_tool_calls: bool | None = None
    """Whether one answer may call several tools; reasoning models only."""
    truncation: (
        Annotated[
            TruncationSettings,
            BeforeValidator(word_for("type"), json_schema_input_type=Literal["auto", "disabled"] | TruncationSettings),
        ]
        | None
    ) = None
    """``auto``, ``disabled``, or a section with ``retention_ratio`` and ``token_limits``."""
    temperature: float | None = Field(None, ge=0.6, le=1.2)
    """Higher is freer; endpoints of the beta protocol only."""
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None
    """Further facts that the endpoint shall send."""
    tracing: (
        Annotated[TracingSettings, BeforeValidator(_traced, json_schema_input_type=Literal["auto"] | TracingSettings)]
        | None
    ) = None
    """``auto``, or a section with ``workflow_name``, ``group_id`` and ``metadata``."""
    prompt: (
        Annotated[PromptSettings, BeforeValidator(word_for("id"), json_schema_input_type=str | PromptSettings)] | None
    ) = None
    """A stored prompt by its id, or a section with ``version`` and ``variables``."""
    extra: dict[str, Any] = {}
    """Any field that has no setting here, by its path in the session object: ``audio.output.new_field: 1``."""

    @property
    def given(self) -> dict[str, Any]:
        """The fields that say something, by their names here, as the API writes their values; without ``extra``."""
        return {name: _written(name, value) for name in SESSION_PATHS if (value := getattr(self, name)) is not None}


def layered(*levels: SessionFields) -> SessionFields:
    """Return the fields of several levels as one: later ones win field by field, and null takes a field back."""
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for level in levels:
        fields |= {name: getattr(level, name) for name in level.model_fields_set}
        extra |= level.extra
    return SessionFields.model_validate({**fields, "extra": extra})


def _written(name: str, value: Any) -> Any:
    """Return a field's value as the session object has it."""
    match name, value:
        case "tool_choice", str() if value not in PLAIN_TOOL_CHOICES:
            return {"type": "function", "name": value}
        case _, TruncationSettings(type="retention_ratio"):
            return {"retention_ratio": 0.8, **_object(value)}
        case _, TruncationSettings():
            return value.type
        case _, TracingSettings():
            return _object(value) or "auto"
        case _, Section():
            return _object(value)
        case _:
            return value


def _object(section: Section) -> dict[str, Any]:
    return section.model_dump(mode="json", exclude_none=True)
