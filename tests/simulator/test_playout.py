from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio import g711
from gateway.simulator.playout import BYTES_PER_MS, Fate, Playout

from .fakes import agent_audio


def names(returned):
    return [(mark.name, mark.at_ms, mark.played) for mark in returned]


def test_a_mark_comes_back_when_everything_before_it_was_played():
    playout = Playout()
    playout.play(agent_audio(100), 10.0)
    playout.mark("a", 10.0)
    playout.play(agent_audio(50), 20.0)
    playout.mark("b", 20.0)
    assert playout.next_wake_ms() == 110.0
    assert playout.wake(109.9) == []
    assert names(playout.wake(110.0)) == [("a", 110.0, True)]
    assert names(playout.wake(500.0)) == [("b", 160.0, True)]
    assert playout.next_wake_ms() is None


def test_a_mark_on_an_empty_queue_comes_back_at_once():
    playout = Playout()
    playout.mark("now", 7.0)
    assert names(playout.wake(7.0)) == [("now", 7.0, True)]


def test_a_clear_returns_pending_marks_in_order_and_counts_what_was_played():
    playout = Playout()
    playout.mark("1:0", 0.0)
    playout.play(agent_audio(200), 0.0)
    playout.mark("1:200", 0.0)
    playout.play(agent_audio(300), 0.0)
    playout.mark("1:500", 0.0)
    playout.mark("2:0", 0.0)
    assert names(playout.clear(250.5)) == [
        ("1:0", 0.0, True),
        ("1:200", 200.0, True),
        ("1:500", 250.5, False),
        ("2:0", 250.5, False),
    ]
    (clear,) = playout.truth.clears
    assert clear.played_bytes == 2004
    assert clear.dropped_bytes == 4000 - 2004
    assert clear.heard == {1: 250.5, 2: 0.0}
    assert clear.marks == ("1:500", "2:0")
    assert [mark.fate for mark in playout.truth.marks] == [Fate.PLAYED, Fate.PLAYED, Fate.CLEARED, Fate.CLEARED]


def test_nothing_of_a_cleared_queue_is_heard_later():
    playout = Playout()
    playout.play(agent_audio(1000), 0.0)
    playout.clear(100.0)
    playout.play(agent_audio(20), 130.0)
    playout.wake(2000.0)
    assert playout.truth.played_bytes == 800 + 160
    assert playout.truth.onsets_ms == [0.0, 130.0]
    assert playout.truth.gaps == []


def test_the_heard_position_belongs_to_the_item_that_the_marks_name():
    playout = Playout()
    playout.mark("4:0", 0.0)
    playout.play(agent_audio(400), 0.0)
    playout.mark("4:400", 0.0)
    playout.mark("5:0", 0.0)
    playout.play(agent_audio(400), 0.0)
    playout.wake(500.0)
    assert playout.truth.heard_by_item() == {4: 400.0, 5: 100.0}
    assert playout.truth.heard_ms(5) == 100.0
    assert playout.truth.sent_ms(5) == 400.0
    assert playout.truth.heard_ms(99) == 0.0
    assert playout.truth.position_bytes("5:0") == 3200
    assert playout.truth.slips == []


@pytest.mark.parametrize("mark_before", [True, False], ids=["mark first", "mark behind"])
def test_a_held_answer_that_goes_on_counts_from_where_it_was_held(mark_before):
    playout = Playout()
    playout.mark("1:0", 0.0)
    playout.play(agent_audio(1000), 0.0)
    playout.clear(300.0)
    if mark_before:
        playout.mark("1:300", 900.0)
    playout.play(agent_audio(200), 900.0)
    playout.mark("1:500", 900.0)
    playout.play(agent_audio(100), 900.0)
    playout.wake(1150.0)
    assert playout.truth.heard_ms(1) == 550.0
    assert playout.truth.slips == []


def test_a_held_answer_without_marks_goes_on_where_the_ear_left_off():
    playout = Playout()
    playout.mark("1:0", 0.0)
    playout.play(agent_audio(1000), 0.0)
    playout.clear(300.0)
    playout.play(agent_audio(100), 400.0)
    playout.wake(450.0)
    assert playout.truth.heard_ms(1) == 350.0


def test_audio_resent_from_before_the_ear_counts_once():
    playout = Playout()
    playout.mark("1:0", 0.0)
    playout.play(agent_audio(1000), 0.0)
    playout.clear(300.0)
    playout.play(agent_audio(300), 400.0)
    playout.mark("1:500", 400.0)  # so the 300 ms began at 200 ms: 100 ms are heard twice
    playout.wake(550.0)
    assert playout.truth.heard_ms(1) == 350.0


def test_a_gap_inside_an_item_is_an_underrun_and_one_between_items_is_not():
    playout = Playout()
    playout.mark("1:0", 0.0)
    playout.play(agent_audio(100), 0.0)
    playout.play(agent_audio(100), 130.0)
    playout.mark("2:0", 400.0)
    playout.play(agent_audio(100), 400.0)
    playout.wake(600.0)
    assert [(gap.at_ms, gap.duration_ms, gap.within_item) for gap in playout.truth.gaps] == [
        (100.0, 30.0, True),
        (230.0, 170.0, False),
    ]
    assert len(playout.truth.underruns) == 1


def test_a_mark_that_disagrees_with_the_audio_is_told():
    playout = Playout()
    playout.mark("1:0", 0.0)
    playout.play(agent_audio(200), 0.0)
    playout.mark("1:260", 0.0)
    assert [(slip.name, slip.expected_ms) for slip in playout.truth.slips] == [("1:260", 200.0)]


def test_a_mark_rounded_to_whole_milliseconds_does_not_move_the_item():
    playout = Playout()
    playout.mark("1:0", 0.0)
    for part in range(1, 9):
        playout.play(b"\x00" * 163, 0.0)
        playout.mark(f"1:{part * 163 // 8}", 0.0)
    playout.wake(1000.0)
    assert playout.truth.heard_ms(1) == 163.0
    assert playout.truth.slips == []


def test_the_end_of_the_stream_cuts_what_was_waiting():
    playout = Playout()
    playout.play(agent_audio(100), 0.0)
    playout.mark("a", 0.0)
    playout.end(40.0)
    assert playout.truth.played_bytes == 320
    assert playout.truth.dropped_bytes == 480
    assert playout.truth.marks[0].fate is Fate.CUT
    assert playout.wake(1000.0) == []
    playout.play(agent_audio(100), 50.0)
    assert playout.truth.sent_bytes == 800


def test_the_ear_gets_the_audio_in_its_place_and_silence_around_it():
    playout = Playout()
    audio = agent_audio(20)
    playout.play(audio, 10.0)
    playout.wake(50.0)
    silence = g711.ULAW_SILENCE
    assert playout.truth.ulaw_between(0.0, 50.0) == silence * 80 + audio + silence * 160
    assert playout.truth.ulaw_between(15.0, 25.0) == audio[40:120]
    assert playout.truth.heard_pcm == g711.decode_ulaw(silence * 80 + audio + silence * 160)


def test_time_does_not_run_backwards():
    playout = Playout()
    playout.wake(10.0)
    with pytest.raises(ValueError, match=r"backwards from 10\.0 to 9\.0 ms"):
        playout.wake(9.0)


# --- any cutting --------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.integers(0, 60).map(lambda eighths: eighths * 2.125),
        st.one_of(
            st.integers(1, 900).map(lambda size: ("play", size)),
            st.just(("mark", 0)),
            st.just(("clear", 0)),
            st.just(("look", 0)),
        ),
    ),
    max_size=40,
)


class ByteByByte:
    """The same queue, dull and slow: it is stepped an eighth of a millisecond at a time."""

    def __init__(self):
        self.queue, self.now, self.played, self.dropped, self.returned = [], 0, 0, 0, []

    def advance(self, to_eighths):
        while self.now < to_eighths:
            if self.queue:
                self.queue.pop(0)
                self.played += 1
                self._marks_in_front(self.now + 1)
            self.now += 1

    def _marks_in_front(self, at):
        while self.queue and self.queue[0] is not None:
            self.returned.append((self.queue.pop(0), at / 8, True))

    def play(self, size):
        self.queue += [None] * size

    def mark(self, name):
        self.queue.append(name)
        if not any(entry is None for entry in self.queue):
            self._marks_in_front(self.now)

    def clear(self):
        self.dropped += sum(entry is None for entry in self.queue)
        self.returned += [(entry, self.now / 8, False) for entry in self.queue if entry is not None]
        self.queue = []


@settings(deadline=None, max_examples=150)
@given(STEPS)
def test_the_plan_agrees_with_a_queue_that_is_stepped_byte_by_byte(steps):
    playout, dull = Playout(), ByteByByte()
    now_ms, returned, sent = 0.0, [], 0
    for number, (pause_ms, (what, size)) in enumerate(steps):
        now_ms += pause_ms
        dull.advance(round(now_ms * BYTES_PER_MS))
        match what:
            case "play":
                playout.play(bytes(size), now_ms)
                dull.play(size)
                sent += size
            case "mark":
                playout.mark(str(number), now_ms)
                dull.mark(str(number))
            case "clear":
                returned += playout.clear(now_ms)
                dull.clear()
            case _:
                returned += playout.wake(now_ms)
    returned += playout.wake(now_ms + 8000)
    dull.advance(round((now_ms + 8000) * BYTES_PER_MS))
    assert playout.truth.played_bytes == dull.played
    assert playout.truth.dropped_bytes == dull.dropped
    assert dull.played + dull.dropped == sent == playout.truth.sent_bytes
    assert names(returned) == dull.returned


@settings(deadline=None, max_examples=100)
@given(STEPS)
def test_marks_keep_their_order_and_the_heard_position_never_goes_back(steps):
    playout = Playout()
    playout.mark("1:0", 0.0)
    now_ms, returned, heard = 0.0, [], [0.0]
    for number, (pause_ms, (what, size)) in enumerate(steps):
        now_ms += pause_ms
        match what:
            case "play":
                playout.play(agent_audio(120)[:size], now_ms)
            case "mark":
                playout.mark(f"m{number}", now_ms)
            case "clear":
                returned += playout.clear(now_ms)
            case _:
                returned += playout.wake(now_ms)
        returned += playout.wake(now_ms)
        heard.append(playout.truth.heard_ms(1))
    playout.end(now_ms)
    order = [mark.name for mark in playout.truth.marks]
    assert [mark.name for mark in returned] == order[: len(returned)]
    assert heard == sorted(heard)
    assert playout.truth.played_bytes + playout.truth.dropped_bytes == playout.truth.sent_bytes
    ear = playout.truth.ulaw_between(0.0, now_ms)
    assert len(ear) == round(now_ms * BYTES_PER_MS)
