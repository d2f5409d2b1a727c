"""The official client by Azure's doors and in the beta protocol talks to the local server; a tap checks every event.

Azure's GA is spoken by ``AsyncOpenAI`` with Azure's base URL, its preview by the beta resource of ``AsyncAzureOpenAI``,
and OpenAI's beta by that of ``AsyncOpenAI``.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI

from gateway.offline.script import read_script
from gateway.offline.server import LocalServer, LocalServerConfig, serve
from tests.conformance.tap import Tap
from tests.offline.rig import SoundEars

TOKEN = "azure-token"
V = "2025-04-01-preview"
SOUND = base64.b64encode(b"\x11\x22" * 480 * 30 + bytes(960) * 40).decode()
TALK = """
sessions:
  - steps:
      - expect: turn
        heard: what is new
      - expect: {response: {trigger: turn}}
        then: [{say: "Nothing much", ms: 400}, {call: {name: book_table, arguments: {people: 2}}}]
"""
BOOK: dict[str, Any] = {
    "type": "function",
    "name": "book_table",
    "description": "Book.",
    "parameters": {"type": "object"},
}


@asynccontextmanager
async def local(script: str = TALK) -> AsyncIterator[tuple[LocalServer, Tap]]:
    config = LocalServerConfig(token=TOKEN, script=read_script(script), pace=0)
    server = await serve(config, make_activity=SoundEars)
    try:
        async with Tap(server.url) as tap:
            yield server, tap
            tap.assert_clean()
    finally:
        await server.close()


@asynccontextmanager
async def azure_ga(tap: Tap, key: str = TOKEN) -> AsyncIterator[Any]:
    async with (
        AsyncOpenAI(api_key=key, base_url=f"{tap.root}/openai/v1/") as client,
        client.realtime.connect(model="dep") as connection,
    ):
        yield connection


@asynccontextmanager
async def azure_ga_by_token(tap: Tap) -> AsyncIterator[Any]:
    async def provide() -> str:
        return TOKEN

    async with (
        AsyncOpenAI(api_key=provide, base_url=f"{tap.root}/openai/v1/") as client,
        client.realtime.connect(model="dep") as connection,
    ):
        yield connection


@asynccontextmanager
async def azure_ga_by_key_header(tap: Tap) -> AsyncIterator[Any]:
    async with (
        AsyncOpenAI(api_key="-", base_url=f"{tap.root}/openai/v1/", default_headers={"api-key": TOKEN}) as client,
        client.realtime.connect(model="dep") as connection,
    ):
        yield connection


def preview_client(tap: Tap, **auth: Any) -> AsyncAzureOpenAI:
    return AsyncAzureOpenAI(
        api_version=V,
        azure_endpoint=tap.root,
        websocket_base_url=tap.root.replace("http", "ws") + "/openai",
        **(auth or {"api_key": TOKEN}),
    )


@asynccontextmanager
async def azure_preview(tap: Tap) -> AsyncIterator[Any]:
    async with preview_client(tap) as client, client.beta.realtime.connect(model="dep") as connection:
        yield connection


@asynccontextmanager
async def azure_preview_by_token(tap: Tap) -> AsyncIterator[Any]:
    async def provide() -> str:
        return TOKEN

    async with (
        preview_client(tap, azure_ad_token_provider=provide) as client,
        client.beta.realtime.connect(model="dep") as connection,
    ):
        yield connection


@asynccontextmanager
async def openai_beta(tap: Tap) -> AsyncIterator[Any]:
    async with (
        AsyncOpenAI(api_key=TOKEN, websocket_base_url=tap.base_url.replace("http", "ws")) as client,
        client.beta.realtime.connect(model="dep") as connection,  # type: ignore[arg-type]
    ):
        yield connection


async def until(connection: Any, kind: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            event = await connection.recv()
            if event.type == kind:
                return event


GA: list[Callable[[Tap], AbstractAsyncContextManager[Any]]] = [azure_ga, azure_ga_by_token, azure_ga_by_key_header]
BETA: list[Callable[[Tap], AbstractAsyncContextManager[Any]]] = [azure_preview, azure_preview_by_token, openai_beta]


@pytest.mark.parametrize("client", GA)
async def test_azures_ga_client_has_a_turn(client: Callable[[Tap], AbstractAsyncContextManager[Any]]) -> None:
    async with local() as (server, tap):
        async with client(tap) as connection:
            assert (await until(connection, "session.created")).session.model == "dep"
            await connection.session.update(
                session={
                    "type": "realtime",
                    "tools": [BOOK],
                    "audio": {"input": {"transcription": {"model": "a-transcriber"}}},
                }
            )
            await connection.input_audio_buffer.append(audio=SOUND)
            done = await until(connection, "response.done")
            spoken, called = done.response.output
            assert spoken.content[0].transcript == "Nothing much"
            assert called.arguments == '{"people": 2}'
            await until(connection, "rate_limits.updated")
        assert server.report().violations == []


@pytest.mark.parametrize("client", BETA)
async def test_the_beta_client_has_a_turn(client: Callable[[Tap], AbstractAsyncContextManager[Any]]) -> None:
    async with local() as (server, tap):
        async with client(tap) as connection:
            created = await until(connection, "session.created")
            assert (created.session.model, created.session.input_audio_format) == ("dep", "pcm16")
            await connection.session.update(
                session={
                    "modalities": ["text", "audio"],
                    "tools": [BOOK],
                    "temperature": 0.7,
                    "voice": "echo",
                    "output_audio_format": "g711_ulaw",
                    "input_audio_transcription": {"model": "whisper-1"},
                    "max_response_output_tokens": 2000,
                }
            )
            updated = (await until(connection, "session.updated")).session
            assert (updated.temperature, updated.voice, updated.output_audio_format) == (0.7, "echo", "g711_ulaw")
            assert updated.turn_detection.silence_duration_ms == 200
            await connection.input_audio_buffer.append(audio=SOUND)
            completed = await until(connection, "conversation.item.input_audio_transcription.completed")
            assert completed.transcript == "what is new"
            done = await until(connection, "response.done")
            spoken, called = done.response.output
            assert (spoken.content[0].type, spoken.content[0].transcript) == ("audio", "Nothing much")
            assert (called.name, called.arguments) == ("book_table", '{"people": 2}')
            assert sorted(done.response.modalities) == ["audio", "text"]
            await until(connection, "rate_limits.updated")
        assert server.report().violations == []
        (session,) = tap.sessions
        assert session.beta
        assert answer_of(session.types("server")) == [
            "response.created",
            "response.output_item.added",
            "conversation.item.created",
            "response.content_part.added",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.audio.done",
            "response.audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "conversation.item.created",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
        assert session.types("server")[:2] == ["session.created", "conversation.created"]


def answer_of(types: list[str]) -> list[str]:
    """Return the types of the response's events: each delta type once, transcripts of the caller left out."""
    kept: list[str] = []
    for kind in types[types.index("response.created") :]:
        if "input_audio" not in kind and not (kind.endswith(".delta") and kind in kept):
            kept.append(kind)
    return kept


async def test_written_items_and_errors_have_their_beta_names() -> None:
    script = """
    sessions:
      - steps:
          - expect: {response: {trigger: client}}
            then: [{say: "Noted"}]
    """
    async with local(script) as (server, tap), azure_preview(tap) as connection:
        assistant: Any = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "I said so"}]}
        await connection.conversation.item.create(item=assistant)
        created = await until(connection, "conversation.item.created")
        assert created.item.content[0].type == "text"
        await connection.response.create(response={"modalities": ["text"], "temperature": 1.0})
        assert (await until(connection, "response.text.done")).text == "Noted"
        assert (await until(connection, "response.done")).response.modalities == ["text"]
        await connection.session.update(session={"speed": 9.0})
        error = (await until(connection, "error")).error
        assert (error.code, error.param) == ("invalid_value", "session.speed")
        await connection.session.update(session={"modalities": ["audio"]})
        assert (await until(connection, "error")).error.param == "session.modalities"
    assert [item.text for item in server.report().sessions[0].items] == ["I said so", "Noted"]


async def test_the_ga_shape_at_the_preview_door_is_refused_as_the_service_does() -> None:
    async with local("sessions: []") as (_, tap):
        async with preview_client(tap) as client, client.realtime.connect(model="dep") as connection:
            await connection.session.update(session={"type": "realtime"}, event_id="mixed_up")
            error: Any = await until(connection, "error")
            assert (error.error.code, error.error.param) == ("unknown_parameter", "session.type")
            assert error.error.event_id == "mixed_up"
        (session,) = tap.sessions
        assert [problem.partition(":")[0] for problem in session.problems] == ["client"], "the client's GA, in beta"
        session.problems.clear()


async def test_a_wrong_key_is_refused_at_azures_doors() -> None:
    async with local("sessions: []") as (_, tap):
        with pytest.raises(Exception, match="401"):
            async with azure_ga(tap, key="wrong"):
                pass
        async with preview_client(tap, api_key="wrong") as client:
            with pytest.raises(Exception, match="401"):
                async with client.beta.realtime.connect(model="dep"):
                    pass
