"""Money is what a hand gets with paper and pencil."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contracts.model import TranscriptionUse, Usage
from gateway.contracts.price import Price, TranscriberPrice
from gateway.settings.load import load_settings, shipped_directory

PRICES = load_settings(shipped_directory() / "gateway.yaml", {}).settings.prices

NOTHING = Usage()
A_TURN = Usage(input_text=1000, cached_text=600, input_audio=2000, cached_audio=1500, output_text=100, output_audio=400)
FIRST_TURN = Usage(input_text=119, input_audio=0, output_text=16, output_audio=50)
LONG_CALL = Usage(input_text=313, cached_text=256, input_audio=476, cached_audio=384, output_text=9, output_audio=23)

# Worked out by hand. Millionths of a dollar: new text + cached text + new audio + cached audio + text out + audio out.
TABLE = [
    ("gpt-realtime-2.1", A_TURN, "0.04644"),  # 400*4 + 600*0.4 + 500*32 + 1500*0.4 + 100*24 + 400*64 = 46440
    ("gpt-realtime-2.1", FIRST_TURN, "0.00406"),  # 119*4 + 16*24 + 50*64 = 476 + 384 + 3200 = 4060
    ("gpt-realtime-2.1", LONG_CALL, "0.005116"),  # 57*4 + 256*0.4 + 92*32 + 384*0.4 + 9*24 + 23*64 = 5116
    ("gpt-realtime-2", A_TURN, "0.04644"),
    ("gpt-realtime-2.1-mini", A_TURN, "0.013966"),  # 240 + 36 + 5000 + 450 + 240 + 8000 = 13966
    ("gpt-realtime-2.1-mini", FIRST_TURN, "0.0011098"),  # 71.4 + 38.4 + 1000 = 1109.8
    ("gpt-realtime-1.5", A_TURN, "0.04564"),  # as 2.1, with 100*16 for text out: 45640
    ("gpt-4o-mini-realtime-preview", A_TURN, "0.01411"),  # 240 + 180 + 5000 + 450 + 240 + 8000 = 14110
    ("gpt-4o-mini-realtime-preview-2024-12-17", A_TURN, "0.01411"),
    ("gpt-realtime-2.1", NOTHING, "0"),
    ("local", A_TURN, "0"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "usage", "dollars"), TABLE)
def test_the_arithmetic_is_that_of_a_hand(model: str, usage: Usage, dollars: str) -> None:
    price = PRICES.price_of(model)
    assert price is not None
    assert (price.cost(usage), price.currency) == (Decimal(dollars), "USD")


def test_every_price_of_the_table_is_tried_above() -> None:
    assert set(PRICES.models) <= {model for model, _, _ in TABLE}


def test_every_price_says_when_and_where_it_was_read() -> None:
    for name, price in PRICES.models.items():
        if name != "local":
            assert price.source.startswith("https://"), name
        assert price.as_of.year >= 2026


@pytest.mark.parametrize("model", ["gpt-realtime-9", "", None])
def test_what_is_in_no_table_has_no_price_at_all(model: str | None) -> None:
    assert PRICES.price_of(model) is None


def test_the_first_name_with_a_price_counts() -> None:
    assert PRICES.price_of(None, "front-desk", "gpt-realtime-1.5") == PRICES.price_of("gpt-realtime-1.5")


PRICE = Price(
    currency="EUR",
    input_text=Decimal("4"),
    input_audio=Decimal("32"),
    cached_text=Decimal("0.4"),
    cached_audio=Decimal("0.4"),
    output_text=Decimal("24"),
    output_audio=Decimal("64"),
)
tokens = st.integers(min_value=0, max_value=1_000_000)
usages = st.builds(
    lambda text, audio, share, out_text, out_audio: Usage(
        input_text=text,
        input_audio=audio,
        cached_text=int(text * share),
        cached_audio=int(audio * share),
        output_text=out_text,
        output_audio=out_audio,
    ),
    tokens, tokens, st.floats(0, 1), tokens, tokens,
)  # fmt: skip


@given(st.lists(usages, max_size=6))
def test_the_parts_add_up_to_the_whole_to_the_last_digit(parts: list[Usage]) -> None:
    whole = Usage(
        **{
            name: sum(getattr(part, name) for part in parts)
            for name in ("input_text", "input_audio", "cached_text", "cached_audio", "output_text", "output_audio")
        }
    )
    assert sum((PRICE.cost(part) for part in parts), Decimal(0)) == PRICE.cost(whole)


def test_more_cached_than_came_in_is_never_a_refund() -> None:
    assert PRICE.cost(Usage(input_text=10, cached_text=100)) == Decimal("0.00004")


def test_a_transcript_is_paid_by_the_minute_or_by_its_tokens() -> None:
    by_minute = TranscriberPrice(currency="USD", per_minute=Decimal("0.017"))
    assert by_minute.cost(TranscriptionUse(seconds=90)) == Decimal("0.0255")
    by_token = TranscriberPrice(
        currency="USD", input_audio=Decimal("2.5"), input_text=Decimal("2.5"), output_text=Decimal(10)
    )
    assert by_token.cost(TranscriptionUse(input_audio=100, input_text=20, output_text=30)) == Decimal("0.0006")


def test_a_transcriber_in_no_table_has_no_price() -> None:
    assert PRICES.transcriber_price_of("gpt-live-transcribe") is None
    assert PRICES.transcriber_price_of(None) is None
    local = PRICES.transcriber_price_of("local")
    assert local is not None
    assert local.cost(TranscriptionUse(seconds=60)) == 0
