"""The local engines in their worker processes, and how those come to an end."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import pytest

from gateway.audio.format import PCM16_24K, PCMU_8K
from gateway.audio.transcode import Transcoder
from gateway.offline import speech_desk
from gateway.offline.speech_desk import WorkerDesk
from gateway.offline.speech_jobs import (
    LENGTH_BYTES,
    Expected,
    JobFailed,
    Recognise,
    Recognised,
    Speak,
    Spoken,
    to_message,
    to_result,
)
from gateway.offline.speech_worker import serve


@pytest.fixture(scope="module")
def said() -> Spoken:
    source, sink = io.BytesIO(to_message(Speak(job_id=1, text="parking", voice="ash"))), io.BytesIO()
    serve(source, sink)
    result = to_result(sink.getvalue()[LENGTH_BYTES:])
    assert isinstance(result, Spoken)
    return result


@pytest.fixture
async def desk() -> AsyncIterator[WorkerDesk]:
    desk = WorkerDesk(listeners=1)
    yield desk
    await desk.close()


def listen(spoken: Spoken, job_id: int = 1) -> Recognise:
    audio = Transcoder(PCM16_24K, PCMU_8K).push(spoken.pcm)
    expected = Expected(phrases=("parking", "opening hours"), digits=(4, 4))
    return Recognise(job_id=job_id, audio=audio, format=PCMU_8K, expected=expected)


def test_a_worker_speaks_and_times_each_word(said: Spoken) -> None:
    (word,) = said.words
    assert (word.text, word.char_start, word.char_end) == ("parking", 0, 7)
    assert 0 <= word.start_ms < word.end_ms <= PCM16_24K.duration_ms(len(said.pcm)) + 1 < 2000


def test_a_worker_hears_a_phrase_that_is_expected(said: Spoken) -> None:
    sink = io.BytesIO()
    serve(io.BytesIO(to_message(listen(said))), sink)
    heard = to_result(sink.getvalue()[LENGTH_BYTES:])
    assert isinstance(heard, Recognised)
    assert heard.phrase == "parking"


def test_a_worker_survives_what_it_can_not_do() -> None:
    jobs = to_message(Speak(job_id=1, text="hello", voice="cedar", language="tlh")) + to_message(
        Speak(job_id=2, text="hello", voice="nobody", speed=0.25)
    )
    sink = io.BytesIO()
    serve(io.BytesIO(jobs), sink)
    message = sink.getvalue()
    length = int.from_bytes(message[:LENGTH_BYTES], "big")
    first = to_result(message[LENGTH_BYTES : LENGTH_BYTES + length])
    second = to_result(message[LENGTH_BYTES + length + LENGTH_BYTES :])
    assert isinstance(first, JobFailed)
    assert isinstance(second, Spoken)


async def test_processes_speak_and_listen_at_the_same_time(desk: WorkerDesk, said: Spoken) -> None:
    heard, spoken = await asyncio.gather(desk.do(listen(said)), desk.do(Speak(job_id=2, text="hello", voice="ash")))
    assert isinstance(heard, Recognised)
    assert heard.phrase == "parking"
    assert isinstance(spoken, Spoken)


async def test_the_loop_stays_free_while_a_process_listens(desk: WorkerDesk, said: Spoken) -> None:
    await desk.do(listen(said))
    waiting = asyncio.create_task(desk.do(listen(said)))
    turns = 0
    while not waiting.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10


async def test_a_sentence_is_spoken_once(desk: WorkerDesk) -> None:
    job = Speak(job_id=1, text="hello", voice="ash")
    first = await desk.do(job)
    assert await desk.do(Speak(job_id=2, text="hello", voice="ash")) is first


async def test_a_job_that_is_given_up_leaves_its_process_usable(desk: WorkerDesk, said: Spoken) -> None:
    await desk.do(listen(said))
    given_up = asyncio.create_task(desk.do(listen(said)))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    heard = await desk.do(listen(said))
    assert isinstance(heard, Recognised)
    assert heard.phrase == "parking"


async def test_a_process_that_takes_too_long_is_replaced(
    desk: WorkerDesk, said: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_desk, "JOB_LIMIT_S", 0.0)
    assert isinstance(await desk.do(listen(said)), JobFailed)
    monkeypatch.undo()
    assert isinstance(await desk.do(listen(said)), Recognised)


async def test_too_many_jobs_fail_at_once(desk: WorkerDesk, said: Spoken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_desk, "MAX_WAITING", 1)
    results = await asyncio.gather(*(desk.do(listen(said)) for _ in range(4)))
    assert sum(isinstance(result, JobFailed) for result in results) == 3


async def test_a_closed_desk_does_nothing_and_leaves_no_process(said: Spoken) -> None:
    desk = WorkerDesk()
    waiting = asyncio.create_task(desk.do(listen(said)))
    await asyncio.sleep(0)
    await desk.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert isinstance(await desk.do(listen(said)), JobFailed)
