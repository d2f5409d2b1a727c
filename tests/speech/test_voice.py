"""The local voice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.audio.level import dbfs
from gateway.errors import SpeechError
from gateway.speech import engines
from gateway.speech.engines import engine, missing
from gateway.speech.spare import SpareVoice
from gateway.speech.voice import Voice


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice()


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_it_speaks_at_the_rate_that_was_asked_for(voice: Voice, rate_hz: int) -> None:
    spoken = voice.speak("Hello, how can I help you?", rate_hz=rate_hz)
    seconds = len(spoken.pcm) / 2 / rate_hz
    assert 0.8 < seconds < 3
    assert -26 < dbfs(spoken.pcm) < -14


def test_words_have_their_times_and_places(voice: Voice) -> None:
    text = "Hello, how can I help you?"
    spoken = voice.speak(text)
    duration_ms = len(spoken.pcm) / 48
    assert [text[word.char_start : word.char_end] for word in spoken.words] == [word.text for word in spoken.words]
    assert len(spoken.words) == 6
    times = [word.start_ms for word in spoken.words]
    assert times == sorted(times)
    assert times[0] >= 0 and spoken.words[-1].end_ms <= duration_ms + 1  # noqa: PT018


def test_voices_differ(voice: Voice) -> None:
    assert len(voice.voices()) >= 4
    assert len({voice.speak("good morning", voice=name).pcm for name in voice.voices()}) == len(voice.voices())


def test_a_faster_voice_takes_less_time(voice: Voice) -> None:
    slow, fast = (len(voice.speak("good morning to you", speed=speed).pcm) for speed in (0.8, 1.4))
    assert fast < slow * 0.75


def test_threads_may_share_it(voice: Voice) -> None:
    """The voice's breath is random, so two readings have the same words and length, not the same samples."""
    texts = ("one", "good morning", "three hundred and five", "what can I do for you")
    wanted = {text: voice.speak(text) for text in texts}
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: (text, voice.speak(text)), texts * 5))
    for text, spoken in found:
        assert [word.text for word in spoken.words] == [word.text for word in wanted[text].words]
        assert abs(len(spoken.pcm) - len(wanted[text].pcm)) < 48 * 80  # 80 ms


def test_a_missing_engine_names_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines._WHEELS, "no_such_engine", "a sixth sense")
    assert missing() == ["a sixth sense"]
    with pytest.raises(SpeechError, match=r"a sixth sense is missing.*pip install '.*\[offline\]'"):
        engine("no_such_engine")


async def test_without_a_voice_a_recording_apologises_and_nothing_is_disclosed(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.audio.format import PCMU_8K

    spare = SpareVoice()

    def mute(*_: object, **__: object) -> None:
        raise SpeechError("no engine")

    monkeypatch.setattr(spare._voice, "speak", mute)
    apology = await spare.render("Sorry.", "apology", "en", PCMU_8K)
    assert apology is not None
    assert 3000 < apology.duration_ms < 8000
    assert await spare.render("This call is recorded.", "disclosure", "en", PCMU_8K) is None
