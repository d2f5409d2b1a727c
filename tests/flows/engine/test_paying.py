import pytest

from gateway.flows.engine.commands import AskModel, Charge, SayPrompt
from gateway.flows.engine.events import Spoke, Words
from tests.flows.engine.bench import Call, flow_of

STEPS = """
  pay:
    pay:
      amount: ${sum}
      processor: payments
      collect: [card_number, expiry, security_code]
      prompts: pay.yaml
      attempts: 2
    then: {paid: thanks, declined: no, cancelled: gone, failed: person}
  thanks: {say: "Paid, ${payment.reference|spell}.", next: bye}
  no: {say: Declined., next: bye}
  gone: {say: Cancelled., next: once_more}
  once_more: {confirm: "Again?", then: {if_yes: pay, if_no: bye, failed: bye}}
"""
HEADER = "start: first\nslots: {sum: {type: amount, currency: EUR, confirm: never}}"
FIRST = '  first: {ask: sum, prompt: "How much?", then: {filled: pay, failed: person}}\n'
PROMPTS = """
format: 1
kind: prompts
prompts:
  card_number: Your card number.
  expiry: The expiry date.
  security_code: The code on the back.
  invalid: That was not right.
  waiting: One moment.
"""
CARD = "4111111111111111"


@pytest.fixture
def call() -> Call:
    call = Call(flow_of(FIRST + STEPS, HEADER, **{"pay.yaml": PROMPTS}))
    call.presses("50#")
    assert call.step == "pay"
    return call


def key_in(call: Call) -> None:
    call.presses(f"{CARD}#")
    call.presses("1230")
    call.presses("957#")


def test_what_is_keyed_goes_to_the_charge_and_nowhere_else(call: Call) -> None:
    key_in(call)
    charge = call.last(Charge)
    assert (charge.amount, charge.currency, charge.processor) == ("50", "EUR", "payments")
    assert charge.card is not None
    assert charge.card.reveal() == CARD
    assert charge.details["security_code"].reveal() == "957"
    everything = repr(call.commands) + "".join(call.said)
    assert CARD not in everything
    assert "957" not in everything


def test_the_model_is_deaf_from_the_first_prompt_to_the_last(call: Call) -> None:
    assert call.is_deaf
    call.feed(Spoke("item_1"))
    call.feed(Words("item_1", "yes"))
    key_in(call)
    assert call.is_deaf
    call.charged("paid", {"reference": "AB1"})
    assert not call.is_deaf
    assert not call.all(AskModel)
    assert call.said[-1].startswith("Paid, ")


def test_a_number_that_can_not_be_is_asked_for_again(call: Call) -> None:
    call.presses("4111111111111112#")
    assert call.said[-2:] == ["That was not right.", "Your card number."]
    assert call.told("invalid")[-1]["reason"] == "luhn"


def test_a_declined_card_may_be_tried_once_more(call: Call) -> None:
    key_in(call)
    call.charged("declined")
    assert call.said[-1] == "Your card number."
    first = call.last(Charge).idempotency_key
    key_in(call)
    assert call.last(Charge).idempotency_key != first
    call.charged("declined")
    assert call.said[-1] == "Declined."


def test_the_star_clears_an_entry_and_then_cancels(call: Call) -> None:
    call.presses("41*")
    assert call.step == "pay"
    call.presses("*")
    assert call.said[-1] == "Cancelled."


def test_silence_and_wrong_numbers_come_to_an_end(call: Call) -> None:
    for _ in range(3):
        call.hears()
        call.waits(7_000)
    assert call.step == "person"


def test_of_a_charge_that_is_not_answered_nobody_knows_and_it_is_not_made_again(call: Call) -> None:
    key_in(call)
    call.presses("*0")
    assert call.step == "pay"
    call.waits(61_000)
    assert call.step == "person"
    assert call.told("payment_result") == [{"outcome": "failed"}]


def test_after_an_unknown_charge_the_step_fails_at_once() -> None:
    steps = STEPS.replace("failed: person}\n  thanks", "failed: once_more}\n  thanks")
    call = Call(flow_of(FIRST + steps, HEADER, **{"pay.yaml": PROMPTS}))
    call.presses("50#")
    key_in(call)
    call.charged("failed")
    assert call.step == "once_more"
    call.presses("1")
    assert call.step == "once_more"
    assert len(call.all(Charge)) == 1


def test_prompts_of_a_payment_can_not_be_talked_over(call: Call) -> None:
    assert call.last(SayPrompt).interrupt.mode == "keys_only"
