"""Number words, spoken and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lexicon.numbers import languages, parse_digits, spell_digits


@pytest.mark.parametrize(
    ("words", "language", "digits"),
    [
        ("four oh seven", "en", "407"),
        ("double five three", "en", "553"),
        ("triple zero one", "en", "0001"),
        ("one-two, three. 4", "en", "1234"),
        ("cero siete nueve", "es", "079"),
        ("four apples", "en", None),
    ],
)
def test_digit_words_are_read(words: str, language: str, digits: str | None) -> None:
    assert parse_digits(words, language) == digits


@pytest.mark.parametrize("language", sorted(languages()))
@given(digits=st.text("0123456789", min_size=1, max_size=16))
def test_what_is_spelt_is_read_back(language: str, digits: str) -> None:
    assert parse_digits(spell_digits(digits, language), language) == digits


def test_zero_within_a_telephone_number_is_said_as_people_say_it() -> None:
    assert spell_digits("407", "en", telephone=True) == "four oh seven"
    assert spell_digits("407", "en") == "four zero seven"
