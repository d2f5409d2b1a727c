"""The prompt store: what was verified, under the hash of what it says."""

from __future__ import annotations

from pathlib import Path

from gateway.audio import tones
from gateway.audio.format import PCM16_24K, PCMU_8K
from gateway.prompts.store import PromptStore, Rendering, Spoken
from gateway.prompts.verify import verify

SPOKEN = Spoken("We open at nine.", "en-GB", "marin", "gpt-realtime")
SOUND = tones.noise(1200, 24000, -20.0, 1)


def rendering(spoken: Spoken) -> Rendering:
    return Rendering(
        text=spoken.text,
        language=spoken.language,
        voice=spoken.voice,
        model=spoken.model,
        duration_ms=1200,
        transcript=spoken.text,
    )


async def test_what_was_added_is_played_in_the_format_of_the_leg(tmp_path: Path) -> None:
    store = PromptStore(tmp_path)
    assert await store.audio(SPOKEN, PCMU_8K) is None
    store.add(SPOKEN, SOUND, 24000, rendering(SPOKEN))
    for wanted in (PCMU_8K, PCM16_24K):
        frame = await store.audio(SPOKEN, wanted)
        assert frame is not None
        assert frame.format == wanted
        assert abs(frame.duration_ms - 1200) <= 2
    assert store.paper(SPOKEN) == rendering(SPOKEN)


async def test_another_text_voice_language_or_model_is_another_prompt(tmp_path: Path) -> None:
    store = PromptStore(tmp_path)
    store.add(SPOKEN, SOUND, 24000, rendering(SPOKEN))
    others = [
        Spoken("We open at ten.", "en-GB", "marin", "gpt-realtime"),
        Spoken("We open at nine.", "en-US", "marin", "gpt-realtime"),
        Spoken("We open at nine.", "en-GB", "cedar", "gpt-realtime"),
        Spoken("We open at nine.", "en-GB", "marin", "local"),
    ]
    assert [store.has(other) for other in others] == [False] * 4
    assert store.has(Spoken("We  open\nat nine.", "en-GB", "marin", "gpt-realtime")), "line breaks are not spoken"


def test_a_rendering_is_judged_by_words_and_by_length() -> None:
    assert verify("We open at nine.", "we open at nine", SOUND, 24000).ok
    assert "'ten' in place of 'nine'" in verify("We open at nine.", "we open at ten", SOUND, 24000).why
    assert "0 words" in verify("We open at nine.", "", SOUND, 24000).why
    long = "We open at nine in the morning and close at ten in the evening, every day of the week but Monday."
    assert "ms of sound" in verify(long, long, SOUND, 24000).why
    assert "ms of sound" in verify("Yes.", "yes", SOUND * 4, 24000).why
    assert "silence" in verify("We open at nine.", "we open at nine", bytes(len(SOUND)), 24000).why
