"""Words and figures are read as the digits that were meant."""

from __future__ import annotations

import pytest

from gateway.privacy.elements import MAX_READINGS, compose, likeliest, readings, settled
from gateway.privacy.memory import Memory
from gateway.privacy.stream import TurnStream


def read(text: str) -> tuple[str, set[str]]:
    """Return the likeliest digits of a run, and all that it may be read as."""
    stream = TurnStream("caller", Memory(), lambda hit, at_ms: None)
    stream.feed(text + " ", 0)
    elements = compose(settled(stream._run.atoms, closed=True))
    return likeliest(elements).digits, {reading.digits for reading in readings(elements)}


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four two four two", "4242"),
        ("forty-two forty two", "4242"),
        ("double five triple oh", "55000"),
        ("four fives, three zeros", "5555000"),
        ("fifty-two hundred", "5200"),
        ("four thousand", "4000"),
        ("four thousand and twelve", "4012"),
        ("one hundred and twenty-three", "123"),
        ("oh seven six", "076"),
        ("twelve thirty-four", "1234"),
        ("sixty eleven", "6011"),
        ("double 4 17", "4417"),
        ("four one moment two", "42"),
        ("four for two", "442"),
        ("cuatro mil doscientos treinta y cinco", "4235"),
        ("dieciséis veintidós", "1622"),
        ("diez y seis", "16"),
        ("doscientos uno", "201"),
        ("tres veces cero", "000"),
        ("quatre-vingt-dix-sept", "97"),
        ("soixante et onze", "71"),
        ("quatre-vingts deux", "82"),
        ("vingt et un", "21"),
        ("cent quatre", "104"),
        ("septante-cinq nonante", "7590"),
        ("einundvierzig", "41"),
        ("zweitausendachtundzwanzig", "2028"),
        ("dreihundertzwölf", "312"),
        ("zwo fünf sechsundsechzig", "2566"),
        ("dreimal null", "000"),
        ("４２ ٤٢ ४२", "424242"),
        ("4\u200b2\u200d4", "424"),
    ],
)
def test_numbers_are_read_as_they_are_meant(text: str, digits: str) -> None:
    assert read(text)[0] == digits


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("forty two", {"42", "402"}),
        ("quatre vingt", {"80", "420"}),
        ("soixante dix", {"70", "6010"}),
        ("twenty twenty three", {"2023", "20203"}),
        ("four thousand twelve", {"4012", "400012"}),
        ("three sixes", {"666", "36"}),
    ],
)
def test_the_other_way_to_read_is_kept(text: str, others: set[str]) -> None:
    assert read(text)[1] == others


def test_the_ways_to_read_are_bounded() -> None:
    assert len(read("forty two " * 12)[1]) <= MAX_READINGS + 2


@pytest.mark.parametrize(
    "text", ["for you", "to be", "un café", "oh really", "une table", "ate too much", "the free one"]
)
def test_words_that_only_sound_like_numbers_are_none(text: str) -> None:
    stream = TurnStream("caller", Memory(), lambda hit, at_ms: None)
    out = stream.feed(text, 0)
    rest, carry = stream.end("t", 0, may_carry=True)
    assert out + rest == text
    assert carry is None
