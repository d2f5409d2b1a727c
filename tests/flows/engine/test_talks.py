from gateway.flows.engine.commands import AnswerLeave, EndTalk, MustLeave, StartTalk
from gateway.flows.engine.events import LeaveAsked, SpeechBegan, TalkTurn
from gateway.flows.expressions.evaluate import UNSET
from tests.flows.engine.bench import Call, flow_of

STEPS = """
  talk:
    talk:
      goal: Help with the order.
      facts: [files/facts.md, known, pin]
      tools: [look_up]
      never: [prices]
      max_turns: 3
      max_time: 2m
    exits:
      pay: {when: wants to pay, needs: [sum], go: paid}
      day: {when: names a day, fills: [day], go: when}
      done: {when: all is said, go: bye}
    then: {gave_up: person}
  paid: {say: "You pay ${sum|money}.", next: bye}
  when: {ask: day, prompt: "When?", then: {filled: bye, failed: person}}
"""
HEADER = """start: talk
slots:
  sum: {type: amount, currency: EUR}
  big: {type: amount, currency: EUR, confirm: always}
  day: {type: date}
variables:
  known: {type: text, start: a fact of this call}
"""
FACTS = {"files/facts.md": "We open at nine."}


def talking(steps: str = STEPS) -> Call:
    return Call(flow_of(steps.replace(", pin]", "]"), HEADER, **FACTS))


def test_the_model_gets_the_goal_the_facts_and_its_limits_and_no_more() -> None:
    start = talking().last(StartTalk)
    for part in ("GOAL: Help with the order.", "We open at nine.", "a fact of this call", "Never: prices."):
        assert part in start.instructions
    assert start.instructions.index("GOAL:") < start.instructions.index("FACTS:")
    assert [tool.name for tool in start.tools] == ["look_up"]
    assert start.leave["properties"]["exit"]["enum"] == ["pay", "day", "done", "@person"]
    assert "person:" not in start.instructions.replace("@person:", "")


def test_leaving_is_granted_by_an_exit() -> None:
    call = talking()
    call.leaves("done")
    assert call.last(AnswerLeave).granted
    assert call.step == "bye"
    assert call.all(EndTalk)


def test_an_exit_that_needs_something_is_refused_until_it_is_there() -> None:
    call = talking()
    call.leaves("pay")
    refusal = call.last(AnswerLeave)
    assert not refusal.granted
    assert "sum" in refusal.why
    call.leaves("pay", sum="50")
    assert call.said[-1] == "You pay fifty euros."


def test_what_needs_a_yes_is_read_back_before_it_counts() -> None:
    call = talking(STEPS.replace("needs: [sum]", "needs: [big]").replace("sum|money", "big|money"))
    call.leaves("pay", big="50")
    assert "read back" in call.last(AnswerLeave).why
    call.leaves("pay", big="60")
    assert not call.last(AnswerLeave).granted
    call.leaves("pay", big="60")
    assert call.said[-1] == "You pay sixty euros."


def test_what_comes_along_is_offered_for_a_yes_and_not_taken_for_granted() -> None:
    call = talking()
    call.leaves("day", day="2026-06-10")
    assert call.value("day") is UNSET
    assert "tenth of June" in call.said[-1]


def test_an_exit_that_does_not_exist_is_refused_with_those_that_do() -> None:
    call = talking()
    call.leaves("paid")
    assert "pay, day, done" in call.last(AnswerLeave).why
    assert call.step == "talk"


def test_a_model_that_has_lost_the_thread_gives_up() -> None:
    call = talking()
    for _ in range(5):
        call.leaves("paid")
    assert call.step == "person"


def test_a_person_is_an_exit_of_every_talk() -> None:
    call = talking()
    call.leaves("@person")
    assert call.step == "person"


def test_turns_are_bounded_and_then_the_model_has_to_choose() -> None:
    call = talking()
    epoch = call.last(StartTalk).epoch
    for _ in range(3):
        call.feed(TalkTurn(epoch))
    assert call.all(MustLeave)
    call.leaves("nowhere")
    assert call.step == "person"


def test_a_model_that_does_not_choose_gives_up() -> None:
    call = talking()
    for _ in range(3):
        call.feed(TalkTurn(call.last(StartTalk).epoch))
    call.waits(6_100)
    assert call.step == "person"


def test_time_is_bounded() -> None:
    call = talking()
    for _ in range(12):
        call.feed(SpeechBegan())
        call.waits(10_500)
    assert call.all(MustLeave)


def test_silence_is_answered_and_ends_the_talk() -> None:
    call = talking()
    call.feed(TalkTurn(call.last(StartTalk).epoch))
    call.waits(6_100)
    assert call.said == ["Nothing heard."]
    for _ in range(3):
        call.hears()
        call.waits(6_100)
    assert call.step == "person"


def test_a_model_that_never_begins_does_not_hold_the_call_up() -> None:
    call = talking()
    for _ in range(4):
        call.waits(31_000)
        call.hears()
    assert call.told("exit_taken")[0] == {"exit": "gave_up"}


def test_a_wish_to_leave_an_earlier_talk_is_answered_and_moves_nothing() -> None:
    call = talking()
    old = call.last(StartTalk).epoch
    call.leaves("day", day="2026-06-10")
    call.feed(LeaveAsked(old, "late", {"exit": "done"}))
    assert call.step == "when"
    assert call.last(AnswerLeave) == AnswerLeave("late", granted=False, why="that part of the call is over")


def test_facts_never_hold_a_secret() -> None:
    steps = STEPS.replace(
        "  talk:\n    talk:",
        "  pin: {ask: pin, prompt: Key it in., then: {filled: talk, failed: person}}\n  talk:\n    talk:",
        1,
    )
    header = HEADER.replace("start: talk", "start: pin").replace(
        "slots:", "slots:\n  pin: {type: digits, length: 4, input: keys_only, privacy: secret}"
    )
    call = Call(flow_of(steps.replace(", pin]", "]"), header, **FACTS))
    call.presses("7391")
    assert "7391" not in call.last(StartTalk).instructions
    assert "secret" not in call.last(StartTalk).instructions
