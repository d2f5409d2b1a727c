import pytest

from tests.flows.engine.bench import Call, flow_of

STEPS = """
  main:
    menu:
      prompt: Red?
      choices: {red: {press: "1", means: red, go: bye}}
    LIMITS
    then: {failed: person}
"""


def call_of(limits: str) -> Call:
    call = Call(flow_of(STEPS.replace("LIMITS", limits), "start: main"))
    call.hears()
    return call


def test_silence_counts_from_when_the_prompt_was_heard() -> None:
    call = Call(flow_of(STEPS.replace("LIMITS", "limit: 3"), "start: main"))
    call.waits(10_000)
    assert not call.told("no_input")
    call.hears()
    call.waits(5_900)
    assert not call.told("no_input")
    call.waits(200)
    assert call.told("no_input") == [{"attempt": 1}]


def test_each_kind_has_its_own_words_that_escalate() -> None:
    call = call_of("limit: 5")
    for words in ("Nothing heard.", "Still nothing heard."):
        call.waits(6_100)
        assert words in call.said[-3:]
        call.hears()
    call.says("unclear")
    assert "Not understood." in call.said[-3:]


def test_kinds_are_counted_together_too() -> None:
    call = call_of("limit: 4, ".rstrip(", "))
    for number in range(2):
        call.waits(6_100)
        call.hears()
        call.says("unclear")
        call.hears()
        assert call.step == ("main" if number == 0 else "person")


def test_one_kind_alone_fails_earlier() -> None:
    call = call_of("limit: 9\n    then_failed_after: 2")
    call.says("unclear")
    call.hears()
    call.says("unclear")
    assert call.step == "person"


def test_the_second_failure_offers_the_keypad() -> None:
    call = call_of("limit: 4")
    call.says("unclear")
    assert "You can also use your keypad." not in call.said
    call.hears()
    call.says("unclear")
    assert "You can also use your keypad." in call.said


def test_attempts_begin_anew_on_every_stay() -> None:
    call = call_of("limit: 2")
    call.says("unclear")
    assert call.engine.state.attempts == 1
    call.says("@person")
    assert call.step == "person"


@pytest.mark.parametrize("speaks", [True, False])
def test_speech_that_never_ends_is_silence_in_the_end(speaks: bool) -> None:
    call = call_of("limit: 3")
    if speaks:
        call.cuts_in()
    call.waits(21_000)
    assert call.told("no_input")


def test_a_prompt_that_can_not_be_cut_is_heard_before_an_answer_counts() -> None:
    call = Call(flow_of(STEPS.replace("LIMITS", "limit: 3\n    interrupt: blocked"), "start: main"))
    call.speaks("red")
    assert call.step == "main"
    assert not call.told("heard")
    call.hears()
    call.waits(6_100)
    assert call.told("no_input")


def test_a_prompt_that_is_never_reported_does_not_hold_the_call_up() -> None:
    call = Call(flow_of(STEPS.replace("LIMITS", "limit: 1"), "start: main"))
    call.waits(30_000)
    assert call.told("prompt_lost")
    assert call.step == "person"
