"""A call's bill in words, from its journal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from gateway.contracts.record import AnyRecord, TokensUsed, TranscriptionUsed
from gateway.contracts.text import Label
from gateway.records.bill import bill, render_bill
from gateway.records.journal import encode_record, journal_entry, read_journal
from gateway.records.summary import render_summary, summarise
from tests.records.story import CALL
from tests.telemetry.figures import call_ended


def used(turn: int, cost: str | None, *, cached: int = 0) -> TokensUsed:
    return TokensUsed(
        at_ms=1000 * turn,
        turn=turn,
        input_text=300,
        input_audio=200,
        cached_text=cached,
        cached_audio=0,
        output_text=20,
        output_audio=80,
        cost=None if cost is None else Decimal(cost),
        currency=None if cost is None else Label("USD"),
    )


def ended(cost: str | None, *, unreported: int = 0) -> AnyRecord:
    told = call_ended(unreported=unreported)
    fields = {name: getattr(told, name) for name in told.__struct_fields__}
    money = {} if cost is None else {"cost": Decimal(cost), "currency": Label("USD")}
    return type(told)(**{**fields, **money})


def lines(*records: AnyRecord) -> list[str]:
    return render_bill(bill([journal_entry(record) for record in records]))


def test_each_turn_has_a_line_with_all_of_its_responses() -> None:
    assert lines(used(0, "0.0012"), used(1, "0.01"), used(1, "0.002", cached=250), ended("0.0132")) == [
        "cost          0.0132 USD",
        "  turn 0      0.0012 USD, 500 tokens in (0 cached), 100 out",
        "  turn 1      0.0120 USD, 1000 tokens in (250 cached), 200 out",
    ]


def test_an_unknown_price_is_shown_as_unknown_and_never_as_nothing() -> None:
    told = lines(used(1, None), ended(None))
    assert told == ["cost          unknown", "  turn 1      unknown, 500 tokens in (0 cached), 100 out"]


def test_transcripts_are_a_line_of_their_own() -> None:
    def written(cost: str | None) -> AnyRecord:
        money = None if cost is None else Decimal(cost)
        currency = None if cost is None else Label("USD")
        return TranscriptionUsed(
            at_ms=1, turn=1, input_tokens=30, output_tokens=4, seconds=2.0, cost=money, currency=currency
        )

    assert lines(used(1, "0.01"), written("0.0005"), written("0.0007"), ended("0.01"))[-1] == (
        "  transcripts 0.0012 USD, 2 of the caller's turns"
    )
    assert lines(used(1, "0.01"), written(None), ended("0.01"))[-1] == "  transcripts unknown, 1 of the caller's turns"


def test_what_costs_nothing_says_so() -> None:
    assert lines(used(1, "0"), ended("0"))[0] == "cost          0.0000 USD"


def test_what_was_never_reported_makes_the_sum_a_least() -> None:
    assert lines(used(1, "0.01"), ended("0.01", unreported=1))[0] == (
        "cost          at least 0.0100 USD (1 response not reported)"
    )
    assert lines(ended(None, unreported=2)) == ["cost          unknown (2 responses not reported)"]


def test_a_journal_that_breaks_off_gives_the_sum_of_what_it_holds() -> None:
    assert lines(used(1, "0.01"), used(2, "0.02"))[0] == "cost          0.0300 USD"
    assert lines(used(1, "0.01"), used(2, None))[0] == "cost          unknown"


def test_a_call_without_responses_has_no_bill() -> None:
    assert lines(ended("0")) == []


def test_the_bill_is_at_the_end_of_the_summary() -> None:
    entries = [journal_entry(record) for record in [*CALL[:-1], used(1, "0.0123"), ended("0.0123")]]
    assert render_summary(summarise(entries)).splitlines()[-2:] == [
        "cost          0.0123 USD",
        "  turn 1      0.0123 USD, 500 tokens in (0 cached), 100 out",
    ]
    assert "cost" not in render_summary(summarise([journal_entry(record) for record in CALL]))


def test_money_keeps_its_digits_through_the_file(tmp_path: Path) -> None:
    record = used(1, "0.0000004")
    file = tmp_path / "call.jsonl"
    file.write_bytes(encode_record(record) + b"\n" + encode_record(ended("0.1")) + b"\n")
    read = read_journal(file)
    assert bill(read).turns[0].cost == Decimal("0.0000004")
    assert bill(read).cost == Decimal("0.1")
    assert [entry.fields for entry in read] == [journal_entry(one).fields for one in (record, ended("0.1"))]
