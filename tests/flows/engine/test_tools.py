import datetime as dt

import pytest

from gateway.flows.engine.commands import CancelTool, RunTool
from gateway.flows.engine.events import ToolReturned
from gateway.flows.expressions.evaluate import UNSET
from tests.flows.engine.bench import Call, flow_of

LOOK_UP = """
  look:
    call: look_up
    with: {id: "42"}
    save: found
    timeout: 3s
    retry: 1
    filler: ["Let me see.", "Still looking."]
    then: {ok: tell, none: unknown, failed: person}
  tell: {say: "It is ${found.name} since ${found.since|date}.", next: bye}
  unknown: {say: Nobody., next: bye}
"""
GOOD = {"name": "Ann", "since": "2020-05-04", "secret_note": "x"}


def looking() -> Call:
    return Call(flow_of(LOOK_UP, "start: look"))


def test_a_tool_is_called_with_its_arguments_and_its_result_has_kinds() -> None:
    call = looking()
    run = call.last(RunTool)
    assert (run.tool.name, run.arguments, run.timeout_ms, run.retries) == ("look_up", {"id": "42"}, 3000, 1)
    call.returns("ok", GOOD)
    assert call.said == ["It is Ann since the fourth of May twenty twenty."]
    assert call.value("found") == {"name": "Ann", "since": dt.date(2020, 5, 4)}


@pytest.mark.parametrize(
    ("outcome", "result", "step"),
    [
        ("none", None, "unknown"),
        ("failed", None, "person"),
        ("no_such_outcome", GOOD, "person"),
        ("ok", None, "person"),
        ("ok", "text", "person"),
        ("ok", [GOOD], "person"),
        ("ok", {"name": ["Ann"], "since": "2020-05-04"}, "person"),
        ("ok", {"name": "Ann", "since": "yesterday"}, "person"),
    ],
)
def test_outcomes_lead_on_and_a_result_of_another_shape_is_a_failure(outcome: str, result: object, step: str) -> None:
    call = looking()
    call.returns(outcome, result)
    assert call.step == step
    assert call.value("found") is UNSET


def test_fillers_come_late_and_twice() -> None:
    call = looking()
    call.waits(600)
    assert not call.said
    call.waits(200)
    assert call.said == ["Let me see."]
    call.waits(4000)
    assert call.said == ["Let me see.", "Still looking."]
    call.waits(2000)
    assert len(call.said) == 2


def test_a_tool_of_which_nothing_is_heard_has_failed() -> None:
    call = looking()
    call.waits(11_100)
    assert call.step == "person"


def test_the_answer_of_another_run_is_nothing() -> None:
    call = looking()
    call.feed(ToolReturned(99, "ok", GOOD))
    assert call.step == "look"


def test_leaving_lets_the_tool_go_and_its_answer_comes_too_late() -> None:
    call = looking()
    call.presses("0")
    assert [command.run for command in call.all(CancelTool)] == [call.last(RunTool).run]
    call.returns("ok", GOOD)
    assert call.step == "person"


def test_a_missing_argument_fails_before_anything_is_called() -> None:
    steps = LOOK_UP.replace('"42"', '"${nothing}"')
    call = Call(flow_of(steps, "start: look\nvariables: {nothing: {type: text}}"))
    assert not call.all(RunTool)
    assert call.step == "person"


ORDER = """
  main:
    menu:
      prompt: Again?
      choices:
        order: {press: "1", means: order, go: order}
        other: {press: "2", means: something else, go: change}
    then: {failed: person}
  change: {set: {what: tea}, next: main}
  order:
    call: order
    with: {what: "${what}"}
    save: done
    once: true
    then: {ok: thanks, sold_out: gone, failed: person}
  thanks: {say: "Ordered, ${done.reference}.", next: main}
  gone: {say: Sold out., next: main}
"""
ORDER_HEADER = "start: main\nvariables: {what: {type: text, start: coffee}}"


def ordering() -> Call:
    call = Call(flow_of(ORDER, ORDER_HEADER))
    call.presses("1")
    return call


def test_what_runs_once_is_not_repeated_and_its_outcome_holds() -> None:
    call = ordering()
    call.returns("ok", {"reference": "R1"})
    call.presses("1")
    assert call.said[-1] == "Ordered, R1."
    assert len(call.all(RunTool)) == 1


def test_something_else_is_not_taken_for_done() -> None:
    call = ordering()
    call.returns("ok", {"reference": "R1"})
    call.presses("21")
    assert call.step == "person"
    assert len(call.all(RunTool)) == 1


def test_after_a_failure_nobody_knows_and_nothing_is_repeated() -> None:
    steps = ORDER.replace("failed: person}\n  thanks", "failed: main}\n  thanks")
    call = Call(flow_of(steps, ORDER_HEADER))
    call.presses("1")
    call.returns("failed")
    call.presses("1")
    assert call.step == "main"
    assert len(call.all(RunTool)) == 1


def test_what_the_tool_declined_may_be_tried_again() -> None:
    call = ordering()
    call.returns("sold_out")
    call.presses("1")
    assert len(call.all(RunTool)) == 2


def test_the_idempotency_key_is_the_contracts() -> None:
    assert ordering().last(RunTool).idempotency_key == "call1-coffee"


def test_what_changes_data_is_waited_for_whatever_the_caller_presses() -> None:
    call = ordering()
    call.presses("0")
    call.waits(1000)
    assert call.step == "order"
    call.returns("ok", {"reference": "R1"})
    assert call.said[-1] == "Ordered, R1."


def test_a_hang_up_lets_what_changes_data_finish() -> None:
    call = ordering()
    call.hangs_up()
    assert not call.all(CancelTool)
