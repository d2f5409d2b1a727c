"""However a turn is cut into deltas, the same text leaves; little is held back; nothing can be put together again."""

# ruff: noqa: E501 - a case reads best in one line

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.memory import Role
from gateway.privacy.redactor import Redactor
from gateway.privacy.stream import MAX_HELD_CHARS
from tests.privacy.generator import card_number, cases, cut, groups, spoken
from tests.privacy.scoring import leaks

Talk = list[tuple[Role, list[str]]]

WORDS = st.one_of(
    st.text(max_size=5),
    st.text("0123456789", min_size=1, max_size=24),
    st.sampled_from(
        [
            " ", ", ", ". ", "-", "... ", "\u200b", "\n", "+", "$", "/", "****", "<b>", "</b>", "<x", "&nbsp;", "&#8203;",
            "%20", "4242 4242 4242 4242", "four two four two ", "forty-two ", "quatre-vingt-dix-sept ", "einundvierzig ",
            "double five ", "four fives ", "oh ", "for ", "to ", "un ", "one moment ", "no sorry ", "and then ", "the last ",
            "next four ", "card ", "my card number is ", "cvv ", "the security code ", "expires ", "June ", "2028", "08/27",
            "order number ", "call me on ", "IBAN DE75 ", "1Z", "QX", "4th ", "th", "dollars", " is the security code", "¿",
            "z", "é", "e\u0301", "４２４２", "٤٢٤٢", "²", "x", "\U0001d7d2", "veinti", "Kraftfahrzeughaftpflichtversicherung ",
        ]
    ),
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=14).map("".join)


def talk(turns: Talk) -> list[str]:
    """Return what leaves of a talk, turn by turn."""
    redactor = Redactor()
    left = []
    for place, (role, deltas) in enumerate(turns):
        text = "".join(str(redactor.feed(str(place), role, delta)) for delta in deltas)
        left.append(text + str(redactor.end_turn(str(place))))
    for turn_id, text in redactor.close().items():
        left[int(turn_id)] += str(text)
    assert redactor.counts.failures == 0
    return left


@st.composite
def cut_talks(draw: st.DrawFn) -> tuple[Talk, Talk]:
    """Draw a talk whole, and the same in pieces."""
    roles: list[Role] = ["caller", "agent"]
    whole: Talk = []
    pieces: Talk = []
    for text in draw(st.lists(TEXTS, min_size=1, max_size=4)):
        role = draw(st.sampled_from(roles))
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
        whole.append((role, [text]))
        pieces.append((role, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]))
    return whole, pieces


@given(cut_talks())
def test_any_cutting_gives_the_same_text(talks: tuple[Talk, Talk]) -> None:
    whole, pieces = talks
    assert talk(pieces) == talk(whole)


@given(TEXTS)
def test_character_by_character_gives_the_same_text(text: str) -> None:
    assert talk([("caller", list(text))]) == talk([("caller", [text])])


@pytest.mark.parametrize("seed", range(3))
def test_generated_calls_give_the_same_however_they_are_cut(seed: int) -> None:
    rng = random.Random(seed)
    for case in cases(300, seed):
        whole: Talk = [(turn["role"], [turn["text"]]) for turn in case["turns"]]
        pieces: Talk = [(turn["role"], cut(rng, turn["text"])) for turn in case["turns"]]
        assert talk(pieces) == talk(whole), case["id"]


@given(TEXTS)
def test_what_is_held_back_is_bounded(text: str) -> None:
    redactor = Redactor()
    left = 0
    for fed, character in enumerate(text, start=1):
        left += len(redactor.feed("t", "caller", character))
        assert fed - left <= MAX_HELD_CHARS
    assert redactor.counts.failures == 0


@given(TEXTS.filter(lambda text: not any(mark.isdigit() for mark in text)), st.integers(0, 2**32))
def test_a_card_number_is_gone_whatever_stands_around_it(around: str, seed: int) -> None:
    rng = random.Random(seed)
    pan = card_number(rng)
    said = rng.choice([" ".join(groups(pan)), pan, " ".join(spoken(rng, pan))])
    text = f"{around[: len(around) // 2]}. It is: {said}. Thanks {around[len(around) // 2 :]}"
    assert not leaks(pan, "".join(talk([("caller", cut(rng, text))])))


@pytest.mark.parametrize(
    "word", ["4", "four ", "4242 ", "4242 um ", "one two ", "veinte y ", "<b>4</b>", "4.", "to four "]
)
def test_endless_numbers_are_neither_held_nor_slow(word: str) -> None:
    redactor = Redactor()
    fed = left = 0
    for _ in range(600):
        fed += len(word)
        left += len(redactor.feed("t", "agent", word))
    assert redactor.counts.failures == 0
    assert left > 0 or redactor.counts.cards
