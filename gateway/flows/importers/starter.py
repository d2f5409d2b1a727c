"""First tests for an imported flow: calls that are steered through it until every way out that can be taken was taken.

Each call has a goal, one way out that no call before it took, and goes there by the shortest way that the caller and
the fakes can choose. It is performed on the engine while it is written, so what it expects is what the flow does now:
the tests keep an import as it is, and people change them where it is not what they want.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from gateway.flows.calendar import Calendar
from gateway.flows.document import read_source
from gateway.flows.expressions.evaluate import UNSET
from gateway.flows.importers.draft import humanized
from gateway.flows.importers.starter_routes import Routes, length
from gateway.flows.importers.starter_wishes import Wishes, wishes_for
from gateway.flows.importers.yaml_text import Yaml, lines_of
from gateway.flows.issues import Findings
from gateway.flows.model import Flow, Privacy, Slot, SlotKind
from gateway.flows.rehearsal.coverage import Coverage
from gateway.flows.rehearsal.given import GivenCall
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.script import Case, Meaning
from gateway.flows.steps import (
    AnyStep,
    Ask,
    Call,
    Confirm,
    Decide,
    Hangup,
    Hours,
    Menu,
    Pay,
    Talk,
    Transfer,
    Voicemail,
)  # fmt: skip

MAX_LINES: Final = 30
"""What a caller does in one call at most."""
_TRIES: Final = 10
_WEDNESDAY: Final = dt.datetime(2026, 6, 3, 10, 30)  # noqa: DTZ001 - in the flow's own zone, as tests write it
_DIGITS: Final = "12345678901234567890"
_SAMPLES: Final[Mapping[SlotKind, tuple[str, ...]]] = {
    SlotKind.NUMBER: ("7", "1", "25", "100"),
    SlotKind.AMOUNT: ("25", "100", "2"),
    SlotKind.DATE: ("2026-06-10", "1980-05-04"),
    SlotKind.TIME: ("10:30",),
    SlotKind.DATETIME: ("2026-06-10 10:30",),
    SlotKind.DURATION: ("2 hours",),
    SlotKind.PHONE: ("+442079460123", "+12025550123"),
    SlotKind.POSTCODE: ("LS1 4AP", "28001", "90210"),
    SlotKind.EMAIL: ("jane@example.com",),
    SlotKind.NAME: ("Jane Smith",),
    SlotKind.IBAN: ("GB82WEST12345698765432",),
}
_KEYED: Final[Mapping[SlotKind, str]] = {SlotKind.CARD_NUMBER: "4111111111111111", SlotKind.EXPIRY: "1230"}

Point = tuple[str, str]
"""A step's path and one of its ways out."""


def starter_tests(flow: Flow) -> str:
    """Return a ``*.test.yaml`` for a flow without errors."""
    coverage = Coverage(flow)
    routes = Routes(flow)
    cases: list[_Rehearsed] = []
    for goal in (*_goals(flow), (flow.start, "")):
        known = coverage.exits[goal] if goal[1] else coverage.steps[goal[0]]
        if known or not routes.can_reach(flow.start, goal[0]):
            continue
        call = _Rehearsed(flow, routes, goal)
        call.perform()
        if call.took_goal:
            coverage.add(call.played.trace.tells)
            cases.append(call)
    lines = [
        f"# Written by the importer: what {flow.id} does now. Change what you want otherwise, then run",
        f"#   gateway flow test {flow.id}.test.yaml",
        f"flow: {flow.id}",
        "tests:",
    ]
    for call in cases:
        lines += call.lines()
    shares = {"steps": f"{int(coverage.share_of_steps)}%", "exits": f"{int(coverage.share_of_exits)}%"}
    return "\n".join([*lines, *lines_of("coverage", shares, 0)]) + "\n"


def _goals(flow: Flow) -> Iterator[Point]:
    """Return the ways out that a caller or a fake can choose."""
    for step in flow.steps.values():
        if isinstance(step, Menu | Ask | Confirm | Talk | Call | Decide | Hours | Transfer | Voicemail | Pay):
            for way in step.exits:
                if way.name not in ("guard", "refused") and not (isinstance(step, Pay) and way.name == "cancelled"):
                    yield step.path, way.name
        elif isinstance(step, Hangup):
            yield step.path, ""


@dataclass
class _Rehearsed:
    """One call on its way to a goal, and the test that it becomes."""

    flow: Flow
    routes: Routes
    goal: Point
    script: list[Yaml] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        path, exit_name = self.goal
        step = self.flow.steps[path]
        self.fakes: Body = {}
        self.wishes = Wishes()
        self.at: dt.datetime | None = None
        match step:
            case Call(tool=tool) if exit_name != "ok":
                self.fakes = {"tools": {tool: exit_name}}
            case Transfer() if exit_name != "answered":
                self.fakes = {"transfers": {path: exit_name}}
            case Voicemail() if exit_name != "recorded":
                self.fakes = {"messages": {path: exit_name}}
            case Pay() if exit_name != "paid":
                self.fakes = {"payments": {path: exit_name}}
            case Hours(calendar=calendar):
                self.at = _time_of(self.flow.calendars[calendar], exit_name)
            case Decide():
                number = [way.name for way in step.exits if way.kind == "branch"].index(exit_name)
                self.wishes = wishes_for(self.flow, step, number)
                if self.wishes.results:
                    results = self.wishes.results.items()
                    self.fakes = {"tools": {tool: {"outcome": "ok", "result": fields} for tool, fields in results}}
        self.played = GivenCall(self.flow, self._case())

    def _case(self) -> Case:
        """Return the test as it will be read, so that it is performed as it is written."""
        text = "\n".join([f"flow: {self.flow.id}", "tests:", *self.lines()])
        findings = Findings()
        script = read_script(read_source(text, "starter", findings), {self.flow.id: self.flow}, findings)
        assert script is not None, findings
        return script.cases[0]

    @property
    def name(self) -> str:
        """What the test is called."""
        path, exit_name = self.goal
        return f"{humanized(path.replace('.', ': '))}{f', {humanized(exit_name)}' if exit_name else ''}"

    @property
    def took_goal(self) -> bool:
        """Whether the call went out by its goal."""
        path, exit_name = self.goal
        return any(
            tell.step == path and (tell.facts.get("exit") == exit_name if exit_name else tell.name == "step_entered")
            for tell in self.played.trace.tells
        )

    def perform(self) -> None:
        """Play the call: to the goal, and then to an end."""
        self.played.start()
        while self.played.trace.ended is None and len(self.script) < MAX_LINES:
            step = self.played.engine.step
            if not self._act(step, self._choose(step)):
                break
            self._expect()
        if self.played.trace.ended is None:
            self.played.hangs_up()
            self.script.append({"caller": {"hangs_up": True}})
        elif not self.script:
            self.script.append({"expect": {"ended": self.played.trace.ended}})

    def lines(self) -> list[str]:
        """Return the test as lines of YAML."""
        head: Body = {"name": self.name}
        if self.at is not None:
            head["at"] = self.at.strftime("%Y-%m-%d %H:%M")
        body: Body = {**head, **self.fakes, "call": self.script}
        if self.secrets:
            hidden = sorted(self.secrets)
            body["never"] = {"said_anywhere": hidden, "logged_anywhere": hidden, "sent_to_model": hidden}
        inner = [line for key, value in body.items() for line in lines_of(key, value, 4)]
        return [f"  - {inner[0].lstrip()}", *inner[1:], ""]

    def _choose(self, step: AnyStep) -> str:
        """Return the way out to take: the goal's, or the one that comes nearest to it, or, after it, to an end."""
        path, exit_name = self.goal
        if step.path == path and not self.took_goal:
            return exit_name
        towards = "" if self.took_goal else path
        ways = [way.name for way in step.exits if way.name not in ("guard", "refused")]
        return min(
            ways,
            key=lambda name: length(name) + self.routes.distance(self.routes.after(step, name), towards),
            default="",
        )

    def _expect(self) -> None:
        ended = self.played.trace.ended
        self.script.append({"expect": {"step": self.played.engine.path} if ended is None else {"ended": ended}})

    # --- what the caller does --------------------------------------------------------------------------------------

    def _act(self, step: AnyStep, way: str) -> bool:
        """Take a way out of a step that waits for the caller; false if that can't be done."""
        match step:
            case Menu() | Ask() | Confirm() if way == "failed":
                self._stay_silent(step)
            case Menu():
                self._choose_from(step, way)
            case Confirm():
                self._press("1" if way == "if_yes" else "2")
            case Ask():
                self._answer(step)
            case Talk():
                self._talk(step, way)
            case Pay():
                for name in step.collect:
                    self._press(
                        {"expiry": "1230#", "security_code": "123#"}.get(name, "4111111111111111#"), secret=True
                    )
            case _:
                return False
        return True

    def _press(self, keys: str, *, secret: bool = False) -> None:
        self.played.presses(keys)
        self.played.settle()
        self.script.append({"caller": {"presses": keys}})
        if secret and len(keys) > 4:
            self.secrets.add(keys.rstrip("#"))

    def _say(self, text: str, means: Meaning) -> None:
        self.played.says(text, means)
        self.played.settle()
        meant: Yaml = {**({"kind": means.kind} if means.kind else {}), **means.values} if means.values else means.kind
        self.script.append({"caller": {"says": text, **({"means": meant} if meant else {})}})

    def _stay_silent(self, step: Menu | Ask | Confirm | Talk) -> None:
        seconds = -(-step.listening.silence_ms // 1000) + 1
        times = 0
        while self.played.engine.path == step.path and self.played.trace.ended is None and times < _TRIES:
            self.played.silent(seconds * 1000)
            self.played.settle()
            times += 1
            self.script.append({"caller": {"silent": f"{seconds}s"}})

    def _choose_from(self, menu: Menu, way: str) -> None:
        choice = next((one for one in menu.choices if one.id == way), None)
        if choice is None:
            self._press("1") if menu.press_position else self._say("the first one", Meaning("pick_1"))
        elif choice.key is not None:
            self._press(choice.key)
        else:
            self._say(humanized(choice.id), Meaning(choice.id))

    def _answer(self, ask: Ask) -> None:
        state, tries = self.played.engine.state, 0
        for name in ask.slots:
            before = self.played.engine.path
            for value in self._values(self.flow.slots[name]):
                if self.played.engine.path != before or self.played.trace.ended or tries >= _TRIES:
                    return
                if state.value(name) is not UNSET:
                    break
                tries += 1
                self._give(self.flow.slots[name], value)
                if self.played.engine.path == before and state.value(name) is UNSET and not self.played.trace.ended:
                    self._press("1")  # yes to the value that is read back

    def _values(self, slot: Slot) -> tuple[str, ...]:
        """Return values to try, wished ones first."""
        kind = slot.type.kind
        if slot.name in self.wishes.slots:
            return (self.wishes.slots[slot.name], *_SAMPLES.get(kind, ()))
        if kind is SlotKind.CHOICE:
            return tuple(option.id for option in slot.type.options[:1]) or ("1",)
        if kind in (SlotKind.DIGITS, SlotKind.ACCOUNT):
            most = slot.type.max_length or 6
            return (_DIGITS[: min(most, max(slot.type.min_length or 0, 6))],)
        return _SAMPLES.get(kind, ("something",))

    def _give(self, slot: Slot, value: str) -> None:
        kind = slot.type.kind
        secret = slot.privacy in (Privacy.SECRET, Privacy.CARD)
        options = [option.id for option in slot.type.options]
        if kind is SlotKind.YES_NO:
            self._press("2" if value == "no" else "1")
        elif kind is SlotKind.CHOICE and slot.input != "voice_only":
            self._press(str(options.index(value) + 1) if value in options[:9] else "1")
        elif kind in _KEYED:
            self._press(f"{_KEYED[kind]}#", secret=True)
        elif secret or kind in (SlotKind.DIGITS, SlotKind.ACCOUNT):
            exact = slot.type.min_length is not None and slot.type.min_length == slot.type.max_length
            self._press(value if exact else f"{value}#", secret=secret)
        else:
            self._say(value, Meaning(values={slot.name: value}))

    def _talk(self, talk: Talk, way: str) -> None:
        if way == "gave_up":
            self._stay_silent(talk)
            return
        exit_ = next(one for one in talk.ways_out if one.id == way)
        values = {name: self._values(self.flow.slots[name])[0] for name in exit_.needs}
        self._say(exit_.when, Meaning(way, values))


Body = dict[str, Yaml]


def _time_of(calendar: Calendar, state: str) -> dt.datetime | None:
    """Return a time when a calendar says so, within a year of a Wednesday; None for any time, or if there is none."""
    if state == "failed":
        return None
    for hours in (0, *range(3, 24 * 366, 3)):
        moment = _WEDNESDAY + dt.timedelta(hours=hours)
        if calendar.state(moment.replace(tzinfo=ZoneInfo(calendar.zone))).value == state:
            return moment
    return None
