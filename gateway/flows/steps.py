"""The steps of a compiled flow: one frozen class per verb, every default filled in, every target resolved.

Durations are milliseconds. Targets hold step *paths*: ``main`` at the top of a flow, ``pick_existing.list`` inside a
subflow. ``step.exits`` lists every way out, for engines, graphs and lint alike; the fields beside it say the same
per verb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from gateway.flows.expressions.syntax import Expression, Template
from gateway.flows.issues import Origin
from gateway.flows.prompts import Prompt

# --- where to go --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GoTo:
    """Go on with a step, by its path."""

    step: str

    def __str__(self) -> str:
        return self.step


@dataclass(frozen=True, slots=True)
class EndCall:
    """The call is over for us: the caller was handed on, or there is nothing more to say."""

    def __str__(self) -> str:
        return "end_call"


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Leave the subflow with this outcome."""

    outcome: str

    def __str__(self) -> str:
        return f"return {self.outcome}"


Target = GoTo | EndCall | GiveBack

ExitKind = Literal["next", "outcome", "choice", "exit", "branch", "key", "guard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """One way out of a step."""

    name: str
    """The outcome, choice or exit id; ``next``; ``if 1`` … and ``else`` of a decide; ``key 9``; ``guard``."""
    kind: ExitKind
    target: Target
    origin: Origin


# --- how it listens -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptPolicy:
    """Whether a caller may cut in while something is said."""

    mode: Literal["allowed", "keys_only", "blocked"] = "allowed"
    after_ms: int = 0
    """No cutting in during the first part."""
    min_speech_ms: int = 300
    """Shorter speech (a cough) does not cut in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """What is said, and how often, when an answer does not come or can't be used."""

    limit: int
    """Unusable answers of all kinds together before ``failed``."""
    same_kind_limit: int
    """Unusable answers of one kind (silence, no match, invalid) before ``failed``."""
    no_input: Prompt | None
    no_match: Prompt | None
    invalid: Mapping[str, Prompt]
    """By reason, such as ``luhn`` or ``too_early``; ``any`` serves for the rest; none given takes ``no_match``."""
    offer_keypad_after: int = 2
    """From this unusable answer on the keypad is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Timers and keys of a step that waits for the caller."""

    silence_ms: int
    """Silence after the prompt was heard that counts as no answer."""
    digit_gap_ms: int
    """A pause between keys that ends the entry."""
    end_key: Literal["#", "*", ""]
    """The key that ends an entry; empty: none."""
    type_ahead: bool
    """Keys pressed before the prompt count."""
    retries: Retries


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOverrides:
    """How the model is set for a step; None leaves the flow's or the endpoint's own."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    wait_for_caller: Literal["quick", "normal", "patient"] | None = None
    max_words: int | None = None
    name: str | None = None
    """Another model: on ``run`` and ``language`` only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A condition on entry, whichever way a caller comes."""

    need: Expression
    otherwise: Target
    origin: Origin


@dataclass(frozen=True, slots=True)
class Effective:
    """A value that holds for a step, as written, and where it was written; for ``flow explain``."""

    value: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Value:
    """Something given to a variable or an argument.

    A template that is nothing but one ``${…}`` gives that expression's value with its type; any other gives text,
    or, where ``literal`` is not None, that constant.
    """

    template: Template
    literal: bool | Decimal | None = None


# --- steps --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What all steps have."""

    path: str
    """Unique in the flow: ``main``, ``pick_existing.list``."""
    name: str
    """As written: ``list``."""
    subflow: str | None
    """The subflow it belongs to, None at the top."""
    origin: Origin
    exits: tuple[Exit, ...]
    guard: Guard | None = None
    event: str | None = None
    """An event for the reports, told on entry (after the guard)."""
    sets: Mapping[str, Value] = field(default_factory=dict)
    """Variables set on entry; for ``set`` steps their whole work."""
    interrupt: InterruptPolicy = InterruptPolicy()
    model: ModelOverrides = ModelOverrides()
    memory: Literal["keep", "facts", "fresh"] = "keep"
    """What the model remembers on leaving the step: the last items, only facts, or nothing."""
    note: str | None = None
    effective: Mapping[str, Effective] = field(default_factory=dict)

    @property
    def verb(self) -> str:
        """The verb: ``say``, ``menu`` …."""
        return type(self).__name__.lower()

    def exit(self, name: str) -> Exit | None:
        """Return the way out of that name."""
        return next((way for way in self.exits if way.name == name), None)

    def target(self, name: str) -> Target | None:
        """Return where an outcome leads: its own way out, else that of ``failed``, else None."""
        way = self.exit(name) or self.exit("failed") or self.exit("gave_up")
        return way.target if way else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(Step):
    """Says something. Exits: ``next``, ``key N``."""

    prompt: Prompt
    keys: Mapping[str, Target] = field(default_factory=dict)
    """Keys that leave at once (``listen_for``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One line of a menu."""

    id: str
    key: str | None
    """One of ``0-9 * #``, or more digits; None: by voice only."""
    means: str
    """An explanation for the model."""
    words: Mapping[str, tuple[str, ...]]
    """Language → what callers say literally, lower case: the fast path without the model."""
    fills: tuple[str, ...] = ()
    """Slots that the caller's sentence may fill on the way."""
    target: Target
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu(Step):
    """Offers choices, from the file or from a list at run time. Exits: choice ids, ``picked``, ``failed``."""

    prompt: Prompt | None
    """None: the list alone is read."""
    choices: tuple[Choice, ...]
    listening: Listening
    source: Expression | None = None
    """The list to pick from (``from``)."""
    each: Prompt | None = None
    """How an entry of the list is read; ``item`` is the entry, ``position`` counts from 1."""
    show: int = 0
    """Entries read at a time; 0: all."""
    press_position: bool = False
    """Keys 1, 2, 3 … by order."""
    save: str | None = None
    """The variable that takes the picked entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Step):
    """Asks for one slot or more. Exits: ``filled``, ``refused``, ``failed``."""

    slots: tuple[str, ...]
    prompt: Prompt
    style: Literal["one_by_one", "together"]
    listening: Listening


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(Step):
    """Asks yes or no; keys 1 and 2. Exits: ``if_yes``, ``if_no``, ``failed``."""

    prompt: Prompt
    listening: Listening


@dataclass(frozen=True, slots=True)
class FactFile:
    """A file of facts: its path inside the flows folder and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class FactValue:
    """A slot or variable whose value is told as a fact."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkExit:
    """One way out of a talk, which the model may ask for."""

    id: str
    when: str
    """An explanation for the model."""
    needs: tuple[str, ...] = ()
    """Slots that must be filled first."""
    fills: tuple[str, ...] = ()
    """Slots that the model may hand over with it."""
    target: Target
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk(Step):
    """The model speaks freely, within a goal. Exits: exit ids, ``gave_up``."""

    goal: Mapping[str, Template]
    """Language → what the model is to do; told to the model, never said."""
    facts: tuple[FactFile | FactValue, ...] = ()
    tools: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    max_turns: int | None = None
    max_time_ms: int | None = None
    opens: Prompt | None = None
    """Said first; None: the model begins."""
    ways_out: tuple[TalkExit, ...] = ()
    listening: Listening


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Step):
    """Calls a tool. Exits: the tool's outcomes, ``failed``."""

    tool: str
    arguments: Mapping[str, Value]
    save: str | None
    """The variable that takes the result."""
    timeout_ms: int
    retry: int
    """Further tries after a fault, for idempotent tools."""
    filler: Prompt | None
    filler_after_ms: int = 700
    once: bool = False
    """Never twice in a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One line of a decide; ``condition`` None is the ``else``."""

    condition: Expression | None
    target: Target
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide(Step):
    """Takes the first branch whose condition holds. Exits: ``if 1`` …, ``else``."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours(Step):
    """Asks a calendar. Exits: ``open``, ``closed``, ``holiday``."""

    calendar: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(Step):
    """Gives variables their values (``sets``). Exit: ``next``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear(Step):
    """Forgets slots and variables. Exit: ``next``."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Step):
    """Hands the caller on. Exits: ``answered``, ``busy``, ``no_answer``, ``closed``, ``timeout``, ``failed``."""

    to: Template
    """``tel:+44…``, ``sip:…`` or ``queue:name``."""
    mode: Literal["cold", "warm"] = "cold"
    say: Prompt | None = None
    """Said to the caller first."""
    whisper: Prompt | None = None
    """Said to the colleague first; a warm transfer."""
    summary_words: int = 0
    """A summary of the call for the colleague, at most so long; 0: none."""
    summary_leaves_out: tuple[str, ...] = ()
    hold_music: str | None = None
    """A recording inside the flows folder."""
    announce_every_ms: int = 0
    """How often the waiting caller is spoken to; 0: never."""
    announcement: Prompt | None = None
    ring_for_ms: int = 30_000
    max_wait_ms: int | None = None
    priority: Literal["low", "normal", "high"] = "normal"
    headers: Mapping[str, Template] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        """``tel``, ``sip`` or ``queue``; empty if it is decided at run time."""
        return self.to.source.partition(":")[0] if ":" in self.to.source else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicemail(Step):
    """Records a message, or a statement that the flow goes on with. Exits: ``recorded``, ``empty``, ``failed``."""

    prompt: Prompt
    max_time_ms: int
    silence_ms: int
    """Silence that ends the recording."""
    end_key: Literal["#", "*", ""]
    privacy: Literal["public", "personal", "sensitive"]
    send_to: Template | None
    """A mail address or ``queue:name``."""
    transcribe: bool
    save: str | None = None
    """The slot that takes the recording (``as``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pay(Step):
    """Takes a payment by keys; the model is deaf. Exits: ``paid``, ``declined``, ``cancelled``, ``failed``."""

    amount: Value
    currency: str
    processor: str
    collect: tuple[str, ...]
    prompts: Mapping[str, Prompt]
    """By what is collected (``card_number`` …), and ``invalid``, ``declined``, ``waiting``."""
    attempts: int
    listening: Listening


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Step):
    """Runs a subflow. Exits: its outcomes, ``failed``."""

    flow: str
    """The subflow's key in ``Flow.subflows``."""
    arguments: Mapping[str, Value]
    gives: Mapping[str, str]
    """What it returns → the variable here that takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language(Step):
    """Changes the language of the call. Exit: ``next``."""

    tag: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(Step):
    """Says a last word, if any, and ends the call. No exits."""

    prompt: Prompt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(Step):
    """Leaves a subflow. No exits."""

    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Step):
    """A step that could not be read; a flow with one never runs (an error says why)."""


AnyStep = (
    Say
    | Menu
    | Ask
    | Confirm
    | Talk
    | Call
    | Decide
    | Hours
    | Set
    | Clear
    | Transfer
    | Voicemail
    | Pay
    | Run
    | Language
    | Hangup
    | Return
    | Broken
)

NOWHERE = EndCall()
"""Stands for a target that could not be read; such a flow never runs."""
