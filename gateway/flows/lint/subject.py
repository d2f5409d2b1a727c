"""What a rule looks at: one flow, its nodes, and what was worked out about it once for all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gateway.flows.compile.flow import Compiled
from gateway.flows.document import MapNode, Node, TextNode
from gateway.flows.expressions.infer import Names
from gateway.flows.expressions.kinds import Kind
from gateway.flows.expressions.syntax import Expression, Template
from gateway.flows.issues import Edit, Origin
from gateway.flows.lint.paths import Paths, analyse
from gateway.flows.load import Folder
from gateway.flows.model import Flow, Handler
from gateway.flows.prompts import Prompt, Wording
from gateway.flows.steps import (
    AnyStep,
    Ask,
    Call,
    Confirm,
    Decide,
    EndCall,
    GoTo,
    Hangup,
    Menu,
    Pay,
    Return,
    Run,
    Say,
    Set,
    Talk,
    Transfer,
    Voicemail,
)
from gateway.flows.steps import Language as LanguageStep


@dataclass(frozen=True, slots=True, kw_only=True)
class LintOptions:
    """What is known of where the flows will run; None: not known, so the rule stays silent."""

    queues: frozenset[str] | None = None
    """The gateway's ``queues:``."""
    processors: frozenset[str] | None = None
    """The gateway's ``payment:``."""
    lacks: frozenset[str] = frozenset()
    """What the endpoint or the leg can't do: ``semantic_vad``, ``effort``, ``warm_transfer``, ``model_swap``."""
    recording_pauses: bool = True
    """Whether the carrier can pause a recording."""
    reads_exactly: bool = False
    """Whether the voice that reads may say ``exact`` words; it says what it is given, values and all."""
    is_rendered: Callable[[Flow, str, Wording], bool] | None = None
    """Whether a prompt is in the cache; flow, language, wording."""
    covered: Mapping[str, frozenset[str]] | None = None
    """Flow id → step paths, and exits as ``path>exit``, that its tests reached."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A text with values in it, where it is used and for what."""

    template: Template
    origin: Origin
    use: str
    """``said``, ``whisper``, ``argument``, ``fact``, ``header``, ``target``, ``value``."""
    step: AnyStep | None = None
    language: str = ""
    local: frozenset[str] = frozenset()
    """Names that exist here only: ``item``."""
    argument: str = ""
    """Of ``argument``: its name."""


@dataclass(frozen=True)
class Subject:
    """One flow, for rules to look at."""

    folder: Folder
    compiled: Compiled
    options: LintOptions = field(default_factory=LintOptions)

    @property
    def flow(self) -> Flow:
        """The flow."""
        return self.compiled.flow

    @cached_property
    def paths(self) -> Paths:
        """What is known on every way to each step."""
        return analyse(self.flow)

    @cached_property
    def plain_paths(self) -> Paths:
        """The same without looking into conditions: what holds whatever they say."""
        return analyse(self.flow, tell_apart=False)

    @cached_property
    def readable(self) -> bool:
        """Whether every step could be read and every target found, so that the graph can be trusted."""
        return not any(finding.rule in ("F102", "F103") for finding in self.folder.findings)

    def node(self, step: AnyStep) -> MapNode:
        """Return a step's node, as written."""
        return self.compiled.nodes[step.path]

    def replace_text(self, origin: Origin, text: str) -> tuple[Edit, ...]:
        """Return an edit that puts other text where a scalar stands; nothing if it is no plain or quoted scalar."""
        part = self.folder.parts.get(origin.file)
        found = find_text(part.root, origin) if part else None
        return () if found is None or found.block else (Edit(origin.file, found.start, found.end, text),)

    def names(self, step: AnyStep | None, local: frozenset[str] = frozenset()) -> Names:
        """Return what names an expression in a step may use."""
        subflow = step.subflow if step else None

        def kind_of(name: str) -> Kind | None:
            return self.flow.kind_of(name, subflow)

        def known() -> list[str]:
            return [*self.flow.kinds.get("", {}), *self.flow.kinds.get(subflow or "", {})]

        return Names(kind_of, known, frozenset(self.flow.calendars), local)

    def prompts(self) -> Iterator[tuple[str, Prompt, AnyStep | None]]:
        """Return everything that may be said: what it is, the prompt, its step (None: the flow's own)."""
        for step in self.flow.steps.values():
            for what, prompt in step_prompts(step):
                yield what, prompt, step
        for handler in self.flow.handlers.values():
            if handler.say:
                yield f"always.{handler.name}", handler.say, None
        for slot in self.flow.slots.values():
            if slot.ask:
                yield f"slots.{slot.name}", slot.ask, None
            for prompt in slot.invalid.values():
                yield f"slots.{slot.name}.invalid", prompt, None

    def conditions(self) -> Iterator[tuple[Expression, Origin, AnyStep]]:
        """Return every condition: of guards and of decides."""
        for step in self.flow.steps.values():
            if step.guard:
                yield step.guard.need, self.place(step, "guard", "need", step.guard.origin), step
            if isinstance(step, Decide):
                for branch in step.branches:
                    if branch.condition:
                        yield branch.condition, branch.origin, step

    def place(self, step: AnyStep, section: str, key: str, otherwise: Origin) -> Origin:
        """Return where a key of a section of a step stands."""
        node = self.node(step).get(section)
        inner = node.get(key) if isinstance(node, MapNode) else None
        return inner.origin if inner else otherwise

    def spots(self) -> Iterator[Spot]:
        """Return every text with values: said, handed to tools, told to the model."""
        for what, prompt, step in self.prompts():
            use = "whisper" if what == "whisper" else "said"
            local = frozenset({"item", "position"}) if what == "each" else frozenset()
            seen: set[Origin] = set()
            for language, wording in prompt.all_wordings():
                if wording.origin not in seen:
                    seen.add(wording.origin)
                    yield Spot(wording.text, wording.origin, use, step, language, local)
        for step in self.flow.steps.values():
            yield from self._step_spots(step)
        for handler in self.flow.handlers.values():
            for name, value in handler.arguments.items():
                yield Spot(value.template, handler.origin, "argument", None, argument=name)
            for action in handler.actions:
                for name, value in action.arguments.items():
                    yield Spot(value.template, handler.origin, "argument", None, argument=name)
        for slot in self.flow.slots.values():
            if slot.suggest:
                yield Spot(slot.suggest, slot.origin, "said", None)

    def _step_spots(self, step: AnyStep) -> Iterator[Spot]:
        for name, value in step.sets.items():
            yield Spot(value.template, self.place(step, "set", name, step.origin), "value", step, argument=name)
        match step:
            case Call() | Run():
                for name, value in step.arguments.items():
                    origin = self.place(step, "with", name, step.origin)
                    yield Spot(value.template, origin, "argument", step, argument=name)
            case Talk():
                for language, goal in step.goal.items():
                    yield Spot(goal, self.place(step, "talk", "goal", step.origin), "fact", step, language)
            case Transfer():
                yield Spot(step.to, self.place(step, "transfer", "to", step.origin), "target", step)
                for header in step.headers.values():
                    yield Spot(header, self.place(step, "transfer", "headers", step.origin), "header", step)
            case Voicemail() if step.send_to:
                yield Spot(step.send_to, self.place(step, "voicemail", "send_to", step.origin), "target", step)
            case Pay():
                yield Spot(step.amount.template, self.place(step, "pay", "amount", step.origin), "value", step)
            case LanguageStep():
                yield Spot(step.tag, step.origin, "target", step)
            case _:
                pass


def step_prompts(step: AnyStep) -> Iterator[tuple[str, Prompt]]:
    """Return what a step may say, with its key."""
    found: list[tuple[str, Prompt | None]] = []
    match step:
        case Say() | Ask() | Confirm() | Voicemail() | Hangup():
            found.append(("prompt", step.prompt))
        case Menu():
            found += [("prompt", step.prompt), ("each", step.each)]
        case Talk():
            found.append(("prompt", step.opens))
        case Call():
            found.append(("filler", step.filler))
        case Transfer():
            found += [("say", step.say), ("whisper", step.whisper), ("announce", step.announcement)]
        case Pay():
            found += list(step.prompts.items())
        case _:
            pass
    if isinstance(step, (Menu, Ask, Confirm, Talk)):
        retries = step.listening.retries
        found += [("no_input", retries.no_input), ("no_match", retries.no_match)]
        found += [(f"invalid.{reason}", prompt) for reason, prompt in retries.invalid.items()]
    return ((what, prompt) for what, prompt in found if prompt is not None)


def targets(step: AnyStep) -> list[str]:
    """Return the paths of the steps that a step's exits lead to."""
    return [way.target.step for way in step.exits if isinstance(way.target, GoTo)]


def ends(step: AnyStep) -> bool:
    """Whether a step can end the call, or its subflow."""
    if isinstance(step, (Hangup, Return)):
        return True
    return any(
        not isinstance(way.target, GoTo) for way in step.exits if way.kind != "guard" or isinstance(way.target, EndCall)
    )


def asks_caller(step: AnyStep, flow: Flow) -> bool:
    """Whether a step waits for the caller, so that a loop through it is no silent one."""
    if isinstance(step, (Menu, Ask, Confirm, Talk, Voicemail, Pay)):
        return True
    return isinstance(step, Run) and any(
        asks_caller(inner, flow) for inner in flow.steps_of(step.flow) if not isinstance(inner, Run)
    )


def handler_targets(handler: Handler) -> list[str]:
    """Return the path of the step that a handler leads to."""
    return [handler.target.step] if isinstance(handler.target, GoTo) else []


def speaks(step: AnyStep) -> bool:
    """Whether a step says something to the caller, or listens."""
    return not isinstance(step, (Decide, Set, Return, LanguageStep, Run)) and any(True for _ in step_prompts(step))


def find_text(node: Node, origin: Origin) -> TextNode | None:
    """Return the scalar that stands at a place."""
    if isinstance(node, TextNode):
        return node if node.origin == origin else None
    inner = [entry.value for _, entry in node] if isinstance(node, MapNode) else node.items
    return next((found for child in inner if (found := find_text(child, origin))), None)
