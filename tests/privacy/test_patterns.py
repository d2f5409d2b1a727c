"""An operator's own patterns: off unless set, on the same hold-back, linear whatever the expression."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.errors import ConfigurationError
from gateway.privacy.patterns import Pattern, load_patterns, passes_mod97
from gateway.privacy.redactor import Masked, Redactor
from gateway.settings.privacy import PatternSettings, PrivacySettings

IBAN = "DE89 3704 0044 0532 0130 00"


def patterns(**fields: Any) -> tuple[Pattern, ...]:
    return load_patterns([PatternSettings.model_validate({"name": "theirs"} | fields)])


def left(text: str, made: tuple[Pattern, ...], *, deltas: list[str] | None = None) -> str:
    redactor = Redactor(made)
    out = "".join(str(redactor.feed("t", "caller", delta)) for delta in deltas or [text])
    out += str(redactor.end_turn("t")) + "".join(str(rest) for rest in redactor.close().values())
    assert redactor.counts.failures == 0
    return out


def test_there_are_none_by_default() -> None:
    assert PrivacySettings().patterns == []
    assert load_patterns([]) == ()


@pytest.mark.parametrize(
    "text", ["12345678", "1234 5678", "one two three four five six seven eight", "double one 2345 um 67"]
)
def test_so_many_digits_are_masked_however_they_are_said(text: str) -> None:
    assert left(f"mine is {text}, ok", patterns(digits=8, mask="[ACCOUNT]")) == "mine is [ACCOUNT], ok"


def test_another_count_of_digits_stays() -> None:
    made = patterns(digits=[8, 9])
    assert left("1234567 ok", made) == "1234567 ok"
    assert left("123456789 ok", made) == "[MASKED] ok"


def test_a_word_nearby_may_be_asked_for_and_may_be_the_agents() -> None:
    made = patterns(digits=8, words=["Konto", "account"])
    assert left("the account is 12345678.", made) == "the account is [MASKED]."
    assert left("there are 12345678.", made) == "there are 12345678."
    redactor = Redactor(made)
    redactor.said("q", "agent", "What is your account?", 0, 0)
    assert str(redactor.said("a", "caller", "12345678", 0, 0)) == "[MASKED]"


def test_a_check_digit_may_be_asked_for() -> None:
    made = patterns(digits=15, check="luhn", words=["imei"])
    assert left("imei 490154203237518 ok", made) == "imei [MASKED] ok"
    assert left("imei 490154203237519 ok", made) == "imei 490154203237519 ok"


def test_an_expression_with_a_check_finds_ibans() -> None:
    made = patterns(
        regex=r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b", longest=42, check="mod97", mask="[IBAN]"
    )
    assert left(f"it is {IBAN}, thanks", made) == "it is [IBAN], thanks"
    wrong = IBAN.replace("89", "88", 1)
    assert left(f"it is {wrong}, thanks", made) == f"it is {wrong}, thanks"


def test_cards_are_masked_before_patterns_see_them() -> None:
    assert left("4242 4242 4242 4242", patterns(regex=r"\[CARD\]|\d+", mask="[X]")) == "[X]"


@given(st.text("ab1 -", max_size=60), st.data())
def test_any_cutting_gives_the_same_text(text: str, data: st.DataObject) -> None:
    made = load_patterns(
        [
            PatternSettings(name="one", regex=r"\ba[ab]*1+\b", longest=8, mask="[ONE]"),
            PatternSettings(name="two", digits=4, mask="[TWO]"),
        ]
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    deltas = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert left(text, made, deltas=deltas) == left(text, made)


def test_no_more_is_held_back_than_the_longest_match() -> None:
    redactor = Redactor(patterns(regex="x{1,9}", longest=9))
    text = "so we talk about this and that and nothing else "
    out = "".join(str(redactor.feed("t", "caller", character)) for character in text)
    assert len(text) - len(out) <= 10


def test_an_expression_that_would_take_ages_elsewhere_takes_none() -> None:
    assert left("a" * 5000 + "!", patterns(regex="(a|aa|a*)*b", longest=160)) == "a" * 5000 + "!"


def test_what_a_pattern_masked_is_told() -> None:
    told: list[Masked] = []
    redactor = Redactor(patterns(regex="secret"), on_masked=told.append)
    redactor.feed("t", "caller", "it is a ", 100)
    redactor.feed("t", "caller", "secret", 900)
    redactor.end_turn("t", 1000)
    (one,) = told
    assert (one.kind, one.turn_id) == ("pattern", "t")
    assert one.start_char <= 8
    assert one.end_char >= 14
    assert redactor.counts.patterns == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"regex": "(?=x)y"}, "is not one of RE2's"),
        ({"regex": r"(x)\1"}, "is not one of RE2's"),
        ({"regex": "("}, "is not one of RE2's"),
        ({"regex": "x*"}, "matches an empty text"),
    ],
)
def test_an_expression_that_is_no_good_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        patterns(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"digits": 8, "regex": "x"},
        {"digits": [9, 8]},
        {"digits": 2},
        {"digits": 8, "mask": "***"},
        {"regex": "x", "longest": 500},
    ],
)
def test_a_pattern_says_one_thing_within_bounds(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PatternSettings.model_validate({"name": "theirs"} | fields)


def test_mod97_is_that_of_ibans() -> None:
    assert passes_mod97("GB82 WEST 1234 5698 7654 32")
    assert not passes_mod97("GB83 WEST 1234 5698 7654 32")
    assert not passes_mod97("")
