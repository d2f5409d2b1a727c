"""A caller's script: what the caller does, step by step, and what the call must come to.

Frozen values, made by hand or read from YAML (``simulator/script_file.py``). Times are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gateway.simulator.line import Line


class Agent(StrEnum):
    """What a caller waits for."""

    TO_START = "to start"
    TO_FINISH = "to finish"


class EndedBy(StrEnum):
    """Who ended a simulated call."""

    CALLER = "caller"
    GATEWAY = "gateway"
    """It closed the media stream, hung up by the REST API, put the caller through, or never took the call."""
    CARRIER = "carrier"
    """A fault of the carrier that was asked for."""
    LIMIT = "limit"
    """The script's time ran out."""


@dataclass(frozen=True, slots=True)
class Say:
    """Say a text with the local voice."""

    text: str
    language: str | None = None
    """None: the script's."""
    voice: str | None = None
    speed: float = 1.0
    line: int = 0
    """Of the script's file, 0 when it was made by hand; so in every step."""


@dataclass(frozen=True, slots=True)
class PlayFile:
    """Say what is in a WAV file (its first channel)."""

    path: Path
    line: int = 0


@dataclass(frozen=True, slots=True)
class WaitForAgent:
    """Wait for the agent to begin, or to have finished, as the caller's ear tells it.

    ``settle_ms``: how long it must be quiet before it counts as finished. After ``within_ms`` the caller loses
    patience: the step fails and the script goes on.
    """

    agent: Agent
    settle_ms: int = 600
    within_ms: int = 20_000
    line: int = 0


@dataclass(frozen=True, slots=True)
class InterruptAfter:
    """Wait until this much of what the agent says now was heard; the next step cuts in.

    Counts from the agent's first sound since the caller's last words, or since a wait for the agent to finish.
    """

    heard_ms: int
    within_ms: int = 20_000
    line: int = 0


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys."""

    keys: str
    gap_ms: int = 200
    """From one key to the next."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class StaySilent:
    """Say nothing for a while, whatever the agent does."""

    duration_ms: int
    line: int = 0


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up."""

    line: int = 0


Step = Say | PlayFile | WaitForAgent | InterruptAfter | Press | StaySilent | HangUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What the call must come to; None: not asked."""

    ended_by: EndedBy | None = None
    transferred_to: str | None = None
    within_ms: int | None = None
    """The call's length, from the stream's first instant, at most."""
    answered_within_ms: int | None = None
    """Each utterance that is meant to be answered is, so soon."""
    clears_at_least: int | None = None
    """How often the gateway must have cleared the playout: barge-ins that it noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A caller."""

    name: str = "caller"
    about: str = ""
    language: str = "en"
    voice: str | None = None
    speed: float = 1.0
    steps: tuple[Step, ...] = ()
    """When they run out, the caller stays on the line and listens."""
    expect: Expect = field(default_factory=Expect)
    line: Line = field(default_factory=Line)
    limit_ms: int = 120_000
    """The caller hangs up after this long, whatever happens."""
