import pytest

from gateway.flows.engine.commands import AskModel, DropQuestion, StopSaying
from gateway.flows.engine.events import Answered, NotAnswered, Spoke
from tests.flows.engine.bench import Call, flow_of

MENU = """
  main:
    menu:
      prompt: ["What do you want?", "Press 1 for red or 2 for blue."]
      choices:
        red: {press: "1", means: wants red, words: [red, the red one], go: red}
        blue: {press: "2", means: wants blue, go: blue}
    then: {failed: person}
  red: {say: Red it is., next: bye}
  blue: {say: Blue it is., next: bye}
"""


@pytest.fixture
def call() -> Call:
    call = Call(flow_of(MENU, "start: main"))
    call.hears()
    return call


def test_a_choice_is_taken_by_the_models_reading(call: Call) -> None:
    call.says("blue")
    assert call.step == "blue"
    assert call.told("exit_taken") == [{"exit": "blue"}]


def test_a_choice_is_taken_by_key_without_asking_the_model(call: Call) -> None:
    call.presses("2")
    assert call.step == "blue"
    assert not call.all(AskModel)


def test_words_that_are_literally_a_choice_do_not_wait_for_the_model(call: Call) -> None:
    call.speaks("Red, please.")
    assert call.step == "red"
    assert call.all(DropQuestion)


def test_words_that_are_more_than_a_choice_wait_for_the_model(call: Call) -> None:
    call.speaks("red or rather not")
    assert call.step == "main"


def test_the_model_may_answer_only_what_the_step_allows(call: Call) -> None:
    kinds = call_kinds(call)
    assert kinds[:2] == ["red", "blue"]
    assert {"@person", "@repeat", "unclear", "still_talking"} < set(kinds)


def call_kinds(call: Call) -> list[str]:
    call.speaks()
    parameters = call.last(AskModel).parameters
    assert parameters["additionalProperties"] is False
    return list(parameters["properties"]["kind"]["enum"])


@pytest.mark.parametrize("answer", ["green", "bye", 7, None, ["red"], "RED"])
def test_an_answer_beside_the_list_is_unclear(call: Call, answer: object) -> None:
    call.speaks()
    call.feed(Answered(call.last(AskModel).epoch, {"kind": answer}))
    assert call.step == "main"
    assert len(call.told("no_match")) == 1


def test_no_answer_counts_as_unclear_once(call: Call) -> None:
    call.speaks()
    call.feed(NotAnswered(call.last(AskModel).epoch))
    call.feed(NotAnswered(call.last(AskModel).epoch))
    assert call.told("no_match") == [{"attempt": 1}]


def test_an_answer_that_takes_too_long_counts_as_unclear_and_comes_too_late(call: Call) -> None:
    call.speaks()
    epoch = call.last(AskModel).epoch
    call.waits(3500)
    assert call.told("no_match") == [{"attempt": 1}]
    call.feed(Answered(epoch, {"kind": "red"}))
    assert call.step == "main"
    assert call.engine.stale == 1


def test_a_key_goes_before_what_was_said_meanwhile(call: Call) -> None:
    call.speaks()
    epoch = call.last(AskModel).epoch
    call.presses("2")
    call.feed(Answered(epoch, {"kind": "red"}))
    assert call.step == "blue"


def test_a_key_stops_the_prompt() -> None:
    call = Call(flow_of(MENU, "start: main"))
    call.presses("1")
    assert call.all(StopSaying)
    assert call.step == "red"


def test_the_second_prompt_comes_with_the_second_attempt(call: Call) -> None:
    call.says("unclear")
    assert call.said[-2:] == ["Not understood.", "Press 1 for red or 2 for blue."]


def test_a_caller_who_has_not_finished_is_waited_for_and_read_as_one(call: Call) -> None:
    call.says("still_talking")
    assert not call.told("no_match")
    call.feed(Spoke("more"))
    assert call.last(AskModel).earlier == ("item_1",)
    call.means("red")
    assert call.step == "red"


def test_a_television_is_not_waited_for_for_ever(call: Call) -> None:
    for _ in range(4):
        call.says("still_talking")
    assert call.told("no_match") == [{"attempt": 1}]


LIST = """
  find:
    call: options
    save: offers
    then: {ok: pick, failed: person}
  pick:
    menu:
      prompt: There are these.
      from: ${offers}
      show: 2
      each: ${item.name}
      press: position
      save: chosen
      choices:
        more: {press: "9", means: others, go: more}
    then: {picked: done, failed: person}
  more:
    decide:
      - {if: options_left() > 0, go: pick}
      - {else: bye}
  done: {say: "You took ${chosen.name}.", next: bye}
"""
OFFERS = [{"id": str(number), "name": f"number {number}"} for number in range(1, 6)]


@pytest.fixture
def listed() -> Call:
    call = Call(flow_of(LIST, "start: find"))
    call.returns("ok", OFFERS)
    return call


def test_a_list_is_read_in_portions_and_picked_by_position(listed: Call) -> None:
    assert listed.said == ["There are these.", "number 1", "number 2"]
    listed.presses("2")
    assert listed.said[-1] == "You took number 2."


def test_more_gives_others_until_there_are_none(listed: Call) -> None:
    listed.presses("9")
    assert listed.said[-2:] == ["number 3", "number 4"]
    listed.presses("9")
    assert listed.said[-1:] == ["number 5"]
    listed.says("pick_1")
    assert listed.said[-1] == "You took number 5."


def test_after_the_last_portion_nothing_is_left(listed: Call) -> None:
    listed.presses("999")
    assert listed.step == "bye"


def test_the_model_tells_entries_apart_by_what_the_caller_hears(listed: Call) -> None:
    listed.speaks()
    assert "pick_2 = two, number 2" in listed.last(AskModel).parameters["properties"]["kind"]["description"]


def test_an_entry_that_is_not_read_out_can_not_be_picked(listed: Call) -> None:
    listed.says("pick_3")
    assert listed.step == "pick"


def test_an_empty_list_fails() -> None:
    call = Call(flow_of(LIST, "start: find"))
    call.returns("ok", [])
    assert call.step == "person"
