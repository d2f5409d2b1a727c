"""Beats: nothing of the words or the sound is lost, whatever is said."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat
from gateway.offline.mind import Utter
from gateway.offline.performance import arguments, fitted, spoken, until, without_voice, written
from gateway.offline.speech_jobs import Spoken

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80)


@given(texts, st.sampled_from([PCM16_24K, PCMU_8K, PCMA_8K]), st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_speech_keeps_every_letter_and_every_millisecond(text: str, target: AudioFormat, ms: int) -> None:
    beats = spoken(text, without_voice(Utter(text=text, sound="tone", ms=ms)), target)
    assert "".join(piece for beat in beats for piece in beat.pieces) == text
    assert sum(len(beat.audio) for beat in beats) == target.size_bytes(ms)
    assert [beat.at_ms for beat in beats] == [n * 200.0 for n in range(len(beats))]
    if text and ms:
        assert beats[0].pieces


@given(texts)
def test_writing_and_arguments_keep_every_letter(text: str) -> None:
    assert "".join(piece for beat in written(text) for piece in beat.pieces) == text
    assert "".join(piece for beat in arguments(text) for piece in beat.pieces) == text


def test_speech_can_be_made_to_last() -> None:
    speech = Spoken(pcm=b"\1\1" * 24 * 100, words=())
    assert len(fitted(speech, 250).pcm) == 250 * 48
    assert len(fitted(speech, 50).pcm) == 50 * 48
    assert fitted(speech, None) is speech


def test_only_the_beginning_can_be_kept() -> None:
    beats = spoken("one two", without_voice(Utter(text="one two", sound="silence", ms=1000)), PCM16_24K)
    assert [beat.at_ms for beat in until(beats, 500)] == [0.0, 200.0, 400.0]
