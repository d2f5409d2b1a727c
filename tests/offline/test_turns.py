"""The input buffer: offsets, bounds, and independence from how the audio was cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.format import PCM16_24K, PCMU_8K
from gateway.offline import turns
from gateway.offline.refusals import Refused
from gateway.offline.session_config import SemanticVad, ServerVad
from gateway.offline.turns import InputAudioBuffer, SpeechBegan, SpeechEnded, vad_values
from tests.offline.rig import SoundEars

VAD = ServerVad(silence_duration_ms=200, prefix_padding_ms=100)


def buffer(detection: ServerVad | SemanticVad | None = VAD) -> InputAudioBuffer:
    return InputAudioBuffer(PCM16_24K, detection, SoundEars)


def pcm(ms: int, *, loud: bool) -> bytes:
    return (b"\x11\x22" if loud else b"\0\0") * (24 * ms)


STORY = pcm(400, loud=False) + pcm(300, loud=True) + pcm(500, loud=False) + pcm(100, loud=True) + pcm(300, loud=False)


@given(st.lists(st.integers(1, 900), max_size=12))
@settings(max_examples=40, deadline=None)
def test_turns_and_their_audio_do_not_depend_on_how_the_stream_was_cut(cuts: list[int]) -> None:
    ear, at, found, audio, began = buffer(), 0, [], [], 0
    for cut in [*cuts, len(STORY)]:
        piece = STORY[at : at + cut * 2]
        at += len(piece)
        for change in ear.append(piece):
            found.append(change)
            if isinstance(change, SpeechBegan):
                began = change.at_ms
            else:
                audio.append(ear.take_turn(began, change.at_ms))
    assert found == [SpeechBegan(300), SpeechEnded(900), SpeechBegan(1100), SpeechEnded(1500)]
    assert audio == [STORY[300 * 48 : 900 * 48], STORY[1100 * 48 : 1500 * 48]]


def test_silence_is_not_hoarded_while_nobody_speaks() -> None:
    ear = buffer()
    for _ in range(100):
        ear.append(pcm(100, loud=False))
    assert ear.received_ms == 10_000
    assert ear.buffered_ms <= VAD.prefix_padding_ms + turns.NOTICED_LATE_MS


def test_without_turn_detection_everything_waits_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MAX_BUFFER_MS", 1000)
    ear = buffer(None)
    ear.append(pcm(900, loud=True))
    with pytest.raises(Refused, match="commit or clear"):
        ear.append(pcm(200, loud=True))
    assert len(ear.take_all()) == 900 * 48


def test_another_format_forgets_what_waits() -> None:
    ear = buffer(None)
    ear.append(pcm(500, loud=True))
    ear.configure(PCMU_8K, None)
    assert ear.buffered_ms == 0
    ear.append(b"\x11" * 800)
    assert (ear.buffered_ms, ear.received_ms) == (100, 600)


def test_patience_is_a_longer_silence() -> None:
    patient = [SemanticVad(eagerness="high"), SemanticVad(eagerness="medium"), SemanticVad(eagerness="low")]
    silences = [vad_values(detection).silence_duration_ms for detection in patient]
    assert silences == sorted(silences)
    assert vad_values(SemanticVad()) == vad_values(SemanticVad(eagerness="medium"))
