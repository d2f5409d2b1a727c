"""What is kept of the caller's latest audio."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.format import PCMU_8K, AudioFrame
from gateway.bridge.tail import GAP_AT_MOST_MS, ONSET_MS, UTTERANCE_AT_MOST_MS, Tail


def frames(count: int, first: int = 0) -> list[AudioFrame]:
    """Frames of 20 ms, each with a number of its own in its first bytes."""
    return [AudioFrame(PCMU_8K, raw=(first + n).to_bytes(4, "big") + bytes(156)) for n in range(count)]


def numbers(taken: list[AudioFrame]) -> list[int]:
    return [int.from_bytes(frame.raw[:4], "big") for frame in taken]


def in_use() -> Tail:
    """A tail whose first session has just begun."""
    tail = Tail()
    tail.take()
    return tail


def push(tail: Tail, pieces: list[AudioFrame]) -> None:
    for piece in pieces:
        tail.push(piece)


def test_before_the_first_session_five_seconds_are_kept() -> None:
    tail = Tail()
    push(tail, frames(300))
    assert numbers(tail.take()) == list(range(50, 300))
    assert tail.lost_ms == 1000


def test_while_nobody_speaks_only_an_onset_is_kept() -> None:
    tail = in_use()
    push(tail, frames(500))
    assert tail.kept_ms == ONSET_MS
    assert numbers(tail.take()) == list(range(470, 500))
    assert tail.lost_ms == 0


def test_speech_is_kept_from_its_beginning_until_it_is_let_go() -> None:
    tail = in_use()
    push(tail, frames(100))
    tail.keep_from(1900)
    push(tail, frames(100, 100))
    assert numbers(tail.take()) == list(range(95, 200))


def test_what_the_model_has_taken_in_is_not_heard_again() -> None:
    tail = in_use()
    push(tail, frames(50))
    tail.keep_from(600)
    tail.let_go(800)
    assert numbers(tail.take()) == list(range(40, 50))


def test_speech_is_not_kept_without_end() -> None:
    tail = in_use()
    tail.keep_from(0)
    push(tail, frames(2000))
    assert tail.kept_ms == UTTERANCE_AT_MOST_MS


def test_a_gap_is_kept_after_the_onset_that_came_before_it() -> None:
    tail = in_use()
    push(tail, frames(100))
    tail.gap_begins()
    push(tail, frames(150, 100))
    assert numbers(tail.take()) == list(range(70, 250))
    assert tail.lost_ms == 0


def test_of_a_gap_that_is_too_long_the_beginning_is_lost_and_counted() -> None:
    tail = in_use()
    tail.gap_begins()
    push(tail, frames(400))
    assert tail.kept_ms == GAP_AT_MOST_MS
    assert tail.lost_ms == 3000


def test_places_count_anew_in_the_session_that_took_over() -> None:
    tail = in_use()
    push(tail, frames(100))
    tail.gap_begins()
    taken = tail.take()
    push(tail, frames(10, 100))
    tail.keep_from(len(taken) * 20)
    assert numbers(tail.take()) == list(range(100, 110))


def test_what_was_heard_again_is_still_there_if_that_session_is_lost_too() -> None:
    tail = in_use()
    tail.keep_from(0)
    push(tail, frames(20))
    assert numbers(tail.take()) == list(range(20))
    tail.gap_begins()
    push(tail, frames(5, 20))
    assert numbers(tail.take()) == list(range(25))


@given(st.lists(st.sampled_from(["push", "speak", "settle", "gap", "take"]), max_size=200))
def test_what_is_kept_is_always_the_unbroken_end_of_all_that_came(steps: list[str]) -> None:
    tail, count, end_ms = in_use(), 0, 0.0
    for step in steps:
        match step:
            case "push":
                push(tail, frames(3, count))
                count, end_ms = count + 3, end_ms + 60
            case "speak":
                tail.keep_from(max(0.0, end_ms - 100))
            case "settle":
                tail.let_go(end_ms)
            case "gap":
                tail.gap_begins()
            case _:
                taken = numbers(tail.take())
                assert taken == list(range(count - len(taken), count))
                end_ms = tail.kept_ms
                assert end_ms == len(taken) * 20
