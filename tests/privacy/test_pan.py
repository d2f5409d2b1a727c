"""Card numbers in digits: what is one, what is none, and how text streams through."""

from __future__ import annotations

import re
import sys
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.pan import (
    _DIGIT,
    _RANGES,
    MAX_GAP_CHARS,
    MAX_HELD_CHARS,
    CardScanner,
    is_card_number,
    issuer_lengths,
    passes_luhn,
)

VISA = "4242424242424242"
AMEX = "378282246310005"

# Public test numbers of the payment networks and processors.
TEST_NUMBERS = [
    VISA,
    AMEX,
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "6011111111111117",
    "3056930009020004",
    "36227206271667",
    "30569309025904",
    "3566002020360505",
    "6200000000000005",
    "6759649826438453",
    "6304000000000000",
    "4917610000000000003",
    "6205500000000000004",
]


def redact(text: str, *, shortest: int = 13) -> str:
    """Scan a whole text."""
    scanner = CardScanner(shortest)
    return scanner.feed(text) + scanner.end()


def grouped(digits: str, size: int, separator: str) -> str:
    """Write digits in groups."""
    return separator.join(digits[at : at + size] for at in range(0, len(digits), size))


@pytest.mark.parametrize("number", TEST_NUMBERS)
def test_known_test_numbers_are_card_numbers(number: str) -> None:
    assert is_card_number([int(digit) for digit in number])
    assert redact(f"it is {number}, thanks") == "it is [CARD], thanks"


@pytest.mark.parametrize("separator", ["", " ", "-", " - ", ".", ", ", "/", "_", "\u00a0", "\u2011", "\u2013", "\n"])
@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
@pytest.mark.parametrize("number", [VISA, AMEX])
def test_every_usual_writing_is_found(number: str, size: int, separator: str) -> None:
    assert redact(f"my card is {grouped(number, size, separator)} thank you") == "my card is [CARD] thank you"


@pytest.mark.parametrize(
    "text",
    [
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "４２４２ ４２４２ ４２４２ ４２４２",
        "④②④②④②④②④②④②④②④②",
        "4\u200b242\u2060 4242\ufeff 42\u00ad42 4242",
        "4️⃣2️⃣4️⃣2️⃣ 4️⃣2️⃣4️⃣2️⃣ 4️⃣2️⃣4️⃣2️⃣ 4️⃣2️⃣4️⃣2️⃣",
        "\u202e4242 4242 4242 4242",
    ],
)
def test_other_scripts_and_invisible_characters_hide_nothing(text: str) -> None:
    redacted = redact(text)
    assert "[CARD]" in redacted
    assert not any(unicodedata.digit(character, None) is not None for character in redacted)


@pytest.mark.parametrize(
    "text",
    [
        "call 020 7946 0958 or +44 20 7946 0958",
        "order 4242424242424243",
        "order 1234567890123456",
        "9999999999999995",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20",
        "2026-11-20T21:19:30.123456Z and 1700000000000",
        f"{VISA}0000",
        f"9{VISA}9999",
        "12" * 40,
        "4242     4242     4242     4242",
        "4242 cats 4242 dogs 4242 4242",
        "+378282246310005",
        "",
        "no digits at all 🙂 — naïve",
        "it costs $1,234.56, or 3.5 %",
        "zero\u200bwidth\u200djoiners stay 👩\u200d👩\u200d👧",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_what_is_no_card_number_stays_byte_for_byte(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{VISA} 12/26 123", "[CARD] 12/26 123"),
        (f"room 12, {grouped(VISA, 4, ' ')}", "room 12, [CARD]"),
        (f"{VISA} {AMEX}", "[CARD] [CARD]"),
        (f"{grouped(VISA, 4, ' ')} {grouped(AMEX, 5, ' ')}.", "[CARD] [CARD]."),
        (f"{'9' * 30} {VISA}", f"{'9' * 30} [CARD]"),
        (f"{VISA}\u200b{VISA}", "[CARD]\u200b[CARD]"),
        (f"card²{VISA}³", "card²[CARD]³"),
        (f"{VISA}\u200b{VISA} 12", "[CARD]\u200b[CARD] 12"),
        (f'{{"card": {VISA}, "cvv": 1}}', '{"card": [CARD], "cvv": 1}'),
        (f"x{VISA}y", "x[CARD]y"),
        (f"+{VISA}", "+[CARD]"),
        (f"({VISA})", "([CARD])"),
        (f"{VISA}.  ", "[CARD].  "),
    ],
)
def test_only_the_number_goes_and_what_is_around_it_stays(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_twelve_digits_are_a_card_number_on_wish_only() -> None:
    number = "675964982646"
    digits = [int(digit) for digit in number]
    check = next(digit for digit in range(10) if passes_luhn([*digits[:11], digit]))
    number = number[:11] + str(check)
    assert redact(number) == number
    assert redact(number, shortest=12) == "[CARD]"


def test_luhn_knows_a_wrong_digit_and_an_empty_run() -> None:
    assert passes_luhn([7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3])
    assert not any(passes_luhn([7, 9, 9, 2, 7, 3, 9, 8, 7, 1, digit]) for digit in range(10) if digit != 3)
    assert not passes_luhn([])


def test_issuer_ranges_are_sorted_and_none_overlaps() -> None:
    assert all(one[1] < other[0] for one, other in pairwise(_RANGES))
    assert issuer_lengths([0] * 16) == range(0)
    assert issuer_lengths([4, 2]) == range(0)
    assert 16 in issuer_lengths([2, 7, 2, 0, 9, 9])
    assert 16 not in issuer_lengths([2, 7, 2, 1, 0, 0])


def test_every_digit_of_unicode_is_a_digit_here() -> None:
    ours = {code for code in range(sys.maxunicode + 1) if _DIGIT.match(chr(code))}
    known = {code for code in range(sys.maxunicode + 1) if unicodedata.digit(chr(code), None) is not None}
    assert known <= ours
    assert ours <= known


pieces = st.one_of(
    st.text(max_size=6),
    st.sampled_from([VISA, AMEX, "4242 ", "4242-", "4", "2", ", ", " ", "\u200b", "+", TEST_NUMBERS[3], "12/26", "oh"]),
    st.text("0123456789", min_size=1, max_size=25),
)


@given(st.lists(pieces, max_size=12).map("".join), st.data())
def test_any_way_of_cutting_gives_the_same_text(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    scanner = CardScanner()
    out = ""
    for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True):
        out += scanner.feed(text[start:stop])
        assert scanner.held_chars <= MAX_HELD_CHARS
    out += scanner.end()
    assert out == redact(text)
    assert scanner.held_chars == 0


@given(st.lists(pieces, max_size=12).map("".join))
def test_no_group_of_digits_that_comes_out_is_a_card_number(text: str) -> None:
    for group in re.finditer(r"(\+?)(\d+)", redact(text)):
        telephone = group[1] and len(group[2]) <= 15
        assert telephone or not is_card_number([unicodedata.digit(digit) for digit in group[2]])


@given(
    st.sampled_from(TEST_NUMBERS),
    st.lists(st.sampled_from(["", " ", "-", ". ", ", ", " - ", "\u200b", "\u00a0"]), min_size=19, max_size=19),
    st.text("abc ,", max_size=9),
)
def test_a_number_is_found_however_its_digits_stand_apart(number: str, gaps: list[str], before: str) -> None:
    written = "".join(digit + gap for digit, gap in zip(number, gaps, strict=False)).rstrip(" -.,\u00a0\u200b")
    text = f"{before}x{written} end"
    assert all(len(gap) <= MAX_GAP_CHARS for gap in gaps)
    assert redact(text) == f"{before}x[CARD] end"


def test_ordinary_text_flows_at_once() -> None:
    scanner = CardScanner()
    text = "I would like to know your opening hours, please."
    assert [scanner.feed(character) for character in text] == list(text)


def test_a_number_in_a_sentence_waits_for_the_next_word_only() -> None:
    scanner = CardScanner()
    assert scanner.feed("table for 4") == "table for "
    assert scanner.feed(" ") == ""
    assert scanner.feed("at") == "4 at"
