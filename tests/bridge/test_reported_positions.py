"""A leg whose player says how far it is: what it reports is what was heard."""

from __future__ import annotations

from gateway.audio.format import PCM16_24K, AudioFrame
from gateway.bridge.playback import UNREPORTED_MS, Playback
from gateway.contracts.leg import HeardSignal, LegCapabilities, MarksOnClear

PAGE = LegCapabilities(heard=HeardSignal.POSITION, marks_on_clear=MarksOnClear.DROPPED)


def speech(ms: int) -> AudioFrame:
    return AudioFrame(PCM16_24K, raw=bytes(48 * ms))


def playing(ms: int = 5000) -> Playback:
    playback = Playback(PCM16_24K, PAGE)
    playback.send("a", speech(ms), 0)
    return playback


def test_without_a_report_the_clock_decides() -> None:
    playback = playing(1000)
    assert playback.heard_ms("a", 400) == 400
    assert playback.heard_ms("a", 4000) == 1000
    assert playback.all_proved(1000)


def test_a_report_is_the_ears_place_and_the_clock_goes_on_from_it() -> None:
    playback = playing()
    assert playback.mark_returned("1:0", 500, past_ms=380)
    assert playback.heard_ms("a", 500) == 380
    assert playback.heard_ms("a", 560) == 440


def test_jitter_of_a_few_milliseconds_does_not_move_the_clock() -> None:
    playback = playing()
    playback.mark_returned("1:0", 500, past_ms=490)
    assert playback.heard_ms("a", 500) == 500


def test_the_same_mark_comes_back_again_and_again_as_the_ear_moves_on() -> None:
    playback = playing()
    assert playback.mark_returned("1:180", 300, past_ms=20)
    assert playback.mark_returned("1:180", 340, past_ms=60)
    assert not playback.mark_returned("1:180", 350, past_ms=10), "the ear does not go back"
    assert not playback.mark_returned("9:9", 350)


def test_a_page_that_reports_no_more_is_not_believed_to_play_on() -> None:
    playback = playing(20_000)
    playback.mark_returned("1:180", 300, past_ms=20)
    assert playback.heard_ms("a", 15_000) == 200 + UNREPORTED_MS


def test_after_a_clear_positions_begin_with_the_next_mark() -> None:
    playback = playing()
    playback.mark_returned("1:180", 300, past_ms=20)
    cleared = playback.clear(300)
    assert not cleared.awaited
    assert playback.sent_ms("a") in {199, 200}
    assert not playback.mark_returned("1:180", 310, past_ms=50)
    playback.send("b", speech(1000), 400)
    assert playback.mark_returned("2:0", 460, past_ms=30)
    assert playback.heard_ms("b", 460) == 30
