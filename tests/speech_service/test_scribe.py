"""A scribe's sessions and words, with an endpoint in the test's hands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.audio.format import PCM16_24K
from gateway.clock import HandClock
from gateway.contracts.model import (
    CallerSegment,
    CallerTranscript,
    ModelFault,
    ModelListener,
    SessionLost,
    SessionSetup,
    TranscriptionUse,
    UtteranceCommitted,
)
from gateway.settings.schema import Settings
from gateway.settings.speech_api import SpeechApiSettings
from gateway.speech_service.problems import Problem
from gateway.speech_service.recognition import Recognition, Redaction
from gateway.speech_service.scribe import MOST_UNWRITTEN, Scribe
from tests.calls.sounds import sound, words

HZ = 24000


class FakeSession:
    """A session that notes what it is told."""

    waiting_ms = 0.0
    over = False

    def __init__(self, listener: ModelListener) -> None:
        self.listener = listener
        self.audio_ms = 0.0
        self.commits = 0
        self.closed = False

    def append(self, frame: Any) -> None:
        self.audio_ms += frame.duration_ms

    def commit_input(self) -> None:
        self.commits += 1

    async def close(self) -> None:
        self.closed = True


class FakeEndpoint:
    """Opens sessions that end when the test says."""

    name = "main"
    settings = Settings.model_validate({"endpoints": {"main": {"type": "local"}}}).endpoints["main"]

    def __init__(self, expires_at_s: float | None = None) -> None:
        self.sessions: list[FakeSession] = []
        self.expires_at_s = expires_at_s

    async def to_write_down(self, listener: ModelListener, **_: Any) -> Any:
        self.sessions.append(FakeSession(listener))
        setup = SessionSetup(
            instructions="",
            voice=None,
            input_format=PCM16_24K,
            output_format=PCM16_24K,
            turn_detection=None,
            transcription=None,
        )
        return self.sessions[-1], setup, self.expires_at_s


def scribe(endpoint: FakeEndpoint, clock: HandClock | None = None, *, within_ms: int = 200) -> Scribe:
    return Scribe(
        endpoint,  # type: ignore[arg-type]
        clock or HandClock(),
        language=None,
        keywords=(),
        answer_within_ms=within_ms,
        session_s=1200,
        on_words=lambda item_id, text: None,
    )


def utterances(count: int) -> bytes:
    return b"".join(sound(words(2, number), HZ) + bytes(2 * HZ * 7 // 10) for number in range(count))


def write(session: FakeSession, item_id: str, text: str) -> None:
    session.listener.on_model(UtteranceCommitted(item_id, None))
    session.listener.on_model(CallerTranscript(item_id, text, final=True, used=TranscriptionUse(seconds=1.0)))


async def test_words_find_their_utterances_whatever_order_they_come_in() -> None:
    endpoint = FakeEndpoint()
    one = scribe(endpoint)
    await one.hear(utterances(2))
    (session,) = endpoint.sessions
    assert session.commits == 2
    for item_id in ("a", "b"):
        session.listener.on_model(UtteranceCommitted(item_id, None))
    session.listener.on_model(CallerTranscript("b", "second", final=True))
    session.listener.on_model(CallerTranscript("a", "first", final=True))
    await one.finish()
    assert [utterance.text for utterance in one.utterances] == ["first", "second"]
    assert one.unreported == 2
    await one.close()
    assert session.closed


async def test_a_session_that_is_about_to_expire_is_followed_by_another_at_the_next_pause() -> None:
    clock = HandClock(wall_s=1000.0)
    endpoint = FakeEndpoint(expires_at_s=1000.0 + 120)
    one = scribe(endpoint, clock)
    await one.hear(utterances(1))
    write(endpoint.sessions[0], "a", "first")
    clock.advance(59_000)
    await one.hear(utterances(1))
    assert len(endpoint.sessions) == 1
    write(endpoint.sessions[0], "b", "second")
    clock.advance(2_000)
    await one.hear(utterances(1))
    assert len(endpoint.sessions) == 2
    write(endpoint.sessions[1], "c", "third")
    await one.finish()
    await one.close()
    assert [utterance.text for utterance in one.utterances] == ["first", "second", "third"]


async def test_audio_waits_when_too_many_words_are_owed_so_memory_is_bounded() -> None:
    endpoint = FakeEndpoint()
    one = scribe(endpoint, within_ms=60_000)
    hearing = asyncio.create_task(one.hear(utterances(MOST_UNWRITTEN + 5)))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not hearing.done()
    assert endpoint.sessions[0].commits == MOST_UNWRITTEN + 1
    for number in range(MOST_UNWRITTEN + 5):
        write(endpoint.sessions[0], f"item{number}", "words")
        for _ in range(5):
            await asyncio.sleep(0)
    await hearing
    await one.finish()
    await one.close()
    assert all(utterance.text == "words" for utterance in one.utterances)


async def test_a_refused_commit_is_marked_at_its_utterance() -> None:
    endpoint = FakeEndpoint()
    one = scribe(endpoint)
    await one.hear(utterances(1))
    endpoint.sessions[0].listener.on_model(ModelFault("input_audio_buffer_commit_empty", "", "commit_input"))
    await one.finish()
    await one.close()
    assert one.utterances[0].failed == "input_audio_buffer_commit_empty"


async def test_words_that_were_owed_by_a_lost_session_are_a_problem_and_an_idle_loss_is_none() -> None:
    endpoint = FakeEndpoint()
    one = scribe(endpoint)
    await one.hear(utterances(1))
    write(endpoint.sessions[0], "a", "first")
    endpoint.sessions[0].listener.on_model(SessionLost("idle", retryable=True))
    await one.hear(utterances(1))
    assert len(endpoint.sessions) == 2
    endpoint.sessions[1].listener.on_model(SessionLost("gone", retryable=True))
    with pytest.raises(Problem, match="gone"):
        await one.finish()
    await one.close()


async def test_speakers_that_the_model_tells_apart_have_segments_of_their_own() -> None:
    endpoint = FakeEndpoint()
    recognition = Recognition(
        endpoint,  # type: ignore[arg-type]
        SpeechApiSettings(),
        HandClock(),
        redaction=Redaction(),
        price=None,
    )
    await recognition.push([bytes(2 * HZ) + utterances(1)], HZ)
    (session,) = endpoint.sessions
    session.listener.on_model(UtteranceCommitted("a", None))
    session.listener.on_model(CallerSegment("a", "hello", "A", 300, 500))
    session.listener.on_model(CallerSegment("a", " goodbye", "B", 500, 800))
    session.listener.on_model(CallerTranscript("a", "hello goodbye", final=True))
    answer = await recognition.finish()
    await recognition.close()
    assert [(one.speaker, one.text) for one in answer.segments] == [("A", "hello"), ("B", "goodbye")]
    assert answer.segments[0].start_ms == pytest.approx(1000, abs=80)
    assert answer.text == "hello goodbye"
    assert not answer.usage.complete
    assert answer.cost is None
