"""A stream of speech is cut at its pauses, however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.tones import noise
from gateway.speech_service.utterances import LONGEST_MS, Ended, Piece, Utterances
from tests.calls.sounds import sound, words

HZ = 24000


def silence(ms: int) -> bytes:
    return bytes(HZ * ms // 1000 * 2)


def cut(pcm: bytes, step: int = 4800) -> list[Piece | Ended]:
    cutter = Utterances(HZ)
    out: list[Piece | Ended] = []
    for start in range(0, len(pcm), step):
        out += cutter.push(pcm[start : start + step])
    return out + cutter.finish()


def ends(out: list[Piece | Ended]) -> list[tuple[int, int]]:
    return [(one.start_ms, one.end_ms) for one in out if isinstance(one, Ended)]


def relayed(out: list[Piece | Ended]) -> bytes:
    return b"".join(one.pcm for one in out if isinstance(one, Piece))


def test_speech_is_relayed_from_a_little_before_it_to_the_pause_behind_it() -> None:
    said = sound(words(4), HZ)
    out = cut(silence(1000) + said + silence(1000))
    assert ends(out) == [(1000, 2000)]
    assert said in relayed(out)
    assert len(relayed(out)) == len(silence(240) + said + silence(600))


def test_pieces_are_100_ms_but_for_the_last() -> None:
    out = cut(silence(1000) + sound(words(8), HZ) + silence(1000))
    sizes = [len(one.pcm) for one in out if isinstance(one, Piece)]
    assert set(sizes[:-1]) == {4800}
    assert 0 < sizes[-1] <= 4800


@given(st.integers(1, 20_000))
def test_the_result_does_not_depend_on_how_the_stream_was_cut(step: int) -> None:
    pcm = silence(300) + sound(words(3), HZ) + silence(700) + sound(words(2, 5), HZ) + silence(100)
    assert cut(pcm, step) == cut(pcm)


def test_short_pauses_stay_inside_an_utterance_and_long_ones_divide() -> None:
    out = cut(sound(words(2), HZ) + silence(400) + sound(words(2), HZ) + silence(700) + sound(words(2), HZ))
    assert len(ends(out)) == 2


def test_a_click_is_no_speech() -> None:
    assert cut(silence(500) + b"\xff\x7f" * 400 + silence(500)) == []


def test_noise_behind_the_speaker_is_not_relayed_for_ever() -> None:
    hum = noise(6000, HZ, -42.0, 7, band="telephone")
    said = sound(words(4), HZ)
    at = len(hum) // 2
    out = cut(hum[:at] + said + hum[at:])
    start_ms, end_ms = ends(out)[-1]
    assert start_ms == pytest.approx(3000, abs=40)
    assert end_ms == pytest.approx(4000, abs=40)


def test_the_longer_an_utterance_the_shorter_a_pause_ends_it_and_none_is_longer_than_the_bound() -> None:
    breathing = b"".join(sound(words(4, number), HZ) + silence(220) for number in range(40))
    for start_ms, end_ms in ends(cut(breathing)):
        assert end_ms - start_ms <= 21_500
    without_breath = b"".join(sound(words(4, number), HZ) for number in range(80))
    out = cut(without_breath)
    assert max(end - start for start, end in ends(out)) <= LONGEST_MS
    assert relayed(out)[: len(without_breath)] == without_breath


def test_a_stream_that_ends_in_speech_ends_its_utterance() -> None:
    assert ends(cut(silence(500) + sound(words(2), HZ)[:-7])) == [(500, 1000)]
