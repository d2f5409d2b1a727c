"""The sweep's eye: the redactor's own, for text at rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.redactor import Redactor
from gateway.privacy.spotting import Span, looks_like_card, may_hold_secret


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("nothing here", []),
        ("it is 4242 4242 4242 4242.", [Span(6, 25, "pan")]),
        ('{"said": "cvv one two three"}', [Span(14, 27, "cvv")]),
        ("4242424242424242\n5555555555554444", [Span(0, 16, "pan"), Span(17, 33, "pan")]),
        ("four two " * 8, [Span(0, 71, "pan")]),
        ("order number 4929560974025166", []),
        ("[CARD] and [CARD]", []),
    ],
)
def test_what_looks_like_card_data_is_found_with_its_place(text: str, spans: list[Span]) -> None:
    assert looks_like_card(text) == spans


@given(st.lists(st.sampled_from(["4242", " ", "4242 4242 4242 4242", "a ", "cvv ", "and ", ", ", "x1 "]), max_size=9))
def test_what_the_redactor_lets_out_holds_no_whole_card_number(words: list[str]) -> None:
    spans = looks_like_card(str(Redactor().whole("caller", "".join(words))))
    assert [span for span in spans if span.kind == "pan" and span.end - span.start >= 12] == []


@pytest.mark.parametrize(
    "text", ["cvv 123", "cvv one two three", "cvv 1 twenty-three", "triple five", "４２４", "cvv quinientos uno"]
)
def test_a_secret_is_never_passed_over(text: str) -> None:
    assert may_hold_secret(text)


@pytest.mark.parametrize(
    "text", ["", "call_started", "I would like one of these", "at 12", "for you and for me", "took 12 ms"]
)
def test_ordinary_lines_are_not_looked_into(text: str) -> None:
    assert not may_hold_secret(text)
