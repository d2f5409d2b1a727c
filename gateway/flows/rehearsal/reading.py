"""Reads ``*.test.yaml``: every fault with its line and column, the nearest right word, and all of them together."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gateway.flows.compile import nodes
from gateway.flows.compile.merge import as_map
from gateway.flows.document import ListNode, MapNode, Node, Source, TextNode
from gateway.flows.expressions.syntax import nearest
from gateway.flows.issues import Findings
from gateway.flows.model import Flow
from gateway.flows.rehearsal.script import (
    SOMEBODY,
    Again,
    CallerLine,
    Case,
    Expect,
    Fake,
    HangsUp,
    Line,
    Meaning,
    Never,
    Presses,
    Says,
    Script,
    Silent,
    Thresholds,
    World,
)
from gateway.flows.shapes import (
    Checker,
    Count,
    Either,
    Entry,
    Flag,
    ListOf,
    MapOf,
    Section,
    Shape,
    Span,
    Word,
)
from gateway.flows.shapes import Line as LineShape
from gateway.flows.steps import Menu, Pay, Talk, Transfer, Voicemail

_PRESSED: Final = re.compile(r"[0-9*#]+")
_TEXT: Final = LineShape()
_MOMENT: Final = LineShape(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", "a time such as 2026-06-03 10:30")
_TEXTS: Final = ListOf(_TEXT, single=True)
_STEP: Final = LineShape(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?", "a step's path, such as main or pick_existing.list")


def _anything(depth: int) -> Shape:
    """Return the shape of a tool's result: texts, lists and maps inside one another."""
    return _TEXT if depth == 0 else Either(_TEXT, ListOf(_anything(depth - 1)), MapOf(_anything(depth - 1)))


_FAKE: Final = Either(
    text=Word("outcome"),
    map=Section(
        "answer",
        "One answer.",
        {
            "outcome": Entry(Word("outcome"), "How it ends.", required=True),
            "result": Entry(_anything(4), "What a tool gives."),
            "after": Entry(Span(), "How long it takes."),
        },
    ),
)
_FAKES: Final = MapOf(Either(text=Word("outcome"), items=ListOf(_FAKE), map=_FAKE.map), key=_STEP)
_CALLER: Final = Section(
    "caller",
    "What the caller does.",
    {
        "says": Entry(_TEXT, "Words."),
        "means": Entry(
            Either(text=LineShape(), map=MapOf(Either(text=_TEXT, map=MapOf(_TEXT)))),
            "What the words mean: a choice, a handler, yes, no, refuse, unclear; or slots and their values.",
        ),
        "presses": Entry(LineShape(_PRESSED.pattern, "keys in quotes"), "Keys."),
        "silent": Entry(Span(), "Nothing, for a while."),
        "hangs_up": Entry(Flag(), "Hangs up."),
        "during": Entry(_STEP, "The step that is cut in on, while it speaks."),
    },
)
_EXPECT: Final = Section(
    "expect",
    "What has to be so.",
    {
        "step": Entry(_STEP, "Where the call stands."),
        "heard": Entry(_TEXTS, "Parts of what was said."),
        "not_heard": Entry(_TEXTS, "What was not said."),
        "said": Entry(_TEXTS, "Whole prompts."),
        "event": Entry(ListOf(Word("event"), single=True), "Events of the reports."),
        "passed": Entry(ListOf(_STEP, single=True), "Steps that were entered."),
        "slots": Entry(MapOf(_TEXT), "Values of slots and variables, as they are read aloud; none: no value."),
        "tool_calls": Entry(MapOf(Count()), "How often tools were called in this call."),
        "asked_model": Entry(Count(), "How many questions the model was asked."),
        "ended": Entry(Word(), "Why the call is over; no: it is not."),
        "language": Entry(Word("language"), "The language of the call."),
    },
)
_LINE: Final = Section(
    "line",
    "A line of the call.",
    {
        "caller": Entry(_CALLER, "What the caller does."),
        "expect": Entry(_EXPECT, "What has to be so."),
        "again": Entry(Count(1, 50), "The caller does the same again, so many times."),
    },
)
_NEVER: Final = Section(
    "never",
    "Texts that must not turn up.",
    {
        "said_anywhere": Entry(_TEXTS, "Not in anything said."),
        "logged_anywhere": Entry(_TEXTS, "Not in any log or event."),
        "sent_to_model": Entry(_TEXTS, "Not in anything that a model is told."),
    },
)
_WORLD: Final = {
    "tools": Entry(_FAKES, "What tools answer, by their declared outcomes."),
    "transfers": Entry(_FAKES, "How transfers go, by step."),
    "messages": Entry(_FAKES, "What becomes of voicemails, by step."),
    "payments": Entry(_FAKES, "How payments go, by step."),
}
_CASE: Final = Section(
    "test",
    "One call.",
    {
        "name": Entry(_TEXT, "What it shows.", required=True),
        "language": Entry(Word("language"), "The language that the call begins in."),
        "at": Entry(_MOMENT, "When the call comes."),
        "from": Entry(LineShape(r"\+?\d+|withheld", "a number or 'withheld'"), "Who calls."),
        **_WORLD,
        "call": Entry(ListOf(_LINE), "The call, line by line.", required=True),
        "never": Entry(_NEVER, "Texts that must not turn up."),
    },
)
_PERCENT: Final = LineShape(r"(100|\d{1,2})%", "a share such as 95%")
SCRIPT: Final = Section(
    "tests",
    "Scripted tests of one flow.",
    {
        "flow": Entry(Word(), "The flow that is tested.", required=True),
        **_WORLD,
        "tests": Entry(ListOf(_CASE), "The calls.", required=True),
        "coverage": Entry(
            Section(
                "coverage",
                "The least share that the tests come by.",
                {"steps": Entry(_PERCENT, "Of steps."), "exits": Entry(_PERCENT, "Of ways out.")},
            ),
            "The least share of steps and exits that the tests come by.",
        ),
    },
)
"""A file of tests."""


def read_script(source: Source, flows: Mapping[str, Flow], findings: Findings) -> Script | None:
    """Return a file's tests; None if something is wrong with them, which is then in ``findings``.

    Args:
        source: the file as nodes.
        flows: compiled flows by id.
        findings: takes what is wrong: unknown keys, steps (F702), slots, tools and outcomes.

    """
    before = len(findings)
    root = source.root
    if not source.readable or not Checker(findings).check(root, SCRIPT, "tests"):
        return None
    name = nodes.text(root, "flow") or ""
    flow = flows.get(name)
    if flow is None:
        _unknown(findings, "F103", root.get("flow") or root, f"there is no flow '{name}'", flows)
        return None
    reading = _Reading(flow, findings)
    listed, common = root.get("tests"), reading.world(root)
    cases = tuple(reading.case(as_map(node), common) for node in (listed.items if isinstance(listed, ListNode) else ()))
    shares = as_map(root.get("coverage"))
    thresholds = Thresholds(steps=_percent(shares, "steps"), exits=_percent(shares, "exits"))
    if len(findings) > before:
        return None
    return Script(file=source.file, flow=flow, cases=cases, thresholds=thresholds)


class _Reading:
    """Reads the cases of one flow, and knows its names."""

    def __init__(self, flow: Flow, findings: Findings) -> None:
        self._flow = flow
        self._findings = findings
        kinds = {"yes", "no", "refuse", "unclear", "still_talking", *flow.handlers}
        for step in flow.steps.values():
            match step:
                case Menu(choices=choices):
                    kinds |= {choice.id for choice in choices}
                case Talk(ways_out=ways):
                    kinds |= {way.id for way in ways}
        for slot in flow.slots.values():
            kinds |= {option.id for option in slot.type.options}
        self._kinds = kinds

    def case(self, node: MapNode, common: World) -> Case:
        """Return one test; what it does not say of the world is as the file says."""
        language = nodes.text(node, "language") or ""
        if language and language not in self._flow.languages:
            message = f"the flow does not speak '{language}'"
            _unknown(self._findings, "F103", node.get("language") or node, message, self._flow.languages)
        at = nodes.text(node, "at")
        caller = nodes.text(node, "from") or SOMEBODY
        lines = node.get("call")
        return Case(
            name=nodes.text(node, "name") or "",
            origin=node.origin,
            language=language,
            at=dt.datetime.fromisoformat(at) if at else None,
            caller="" if caller == "withheld" else caller,
            world=self.world(node).over(common),
            lines=tuple(self._line(as_map(line)) for line in (lines.items if isinstance(lines, ListNode) else ())),
            never=self._never(as_map(node.get("never"))),
        )

    # --- the world ------------------------------------------------------------------------------------------------

    def world(self, node: MapNode) -> World:
        """Return what answers the flow, as a file or one of its tests says."""
        flow = self._flow
        return World(
            tools=self._fakes(node, "tools", flow.tools, lambda name: {"ok", *flow.tools[name].outcomes, "empty"}),
            transfers=self._fakes(
                node,
                "transfers",
                self._paths(Transfer),
                lambda _: {"answered", "busy", "no_answer", "closed", "timeout"},
            ),
            messages=self._fakes(node, "messages", self._paths(Voicemail), lambda _: {"recorded", "empty"}),
            payments=self._fakes(node, "payments", self._paths(Pay), lambda _: {"paid", "declined"}),
        )

    def _paths(self, verb: type) -> list[str]:
        return [path for path, step in self._flow.steps.items() if isinstance(step, verb)]

    def _fakes(
        self, node: MapNode, key: str, known: Iterable[str], outcomes: Callable[[str], set[str]]
    ) -> dict[str, tuple[Fake, ...]]:
        fakes: dict[str, tuple[Fake, ...]] = {}
        for name, entry in as_map(node.get(key)):
            if name not in known:
                what = "tool" if key == "tools" else f"step for {key}"
                _unknown(self._findings, "F702", entry.key, f"there is no {what} '{name}'", known)
                continue
            written = entry.value.items if isinstance(entry.value, ListNode) else (entry.value,)
            fakes[name] = tuple(self._fake(one, outcomes(name) | {"failed"}) for one in written)
        return fakes

    def _fake(self, node: Node, outcomes: set[str]) -> Fake:
        own = node.get("outcome") if isinstance(node, MapNode) else node
        outcome = own.value if isinstance(own, TextNode) else ""
        if outcome not in outcomes:
            _unknown(self._findings, "F702", own or node, f"'{outcome}' is no outcome here", outcomes)
        if not isinstance(node, MapNode):
            return Fake(outcome)
        return Fake(outcome, node.get("result"), nodes.span(node, "after"))

    def _never(self, node: MapNode) -> Never:
        return Never(*(nodes.words_of(node.get(key)) for key in ("said_anywhere", "logged_anywhere", "sent_to_model")))

    # --- lines ----------------------------------------------------------------------------------------------------

    def _line(self, node: MapNode) -> Line:
        if len(node.entries) != 1:
            self._findings.error("F002", node.origin, "a line is one of 'caller', 'expect' and 'again'")
            return Again(origin=node.origin, times=1)
        if "caller" in node:
            return self._caller(as_map(node.get("caller")))
        if "expect" in node:
            return self._expect(as_map(node.get("expect")))
        return Again(origin=node.origin, times=nodes.count(node, "again") or 1)

    def _caller(self, node: MapNode) -> CallerLine:
        during = self._step(node, "during")
        deeds = [key for key in ("says", "presses", "silent", "hangs_up") if key in node]
        if len(deeds) != 1:
            message = "the caller does one thing in a line: says, presses, silent or hangs_up"
            self._findings.error("F002", node.origin, message)
        says, keys, silent = nodes.text(node, "says"), nodes.text(node, "presses"), nodes.span(node, "silent")
        if keys is not None:
            return Presses(origin=node.origin, keys=keys, during=during)
        if silent is not None:
            return Silent(origin=node.origin, ms=silent)
        if says is None:
            return HangsUp(origin=node.origin, during=during)
        return Says(origin=node.origin, text=says, means=self._means(node.get("means")), during=during)

    def _means(self, node: Node | None) -> Meaning | None:
        if node is None:
            return None
        if isinstance(node, TextNode):
            self._kind(node)
            return Meaning(node.value)
        values: dict[str, str] = {}
        kind, fix = "", None
        for key, entry in as_map(node):
            if key in {"kind", "exit"} and isinstance(entry.value, TextNode):
                self._kind(entry.value)
                kind = entry.value.value
            elif key == "fix":
                for slot, new in as_map(entry.value):
                    self._slot(new.key)
                    fix = (slot, new.value.value if isinstance(new.value, TextNode) else "")
            elif isinstance(entry.value, TextNode):
                self._slot(entry.key)
                values[key] = entry.value.value
            else:
                self._findings.error("F002", entry.value.origin, f"means: a value is wanted for '{key}'")
        return Meaning(kind, values, fix)

    def _kind(self, node: TextNode) -> None:
        if node.value not in self._kinds and not re.fullmatch(r"pick_[1-9]", node.value):
            message = f"'{node.value}' is no choice, handler, exit or option of this flow"
            # Options that a tool lists are known at run time only.
            if not any(slot.type.of_tool for slot in self._flow.slots.values()):
                _unknown(self._findings, "F103", node, message, self._kinds)

    def _slot(self, node: TextNode) -> None:
        if node.value not in self._flow.slots:
            message = f"there is no slot '{node.value}'"
            _unknown(self._findings, "F301", node, message, self._flow.slots)

    def _expect(self, node: MapNode) -> Expect:
        names = {**self._flow.slots, **self._flow.variables}
        for name, entry in as_map(node.get("slots")):
            if name not in names and self._flow.kind_of(name) is None:
                message = f"there is no slot or variable '{name}'"
                _unknown(self._findings, "F301", entry.key, message, names)
        for name, entry in as_map(node.get("tool_calls")):
            if name not in self._flow.tools:
                _unknown(self._findings, "F702", entry.key, f"there is no tool '{name}'", self._flow.tools)
        for one in nodes.texts(node.get("passed")):
            self._known_step(one)
        calls = as_map(node.get("tool_calls"))
        return Expect(
            origin=node.origin,
            step=self._step(node, "step"),
            heard=nodes.words_of(node.get("heard")),
            not_heard=nodes.words_of(node.get("not_heard")),
            said=nodes.words_of(node.get("said")),
            event=nodes.words_of(node.get("event")),
            passed=nodes.words_of(node.get("passed")),
            slots={name: _value(entry.value) for name, entry in as_map(node.get("slots"))},
            tool_calls={name: nodes.count(calls, name) or 0 for name, _ in calls},
            asked_model=nodes.count(node, "asked_model"),
            ended=nodes.text(node, "ended"),
            language=nodes.text(node, "language"),
        )

    def _step(self, node: MapNode, key: str) -> str | None:
        found = node.get(key)
        if not isinstance(found, TextNode):
            return None
        self._known_step(found)
        return found.value

    def _known_step(self, node: TextNode) -> None:
        if node.value not in self._flow.steps:
            message = f"there is no step '{node.value}' in flow '{self._flow.id}'"
            _unknown(self._findings, "F702", node, message, self._flow.steps)


def _value(node: Node) -> str:
    return node.value if isinstance(node, TextNode) else ""


def _percent(node: MapNode, key: str) -> int:
    return int((nodes.text(node, key) or "0").rstrip("%"))


def _unknown(findings: Findings, rule: str, node: Node, message: str, known: Iterable[str]) -> None:
    names = sorted(known)
    near = nearest(_value(node), names)
    findings.error(rule, node.origin, message, near or f"known: {', '.join(names[:12])}")
