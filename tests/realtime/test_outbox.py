from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.realtime.outbox import Outbox


def drained(outbox: Outbox) -> list[tuple[bytes, bool]]:
    taken = []
    while (waiting := outbox.pop()) is not None:
        taken.append(waiting)
    return taken


def test_what_waits_comes_out_in_the_order_it_came() -> None:
    outbox = Outbox()
    outbox.put_audio(b"a1", 20)
    outbox.put_command(b"c1")
    outbox.put_audio(b"a2", 20)
    assert drained(outbox) == [(b"a1", True), (b"c1", False), (b"a2", True)]
    assert outbox.dropped_ms == 0


def test_the_oldest_audio_makes_room_and_commands_stay() -> None:
    outbox = Outbox(limit_ms=40)
    outbox.put_audio(b"a1", 20)
    outbox.put_command(b"c1")
    outbox.put_audio(b"a2", 20)
    outbox.put_audio(b"a3", 20)
    assert drained(outbox) == [(b"c1", False), (b"a2", True), (b"a3", True)]
    assert outbox.dropped_ms == 20


def test_a_frame_longer_than_the_bound_is_kept_as_the_newest() -> None:
    outbox = Outbox(limit_ms=40)
    outbox.put_audio(b"a1", 20)
    outbox.put_audio(b"long", 100)
    assert drained(outbox) == [(b"long", True)]
    assert outbox.dropped_ms == 20


def test_what_is_cleared_is_neither_sent_nor_counted() -> None:
    outbox = Outbox()
    outbox.put_audio(b"a1", 20)
    outbox.put_command(b"c1")
    outbox.clear()
    assert (len(outbox), outbox.audio_ms, outbox.dropped_ms) == (0, 0, 0)
    assert outbox.pop() is None


@given(st.lists(st.sampled_from(["audio", "command", "pop"]), max_size=200), st.integers(1, 10))
def test_no_command_is_ever_lost_and_no_audio_unaccounted_for(steps: list[str], bound_frames: int) -> None:
    outbox = Outbox(limit_ms=20.0 * bound_frames)
    put: list[tuple[bytes, bool]] = []
    taken: list[tuple[bytes, bool]] = []
    for number, step in enumerate(steps):
        message = b"%d" % number
        if step == "audio":
            outbox.put_audio(message, 20)
            put.append((message, True))
        elif step == "command":
            outbox.put_command(message)
            put.append((message, False))
        elif (waiting := outbox.pop()) is not None:
            taken.append(waiting)
        assert outbox.audio_ms <= 20 * bound_frames
    taken += drained(outbox)
    assert [entry for entry in put if not entry[1]] == [entry for entry in taken if not entry[1]]
    assert taken == [entry for entry in put if entry in set(taken)]
    assert outbox.dropped_ms == 20 * (len(put) - len(taken))
    assert outbox.audio_ms == 0
