"""A caller may hang up at any moment: after every event of every scripted call of the shipped flows."""

from functools import cache

import pytest

from gateway.flows.engine.commands import CancelTool, FlowCommand, HangUp, RunTool, SayPrompt
from gateway.flows.engine.events import FlowEvent, HungUp, PromptHeard
from gateway.flows.issues import Findings
from gateway.flows.load import Folder, load_folder
from gateway.flows.model import Flow
from gateway.flows.rehearsal.given import GivenCall
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.running import unrolled
from gateway.flows.rehearsal.script import Case, HangsUp, Presses, Says, Script, Silent
from tests.flows.engine.bench import SHIPPED, Call, flow_of


@cache
def folder() -> Folder:
    return load_folder(SHIPPED)


def scripts() -> list[Script]:
    found = [read_script(source, folder().flows, Findings()) for source in folder().tests.values()]
    return [script for script in found if script is not None]


class CutShort(GivenCall):
    """Hangs up after so many events."""

    def __init__(self, flow: Flow, case: Case, events: int) -> None:
        super().__init__(flow, case)
        self.left = events
        self.after: list[FlowCommand] = []

    def _feed(self, event: FlowEvent) -> None:
        if self.engine.ended is not None:
            return
        super()._feed(event)
        self.left -= 1
        if self.left == 0 and self.engine.ended is None:
            self._coming.clear()
            self.after = self.engine.receive(HungUp(), self.now_ms)
            self.trace.ended = self.engine.ended


def performed(flow: Flow, case: Case, events: int) -> CutShort:
    call = CutShort(flow, case, events)
    call.start()
    for line in unrolled(case.lines):
        if call.trace.ended is not None:
            break
        match line:
            case Says(text=text, means=means):
                call.says(text, means)
            case Presses(keys=keys):
                call.presses(keys)
            case Silent(ms=ms):
                call.silent(ms)
            case HangsUp():
                call.hangs_up()
        call.settle()
    return call


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.flow.id)
def test_a_hang_up_at_any_point_ends_the_call_without_a_sound(script: Script) -> None:
    hang_ups = 0
    for case in script.cases[::3]:
        for events in range(1, 60):
            call = performed(script.flow, case, events)
            if call.left > 0:
                break
            hang_ups += bool(call.after)
            assert not [command for command in call.after if isinstance(command, SayPrompt | HangUp)]
            assert call.engine.ended is not None
            assert call.engine.next_wake_ms() is None or not call.after
            cancelled = [command.run for command in call.after if isinstance(command, CancelTool)]
            assert len(cancelled) <= 1
    assert hang_ups > 20


STEPS = """
  main: {say: Hello., next: bye}
"""


def test_the_hang_up_handler_tells_and_calls_and_does_not_speak() -> None:
    header = "start: main\nalways: {hangup: {do: [{event: gone}, {call: goodbye}, {set: {left: true}}]}}"
    call = Call(flow_of(STEPS, header + "\nvariables: {left: {type: boolean, start: false}}"))
    after = call.hangs_up()
    assert call.told("gone") == [{}]
    assert [command.tool.name for command in after if isinstance(command, RunTool)] == ["goodbye"]
    assert call.last(RunTool).epoch == 0
    assert call.last(RunTool).timeout_ms <= 5000
    assert call.value("left") is True
    assert call.told("call_ended") == [{"reason": "hung_up", "containment": "abandoned"}]


def test_a_handler_that_can_not_act_does_not_keep_the_others_from_it() -> None:
    header = """start: main
always: {hangup: {do: [{call: check, with: {value: "${x}!"}}, {event: gone}]}}
variables: {x: {type: text}}"""
    call = Call(flow_of(STEPS, header))
    call.hangs_up()
    assert call.told("gone") == [{}]
    assert not call.all(RunTool)


def test_a_hang_up_during_the_goodbye_is_a_goodbye() -> None:
    call = Call(flow_of(STEPS, "start: main\nalways: {hangup: {do: [{event: gone}]}}"))
    call.feed(PromptHeard(call.open.pop()))
    assert call.said[-1] == "Goodbye."
    call.hangs_up()
    assert call.told("call_ended") == [{"reason": "goodbye", "containment": "contained"}]
    assert not call.told("gone")


def test_hanging_up_twice_is_hanging_up() -> None:
    call = Call(flow_of(STEPS, "start: main"))
    call.hangs_up()
    assert call.hangs_up() == []
