"""What one call is to be: a persona with the caller's facts filled in, frozen before the first frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gateway.contracts.leg import LegStarted, TransferTarget
from gateway.settings.schema import PersonaSettings

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
    endpoint: str,
    interruption: Literal["gateway", "server"],
    silence_window_ms: int,
    deadline_ms: int,
) -> CallPlan:
    """Return the plan of a call on ``persona``, with numbers and custom parameters filled into its instructions."""
    return CallPlan(
        persona=name,
        endpoint=endpoint,
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
        interruption=interruption,
        min_barge_in_ms=persona.min_barge_in_ms,
        silence_window_ms=silence_window_ms,
        deadline_ms=deadline_ms,
    )


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
