"""What the redactor does grows with the text, and no faster: counted in steps, not in seconds."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from gateway.privacy import redactor as door
from gateway.privacy.redactor import Redactor

ROOM = door.__file__.rpartition("redactor.py")[0]
TALK = "the weather was lovely so we went along the river with our dogs, then had lunch near the old bridge. "
TEXTS = {
    "ordinary talk": TALK,
    "numbers among words": "my order 12345678 came on the 3rd, four two of them broken, and I paid 415.99 for it. ",
    "cards one after another": "it is 4539 1488 0343 6467, did you get that? ",
    "spoken digits without an end": "four two seven one nine three eight five oh six ",
    "written groups without an end": "4539 1488 0343 6467 1234 ",
    "one word without an end": "ab" * 40,
    "one figure without an end": "42" * 40,
    "marks without an end": "-, ." * 20,
    "tags that never close": "<b <b <b <b <b <b <b <b ",
}


def steps(text: str, size: int) -> int:
    """Return how many lines of the redactor run, and characters it holds at each delta, for a turn in deltas."""
    count = 0

    def in_room(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(ROOM):
            return None
        count += event == "line"
        return in_room

    redactor = Redactor()
    before = sys.gettrace()
    sys.settrace(in_room)
    try:
        for at in range(0, len(text), size):
            redactor.feed("t", "caller", text[at : at + size])
            count += len(redactor._turns["t"].stream.outlet.text)  # what is held is copied, and may be looked at again
        redactor.end_turn("t")
    finally:
        sys.settrace(before)
    assert redactor.counts.failures == 0
    return count


@pytest.mark.parametrize("size", [3, 10_000], ids=["in deltas", "in one piece"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_twice_the_text_takes_twice_the_steps(text: str, size: int) -> None:
    once = text * (3_000 // len(text))
    # Long enough for the first hundred characters, which cost more or less than the rest, to weigh little.
    assert steps(once * 2, size) <= 2.1 * steps(once, size)


def test_a_delta_within_a_word_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor()
    redactor.feed("t", "caller", "my number is four two ")
    stream = redactor._turns["t"].stream
    read: list[bool] = []
    monkeypatch.setattr(type(stream), "_read", lambda self, *, final: read.append(final))
    for letter in "seven":
        redactor.feed("t", "caller", letter)
    assert read == []
    redactor.feed("t", "caller", " ")
    assert read == [False]


def test_what_was_read_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor()
    redactor.open("t", "caller")
    stream = redactor._turns["t"].stream
    taken: list[str] = []
    whole = type(stream)._letters

    def letters(self: Any, written: str, start: int, end: int) -> None:
        taken.append(written)
        whole(self, written, start, end)

    monkeypatch.setattr(type(stream), "_letters", letters)
    said = "it is four two seven one nine three eight five oh six please"
    for character in said:
        redactor.feed("t", "caller", character)
    redactor.end_turn("t")
    assert taken == said.split()
