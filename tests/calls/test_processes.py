"""The gateway as an operator runs it: it starts, shares its tokens with its twin, drains, and leaves nobody behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from gateway.simulator.caller import CallOutcome, CallTarget, place_call
from gateway.simulator.carriers.twilio import TwilioStream
from gateway.simulator.carriers.twilio_webhook import CallForm, sign
from gateway.simulator.rest import TwilioRest
from gateway.simulator.script import Agent, HangUp, Say, Script, StaySilent, WaitForAgent
from tests.calls.processes import SOURCE, Served, as_written, children, gone, run, served
from tests.calls.rig import CREDENTIALS, Answering, Model, model, settings_of, talk
from tests.calls.sounds import CallersVoice, find, sound, words
from tests.calls.stranger import PARAMETER, closing_code, post

pytestmark = [pytest.mark.usefixtures("leaves_nothing"), pytest.mark.wall_time]

POLICY = 1008
GREETING = words(6)


@contextlib.asynccontextmanager
async def peers(tmp_path: Path) -> AsyncIterator[tuple[Model, TwilioRest, dict[str, Any]]]:
    """Run what stands on both sides of a gateway, and return the settings that lead there."""
    async with TwilioRest(CREDENTIALS) as rest, model(talk(GREETING, words(3, 9))) as peer:
        settings = settings_of(
            tmp_path / "data",
            {"clerk": peer.server.url},
            rest.base_url,
            answering={"clerk": Answering(talk(GREETING))},
            server={"token_secret": "0123456789abcdef" * 4, "drain_s": 20},
        )
        yield peer, rest, as_written(settings)


async def call(house: Served, rest: TwilioRest, *steps: Any) -> CallOutcome:
    return await place_call(
        CallTarget(voice_webhook_url=house.webhook),
        Script(steps=steps, limit_ms=20_000),
        credentials=CREDENTIALS,
        rest=rest,
        voice=CallersVoice(),
    )


async def stream_code(house: Served, form: CallForm, parameters: dict[str, str]) -> int | None:
    """Open a media stream; return the code it is closed with, None if the model's greeting comes instead."""
    url = house.base.replace("http:", "ws:") + "/twilio/media"
    headers = {"X-Twilio-Signature": sign(url, {}, CREDENTIALS.auth_token)}
    stream = TwilioStream(form.call_sid, CREDENTIALS.account_sid, parameters=parameters)
    async with connect(url, additional_headers=headers, proxy=None, compression=None) as socket:
        await socket.send(stream.connected())
        await socket.send(stream.start())
        first = asyncio.ensure_future(closing_code(socket, until='"event":"media"'))
        return await first


async def test_a_token_that_one_process_redeemed_is_refused_by_its_twin(tmp_path: Path) -> None:
    async with peers(tmp_path) as (_, _rest, config), contextlib.AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(house)
            for house in (served(tmp_path / "a", config), served(tmp_path / "b", config))
        ]
        form = CallForm(CREDENTIALS.account_sid)
        answer = await post(one.webhook, form.voice(), CREDENTIALS.auth_token)
        parameters = dict(PARAMETER.findall(answer.text))
        assert await stream_code(other, form, parameters) is None, "issued by one, it opens a stream on the other"
        assert await stream_code(one, form, parameters) == POLICY
        assert await stream_code(other, form, parameters) == POLICY


async def test_sigterm_lets_the_live_call_finish_and_takes_no_other(tmp_path: Path) -> None:
    async with peers(tmp_path) as (peer, rest, config), served(tmp_path / "a", config) as house:
        assert await house.ready() == 200
        calling = asyncio.create_task(
            call(house, rest, WaitForAgent(Agent.TO_FINISH), Say("go on"), WaitForAgent(Agent.TO_FINISH), HangUp())
        )
        while not peer.open_sessions:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)  # the stream has started by now; what follows would be true a moment earlier, too
        house.signal(signal.SIGTERM)
        while await house.ready() != 503:
            await asyncio.sleep(0.02)
        late = await call(house, rest, StaySilent(100))
        assert late.verbs[0] == "Say"
        assert late.stream_sid == ""
        outcome = await calling
        assert outcome.passed, outcome.checks
        for text in (GREETING, words(3, 9)):
            assert find(sound(text), outcome.heard_pcm).likeness > 0.95
        assert await house.exit_status() == 0
        with socket.socket() as door, pytest.raises(ConnectionRefusedError):
            door.connect(("127.0.0.1", int(house.base.rsplit(":", 1)[1])))


async def test_a_second_signal_ends_the_calls_at_once(tmp_path: Path) -> None:
    async with peers(tmp_path) as (peer, rest, config), served(tmp_path / "a", config) as house:
        calling = asyncio.create_task(call(house, rest))
        while not peer.open_sessions:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        house.signal(signal.SIGTERM)
        while await house.ready() != 503:
            await asyncio.sleep(0.02)
        house.signal(signal.SIGTERM)
        assert (await calling).why == "hung up by the REST API"
        assert await house.exit_status() == 0


def local(tmp_path: Path) -> dict[str, Any]:
    """Return settings of a house whose model is its own child."""
    persona = {"instructions": "SAY: Hello.", "greeting": "Hello."}
    return {"data_dir": str(tmp_path / "data"), "persona": "clerk", "personas": {"clerk": persona}}


async def test_the_local_model_goes_with_its_gateway_in_good_order(tmp_path: Path) -> None:
    async with served(tmp_path / "a", local(tmp_path)) as house:
        family = house.family()
        assert family, "the model is a child process"
        assert await house.ready() == 200
        house.signal(signal.SIGTERM)
        assert await house.exit_status() == 0
        await gone(family)


async def test_the_local_model_goes_with_its_gateway_when_that_is_killed(tmp_path: Path) -> None:
    async with served(tmp_path / "a", local(tmp_path)) as house:
        family = house.family()
        assert family
        house.signal(signal.SIGKILL)
        assert await house.exit_status() == -signal.SIGKILL
        await gone(family)


async def test_a_local_model_that_dies_is_started_again(tmp_path: Path) -> None:
    async with served(tmp_path / "a", local(tmp_path)) as house:
        (child,) = children(house.process.pid)
        family = house.family()
        os.kill(child, signal.SIGKILL)
        async with asyncio.timeout(20):
            while await house.ready() != 503:
                await asyncio.sleep(0.01)
            while await house.ready() != 200:
                await asyncio.sleep(0.05)
        await gone(family)
        house.signal(signal.SIGTERM)
        assert await house.exit_status() == 0


WITHOUT_ENGINES = """
import sys


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pocketsphinx", "webrtcvad", "espeakng_loader"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing())
"""


async def test_without_engines_and_without_a_key_both_cures_are_named(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_ENGINES)
    path = f"{tmp_path}:{SOURCE}"
    ran = await run("serve", "--port", "0", cwd=tmp_path, env={"PYTHONPATH": path})
    assert ran.status == 2, ran.err
    assert "OPENAI_API_KEY" in ran.err
    assert "[offline]" in ran.err
    assert "Traceback" not in ran.err


SHORT = """
steps:
  - wait_for_agent: to start
  - hang_up
"""


async def test_the_demo_speaks_to_the_local_model_whatever_keys_lie_around(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-of-the-file\n")
    (tmp_path / "short.yaml").write_text(SHORT)
    env = {"OPENAI_API_KEY": "sk-of-the-environment", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    ran = await run("demo", "--caller", "short.yaml", cwd=tmp_path, env=env)
    assert ran.status == 0, ran.err
    assert "the embedded server, whatever keys are set" in ran.err
    assert "sk-of" not in ran.out + ran.err
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {"call.jsonl", "call.svg", "call.txt", "call.wav"}
    assert '"endpoint":"local"' in (tmp_path / "demo" / "call.jsonl").read_text()
