"""A compiled flow: everything resolved, nothing left to look up in files. What the engine runs and lint checks.

Flows, subflows, slots, tools, handlers and calendars; the steps are in :mod:`gateway.flows.steps`. All of it is
frozen and may be shared by any number of calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from gateway.flows.calendar import Calendar
from gateway.flows.expressions.kinds import Kind
from gateway.flows.expressions.syntax import Expression, Template
from gateway.flows.issues import Origin
from gateway.flows.prompts import Prompt
from gateway.flows.steps import AnyStep, ModelOverrides, Target, Value

__all__ = [
    "Bound",
    "Calendar",
    "Flow",
    "FlowNumber",
    "Handler",
    "HangupAction",
    "Limits",
    "Option",
    "Privacy",
    "Recording",
    "Slot",
    "SlotKind",
    "SlotType",
    "Subflow",
    "Tool",
    "ToolField",
    "Variable",
]


class Privacy(StrEnum):
    """How far a value may travel (flows.md section 2.4), from anywhere to nowhere."""

    PUBLIC = "public"
    PERSONAL = "personal"
    """To the model in this step only; masked in logs."""
    SENSITIVE = "sensitive"
    """As personal, and what was said is deleted from the model's memory on leaving the step."""
    SECRET = "secret"  # noqa: S105 - the word, not one
    """Keys only, never to the model, readable by nobody but a tool's ``secret`` argument."""
    CARD = "card"
    """As secret; ``.last4`` and ``.brand`` may be read."""


class SlotKind(StrEnum):
    """What a slot holds."""

    DIGITS = "digits"
    NUMBER = "number"
    AMOUNT = "amount"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    DURATION = "duration"
    PHONE = "phone"
    POSTCODE = "postcode"
    CARD_NUMBER = "card_number"
    EXPIRY = "expiry"
    IBAN = "iban"
    ACCOUNT = "account"
    EMAIL = "email"
    NAME = "name"
    CHOICE = "choice"
    YES_NO = "yes_no"
    TEXT = "text"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a choice slot, and what callers say for it, per language, lower case."""

    id: str
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotType:
    """What may stand in a slot, without its limits at run time."""

    kind: SlotKind
    min_length: int | None = None
    """Digits, characters."""
    max_length: int | None = None
    currency: str = "EUR"
    decimals: int = 2
    region: str = ""
    """ISO 3166 country for phone numbers and postcodes."""
    options: tuple[Option, ...] = ()
    of_tool: str | None = None
    """The tool that lists the options at run time: a list of texts, or of objects with ``id`` and ``name``."""
    max_words: int | None = None
    pattern: str | None = None
    """A regular expression that the whole value has to match."""
    checks: tuple[str, ...] = ()
    """Further checks by name: ``luhn``, ``mod97``."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of ``between``: an expression, evaluated when the slot is filled."""

    expression: Expression
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Something to learn from the caller."""

    name: str
    type: SlotType
    origin: Origin
    low: Bound | None = None
    high: Bound | None = None
    check_tool: str | None = None
    """A tool called with the value; any outcome but ``ok`` is an invalid answer of that reason."""
    input: Literal["any", "keys_only", "voice_only"] = "any"
    confirm: Literal["always", "if_unsure", "never"] = "if_unsure"
    spell_back: bool = False
    suggest: Template | None = None
    """A likely value, offered for a yes."""
    hints: tuple[str, ...] = ()
    """Words that the transcriber may expect."""
    privacy: Privacy = Privacy.PUBLIC
    optional: bool = False
    keep: Literal["call", "step"] = "call"
    ask: Prompt | None = None
    """How it is asked for by itself, in ``ask`` steps with several slots."""
    invalid: Mapping[str, Prompt] = field(default_factory=dict)
    """What is said when a value is refused, by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A value of the flow's own."""

    name: str
    kind: Kind
    start: Value | None
    """None: unset until something sets it."""
    origin: Origin
    writers: tuple[str, ...] = ()
    """``tool:x`` or ``flow:x`` if the file says that its value comes from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolField:
    """An argument or a result field of a tool."""

    name: str
    kind: Kind
    required: bool = True
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The contract of something outside that a flow calls."""

    name: str
    origin: Origin
    method: str = "POST"
    url: Template | None = None
    """May hold ``${secret.…}``, arguments, ``${call.…}``; None for ``python`` tools."""
    python: str | None = None
    """``package.module:callable`` instead of HTTP."""
    headers: Mapping[str, Template] = field(default_factory=dict)
    auth: Template | None = None
    """The value of the Authorization header."""
    sends: Mapping[str, ToolField] = field(default_factory=dict)
    outcomes: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Outcome → HTTP statuses that mean it; ``ok`` is among them; ``failed`` is never listed."""
    empty_outcome: str | None = None
    """The outcome when the answer is an empty list (``none: empty``)."""
    result: Kind
    """What a call gives: an object with fields, or a list of such."""
    result_at: str | None = None
    """The key of the answer that holds the result; None: the answer itself."""
    facts: tuple[str, ...] = ()
    """Result fields that a model may be told; empty: all that are returned."""
    description: str = ""
    """For the model, in ``talk``."""
    idempotent: bool = False
    idempotency_key: Template | None = None
    changes_data: bool = False
    personal: bool = False
    """Its result is about a person who has to be identified first."""
    identifies: bool = False
    """Its ``ok`` outcome tells who the caller is."""
    timeout_ms: int = 5_000


@dataclass(frozen=True, slots=True)
class HangupAction:
    """Something done without audio: tell an event, call a tool, or set variables."""

    event: str | None = None
    tool: str | None = None
    arguments: Mapping[str, Value] = field(default_factory=dict)
    sets: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Something that works in every step."""

    name: str
    """``person``, ``repeat``, ``silence``, ``no_match``, ``too_long``, ``error``, ``hangup``, or the flow's own."""
    origin: Origin
    means: str = ""
    """An explanation for the model; empty: not offered by voice."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    key: str | None = None
    say: Prompt | None = None
    target: Target | None = None
    run: str | None = None
    """A subflow to run instead (a digression)."""
    arguments: Mapping[str, Value] = field(default_factory=dict)
    repeats: bool = False
    """Says the step's prompt again (``do: repeat_step``)."""
    actions: tuple[HangupAction, ...] = ()
    after_ms: int | None = None
    """Of ``silence`` and ``too_long``."""
    returns: Literal["resume", "restart"] | None = None
    """After a digression: go on with the step, or begin it again."""
    not_from: frozenset[str] = frozenset()
    """Step paths where it does not work."""
    only_from: frozenset[str] | None = None

    def works_in(self, path: str) -> bool:
        """Whether it works while a call stands on that step."""
        return path not in self.not_from and (self.only_from is None or path in self.only_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one call; None is no bound of the flow's own."""

    max_call_ms: int | None = None
    max_turns: int | None = None
    max_cost: tuple[Decimal, str] | None = None
    """An amount and its currency."""
    visits_per_step: int = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Whether the call is recorded, and when the caller is told."""

    mode: Literal["on", "off"] = "off"
    notice: str = ""
    """``first_prompt``, a step's path, or empty: no notice demanded."""


@dataclass(frozen=True, slots=True)
class FlowNumber:
    """A dialled number, or with ``*`` at the end all that begin so; the longest match wins."""

    text: str
    origin: Origin

    def matches(self, dialed: str) -> int:
        """Return how much of a number is matched, in characters; 0 is no match."""
        if self.text.endswith("*"):
            return len(self.text) - 1 if dialed.startswith(self.text[:-1]) else 0
        return len(self.text) + 1 if dialed == self.text else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subflow:
    """A part of a flow with a typed contract and variables of its own."""

    name: str
    origin: Origin
    takes: Mapping[str, Kind]
    returns: Mapping[str, Kind]
    """Variables of the subflow that its ``return`` hands over."""
    outcomes: tuple[str, ...]
    start: str
    """A step's path."""
    local_names: frozenset[str]
    """Variables that live and die with one run: taken, returned, declared, saved or given. Others are the flow's."""
    variables: Mapping[str, Variable] = field(default_factory=dict)
    """Those that it declares, with their values at the start of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A phone service."""

    id: str
    title: str
    version: str
    owner: str
    origin: Origin
    digest: str
    """SHA-256 of every file that it was made of: the bundle's name. Hexadecimal."""
    files: tuple[str, ...]
    """Those files, as shown to people."""
    languages: tuple[str, ...]
    """BCP 47 tags; the first is the default."""
    voices: Mapping[str, str | None]
    """Language → voice; None: the endpoint's own."""
    persona: Mapping[str, str]
    """Language → who the model is."""
    numbers: tuple[FlowNumber, ...]
    start: str
    agent_exit: str | None
    """The step behind "a person, please"; None is an error unless nothing needs it."""
    limits: Limits
    recording: Recording
    calendars: Mapping[str, Calendar]
    slots: Mapping[str, Slot]
    variables: Mapping[str, Variable]
    tools: Mapping[str, Tool]
    handlers: Mapping[str, Handler]
    steps: Mapping[str, AnyStep]
    """By path, those of subflows too, in the order of the file."""
    subflows: Mapping[str, Subflow]
    model: ModelOverrides
    silence_ms: int
    """Silence that counts as no answer."""
    kinds: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)
    """Subflow (empty: the top) → the names that live there, and their kinds."""

    @property
    def language(self) -> str:
        """The default language."""
        return self.languages[0]

    def steps_of(self, subflow: str | None) -> Iterator[AnyStep]:
        """Return the steps at the top (None) or of one subflow."""
        return (step for step in self.steps.values() if step.subflow == subflow)

    def kind_of(self, name: str, subflow: str | None = None) -> Kind | None:
        """Return the kind of a variable or slot as a step sees it; None if there is none of that name."""
        own = self.kinds.get(subflow or "", {})
        return own.get(name) or self.kinds.get("", {}).get(name)
