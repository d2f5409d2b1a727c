"""The truths that the harness holds a gateway against: playout, uplink and turns."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.playout import Playout
from tests.benchmarks.probe import CallProbe, Uplink, decoded_size, frame_text, quoted_value


def test_audio_plays_from_its_arrival_without_a_gap_between_messages() -> None:
    playout = Playout()
    assert playout.media(1600, 10.0) == float("inf")
    assert playout.media(1600, 10.05) == 0
    assert playout.played_bytes(10.1) == pytest.approx(800)
    assert playout.played_bytes(10.4) == 3200
    assert playout.media(160, 10.5) == pytest.approx(0.1)


def test_a_mark_is_due_when_all_before_it_has_played() -> None:
    playout = Playout()
    playout.media(1600, 1.0)
    playout.mark(b"a", 1.0)
    playout.media(1600, 1.0)
    playout.mark(b"b", 1.1)
    assert playout.next_mark_s() == pytest.approx(1.2)
    assert playout.marks_due(1.199) == []
    assert playout.marks_due(1.2) == [b"a"]
    assert playout.marks_due(9.0) == [b"b"]


def test_a_mark_on_an_empty_queue_is_due_at_once() -> None:
    playout = Playout()
    playout.mark(b"a", 3.0)
    assert playout.marks_due(3.0) == [b"a"]


def test_a_clear_drops_what_is_queued_and_brings_pending_marks_back() -> None:
    playout = Playout()
    playout.media(8000, 1.0)
    playout.mark(b"a", 1.0)
    assert playout.clear(1.25) == pytest.approx(6000)
    assert playout.marks_due(1.25) == [b"a"]
    assert playout.played_bytes(5.0) == pytest.approx(2000)
    assert playout.media(160, 1.25) == 0


@given(st.lists(st.tuples(st.sampled_from(["media", "clear"]), st.integers(1, 4000), st.integers(0, 400)), max_size=30))
def test_the_playout_agrees_with_one_that_plays_byte_by_byte(steps: list[tuple[str, int, int]]) -> None:
    playout = Playout()
    queue = played = 0
    now_ms = 0
    for kind, size, wait_ms in steps:
        if kind == "media":
            playout.media(size, now_ms / 1000)
            queue += size
        else:
            playout.clear(now_ms / 1000)
            queue = 0
        for _ in range(wait_ms):
            step = min(8, queue)
            queue -= step
            played += step
        now_ms += wait_ms
        assert playout.played_bytes(now_ms / 1000) == pytest.approx(played, abs=1e-3)


def send(uplink: Uplink, count: int) -> list[bytes]:
    frames = []
    for number in range(count):
        frames.append(uplink.next_frame())
        uplink.sent(number * 0.020)
    return frames


def test_a_caller_frame_is_twenty_milliseconds_and_unlike_every_other() -> None:
    frames = {frame_text(call, number) for call in range(3) for number in range(50)}
    assert len(frames) == 150
    assert {len(base64.b64decode(frame, validate=True)) for frame in frames} == {160}


def test_passed_through_frames_are_matched_by_what_they_hold() -> None:
    uplink = Uplink(7)
    uplink.expect("audio/pcmu")
    frames = send(uplink, 4)
    for number in (0, 1, 3):
        uplink.appended(frames[number], number * 0.020 + 0.001)
    latencies, lost = uplink.latencies_ms(0.0, 1.0)
    assert latencies == pytest.approx([1, 1, 1])
    assert lost == 1
    assert uplink.altered == 0


@given(st.lists(st.integers(1, 1000), max_size=8))
def test_passed_through_frames_are_matched_however_they_were_cut(cuts: list[int]) -> None:
    uplink = Uplink(7)
    raw = b"".join(base64.b64decode(frame) for frame in send(uplink, 5))
    edges = [0, *sorted(point % len(raw) for point in cuts), len(raw)]
    for a, b in pairwise(edges):
        uplink.appended(base64.b64encode(raw[a:b]), 1.0)
    latencies, lost = uplink.latencies_ms(0.0, 1.0)
    assert latencies == pytest.approx([1000, 980, 960, 940, 920])
    assert (lost, uplink.altered) == (0, 0)


def test_an_altered_sample_and_another_callers_frame_are_noticed() -> None:
    uplink = Uplink(7)
    frame = base64.b64decode(send(uplink, 1)[0])
    uplink.appended(base64.b64encode(frame[:-1] + b"\0"), 0.1)
    uplink.appended(frame_text(8, 0), 0.1)
    assert uplink.altered == 2
    assert uplink.latencies_ms(0.0, 1.0) == ([], 1)


def test_transcoded_frames_are_complete_when_their_samples_are_counted() -> None:
    uplink = Uplink(0)
    uplink.expect("audio/pcm")
    send(uplink, 3)
    for size, at_s in ((900, 0.001), (60, 0.002), (1919, 0.041), (1, 0.042)):
        uplink.appended(base64.b64encode(bytes(size)), at_s)
    latencies, lost = uplink.latencies_ms(0.0, 1.0)
    assert latencies == pytest.approx([2, 21, 2])
    assert lost == 0
    assert uplink.ms_per_append == pytest.approx(15)


@pytest.mark.parametrize("size", range(7))
def test_decoded_size_needs_no_decoding(size: int) -> None:
    assert decoded_size(base64.b64encode(bytes(size))) == size


@pytest.mark.parametrize(
    "message",
    [
        b'{"type":"input_audio_buffer.append","audio":"ab/+"}',
        b'{"audio" : "ab\\/+", "type": "input_audio_buffer.append"}',
    ],
)
def test_a_string_is_found_by_position(message: bytes) -> None:
    assert quoted_value(message, b"audio") == b"ab/+"


@pytest.mark.parametrize("net_ms", [0, 60])
def test_truncation_is_held_against_what_was_heard_when_the_clear_arrived(net_ms: int) -> None:
    probe = CallProbe(0, net_ms)
    probe.spoke("item_1", 1.0)
    probe.media(8000, 1.001)
    probe.barged(1.501)
    probe.clear(1.501)
    probe.truncated("item_1", 512)
    (turn,) = probe.turns
    assert turn.heard_ms == pytest.approx(500)
    assert turn.truncated_ms == 512


def test_what_comes_after_the_clear_is_a_leak_until_the_next_response() -> None:
    probe = CallProbe(0)
    probe.spoke("item_1", 1.0)
    probe.media(8000, 1.0)
    probe.barged(1.5)
    probe.clear(1.5)
    probe.media(1600, 1.51)
    probe.clear(1.6)
    probe.spoke("item_2", 3.0)
    probe.media(1600, 3.0)
    first, second = probe.turns
    assert first.leaked_bytes == 1600
    assert first.clear_s == 1.5
    assert second.leaked_bytes == 0
    assert second.media_bytes == 1600


def test_the_heard_time_of_a_second_response_does_not_count_the_first() -> None:
    probe = CallProbe(0)
    probe.spoke("item_1", 0.0)
    probe.media(1600, 0.0)
    probe.spoke("item_2", 0.1)
    probe.media(1600, 0.1)
    probe.barged(0.3)
    probe.clear(0.3)
    assert probe.turns[1].heard_ms == pytest.approx(100)


def test_a_queue_that_runs_dry_in_the_middle_of_a_response_is_an_underrun() -> None:
    probe = CallProbe(0)
    probe.spoke("item_1", 1.0)
    probe.media(160, 1.0)
    probe.media(160, 1.0205)
    probe.media(160, 1.1)
    assert probe.turns[0].dry_s == [1.1]


def test_a_truncation_of_another_item_is_a_fault() -> None:
    probe = CallProbe(0)
    probe.truncated("item_0", 0)
    probe.spoke("item_1", 1.0)
    probe.truncated("item_2", 0)
    assert probe.wrong_items == 2
