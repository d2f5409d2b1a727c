"""Whole sessions with the embedded server on every kind of endpoint, the wire held against the official types."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.audio.format import PCM16_24K, PCMU_8K, AudioFrame
from gateway.clock import SystemClock
from gateway.contracts.model import (
    CallerTranscript,
    ItemAudio,
    ItemDone,
    ModelFault,
    ModelSession,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    ResponseStatus,
    ServerVad,
    SessionReady,
    SpeechStarted,
    ToolAsked,
    Transcription,
    Truncated,
    UtteranceCommitted,
)
from gateway.errors import ModelRefused
from gateway.offline.script import read_script
from gateway.offline.server import LocalServer, LocalServerConfig, serve
from gateway.realtime.connector import RealtimeConnector
from gateway.settings.load import load_settings
from gateway.settings.schema import EndpointSettings
from tests.conformance.tap import Tap
from tests.offline.rig import SoundEars
from tests.realtime.endpoint import Ear
from tests.realtime.test_ga_setup import setup
from tests.realtime.test_local_server import TOKEN, TOOL

pytestmark = pytest.mark.usefixtures("nothing_left")

V = "2025-04-01-preview"
KINDS: dict[str, dict[str, Any]] = {
    "compatible ga": {"type": "compatible", "model": "m"},
    "compatible beta": {"type": "compatible", "model": "m", "protocol": "beta"},
    "local beta": {"type": "local", "protocol": "beta"},
    "azure ga": {"type": "azure", "deployment": "dep"},
    "azure preview": {"type": "azure", "deployment": "dep", "protocol": "beta"},
    "azure older preview": {"type": "azure", "deployment": "dep", "api_version": "2024-10-01-preview"},
}
TALK = """
sessions:
  - steps:
      - expect: turn
        heard: what is new
      - expect: {response: {trigger: client, tool_choice: lookup}}
        then: [{call: {name: lookup, arguments: {city: Bonn}}}]
      - expect: {event: conversation.item.create, where: {item.output: '{"rain":true}'}}
      - expect: {response: {trigger: client}}
        then: [{say: "It rains all day", ms: 900}]
      - expect: {response: {out_of_band: true}}
        then: [{say: "yes"}]
"""


@contextlib.asynccontextmanager
async def local(script: str = TALK) -> AsyncIterator[tuple[LocalServer, Tap]]:
    config = LocalServerConfig(token=TOKEN, script=read_script(script), pace=0)
    server = await serve(config, make_activity=SoundEars)
    try:
        async with Tap(server.url) as tap:
            yield server, tap
            tap.assert_clean()
    finally:
        await server.close()


def connector(tap: Tap, **fields: Any) -> RealtimeConnector:
    given = {"url": tap.root if fields["type"] == "azure" else tap.base_url, "api_key": SecretStr(TOKEN), **fields}
    return RealtimeConnector("main", EndpointSettings.model_validate(given), clock=SystemClock())


@contextlib.asynccontextmanager
async def call(tap: Tap, kind: str, **more: Any) -> AsyncIterator[tuple[ModelSession, Ear]]:
    session = await connector(tap, **KINDS[kind]).connect()
    ear = Ear()
    session.listen(ear)
    transcription = Transcription(model="whisper-1", language="en", keywords=("news",))
    detection = ServerVad(create_response=False)
    session.configure(setup(tools=(TOOL,), transcription=transcription, turn_detection=detection, **more))
    await ear.hears(SessionReady)
    try:
        yield session, ear
    finally:
        await session.close()


def speak(session: ModelSession) -> None:
    for frame in [b"\x11\x22" * 480] * 30 + [bytes(960)] * 40:
        session.append(AudioFrame(PCM16_24K, raw=frame))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_conversation_goes_all_the_way_on_every_kind_of_endpoint(kind: str) -> None:
    async with local() as (server, tap):
        async with call(tap, kind, output_format=PCMU_8K) as (session, ear):
            # The caller speaks, and the model runs a tool for it.
            speak(session)
            started = await ear.hears(SpeechStarted)
            committed = await ear.hears(UtteranceCommitted)
            assert committed.item_id == started.item_id
            words = await ear.hears(CallerTranscript)
            while not words.final:
                words = await ear.hears(CallerTranscript)
            assert (words.item_id, words.text) == (started.item_id, "what is new")
            session.respond(ResponseRequest(tag="t-1", tool_choice="lookup"))
            asked = await ear.hears(ToolAsked)
            assert (asked.name, asked.arguments) == ("lookup", '{"city": "Bonn"}')
            assert (await ear.hears(ResponseDone)).status is ResponseStatus.COMPLETED
            assert (await ear.hears(ResponseStarted)).tag == "t-1"

            # Its answer is spoken, in the format that was asked for, and cut where it was heard.
            session.tool_result(asked.tool_call_id, '{"rain":true}')
            session.respond(ResponseRequest(tag="t-2"))
            done = await ear.hears(ResponseDone)
            sounds = [event.frame for event in ear.events if isinstance(event, ItemAudio)]
            assert sum(frame.duration_ms for frame in sounds) == pytest.approx(900, abs=20)
            assert {frame.format for frame in sounds} == {PCMU_8K}
            assert done.usage is not None
            assert done.usage.output_audio > 0
            whole = await ear.hears(ItemDone)
            assert (whole.text, whole.complete) == ("It rains all day", True)
            session.truncate(whole.item_id, 400)
            assert await ear.hears(Truncated) == Truncated(whole.item_id, 400)

            # What was said is written into the conversation, and asked about beside it.
            session.add_message("assistant", "It rains", "msg_1")
            session.delete_item("msg_1")
            await ear.hears(ResponseStarted)
            session.respond(ResponseRequest(tag="t-3", out_of_band=True, text_only=True))
            assert (await ear.hears(ResponseStarted)).out_of_band
            assert (await ear.hears(ItemDone)).text == "yes"
            assert not [event for event in ear.events if isinstance(event, ModelFault)]
        assert server.report().violations == []


@pytest.mark.parametrize("kind", ["azure ga", "azure preview", "compatible beta"])
async def test_a_refused_command_is_known_again_by_its_event_id(kind: str) -> None:
    async with local("sessions: []") as (_, tap), call(tap, kind) as (session, ear):
        session.truncate("item_none", 10)
        fault = await ear.hears(ModelFault)
        assert (fault.code, fault.command, fault.subject) == ("item_truncate_invalid_item_id", "truncate", "item_none")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_key_is_refused_on_every_kind(kind: str) -> None:
    async with local("sessions: []") as (_, tap):
        with pytest.raises(ModelRefused) as refused:
            await connector(tap, **KINDS[kind], api_key=SecretStr("another")).connect()
        assert refused.value.status == 401


async def test_a_key_is_rotated_between_two_calls_without_a_restart(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("an-old-key\n", "utf-8")
    async with local("sessions: []") as (_, tap):
        file = tmp_path / "gateway.yaml"
        file.write_text(
            "personas: {receptionist: {instructions: Be kind.}}\nendpoint: cloud\nendpoints: {cloud: "
            f"{{type: azure, url: '{tap.root}', deployment: d, api_key: '${{file:key}}'}}}}\n",
            "utf-8",
        )
        door = RealtimeConnector("cloud", load_settings(file, {}).settings.endpoints["cloud"], clock=SystemClock())
        with pytest.raises(ModelRefused, match="401"):
            await door.connect()
        key.write_text(f"{TOKEN}\n", "utf-8")
        await (await door.connect()).close()
