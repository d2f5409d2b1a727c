"""What one call is to be: a persona with the caller's facts filled in, frozen before the first frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat
from gateway.contracts.leg import LegStarted, TransferTarget
from gateway.contracts.model import (
    ModelCapabilities,
    SemanticVad,
    ServerVad,
    SessionSetup,
    Transcription,
    TurnDetection,
)
from gateway.settings.schema import EndpointSettings, PersonaSettings, ServerVadSettings

_BLANK: Final = re.compile(r"\{(caller_number|dialed_number|parameters\.[A-Za-z0-9_.-]{1,64})\}")
_VALUE_AT_MOST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePlan:
    """The ladder of prompts for a silent caller."""

    after_ms: int
    prompts: tuple[str, ...]
    goodbye: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """Everything that a conversation needs to know of its persona, endpoint and limits."""

    persona: str
    endpoint: str
    instructions: str
    greeting: str | None
    disclosure: str | None
    goodbye: str | None
    apology: str
    language: str
    tools: frozenset[str]
    transfer_targets: Mapping[str, TransferTarget]
    idle: IdlePlan
    interruption: Literal["gateway", "server"]
    min_barge_in_ms: int
    silence_window_ms: int
    """Silence that the endpoint's turn detection waits out; taken off when a turn's end is dated."""
    deadline_ms: int


def plan_call(
    name: str,
    persona: PersonaSettings,
    started: LegStarted,
    *,
    endpoint: EndpointSettings,
    endpoint_name: str,
    call_s: int,
) -> CallPlan:
    """Return the plan of a call on ``persona``, with numbers and custom parameters filled into its instructions."""
    vad = persona.vad or endpoint.vad
    return CallPlan(
        persona=name,
        endpoint=endpoint_name,
        instructions=fill(persona.instructions, started),
        greeting=persona.greeting and fill(persona.greeting, started),
        disclosure=persona.disclosure,
        goodbye=persona.goodbye,
        apology=persona.apology,
        language=persona.language,
        tools=frozenset(persona.tools),
        transfer_targets={key: TransferTarget(uri) for key, uri in persona.transfer_targets.items()},
        idle=IdlePlan(
            after_ms=persona.idle.after_ms, prompts=tuple(persona.idle.prompts), goodbye=persona.idle.goodbye
        ),
        interruption=persona.interruption or endpoint.interruption,
        min_barge_in_ms=persona.min_barge_in_ms,
        silence_window_ms=vad.silence_duration_ms if isinstance(vad, ServerVadSettings) else 0,
        deadline_ms=call_s * 1000,
    )


def session_setup(
    plan: CallPlan,
    persona: PersonaSettings,
    endpoint: EndpointSettings,
    started: LegStarted,
    capabilities: ModelCapabilities,
) -> SessionSetup:
    """Return what the model session is told: every value of its turn detection, formats, voice, transcription."""
    return SessionSetup(
        instructions=plan.instructions,
        voice=persona.voice or endpoint.voice,
        input_format=_wire_format(endpoint, started.from_caller, capabilities.input_formats),
        output_format=_wire_format(endpoint, started.to_caller, capabilities.output_formats),
        turn_detection=_turn_detection(persona, endpoint, plan),
        transcription=_transcription(endpoint),
        extras=endpoint.session,
    )


def _wire_format(endpoint: EndpointSettings, leg: AudioFormat, able: tuple[AudioFormat, ...]) -> AudioFormat:
    """Return the format towards the model; ``auto`` is the leg's own, if the endpoint takes it."""
    match endpoint.audio:
        case "pcmu":
            return PCMU_8K
        case "pcma":
            return PCMA_8K
        case "auto" if leg in able:
            return leg
        case _:
            return PCM16_24K if PCM16_24K in able else able[0]


def _transcription(endpoint: EndpointSettings) -> Transcription | None:
    wanted = endpoint.transcription
    if wanted is None:
        return None
    return Transcription(
        model=wanted.model, language=wanted.language, prompt=wanted.prompt, keywords=tuple(wanted.keywords)
    )


def _turn_detection(persona: PersonaSettings, endpoint: EndpointSettings, plan: CallPlan) -> TurnDetection:
    vad = persona.vad or endpoint.vad
    interrupts = plan.interruption == "server"
    if isinstance(vad, ServerVadSettings):
        return ServerVad(
            threshold=vad.threshold,
            prefix_padding_ms=vad.prefix_padding_ms,
            silence_duration_ms=vad.silence_duration_ms,
            idle_timeout_ms=vad.idle_timeout_ms,
            interrupt_response=interrupts,
        )
    return SemanticVad(eagerness=vad.eagerness, interrupt_response=interrupts)


def fill(text: str, started: LegStarted) -> str:
    """Put ``{caller_number}``, ``{dialed_number}`` and ``{parameters.NAME}`` into ``text``.

    What a stranger wrote goes in as one line of at most 500 characters, so that it can't pass for lines of ours.
    Unknown parameters become nothing.
    """

    def value(match: re.Match[str]) -> str:
        key = match[1]
        if key == "caller_number":
            raw = started.caller_number
        elif key == "dialed_number":
            raw = started.dialed_number
        else:
            raw = started.parameters.get(key.removeprefix("parameters."), "")
        return " ".join(raw.split())[:_VALUE_AT_MOST]

    return _BLANK.sub(value, text)
