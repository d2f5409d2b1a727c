import pytest

from gateway.flows.engine.commands import AskModel, RunTool
from gateway.flows.expressions.evaluate import UNSET
from tests.flows.engine.bench import Call, flow_of, shipped

STEPS = """
  ask_id: {ask: id, prompt: "Number?", then: {filled: look, failed: person}}
  look:
    call: look_up
    with: {id: "${id}"}
    save: found
    then: {ok: mark, none: person, failed: person}
  mark: {set: {known: true}, next: main}
  main:
    menu:
      prompt: "What now?"
      choices:
        order: {press: "1", means: order, go: order}
    then: {failed: person}
  order:
    call: order
    with: {what: "${id}"}
    save: done
    once: true
    then: {ok: main, sold_out: main, failed: person}
"""
HEADER = """start: ask_id
slots:
  id: {type: digits, length: 4}
  unused: {type: digits, length: 4}
variables: {known: {type: boolean, start: false}}
"""
GOOD = {"name": "Ann", "since": "2020-05-04"}


@pytest.fixture
def call() -> Call:
    call = Call(flow_of(STEPS, HEADER))
    call.presses("1234")
    call.returns("ok", GOOD)
    call.hears()
    assert call.step == "main"
    return call


def fix(call: Call, slot: str, value: str) -> None:
    call.speaks()
    call.means("fix", fix_slot=slot, fix_value=value)


def test_a_correction_goes_back_to_the_first_step_that_used_the_value(call: Call) -> None:
    fix(call, "id", "4321")
    assert call.step == "look"
    assert call.last(RunTool).arguments == {"id": "4321"}
    assert call.told("corrected") == [{"slot": "id"}]


def test_what_was_worked_out_from_the_old_value_is_forgotten(call: Call) -> None:
    fix(call, "id", "4321")
    assert call.value("found") is UNSET
    assert call.value("known") is False


def test_a_correction_that_can_not_be_read_asks_again(call: Call) -> None:
    fix(call, "id", "the other one")
    assert call.step == "ask_id"
    assert call.said[-1] == "Number?"


def test_only_filled_slots_can_be_corrected(call: Call) -> None:
    call.speaks()
    assert call.last(AskModel).parameters["properties"]["fix_slot"]["enum"] == ["id"]
    call.means("fix", fix_slot="unused", fix_value="4321")
    assert call.value("unused") is UNSET
    assert call.told("no_match")


def test_nothing_is_gone_back_behind_what_can_not_be_undone(call: Call) -> None:
    call.presses("1")
    call.returns("ok", {"reference": "R1"})
    call.hears()
    call.speaks()
    assert "fix" not in call.last(AskModel).parameters["properties"]["kind"]["enum"]
    call.means("fix", fix_slot="id", fix_value="4321")
    assert (call.step, call.value("id")) == ("main", "1234")


def test_a_caller_who_corrects_what_identified_them_is_not_identified_any_more() -> None:
    call = Call(shipped("card_member_services"))
    call.hears()
    call.presses("1234")
    call.presses("04051980")
    call.presses("739182")
    call.returns("ok", {"id": "c1", "last4": "1234", "balance": 80, "name": "Ann"})
    assert call.value("verified") is True
    fix(call, "card_last4", "5678")
    assert call.value("verified") is False
    assert call.value("card") is UNSET
    assert call.step == "ask_pin"


def test_a_value_from_a_finished_subflow_is_corrected_where_that_was_run() -> None:
    steps = """
  go: {run: part, gives: {answer: found}, then: {done: main, failed: person}}
  main: {confirm: "Right?", then: {if_yes: bye, if_no: bye, failed: bye}}
subflows:
  part:
    returns: {answer: text}
    outcomes: [done]
    start: ask_id
    steps:
      ask_id: {ask: id, prompt: "Number?", then: {filled: work, failed: out}}
      work: {set: {answer: "${id}"}, next: out}
      out: {return: done}
"""
    call = Call(flow_of(steps, "start: go\nslots: {id: {type: digits, length: 4}}\nvariables: {found: {type: text}}"))
    call.presses("1234")
    call.hears()
    fix(call, "id", "4321")
    assert call.value("found") == "4321"
    assert call.step == "main"
