import pytest

from gateway.flows.engine.commands import FinishMessage, HandOver, HangUp, TakeMessage
from tests.flows.engine.bench import Call, flow_of

STEPS = """
  ring:
    transfer:
      to: queue:orders_${call.language}
      mode: warm
      say: Putting you through.
      whisper: "Order ${order|or('unknown')}."
      max_wait: 5m
      priority: high
    then: {answered: end_call, timeout: message, closed: message, failed: message}
  message:
    voicemail:
      prompt: Leave a message.
      max_time: 1m
      send_to: queue:orders
    then: {recorded: bye, empty: bye, failed: bye}
"""
HEADER = "start: ring\nvariables: {order: {type: text}}"


@pytest.fixture
def call() -> Call:
    return Call(flow_of(STEPS, HEADER))


def test_a_transfer_begins_when_the_caller_was_told(call: Call) -> None:
    assert not call.all(HandOver)
    call.hears()
    hand_over = call.last(HandOver)
    assert (hand_over.to, hand_over.mode, hand_over.priority) == ("queue:orders_en-GB", "warm", "high")
    assert hand_over.whisper == "Order unknown."


def test_a_caller_who_was_taken_over_is_let_go_and_not_hung_up_on(call: Call) -> None:
    call.hears()
    call.handed_over("answered")
    assert call.last(HangUp).reason == "handed_over"
    assert call.told("call_ended") == [{"reason": "handed_over", "containment": "handed_over"}]


@pytest.mark.parametrize("outcome", ["timeout", "closed", "failed", "busy", "something_new"])
def test_every_other_outcome_leads_on(call: Call, outcome: str) -> None:
    call.hears()
    call.handed_over(outcome)
    assert call.step == "message"


def test_nothing_moves_the_call_while_somebody_is_rung(call: Call) -> None:
    call.hears()
    call.presses("0*5")
    assert call.step == "ring"
    assert len(call.all(HandOver)) == 1


def test_a_transfer_of_which_nothing_is_heard_fails(call: Call) -> None:
    call.hears()
    call.waits(6 * 60_000 + 1000)
    assert call.step == "message"


def message_of(call: Call) -> Call:
    call.hears()
    call.handed_over("timeout")
    call.hears()
    return call


def test_a_message_is_recorded_after_its_prompt(call: Call) -> None:
    message = message_of(call).last(TakeMessage)
    assert (message.max_time_ms, message.send_to) == (60_000, "queue:orders")


def test_the_end_key_finishes_it_and_others_do_nothing(call: Call) -> None:
    message_of(call).presses("0")
    assert not call.all(FinishMessage)
    call.presses("#")
    assert call.all(FinishMessage)
    call.recorded("recorded")
    assert call.step == "bye"


def test_a_key_skips_the_prompt(call: Call) -> None:
    call.hears()
    call.handed_over("timeout")
    call.presses("5")
    assert call.all(TakeMessage)


def test_speaking_over_the_prompt_begins_the_recording(call: Call) -> None:
    call.hears()
    call.handed_over("timeout")
    call.cuts_in()
    assert call.all(TakeMessage)


def test_a_recording_of_which_nothing_is_heard_fails(call: Call) -> None:
    message_of(call).waits(91_000)
    assert call.told("exit_taken")[-1] == {"exit": "failed"}


def test_a_recording_can_fill_a_slot() -> None:
    steps = """
  message:
    voicemail: {prompt: Say your name., as: who}
    then: {recorded: bye, empty: bye, failed: bye}
"""
    call = Call(flow_of(steps, "start: message\nslots: {who: {type: text}}"))
    call.hears()
    call.recorded("recorded", "name.wav")
    assert call.value("who") == "name.wav"
