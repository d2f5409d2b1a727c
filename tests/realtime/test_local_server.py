"""Both readings of one public protocol against each other: our client and the embedded server, over a tapped wire.

The tap holds every event of either side against the official types, their ranges and the order of the protocol.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from gateway.audio.format import PCM16_24K, PCMU_8K, AudioFormat, AudioFrame
from gateway.contracts.model import (
    ItemAudio,
    ItemDone,
    ItemText,
    ModelFault,
    ModelSession,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    ResponseStatus,
    SessionLost,
    SessionReady,
    ToolAsked,
    ToolSpec,
    Truncated,
)
from gateway.errors import ModelRefused
from gateway.offline.script import read_script
from gateway.offline.server import LocalServer, LocalServerConfig, serve
from tests.conformance.tap import Tap
from tests.realtime.endpoint import Ear, connector
from tests.realtime.test_ga_setup import setup

pytestmark = pytest.mark.usefixtures("nothing_left")

TOKEN = "local-token-1"
TOOL = ToolSpec(name="lookup", description="look something up", parameters={"type": "object", "properties": {}})


@contextlib.asynccontextmanager
async def local(script: str) -> AsyncIterator[tuple[LocalServer, Tap]]:
    """Run the server on a script and a tap before it; neither side may break the protocol."""
    server = await serve(LocalServerConfig(token=TOKEN, script=read_script(script), pace=0))
    try:
        async with Tap(server.url) as tap:
            yield server, tap
            tap.assert_clean()
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def call(tap: Tap, format: AudioFormat = PCM16_24K) -> AsyncIterator[tuple[ModelSession, Ear]]:
    """Connect, listen and configure."""
    session = await connector(tap.url, type="local", model=None, api_key=SecretStr(TOKEN)).connect()
    ear = Ear()
    session.listen(ear)
    session.configure(setup(input_format=format, output_format=format, tools=(TOOL,)))
    await ear.hears(SessionReady)
    try:
        yield session, ear
    finally:
        await session.close()


@pytest.mark.parametrize("format", [PCM16_24K, PCMU_8K], ids=str)
async def test_a_written_turn_is_answered_in_speech(format: AudioFormat) -> None:
    script = """
    sessions:
      - steps:
          - expect: response
            then: [{say: "Good morning to you", ms: 600}]
    """
    async with local(script) as (server, tap):
        async with call(tap, format) as (session, ear):
            session.add_message("user", "good morning", "msg_1")
            session.respond(ResponseRequest(tag="answer-1"))
            done = await ear.hears(ResponseDone)
            started = await ear.hears(ResponseStarted)
            assert (started.tag, started.out_of_band) == ("answer-1", False)
            assert (done.response_id, done.status) == (started.response_id, ResponseStatus.COMPLETED)
            assert done.usage is not None
            whole = await ear.hears(ItemDone)
            assert (whole.text, whole.complete) == ("Good morning to you", True)
            sounds = [event for event in ear.events if isinstance(event, ItemAudio)]
            words = [event for event in ear.events if isinstance(event, ItemText)]
            assert sum(sound.frame.duration_ms for sound in sounds) == pytest.approx(600, abs=20)
            assert {sound.frame.format for sound in sounds} == {format}
            assert "".join(word.text for word in words) == "Good morning to you"
            assert {sound.item_id for sound in sounds} == {whole.item_id}
        assert server.report().violations == []


async def test_a_tool_is_asked_for_answered_and_spoken_about() -> None:
    script = """
    sessions:
      - steps:
          - expect: {response: {tool_choice: lookup}}
            then: [{call: {name: lookup, arguments: {city: Bonn}}}]
          - expect: {event: conversation.item.create, where: {item.output: '{"rain":true}'}}
          - expect: response
            then: [{say: "It rains", ms: 200}]
    """
    async with local(script) as (server, tap):
        async with call(tap) as (session, ear):
            session.respond(ResponseRequest(tag="t-1", tool_choice="lookup"))
            asked = await ear.hears(ToolAsked)
            assert (asked.name, asked.arguments) == ("lookup", '{"city": "Bonn"}')
            await ear.hears(ResponseDone)
            session.tool_result(asked.tool_call_id, '{"rain":true}')
            session.respond(ResponseRequest(tag="t-2"))
            await ear.hears(ResponseDone)
            assert (await ear.hears(ItemDone)).text == "It rains"
            assert not any(isinstance(event, ToolAsked) for event in ear.events)
        assert server.report().violations == []


async def test_what_was_not_heard_leaves_the_models_memory() -> None:
    script = """
    sessions:
      - steps:
          - expect: response
            then: [{say: "one two three four five six", ms: 1200}]
    """
    async with local(script) as (server, tap), call(tap) as (session, ear):
        session.respond(ResponseRequest(tag="t-1"))
        item_id = (await ear.hears(ItemDone)).item_id
        await ear.hears(ResponseDone)
        session.truncate(item_id, 500)
        assert await ear.hears(Truncated) == Truncated(item_id, 500)
        session.truncate(item_id, 5000)
        fault = await ear.hears(ModelFault)
        assert (fault.command, fault.subject) == ("truncate", item_id)
        (report,) = server.report().sessions
        assert [(item.truncated_at_ms, item.id) for item in report.items] == [(500, item_id)]


async def test_a_response_in_flight_is_cancelled_by_its_id_and_a_second_one_refused_by_its_tag() -> None:
    script = """
    pace: 1
    sessions:
      - steps:
          - expect: response
            then: [{say: "a long story", ms: 60000}]
    """
    async with local(script) as (_, tap), call(tap) as (session, ear):
        session.respond(ResponseRequest(tag="t-1"))
        started = await ear.hears(ResponseStarted)
        await ear.hears(ItemAudio)
        session.respond(ResponseRequest(tag="t-2"))
        fault = await ear.hears(ModelFault)
        assert (fault.code, fault.command, fault.subject) == (
            "conversation_already_has_active_response",
            "respond",
            "t-2",
        )
        session.cancel(started.response_id)
        done = await ear.hears(ResponseDone)
        assert (done.status, done.reason) == (ResponseStatus.CANCELLED, "client_cancelled")
        assert not (await ear.hears(ItemDone)).complete


async def test_an_answer_beside_the_conversation_is_written_under_its_tag() -> None:
    script = """
    sessions:
      - steps:
          - expect: {response: {out_of_band: true}}
            then: [{say: "yes"}]
    """
    async with local(script) as (server, tap):
        async with call(tap) as (session, ear):
            session.respond(ResponseRequest(tag="side-1", out_of_band=True, text_only=True))
            await ear.hears(ResponseDone)
            assert (await ear.hears(ResponseStarted)).out_of_band
            assert not (await ear.hears(ItemText)).spoken
            assert (await ear.hears(ItemDone)).text == "yes"
        assert server.report().violations == []


async def test_an_expired_session_is_lost_and_may_be_tried_again() -> None:
    script = """
    sessions:
      - steps:
          - expect: {event: input_audio_buffer.append}
            then: [{expire: true}]
    """
    async with local(script) as (_, tap), call(tap) as (session, ear):
        session.append(AudioFrame(PCM16_24K, raw=bytes(960)))
        assert await ear.hears(SessionLost) == SessionLost("session_expired", True)


async def test_a_wrong_token_is_refused_at_the_door() -> None:
    async with local("sessions: []") as (_, tap):
        with pytest.raises(ModelRefused, match=r"HTTP 401 .*; check api_key") as refused:
            await connector(tap.url, type="local", api_key=SecretStr("another")).connect()
    assert (refused.value.status, refused.value.retryable) == (401, False)
