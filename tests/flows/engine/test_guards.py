import pytest

from tests.flows.engine.bench import Call, flow_of

STEPS = """
  main:
    menu:
      prompt: What?
      choices:
        direct: {press: "1", means: straight in, go: secret}
        by_set: {press: "2", means: round about, go: mark}
        by_run: {press: "3", means: by a subflow, go: inner}
    then: {failed: person}
  mark: {set: {known: true}, next: secret}
  inner: {run: part, then: {done: secret, failed: person}}
  secret:
    guard: {need: known, else: denied}
    say: The secret.
    event: secret_told
    set: {entered: true}
    next: bye
  denied: {say: Not for you., next: main}
"""
HEADER = """start: main
variables:
  known: {type: boolean, start: false}
  entered: {type: boolean, start: false}
always:
  shortcut: {press: "5", means: the secret at once, go: secret}
  aside: {press: "6", means: something else first, run: part, returns: resume}
"""
SUBFLOWS = """
subflows:
  part:
    outcomes: [done]
    start: say
    steps:
      say: {say: Inside., next: out}
      out: {return: done}
"""


@pytest.fixture
def call() -> Call:
    call = Call(flow_of(STEPS + SUBFLOWS, HEADER))
    call.hears()
    return call


@pytest.mark.parametrize("keys", ["1", "3", "5"])
def test_no_way_leads_past_a_guard(call: Call, keys: str) -> None:
    call.presses(keys)
    call.hears()
    assert "The secret." not in call.said
    assert "Not for you." in call.said
    assert call.told("guard_denied")


def test_a_denied_step_sets_nothing_and_tells_nothing(call: Call) -> None:
    call.presses("1")
    assert call.value("entered") is False
    assert not call.told("secret_told")


def test_a_guard_that_holds_lets_in(call: Call) -> None:
    call.presses("2")
    assert call.said[-1] == "The secret."
    assert call.value("entered") is True
    assert call.told("secret_told") == [{}]


def test_a_model_can_not_ask_for_a_step_that_is_no_choice(call: Call) -> None:
    call.says("secret")
    call.says("mark")
    assert call.step == "main"
    assert call.value("known") is False


def test_a_handler_by_voice_meets_the_guard_too(call: Call) -> None:
    call.says("@shortcut")
    assert "The secret." not in call.said


def test_a_digression_comes_back_to_the_step_and_says_it_again(call: Call) -> None:
    call.presses("6")
    assert call.said[-1] == "Inside."
    call.hears()
    assert (call.step, call.said[-1]) == ("main", "What?")
    assert call.told("resumed")


def test_a_handler_that_leads_on_leaves_the_subflow_behind(call: Call) -> None:
    call.presses("6")
    call.presses("0")
    assert call.step == "person"
    assert not call.engine.state.frames
