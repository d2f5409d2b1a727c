import pytest

from gateway.flows.engine.commands import HandOver, HangUp
from gateway.flows.engine.events import Broke, PromptHeard
from tests.flows.engine.bench import Call, flow_of

STEPS = """
  main:
    menu:
      prompt: "What?"
      choices: {again: {press: "1", means: again, go: main}, order: {press: "2", means: order, go: order}}
    limit: 10
    then: {failed: bye}
  order:
    call: order
    with: {what: tea}
    then: {ok: main, sold_out: main, failed: main}
"""
TOO_LONG = "start: main\nalways: {too_long: {after: 10s, say: It takes too long., go: person}}"


def test_a_call_that_takes_too_long_is_handed_on() -> None:
    call = Call(flow_of(STEPS, TOO_LONG))
    call.hears()
    call.waits(10_100)
    assert call.step == "person"
    assert "It takes too long." in call.said


def test_it_waits_for_what_can_not_be_let_go() -> None:
    call = Call(flow_of(STEPS, TOO_LONG))
    call.waits(9_000)
    call.presses("2")
    call.waits(2_000)
    assert call.step == "order"
    call.returns("ok", {"reference": "R1"})
    call.waits(6_000)
    assert call.step == "person"


def test_a_limit_of_the_call_hands_it_on_first_and_ends_it_later() -> None:
    call = Call(flow_of(STEPS, TOO_LONG + "\nlimits: {max_call: 9s}"))
    call.hears()
    call.waits(9_100)
    assert call.step == "person"
    call.hears()
    assert call.all(HandOver)
    call.waits(300_000)
    assert call.ended


def test_without_anywhere_to_go_a_limit_ends_the_call_with_a_word() -> None:
    call = Call(flow_of(STEPS, "start: main\nlimits: {max_call: 9s}"))
    call.hears()
    call.waits(9_100)
    assert "we have to end the call here" in call.said[-1]
    assert not call.all(HangUp)
    call.hears()
    assert call.last(HangUp).reason == "max_call"


def test_a_goodbye_that_is_never_reported_ends_all_the_same() -> None:
    call = Call(flow_of(STEPS, "start: main\nlimits: {max_call: 9s}"))
    call.waits(60_000)
    assert call.last(HangUp).reason == "max_call"


def test_turns_are_bounded() -> None:
    call = Call(flow_of(STEPS, "start: main\nlimits: {max_turns: 3}"))
    for _ in range(3):
        call.hears()
        call.says("again")
    assert call.ended is None
    call.speaks()
    assert call.ended == "max_call"


def test_visits_to_a_step_are_bounded() -> None:
    call = Call(flow_of(STEPS, "start: main\nlimits: {visits_per_step: 5}"))
    call.presses("11111")
    assert call.step == "person"
    assert call.told("fault")


def test_a_circle_that_waits_for_nobody_ends() -> None:
    steps = "  one: {set: {x: a}, next: two}\n  two: {set: {x: b}, next: one}\n"
    call = Call(flow_of(steps, "start: one\nvariables: {x: {type: text}}\nlimits: {visits_per_step: 1000}"))
    assert call.ended == "fault"
    assert "circle" in call.engine.why


def test_something_broken_leads_to_a_person_once_and_then_ends() -> None:
    call = Call(flow_of(STEPS, "start: main\nalways: {error: {say: Sorry., go: person}}"))
    call.feed(Broke("model_lost"))
    assert (call.step, call.said[-1]) == ("person", "Sorry.")
    assert call.told("broke") == [{"what": "model_lost"}]
    call.feed(Broke("model_lost"))
    assert call.ended == "fault"
    assert "something went wrong" in call.said[-1]


def test_a_text_without_its_value_is_a_fault_and_not_a_crash() -> None:
    call = Call(flow_of('  main: {say: "It is ${x}.", next: bye}\n', "start: main\nvariables: {x: {type: text}}"))
    assert call.step == "person"


@pytest.mark.parametrize("limit", ["max_call: 9s", "max_turns: 1"])
def test_after_the_end_nothing_is_done(limit: str) -> None:
    call = Call(flow_of(STEPS, f"start: main\nlimits: {{{limit}}}"))
    call.speaks()
    call.waits(60_000)
    call.speaks()
    call.waits(60_000)
    assert call.all(HangUp)
    count = len(call.commands)
    call.presses("10")
    call.speaks()
    call.feed(PromptHeard(1))
    call.waits(3_600_000)
    assert len(call.commands) == count
