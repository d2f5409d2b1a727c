"""The official ``openai`` client, async and sync, talks to the local server; a tap checks every event on the wire.

Speech is real here: the local voice speaks for the caller, and the server's own processes listen and answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from openai import AsyncOpenAI, OpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent

from gateway.audio.format import PCM16_24K, PCMU_8K
from gateway.audio.transcode import Transcoder
from gateway.offline.faults import Faults
from gateway.offline.server import LocalServer, LocalServerConfig, serve
from gateway.offline.speech_desk import WorkerDesk
from gateway.speech.voice import Voice
from tests.conformance.tap import Tap

pytestmark = pytest.mark.asyncio(loop_scope="module")

INSTRUCTIONS = """You are a host.
SAY: Hello, this is the restaurant. How can I help you today?
FACTS: parking = We have forty spaces behind the house.
"""
BOOK: Any = {
    "type": "function",
    "name": "book_table",
    "description": "Reserve: book a table",
    "parameters": {"type": "object", "properties": {}},
}
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk() -> AsyncIterator[WorkerDesk]:
    desk = WorkerDesk(listeners=1)
    yield desk
    await desk.close()


@asynccontextmanager
async def served(desk: WorkerDesk, **config: Any) -> AsyncIterator[tuple[LocalServer, Tap]]:
    """Run a server behind a tap, and see at the end that the wire was clean."""
    server = await serve(LocalServerConfig(token="secret", **config), desk=_Shared(desk))
    try:
        async with Tap(server.url) as tap:
            yield server, tap
        tap.assert_clean()
    finally:
        await server.close()


class _Shared:
    """The module's desk, which no single server may close."""

    def __init__(self, desk: WorkerDesk) -> None:
        self.do = desk.do
        self.warm_up = desk.warm_up

    async def close(self) -> None:
        return


@asynccontextmanager
async def connected(tap: Tap, **kwargs: Any) -> AsyncIterator[AsyncRealtimeConnection]:
    async with (
        AsyncOpenAI(api_key="secret", base_url=tap.base_url) as client,
        client.realtime.connect(**(kwargs or {"model": "local"})) as connection,
    ):
        assert (await connection.recv()).type == "session.created"
        yield connection


async def until(connection: AsyncRealtimeConnection, kind: str) -> RealtimeServerEvent:
    async with asyncio.timeout(30):
        while True:
            event = await connection.recv()
            if event.type == kind:
                return event


def said(done: Any) -> str:
    return " ".join(part.transcript or part.text or "" for item in done.response.output for part in item.content)


async def append(connection: AsyncRealtimeConnection, pcm: bytes, frame_bytes: int = 960) -> None:
    for at in range(0, len(pcm), frame_bytes):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + frame_bytes]).decode())


def utterance(text: str) -> bytes:
    """Return a caller's words with silence before and after them, 24 kHz linear."""
    silence = bytes(PCM16_24K.size_bytes(700))
    return silence + Voice().speak(text, voice="ash", rate_hz=24000).pcm + silence


async def test_a_written_turn(desk: WorkerDesk) -> None:
    async with served(desk) as (_, tap), connected(tap) as connection:
        await connection.session.update(
            session={"type": "realtime", "instructions": INSTRUCTIONS, "output_modalities": ["text"]}
        )
        assert (await until(connection, "session.updated")).type == "session.updated"
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Is there parking?"}]}
        )
        await connection.response.create()
        assert said(await until(connection, "response.done")) == "We have forty spaces behind the house."
        await until(connection, "rate_limits.updated")


async def test_a_spoken_turn_is_heard_transcribed_and_answered(desk: WorkerDesk) -> None:
    async with served(desk, pace=0) as (server, tap), connected(tap) as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": INSTRUCTIONS,
                "audio": {
                    "input": {
                        "transcription": {"model": "local", "language": "en"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
                    }
                },
            }
        )
        await append(connection, utterance("parking"))
        done = await until(connection, "response.done")
        assert said(done) == "We have forty spaces behind the house."
        await until(connection, "rate_limits.updated")
    transcripts = [passed.event for passed in tap.sessions[0].log if passed.type == f"{TRANSCRIPTION}.completed"]
    assert [event["transcript"] for event in transcripts] == ["parking"]
    user, assistant = server.report().sessions[0].items
    assert (user.heard, assistant.role) == ("parking", "assistant")


async def test_a_telephone_is_heard_and_spoken_to_in_mu_law(desk: WorkerDesk) -> None:
    async with served(desk, pace=0) as (_, tap), connected(tap) as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": INSTRUCTIONS,
                "audio": {
                    "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "semantic_vad"}},
                    "output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"},
                },
            }
        )
        mu_law = Transcoder(PCM16_24K, PCMU_8K).push(utterance("parking") + bytes(48 * 600))
        await append(connection, mu_law, frame_bytes=160)
        assert said(await until(connection, "response.done")) == "We have forty spaces behind the house."


async def test_a_spoken_wish_calls_a_function_and_its_output_is_spoken(desk: WorkerDesk) -> None:
    async with served(desk, pace=0) as (_, tap), connected(tap) as connection:
        await connection.session.update(session={"type": "realtime", "tools": [BOOK], "tool_choice": "auto"})
        await append(connection, utterance("I would like to book a table please"))
        called: Any = await until(connection, "response.function_call_arguments.done")
        assert (called.name, json.loads(called.arguments)) == ("book_table", {})
        await until(connection, "response.done")
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": called.call_id, "output": '{"say": "It is booked."}'}
        )
        await connection.response.create()
        assert said(await until(connection, "response.done")) == "It is booked."


async def test_a_barge_in_is_cancelled_by_the_server_and_truncated_by_the_client(desk: WorkerDesk) -> None:
    async with served(desk, pace=8) as (server, tap), connected(tap) as connection:
        await connection.session.update(session={"type": "realtime", "instructions": "SAY: " + "one two three " * 30})
        await connection.response.create()
        delta: Any = await until(connection, "response.output_audio.delta")
        await append(connection, utterance("parking")[: 48 * 1200])
        await until(connection, "input_audio_buffer.speech_started")
        done: Any = await until(connection, "response.done")
        assert done.response.status_details.reason == "turn_detected"
        await connection.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=150)
        await until(connection, "conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=delta.item_id)
        await until(connection, "conversation.item.retrieved")
        item = server.report().sessions[0].items[0]
        assert (item.audio_ms, item.truncated_at_ms) == (150.0, 150)
        assert item.text in {"one", ""}
        await append(connection, bytes(48 * 600))
        await until(connection, "response.done")
        await until(connection, "rate_limits.updated")


async def test_a_kept_turn_is_decoded_again_beside_the_conversation(desk: WorkerDesk) -> None:
    choose: Any = {
        "type": "function",
        "name": "choose",
        "parameters": {
            "type": "object",
            "properties": {"kind": {"type": "string", "enum": ["parking", "invoices", "unclear"]}},
            "required": ["kind"],
        },
    }
    async with served(desk) as (_, tap), connected(tap) as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}},
            }
        )
        await append(connection, utterance("parking"))
        committed: Any = await until(connection, "input_audio_buffer.committed")
        await connection.response.create(
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"step": "menu"},
                "tools": [choose],
                "tool_choice": {"type": "function", "name": "choose"},
                "input": [{"type": "item_reference", "id": committed.item_id}],
            }
        )
        called: Any = await until(connection, "response.function_call_arguments.done")
        assert json.loads(called.arguments) == {"kind": "parking"}
        done: Any = await until(connection, "response.done")
        assert (done.response.conversation_id, done.response.metadata) == (None, {"step": "menu"})
        await until(connection, "rate_limits.updated")


async def test_a_manual_turn(desk: WorkerDesk) -> None:
    async with served(desk, pace=0) as (_, tap), connected(tap) as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": INSTRUCTIONS,
                "audio": {"input": {"turn_detection": None}},
            }
        )
        await append(connection, utterance("parking"))
        await connection.input_audio_buffer.commit()
        await until(connection, "conversation.item.done")
        await connection.response.create()
        assert said(await until(connection, "response.done")) == "We have forty spaces behind the house."
        await until(connection, "rate_limits.updated")


async def test_errors_reach_the_client_with_its_own_ids(desk: WorkerDesk) -> None:
    async with served(desk) as (_, tap), connected(tap) as connection:
        await connection.input_audio_buffer.commit(event_id="too_soon")
        error: Any = await until(connection, "error")
        assert (error.error.code, error.error.event_id) == ("input_audio_buffer_commit_empty", "too_soon")
        await connection.conversation.item.truncate(
            item_id="item_none", content_index=0, audio_end_ms=0, event_id="nothing_there"
        )
        error = await until(connection, "error")
        assert (error.error.code, error.error.event_id) == ("item_truncate_invalid_item_id", "nothing_there")
        await connection.response.cancel(event_id="nothing_on")
        error = await until(connection, "error")
        assert (error.error.code, error.error.event_id) == ("response_cancel_not_active", "nothing_on")
        await connection.conversation.item.delete(item_id="item_none")
        assert (await until(connection, "error")).type == "error"
        await connection.output_audio_buffer.clear()
        assert (await until(connection, "error")).type == "error"
        await connection.input_audio_buffer.clear()
        await until(connection, "input_audio_buffer.cleared")


async def test_a_failed_response(desk: WorkerDesk) -> None:
    async with (
        served(desk, faults=Faults(fail_response=1, fail_after_ms=300)) as (_, tap),
        connected(tap) as connection,
    ):
        await connection.session.update(session={"type": "realtime", "instructions": INSTRUCTIONS})
        await connection.response.create()
        done: Any = await until(connection, "response.done")
        assert (done.response.status, done.response.status_details.error.code) == ("failed", "server_error")
        await until(connection, "rate_limits.updated")


async def test_a_transcription_session(desk: WorkerDesk) -> None:
    async with served(desk) as (_, tap), connected(tap, extra_query={"intent": "transcription"}) as connection:
        await connection.session.update(
            session={
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": "local", "keywords": ["parking", "book a table"]}}},
            }
        )
        await append(connection, utterance("parking"))
        completed: Any = await until(connection, f"{TRANSCRIPTION}.completed")
        assert completed.transcript == "parking"


@pytest.mark.filterwarnings(
    # the official sync client keeps a connection without a context manager, which websockets deprecates since 17.1
    "ignore:connect\\(\\) must be used as a context manager:DeprecationWarning"
)
async def test_the_sync_client_speaks_the_same_language(desk: WorkerDesk) -> None:
    def talk(base_url: str) -> str:
        with (
            OpenAI(api_key="secret", base_url=base_url) as client,
            client.realtime.connect(model="local") as connection,
        ):
            assert connection.recv().type == "session.created"
            connection.session.update(session={"type": "realtime", "instructions": INSTRUCTIONS})
            connection.response.create()
            answer = ""
            for event in connection:
                if event.type == "response.done":
                    answer = said(event)
                if event.type == "rate_limits.updated":
                    break
            return answer

    async with served(desk, pace=0) as (_, tap):
        assert await asyncio.to_thread(talk, tap.base_url) == "Hello, this is the restaurant. How can I help you today?"


async def test_a_wrong_key_is_refused_at_the_door(desk: WorkerDesk) -> None:
    async with served(desk) as (_, tap), AsyncOpenAI(api_key="wrong", base_url=tap.base_url) as client:
        with pytest.raises(Exception, match="401"):
            async with client.realtime.connect(model="local"):
                pass
