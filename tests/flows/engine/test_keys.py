import pytest

from gateway.flows.engine.commands import AskModel
from gateway.flows.engine.keypad import Chosen, Entered, Entry, KeyReader, Partly, TypedAhead
from tests.flows.engine.bench import Call, flow_of

STEPS = """
  hello: {say: Welcome to us., next: main}
  main:
    menu:
      prompt: One or two?
      choices:
        one: {press: "1", means: one, go: code}
        many: {press: "12", means: many, go: bye}
    then: {failed: person}
  code:
    ask: code
    prompt: Your code, please.
    then: {filled: sure, failed: person}
  sure:
    confirm: Really?
    then: {if_yes: bye, if_no: person, failed: person}
"""
HEADER = "start: hello\nslots: {code: {type: digits, length: 4}}"


def call_of(header: str = HEADER, steps: str = STEPS) -> Call:
    return Call(flow_of(steps, header))


def test_a_caller_who_knows_the_way_types_ahead_through_prompts() -> None:
    call = call_of()
    call.presses("1")
    assert call.step == "main"  # 1 could still become 12
    call.waits(3100)
    assert call.step == "code"
    call.presses("4321")
    assert call.step == "sure"
    assert not call.all(AskModel)


def test_keys_typed_ahead_answer_the_questions_after_the_next_too() -> None:
    steps = STEPS.replace('many: {press: "12", means: many, go: bye}', 'many: {press: "2", means: many, go: bye}')
    call = call_of(steps=steps.replace("say: Welcome to us.", "say: Welcome to us., interrupt: blocked", 1))
    call.presses("14321")
    assert call.step == "hello"
    call.hears()
    assert call.step == "sure"
    assert call.value("code") == "4321"


def test_keys_typed_ahead_never_agree_to_anything() -> None:
    steps = STEPS.replace("say: Welcome to us.", "say: Welcome to us., interrupt: blocked", 1).replace('"12"', '"2"')
    call = call_of(steps=steps)
    call.presses("143211")
    call.hears()
    assert call.step == "sure"
    call.presses("1")
    assert call.step == "bye"


def test_a_pause_ends_a_choice_that_could_be_longer() -> None:
    call = call_of()
    call.hears()
    call.presses("1")
    assert call.step == "main"
    call.waits(3000)
    assert call.step == "code"


def test_the_longer_choice_wins_if_its_keys_come_in_time() -> None:
    call = call_of()
    call.hears()
    call.presses("12")
    assert call.step == "bye"


def test_the_end_key_after_a_complete_entry_is_overlooked() -> None:
    call = call_of()
    call.hears()
    call.presses("1")
    call.waits(3000)
    call.presses("4321#")
    assert call.step == "sure"
    assert not call.told("no_match")


def test_a_short_entry_is_ended_by_the_end_key_and_refused() -> None:
    call = call_of()
    call.hears()
    call.presses("1#")
    call.hears()
    call.presses("43#")
    assert call.told("invalid") == [{"attempt": 1, "reason": "too_short"}]
    assert call.step == "code"


def test_a_local_key_goes_before_a_global_one() -> None:
    steps = STEPS.replace('one: {press: "1"', 'one: {press: "0"')
    call = call_of(steps=steps)
    call.hears()
    call.presses("0")
    assert call.step == "code"
    assert not call.told("global_used")


def test_nought_and_a_pause_is_the_person_where_digits_are_asked_for() -> None:
    call = call_of()
    call.hears()
    call.presses("1")
    call.waits(3000)
    call.presses("0")
    assert call.step == "code"
    call.waits(3000)
    assert call.step == "person"
    assert call.told("global_used") == [{"handler": "person", "by": "key"}]


def test_a_global_key_works_while_something_is_said() -> None:
    call = call_of()
    call.presses("0")
    assert call.step == "person"


def test_a_global_key_pressed_during_a_prompt_that_can_not_be_cut_works_after_it() -> None:
    steps = STEPS.replace("confirm: Really?", "confirm: Really?\n    interrupt: blocked")
    call = call_of(steps=steps)
    call.hears()
    call.presses("1#")
    call.hears()
    call.presses("4321")
    call.presses("0")
    call.hears()
    assert call.step == "sure"  # a confirmation drops what came before it
    call.presses("0")
    assert call.step == "person"


def test_the_star_says_it_again_and_forgets_what_was_begun() -> None:
    call = call_of()
    call.hears()
    call.presses("1")
    call.waits(3000)
    call.hears()
    call.presses("43*")
    assert call.said[-1] == "Your code, please."
    call.hears()
    call.presses("1234")
    assert call.value("code") == "1234"


def test_a_key_that_means_nothing_is_no_match() -> None:
    call = call_of()
    call.hears()
    call.presses("7")
    assert call.told("no_match") == [{"attempt": 1}]


def test_keys_are_in_no_repr() -> None:
    entry = Entry(least=1, most=9, end_key="#", gap_ms=1)
    entry.press("7")
    ahead = TypedAhead()
    ahead.keep("7")
    assert "7" not in repr(entry) + repr(ahead) + repr(Entered("77"))


@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ("1", Partly.MORE),
        ("12", Chosen("many")),
        ("1#", Chosen("one")),
        ("2", Chosen("two")),
        ("15", Partly.NOT_MINE),
        ("9", Partly.NOT_MINE),
    ],
)
def test_keys_of_choices_are_read(keys: str, last: object) -> None:
    reader = KeyReader("#")
    choices = {"1": "one", "12": "many", "2": "two"}
    assert [reader.press(key, choices) for key in keys][-1] == last


def test_an_entry_after_choices_takes_what_they_do_not() -> None:
    reader = KeyReader("#")
    reader.entry = Entry(least=2, most=3, end_key="#", gap_ms=1)
    assert [reader.press(key, {"1": "one"}) for key in "516"] == [
        Partly.MORE,
        Partly.MORE,
        Entered("516", by_length=True),
    ]
    assert reader.press("1", {"1": "one"}) == Chosen("one")


def test_the_oldest_keys_give_way() -> None:
    ahead = TypedAhead()
    for number in range(50):
        ahead.keep(str(number % 10))
    assert sum(1 for _ in iter(lambda: ahead.next() if ahead else None, None)) == 40
