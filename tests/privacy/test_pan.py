"""What a card number is: length, check digit, issuer's range."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gateway.privacy.pan import (
    _RANGES,
    fits_issuer,
    is_card_number,
    issuer_lengths,
    may_begin_card,
    passes_luhn,
    usual_length,
)

TEST_NUMBERS = [
    "4242424242424242", "4000056655665556", "4222222222222", "5555555555554444", "5200828282828210", "2223003122003222",
    "378282246310005", "371449635398431", "6011111111111117", "3056930009020004", "36227206271667", "3566002020360505",
    "6205500000000000004", "6759649826438453", "676770265822", "6304000000000000",
]  # fmt: skip


@pytest.mark.parametrize("number", TEST_NUMBERS)
def test_public_test_numbers_are_card_numbers(number: str) -> None:
    made = (
        number if passes_luhn(number) else next(number[:-1] + d for d in "0123456789" if passes_luhn(number[:-1] + d))
    )
    assert is_card_number(made)
    assert may_begin_card(made[:6])


@pytest.mark.parametrize(
    "number",
    ["4242424242424241", "424242424242424", "9999999999999995", "0000000000000000", "1234567812345670", "", "4"],
)
def test_other_numbers_are_none(number: str) -> None:
    assert not is_card_number(number)


def test_luhn_knows_a_wrong_digit_and_an_empty_run() -> None:
    assert passes_luhn("79927398713")
    assert not any(passes_luhn(f"7992739871{digit}") for digit in range(10) if digit != 3)
    assert not passes_luhn("")


def test_twelve_digits_are_a_card_number_in_a_few_ranges_only() -> None:
    assert fits_issuer("676770265822")
    assert not fits_issuer("424242424242")
    assert not fits_issuer("512345678901")


def test_issuer_ranges_are_sorted_and_none_overlaps() -> None:
    assert all(one[1] < other[0] for one, other in pairwise(_RANGES))
    assert issuer_lengths("0" * 16) == range(0)
    assert issuer_lengths("42") == range(0)
    assert 16 in issuer_lengths("272099")
    assert 16 not in issuer_lengths("272100")


@pytest.mark.parametrize(
    ("prefix", "length"), [("424242", 16), ("378282", 15), ("305693", 14), ("222100", 16), ("900000", 0)]
)
def test_nearly_all_cards_of_an_issuer_are_of_one_length(prefix: str, length: int) -> None:
    assert usual_length(prefix) == length


@pytest.mark.parametrize(
    ("digits", "may"), [("4", True), ("7", False), ("22", True), ("28", False), ("0", False), ("35", True)]
)
def test_a_few_digits_tell_whether_a_card_number_may_begin_so(digits: str, may: bool) -> None:
    assert may_begin_card(digits) is may
