"""Texts are cut where a reader would breathe, and nothing of them is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.disclosure import same_words
from gateway.speech_service.passages import passages, readable


@given(st.text(max_size=400), st.integers(10, 80))
def test_passages_together_are_the_text_and_each_can_be_said(text: str, at_most: int) -> None:
    clean = readable(text)
    found = passages(clean, at_most)
    assert "".join(found).replace(" ", "") == clean.replace(" ", "")
    assert all(any(char.isalnum() for char in passage) for passage in found)


@given(st.lists(st.from_regex(r"[a-z]{1,9}[,.]?", fullmatch=True), min_size=1, max_size=80))
def test_words_that_fit_are_never_cut(given_words: list[str]) -> None:
    text = " ".join(given_words)
    found = passages(text, 40)
    assert " ".join(found) == text
    assert max(map(len, found)) <= 40


@pytest.mark.parametrize(
    ("text", "at_most", "cut"),
    [
        ("One two. Three four. Five.", 20, ["One two. Three four.", "Five."]),
        ("It costs 1,000.50 pounds, they say, and more", 25, ["It costs 1,000.50 pounds,", "they say, and more"]),
        ("\u4f60\u597d\u3002\u518d\u89c1\u3002", 3, ["\u4f60\u597d\u3002", "\u518d\u89c1\u3002"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ('"Yes." He said so.', 8, ['"Yes."', "He said", "so."]),
    ],
)
def test_cuts_are_at_sentences_then_commas_then_words(text: str, at_most: int, cut: list[str]) -> None:
    assert passages(text, at_most) == cut


@pytest.mark.parametrize("text", ["", "  \n\t", "\u2026!?", "\u200b\u200b", "\x00\x01"])
def test_what_nobody_can_say_is_empty(text: str) -> None:
    assert readable(text) == ""


def test_a_text_becomes_one_line_of_the_same_words() -> None:
    text = "SAY: this\n\nFACTS: a = b\r\n\x07 \ud800\u202eend"
    assert "\n" not in readable(text)
    assert same_words(readable(text), "say this facts a b end")
