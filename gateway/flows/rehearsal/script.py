"""A scripted test as it was read: who calls, what the world answers, what the caller does, what is expected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.flows.document import Node
from gateway.flows.issues import Origin
from gateway.flows.model import Flow

SOMEBODY: Final = "+441134960123"
"""Who calls where a test does not say: a number that is set aside for stories."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the caller's words mean, as a model would answer: used ``--as given``.

    ``kind`` is a choice, a handler, ``yes``, ``no``, ``refuse``, ``unclear``, ``still_talking``, an exit of a talk, or
    empty where values alone are the answer.
    """

    kind: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """Slot → value, as a model would write it."""
    fix: tuple[str, str] | None = None
    """A slot that is corrected, and its new value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """The caller says something."""

    origin: Origin
    text: str
    means: Meaning | None = None
    """None: the words have to speak for themselves."""
    during: str | None = None
    """The step that they cut in on, while it still speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presses:
    """The caller presses keys, one after the other."""

    origin: Origin
    keys: str
    during: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """The caller says nothing for a while."""

    origin: Origin
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HangsUp:
    """The caller hangs up."""

    origin: Origin
    during: str | None = None


CallerLine = Says | Presses | Silent | HangsUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What has to be so now; what is heard and what happens counts since the caller last did something."""

    origin: Origin
    step: str | None = None
    heard: tuple[str, ...] = ()
    """Parts of what was said to the caller."""
    not_heard: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """Whole prompts."""
    event: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    """Steps that were entered."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """Slots and variables, as they are read aloud; ``none``: without a value."""
    tool_calls: Mapping[str, int] = field(default_factory=dict)
    """How often tools were called since the call began."""
    asked_model: int | None = None
    """How many closed questions the model was asked."""
    ended: str | None = None
    """Why the call is over; ``no``: it is not."""
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The caller does once more what they did since the last ``again``, so many times."""

    origin: Origin
    times: int


Line = CallerLine | Expect | Again


@dataclass(frozen=True, slots=True)
class Fake:
    """One answer of a tool, a transfer, a voicemail or a payment."""

    outcome: str
    result: Node | None = None
    """A tool's result as it was written; None: one is made from the contract."""
    after_ms: int | None = None
    """How long it takes; None: a moment. Longer than the limit is a timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What answers the flow, by tool or by step; the last answer of a list serves for all that follow."""

    tools: Mapping[str, tuple[Fake, ...]] = field(default_factory=dict)
    transfers: Mapping[str, tuple[Fake, ...]] = field(default_factory=dict)
    messages: Mapping[str, tuple[Fake, ...]] = field(default_factory=dict)
    payments: Mapping[str, tuple[Fake, ...]] = field(default_factory=dict)

    def over(self, common: World) -> World:
        """Return this world, with the answers of another where it has none."""
        return World(
            tools={**common.tools, **self.tools},
            transfers={**common.transfers, **self.transfers},
            messages={**common.messages, **self.messages},
            payments={**common.payments, **self.payments},
        )


@dataclass(frozen=True, slots=True)
class Never:
    """Texts that must not turn up."""

    said_anywhere: tuple[str, ...] = ()
    logged_anywhere: tuple[str, ...] = ()
    sent_to_model: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: a call."""

    name: str
    origin: Origin
    language: str = ""
    at: dt.datetime | None = None
    """When the call comes, in the flow's zone; None: a Wednesday morning."""
    caller: str = SOMEBODY
    world: World = World()
    lines: tuple[Line, ...] = ()
    never: Never = Never()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The least share of steps and exits that a file's tests must come by, in percent."""

    steps: int = 0
    exits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A file of tests for one flow."""

    file: str
    flow: Flow
    cases: tuple[Case, ...]
    thresholds: Thresholds = Thresholds()
