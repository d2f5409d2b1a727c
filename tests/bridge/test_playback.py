"""The playout ledger against a carrier whose truth is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.format import PCMU_8K, AudioFrame
from gateway.bridge.playback import MARK_EVERY_MS, Playback, UnknownItem, split
from gateway.contracts.leg import HeardSignal, LegCapabilities, MarkFate, MarksOnClear

TWILIO = LegCapabilities(heard=HeardSignal.NAMED_MARKS)
MARKLESS = LegCapabilities(heard=HeardSignal.NONE)
PACED = LegCapabilities(heard=HeardSignal.SELF_PACED, lead_ms=60)
DROPS = LegCapabilities(heard=HeardSignal.NAMED_MARKS, marks_on_clear=MarksOnClear.DROPPED)


def speech(ms: float, seed: int = 0) -> AudioFrame:
    return AudioFrame(PCMU_8K, raw=random.Random(seed).randbytes(int(ms * 8)))


def marks(sends: list) -> list[str]:
    return [send.mark for send in sends if send.mark]


def test_nothing_is_heard_before_it_is_sent() -> None:
    with pytest.raises(UnknownItem):
        Playback(PCMU_8K, TWILIO).heard_ms("item", 0)


def test_the_clock_starts_with_the_first_byte_and_stops_with_the_last() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    ledger.send("a", speech(500), 1000)
    assert ledger.heard_ms("a", 1000) == 0
    assert ledger.heard_ms("a", 1250) == 250
    assert ledger.heard_ms("a", 9000) == 500


def test_a_gap_between_deltas_is_not_counted_as_heard() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    ledger.send("a", speech(100), 0)
    ledger.send("a", speech(100), 500)
    assert ledger.heard_ms("a", 550) == 150


def test_marks_stand_at_least_every_200_ms_and_at_the_end() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    sends = ledger.send("a", speech(1000), 0) + ledger.send("a", speech(70), 0) + ledger.finish("a")
    since = 0
    for send in sends:
        since = 0 if send.mark else since + send.frame.size_bytes
        assert since <= 200 * 8
    assert sends[0].mark == "1:0"
    assert sends[-1].mark == "1:1070"


def test_items_are_told_apart_when_one_plays_after_the_other() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    ledger.send("a", speech(300), 0)
    ledger.send("b", speech(300), 10)
    assert (ledger.heard_ms("a", 400), ledger.heard_ms("b", 400)) == (300, 100)
    assert ledger.unheard_items(400) == ["b"]


def test_a_mark_that_comes_back_because_of_a_clear_proves_nothing() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    sends = ledger.send("a", speech(1000), 0)
    cleared = ledger.clear(250)
    assert cleared.awaited == set(marks(sends)[2:])
    for name in cleared.awaited:
        assert not ledger.mark_returned(name, 260)
    assert ledger.heard_ms("a", 5000) == 250


def test_a_tagged_mark_proves_nothing_when_it_was_cleared() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    last = marks(ledger.send("a", speech(180), 0))[-1]
    assert not ledger.mark_returned(last, 10, MarkFate.CLEARED)
    assert ledger.heard_ms("a", 10) == 10


def test_a_clear_returns_the_unheard_tail_to_the_sample() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    audio = speech(1000)
    ledger.send("a", audio, 0)
    tail = b"".join(stretch.frame.raw for stretch in ledger.clear(333).tail)
    assert tail == audio.raw[333 * 8 :]
    assert ledger.sent_ms("a") == 333


def test_speech_sent_again_continues_where_the_ear_stopped() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    ledger.send("a", speech(1000), 0)
    for stretch in ledger.clear(400).tail:
        ledger.send(stretch.item_id, stretch.frame, 900)
    assert ledger.heard_ms("a", 1000) == 500
    assert ledger.heard_ms("a", 3000) == 1000


def test_marks_sent_again_have_new_names() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    first = set(marks(ledger.send("a", speech(1000), 0)))
    again = [send for stretch in ledger.clear(100).tail for send in ledger.send("a", stretch.frame, 200)]
    assert not first & set(marks(again))


def test_a_stalled_carrier_moves_the_clock_back() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    sends = ledger.send("a", speech(3000), 0)
    positions = {name: int(name.split(":")[1]) for name in marks(sends)}
    stall_from, stall_ms, trip_ms = 700, 400, 30
    for name, at in positions.items():
        played = at if at <= stall_from else at + stall_ms
        if played + trip_ms <= 2300:
            ledger.mark_returned(name, played + trip_ms)
    assert abs(ledger.heard_ms("a", 2300) - (2300 - stall_ms)) <= 25


def test_an_overdue_mark_holds_the_clock() -> None:
    ledger = Playback(PCMU_8K, TWILIO)
    names = marks(ledger.send("a", speech(3000), 0))
    ledger.mark_returned(names[1], 180 + 40)
    assert ledger.heard_ms("a", 3000) <= 360 + 40 + 20


def test_a_leg_without_marks_is_timed_by_the_clock_alone() -> None:
    ledger = Playback(PCMU_8K, MARKLESS)
    sends = ledger.send("a", speech(400), 0)
    assert marks(sends) == []
    assert ledger.heard_ms("a", 150) == 150
    assert ledger.clear(200).awaited == frozenset()
    assert ledger.all_proved(200)


def test_a_self_paced_leg_has_heard_what_was_sent_less_its_lead() -> None:
    ledger = Playback(PCMU_8K, PACED)
    ledger.send("a", speech(400), 0)
    assert ledger.heard_ms("a", 160) == 100


def test_where_marks_vanish_with_a_clear_none_is_awaited() -> None:
    ledger = Playback(PCMU_8K, DROPS)
    ledger.send("a", speech(400), 0)
    assert ledger.clear(100).awaited == frozenset()


def test_base64_is_cut_without_being_decoded() -> None:
    raw = random.Random(1).randbytes(4000)
    frame = AudioFrame(PCMU_8K, base64=AudioFrame(PCMU_8K, raw=raw).base64)
    pieces = list(split(frame, MARK_EVERY_MS * 8))
    assert all(piece.holds_base64 and piece._raw is None for piece in pieces)
    assert b"".join(piece.raw for piece in pieces) == raw


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 900), st.integers(0, 700)), min_size=1, max_size=12),
    st.integers(0, 4000),
)
def test_heard_and_tail_are_all_that_was_sent_however_it_was_cut(plan: list[tuple[int, int, int]], at: int) -> None:
    ledger, now, sent = Playback(PCMU_8K, TWILIO), 0.0, 0
    heard_before: dict[str, int] = {}
    for index, (item, ms, gap) in enumerate(plan):
        ledger.send(f"item{item}", speech(ms, index), now)
        sent += ms * 8
        now += gap
        for name in ("item0", "item1", "item2"):
            try:
                heard = ledger.heard_ms(name, now)
            except UnknownItem:
                continue
            assert heard >= heard_before.get(name, 0)
            assert heard <= ledger.sent_ms(name)
            heard_before[name] = heard
    now += at
    cleared = ledger.clear(now)
    tail = sum(stretch.frame.size_bytes for stretch in cleared.tail)
    ledger.settle(now)
    heard_ms, sent_ms = ledger.totals_ms
    assert abs(heard_ms - (sent - tail) / 8) <= 1
    assert abs(sent_ms - sent / 8) <= 1
