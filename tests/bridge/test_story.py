"""The books of a call: which turn a response belongs to, what it cost, and what is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.bridge.story import Story
from gateway.contracts.model import ResponseDone, ResponseStatus, TranscriptionUse, Usage
from gateway.contracts.price import Price, TranscriberPrice
from gateway.contracts.record import CallEnded
from gateway.errors import Ending, Party

PRICE = Price(
    currency="USD",
    input_text=Decimal("4"),
    input_audio=Decimal("32"),
    cached_text=Decimal("0.4"),
    cached_audio=Decimal("0.4"),
    output_text=Decimal("24"),
    output_audio=Decimal("64"),
)
USAGE = Usage(input_text=100, cached_text=50, output_audio=100)
COST = Decimal("0.00662")  # 50*4 + 50*0.4 + 100*64 = 200 + 20 + 6400 millionths


def done(response_id: str, usage: Usage | None, status: ResponseStatus = ResponseStatus.COMPLETED) -> ResponseDone:
    return ResponseDone(response_id, status, "", usage)


def end_of(story: Story) -> CallEnded:
    ending = Ending(Party.CALLER, "hung_up")
    return story.told(
        ending, 1000, turns=1, barge_ins=0, tools=0, latencies_ms=[], heard_sent_ms=(0, 0), dropped_ms=0
    )  # fmt: skip


def test_a_response_is_booked_on_the_turn_in_which_it_began() -> None:
    story = Story(PRICE)
    story.response_started("resp_a", 1)
    used = story.response_done(done("resp_a", USAGE, ResponseStatus.CANCELLED), 900, turn=2)
    assert used is not None
    assert (used.turn, used.at_ms, used.cost, used.currency) == (1, 900, COST, "USD")
    assert (used.input_text, used.cached_text, used.output_audio) == (100, 50, 100)


def test_the_call_costs_what_its_responses_cost() -> None:
    story = Story(PRICE)
    for name in ("resp_a", "resp_b"):
        story.response_started(name, 1)
        story.response_done(done(name, USAGE), 900, turn=1)
    told = end_of(story)
    assert (told.cost, told.currency, told.responses_unreported) == (2 * COST, "USD", 0)
    assert (told.input_text_tokens, told.cached_tokens, told.output_audio_tokens) == (200, 100, 200)


def test_an_unknown_price_is_an_unknown_cost_while_tokens_are_counted() -> None:
    story = Story(None)
    used = story.response_done(done("resp_a", USAGE), 900, turn=1)
    assert used is not None
    assert (used.cost, used.currency, used.input_text) == (None, None, 100)
    told = end_of(story)
    assert (told.cost, told.currency, told.input_text_tokens) == (None, None, 100)


def test_a_response_that_the_hang_up_cut_off_is_told_of_as_unreported() -> None:
    story = Story(PRICE)
    story.response_done(done("resp_a", USAGE), 900, turn=1)
    story.response_started("resp_b", 2)
    told = end_of(story)
    assert (told.cost, told.responses_unreported) == (COST, 1)


@pytest.mark.parametrize("status", [ResponseStatus.COMPLETED, ResponseStatus.CANCELLED, ResponseStatus.INCOMPLETE])
def test_an_endpoint_that_never_tells_its_use_has_an_unknown_cost(status: ResponseStatus) -> None:
    story = Story(PRICE)
    story.response_started("resp_a", 1)
    assert story.response_done(done("resp_a", None, status), 900, turn=1) is None
    told = end_of(story)
    assert (told.cost, told.responses_unreported) == (None, 1)


def test_a_response_that_failed_and_tells_no_use_owes_none() -> None:
    story = Story(PRICE)
    story.response_started("resp_a", 1)
    story.response_done(done("resp_a", None, ResponseStatus.FAILED), 900, turn=1)
    told = end_of(story)
    assert (told.cost, told.responses_unreported) == (0, 0)


def test_transcripts_are_booked_beside_the_answers() -> None:
    story = Story(PRICE, TranscriberPrice(currency="USD", per_minute=Decimal("0.017")))
    used = story.transcript_made(TranscriptionUse(seconds=3.0), 500, turn=2)
    story.transcript_made(TranscriptionUse(seconds=1.5), 900, turn=3)
    assert (used.turn, used.seconds, used.cost, used.currency) == (2, 3.0, Decimal("0.00085"), "USD")
    assert end_of(story).transcription_cost == Decimal("0.001275")  # 4.5 s of 0.017 a minute
    assert end_of(story).cost == 0


def test_a_transcriber_without_a_price_costs_unknown_and_never_nothing() -> None:
    story = Story(PRICE)
    assert end_of(story).transcription_cost == 0  # nothing was transcribed
    used = story.transcript_made(TranscriptionUse(input_audio=30, output_text=5), 500, turn=1)
    assert (used.input_tokens, used.output_tokens, used.cost, used.currency) == (30, 5, None, None)
    assert end_of(story).transcription_cost is None
