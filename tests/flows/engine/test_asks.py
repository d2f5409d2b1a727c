import pytest

from gateway.flows.engine.commands import AskModel, CancelTool, ForgetTurns, RunTool, SayPrompt, Tell
from gateway.flows.expressions.evaluate import UNSET
from gateway.flows.expressions.values import Secret
from tests.flows.engine.bench import Call, flow_of

SLOTS = """start: ask
slots:
  code: {type: digits, length: 4, privacy: personal}
  day: {type: date, between: [today, "today + 30 days"]}
  sum: {type: amount, currency: EUR, confirm: always}
  colour: {type: choice, of: [red, blue]}
  size: {type: choice, of_tool: options}
  nick: {type: name, check: check, confirm: never}
  pin: {type: digits, length: 4, input: keys_only, privacy: secret}
  mobile: {type: phone, region: GB, suggest: "${call.from}", confirm: always}
  illness: {type: text, privacy: sensitive, optional: true}
"""


def asking(slots: str, more: str = "", then: str = "{filled: done, refused: gone, failed: person}") -> Call:
    steps = f"""
  ask:
    ask: {slots}
    prompt: ["Tell me.", "Please tell me."]
    {more}
    then: {then}
  done: {{say: Thank you., next: again}}
  gone: {{say: Never mind., next: bye}}
  again: {{confirm: "Once more?", then: {{if_yes: ask, if_no: bye, failed: bye}}}}
"""
    call = Call(flow_of(steps, SLOTS))
    call.hears()
    return call


def test_a_value_that_words_and_model_agree_on_is_filled() -> None:
    call = asking("code")
    call.says("answer", raw="one two three four", code="1234")
    assert (call.step, call.value("code")) == ("done", "1234")


def test_words_and_model_that_disagree_are_asked_about() -> None:
    call = asking("code")
    call.says("answer", raw="one two three four", code="1243")
    assert "Is that right?" in call.said[-1]
    assert call.value("code") is UNSET
    call.says("yes")
    assert call.step == "done"


def test_a_model_can_not_talk_a_value_into_a_slot() -> None:
    call = asking("code")
    call.says("answer", raw="you are verified", code="all of them")
    assert call.value("code") is UNSET
    assert call.told("no_match") or call.told("invalid")


def test_no_to_a_value_asks_again_and_in_the_end_gives_up() -> None:
    call = asking("sum")
    for _ in range(3):
        call.says("answer", raw="fifty euros", sum="50")
        call.says("no")
    assert call.step == "person"
    assert len(call.told("not_confirmed")) == 3


def test_another_value_in_place_of_a_yes_is_the_one_that_counts() -> None:
    call = asking("sum")
    call.says("answer", raw="fifty euros", sum="50")
    call.says("no", raw="sixty euros", sum="60")
    call.says("yes")
    assert str(getattr(call.value("sum"), "amount", "")) in {"60", "60.00"}


def test_a_value_out_of_bounds_is_refused_with_its_reason() -> None:
    call = asking("day")
    call.says("answer", raw="2027-01-01", day="2027-01-01")
    assert call.told("invalid") == [{"attempt": 1, "reason": "too_late"}]
    assert call.said[-2:] == ["Not possible.", "Please tell me."]


def test_keys_fill_without_a_model() -> None:
    call = asking("day")
    call.presses("10062026")
    assert call.step == "done"
    assert not call.all(AskModel)


def test_options_of_a_choice_are_taken_by_word_key_and_reading() -> None:
    for answer in (lambda call: call.speaks("blue"), lambda call: call.presses("2"), lambda call: call.says("blue")):
        call = asking("colour")
        answer(call)
        assert call.value("colour") == "blue"


def test_a_tool_lists_the_options_before_anything_is_asked() -> None:
    call = asking("size")
    assert not call.said
    call.returns("ok", [{"id": "s", "name": "small"}, {"id": "l", "name": "large"}])
    assert call.said == ["Tell me."]
    call.speaks("large")
    assert call.value("size") == "l"


@pytest.mark.parametrize("result", [[], None, "text", [{"name": None, "id": None}]])
def test_a_tool_without_options_fails(result: object) -> None:
    call = asking("size")
    call.returns("ok", result)
    assert call.step == "person"


def test_a_tool_of_which_nothing_is_heard_fails() -> None:
    call = asking("size")
    call.waits(60_000)
    assert call.step == "person"


def test_a_check_refuses_a_value_by_its_outcome() -> None:
    call = asking("nick")
    call.says("answer", raw="Ann", nick="Ann")
    assert call.last(RunTool).arguments == {"value": "Ann"}
    call.presses("0")  # nothing is asked while a value is checked
    assert call.step == "ask"
    call.returns("taken")
    assert call.told("invalid") == [{"attempt": 1, "reason": "taken"}]
    call.says("answer", raw="Ben", nick="Ben")
    call.returns("ok")
    assert call.value("nick") == "Ben"


def test_leaving_lets_a_check_go() -> None:
    call = asking("nick")
    call.says("answer", raw="Ann", nick="Ann")
    call.hangs_up()
    assert call.all(CancelTool)


def test_refusing_has_its_own_way_out() -> None:
    call = asking("code")
    call.says("refuse")
    assert call.step == "gone"


def test_a_likely_value_is_offered_once() -> None:
    call = asking("mobile")
    assert call.said[-1].startswith("Is it")
    call.says("no")
    assert call.said[-1] == "Tell me."
    call.says("answer", raw="0113 496 0456", mobile="+441134960456")
    call.says("yes")
    assert call.value("mobile") == "+441134960456"


def test_without_a_number_nothing_is_offered() -> None:
    steps = "\n  ask: {ask: mobile, prompt: Tell me., then: {filled: bye, failed: person}}\n"
    assert Call(flow_of(steps, SLOTS), caller="").said == ["Tell me."]


def test_several_slots_are_taken_from_one_sentence() -> None:
    call = asking("[code, day, colour]", "style: together")
    call.says("answer", raw="one two three four on 10 June and blue", code="1234", day="2026-06-10", colour="blue")
    assert call.step == "done"


def test_what_is_missing_is_asked_for_by_itself() -> None:
    call = asking("[code, day, colour]", "style: together")
    call.says("answer", raw="one two three four", code="1234")
    assert call.said[-1] == "What is your day?"
    call.says("answer", raw="10 June", day="2026-06-10")
    call.speaks("blue")
    assert call.step == "done"


def test_a_value_that_is_not_in_the_sentence_is_asked_about_later() -> None:
    call = asking("[code, colour]", "style: together")
    call.says("answer", raw="one two three four", code="1234", colour="red")
    assert call.said[-1] == "I have red. Is that right?"


def test_optional_slots_are_not_asked_for_by_themselves() -> None:
    call = asking("[code, illness]", "style: together")
    call.says("answer", raw="one two three four", code="1234")
    assert call.step == "done"


def test_what_was_sensitive_is_forgotten_on_leaving() -> None:
    call = asking("illness")
    call.says("answer", raw="a cold", illness="a cold")
    assert call.all(ForgetTurns)


def test_coming_back_to_a_slot_asks_for_it_again() -> None:
    call = asking("code")
    call.says("answer", raw="1234", code="1234")
    call.hears()
    call.speaks("yes")
    assert (call.step, call.said[-1]) == ("ask", "Tell me.")
    call.says("answer", raw="4321", code="4321")
    assert call.value("code") == "4321"


def test_a_slot_that_was_filled_on_the_way_is_not_asked_for() -> None:
    steps = """
  main:
    menu:
      prompt: What?
      choices: {day: {press: "1", means: a day, fills: [day], go: ask}}
    then: {failed: person}
  ask: {ask: day, prompt: "When?", then: {filled: bye, failed: person}}
"""
    call = Call(flow_of(steps, SLOTS.replace("start: ask", "start: main")))
    call.hears()
    call.says("day", raw="could I come on 10 June", day="2026-06-10")
    assert call.step == "bye"


def test_an_uncertain_value_from_the_way_is_offered_for_a_yes() -> None:
    steps = """
  main:
    menu:
      prompt: What?
      choices: {day: {press: "1", means: a day, fills: [day], go: ask}}
    then: {failed: person}
  ask: {ask: day, prompt: "When?", then: {filled: bye, failed: person}}
"""
    call = Call(flow_of(steps, SLOTS.replace("start: ask", "start: main")))
    call.hears()
    call.says("day", raw="some time soon", day="2026-06-10")
    assert call.step == "ask"
    assert "tenth of June" in call.said[-1]
    assert call.value("day") is UNSET


def test_a_secret_is_keyed_while_the_model_is_deaf() -> None:
    call = asking("pin")
    assert call.is_deaf
    call.speaks("seven three nine one")
    call.presses("7391")
    assert isinstance(call.value("pin"), Secret)
    assert not call.is_deaf
    assert "7391" not in repr(call.commands)
    assert not call.all(AskModel)


def test_a_personal_value_read_back_stays_out_of_the_models_memory() -> None:
    call = asking("code")
    call.says("answer", raw="one two three four", code="1243")
    assert not call.last(SayPrompt).remembered


def test_the_reports_learn_the_type_and_not_the_value() -> None:
    call = asking("code")
    call.says("answer", raw="one two three four", code="1234")
    assert call.told("slot_filled") == [{"slot": "code", "type": "digits"}]
    assert "1234" not in repr(call.all(Tell))
