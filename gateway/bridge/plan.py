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
from gateway.contracts.tool import NO_FILLER, Filler
from gateway.settings.effective import session_of, transcription_of, vad_of
from gateway.settings.schema import (
    EndpointSettings,
    PersonaSettings,
    SemanticVadSettings,
    ServerVadSettings,
    TranscriptionSettings,
    VadSettings,
)
from gateway.settings.session import SESSION_PATHS

_BLANK: Final = re.compile(r"\{(caller_number|dialed_number|parameters\.[A-Za-z0-9_.-]{1,64})\}")
_VALUE_AT_MOST: Final = 500

SILENCE_FOR: Final[Mapping[str, int]] = {"high": 400, "medium": 700, "auto": 700, "low": 1200}
"""Where an endpoint has no semantic VAD: milliseconds of silence that fit the eagerness. Its own upper bounds (2, 4 and
8 seconds) are for unfinished sentences, which loudness can't tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePlan:
    """The ladder of prompts for a silent caller."""

    after_ms: int
    prompts: tuple[str, ...]
    goodbye: str


WINDOW_TOKENS: Final = 16_000
"""The window of a model of which nothing is known: the least that any in use has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPlan:
    """How a long conversation is kept."""

    keep_turns: int | None = None
    """The caller's latest turns that are kept word for word; None leaves the session to its own truncation."""
    window_tokens: int = WINDOW_TOKENS


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
    filler: Filler = NO_FILLER
    """Covers silence while the caller waits for a tool."""
    lookup_wait_ms: int = 0
    """How long the greeting may wait for what is looked up at the start."""
    context: ContextPlan = ContextPlan()
    session_limit_ms: int | None = None
    """How long a session lasts, if the operator says so."""
    reconnect_within_ms: int = 8000
    """How long another session is tried for when one is lost."""


def plan_call(
    name: str,
    persona: PersonaSettings,
    started: LegStarted,
    *,
    endpoint: EndpointSettings,
    endpoint_name: str,
    call_s: int,
    semantic_vad: bool = True,
) -> CallPlan:
    """Return the plan of a call on ``persona``, with numbers and custom parameters filled into its instructions.

    ``persona`` has what the number says put in; ``semantic_vad``: whether the endpoint has it.
    """
    vad = possible_vad(vad_of(persona, endpoint), semantic=semantic_vad)
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
        filler=Filler(
            say=tuple(persona.filler.say), after_ms=persona.filler.after_ms, again_ms=persona.filler.again_ms
        ),
        lookup_wait_ms=persona.lookup.wait_ms if persona.lookup is not None else 0,
        context=ContextPlan(
            keep_turns=persona.context.keep_turns,
            window_tokens=endpoint.capabilities.window_tokens or WINDOW_TOKENS,
        ),
        session_limit_ms=None if endpoint.session_limit_s is None else endpoint.session_limit_s * 1000,
        reconnect_within_ms=endpoint.reconnect_within_ms,
    )


def session_setup(
    plan: CallPlan,
    persona: PersonaSettings,
    endpoint: EndpointSettings,
    started: LegStarted,
    capabilities: ModelCapabilities,
) -> SessionSetup:
    """Return what the model session is told, without the settings that the endpoint lacks.

    What is left out here was told at the start, with the nearest means (``realtime/shortfalls.py``).
    """
    fields = session_of(persona, endpoint)
    extras = {SESSION_PATHS[name]: value for name, value in fields.given.items() if name not in capabilities.lacks}
    if "noise_reduction.strength" in capabilities.lacks:
        extras.get(SESSION_PATHS["noise_reduction"], {}).pop("strength", None)
    voice = None if "voice" in capabilities.lacks else persona.voice or endpoint.voice
    return SessionSetup(
        instructions=plan.instructions,
        voice=voice,
        input_format=_wire_format(endpoint, started.from_caller, capabilities.input_formats),
        output_format=_wire_format(endpoint, started.to_caller, capabilities.output_formats),
        turn_detection=_turn_detection(persona, endpoint, plan, capabilities),
        transcription=_transcription(transcription_of(persona, endpoint), capabilities),
        extras=extras | fields.extra,
    )


def _wire_format(endpoint: EndpointSettings, leg: AudioFormat, able: tuple[AudioFormat, ...]) -> AudioFormat:
    """Return the format towards the model; ``auto`` is the leg's own, if the endpoint takes it."""
    match endpoint.audio:
        case "pcmu" if PCMU_8K in able:
            return PCMU_8K
        case "pcma" if PCMA_8K in able:
            return PCMA_8K
        case "auto" if leg in able:
            return leg
        case _:
            return PCM16_24K if PCM16_24K in able else able[0]


def _transcription(wanted: TranscriptionSettings | None, able: ModelCapabilities) -> Transcription | None:
    if wanted is None or "transcription" in able.lacks:
        return None
    refused = {f"transcription.{option}" for option in wanted.lacks or ()} | able.lacks

    def has(option: str) -> bool:
        return f"transcription.{option}" not in refused

    return Transcription(
        model=wanted.model,
        language=wanted.language if has("language") else None,
        languages=tuple(wanted.languages) if has("languages") else (),
        prompt=wanted.prompt if has("prompt") else None,
        keywords=tuple(wanted.keywords) if has("keywords") else (),
        delay=wanted.delay if has("delay") else None,
    )


def possible_vad(vad: VadSettings, *, semantic: bool) -> VadSettings:
    """Return the turn detection that an endpoint can do: loudness stands in for meaning where that is not to be had."""
    if semantic or not isinstance(vad, SemanticVadSettings):
        return vad
    return ServerVadSettings(silence_duration_ms=SILENCE_FOR[vad.eagerness])


def _turn_detection(
    persona: PersonaSettings, endpoint: EndpointSettings, plan: CallPlan, able: ModelCapabilities
) -> TurnDetection:
    vad = possible_vad(vad_of(persona, endpoint), semantic=able.semantic_vad)
    interrupts = plan.interruption == "server"
    if isinstance(vad, ServerVadSettings):
        return ServerVad(
            threshold=vad.threshold,
            prefix_padding_ms=vad.prefix_padding_ms,
            silence_duration_ms=vad.silence_duration_ms,
            idle_timeout_ms=None if "vad.idle_timeout_ms" in able.lacks else vad.idle_timeout_ms,
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
