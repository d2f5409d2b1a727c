"""The examples do what they say."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from gateway.audio.wav import write_wav
from gateway.library import Settings, create_app, running
from gateway.simulator.caller import CallTarget, TwilioCredentials, place_call
from gateway.simulator.outcome import CallOutcome
from gateway.simulator.rest import TwilioRest
from gateway.simulator.script import Agent, EndedBy, Expect, HangUp, Script, WaitForAgent
from gateway.speech.voice import Voice
from tests.calls.rig import CREDENTIALS, Answering, model, number_of, says, script, settings_of
from tests.calls.sounds import CallersVoice
from tests.examples.mount_beside_api import application

ROOT = Path(__file__).parents[2]
LISTENER = Script(
    steps=(WaitForAgent(Agent.TO_FINISH), HangUp()), limit_ms=20_000, expect=Expect(ended_by=EndedBy.CALLER)
)


def test_a_wav_file_is_written_down_by_the_local_server(tmp_path: Path) -> None:
    """As its first lines say, from a shell, with local voice, ears and a process for the server."""
    spoken = Voice().speak("good morning", language="en", rate_hz=16000)
    write_wav(tmp_path / "hello.wav", [bytes(16000) + spoken.pcm + bytes(16000)], 16000)
    command = [
        *(sys.executable, str(ROOT / "tests" / "examples" / "transcribe_wav.py"), str(tmp_path / "hello.wav")),
        *("--endpoint", "local", "--keywords", "good morning", "thank you", "opening hours"),
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "good morning"


def beside_starlette(settings: Settings) -> Starlette:
    """Return a plain Starlette application with the gateway mounted, as FastAPI's example does it."""
    voice = create_app(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running(voice):
            yield

    async def order(request: object) -> PlainTextResponse:
        return PlainTextResponse("order")

    return Starlette(routes=[Route("/orders/{number}", order), Mount("/voice", voice)], lifespan=lifespan)


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application as its docstring says; give its base URL."""
    config = uvicorn.Config(
        app, port=0, ws="websockets-sansio", ws_per_message_deflate=False, proxy_headers=False, log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("mount", [application, beside_starlette], ids=["fastapi", "starlette"])
async def test_a_gateway_that_is_mounted_takes_signed_calls_and_its_neighbour_answers(
    tmp_path: Path, mount: object
) -> None:
    assert callable(mount)
    answering = {"clerk": Answering(script(says("hello", ms=300)))}
    async with TwilioRest(CREDENTIALS) as rest, model(answering["clerk"].script) as peer:
        settings = settings_of(tmp_path / "data", {"clerk": peer.server.url}, rest.base_url, answering=answering)
        async with served(mount(settings)) as base:
            outcome = await call(f"{base}/voice/twilio/voice", rest)
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{base}/orders/7")).status_code == 200
                assert (await client.get(f"{base}/voice/healthz")).json() == {"status": "ok"}
                assert (await client.post(f"{base}/voice/twilio/voice")).status_code == 403
    assert outcome.ended_by is EndedBy.CALLER, outcome.why
    assert [check for check in outcome.checks if not check.passed] == []
    assert outcome.agent_heard_spans


async def call(webhook: str, rest: TwilioRest, credentials: TwilioCredentials = CREDENTIALS) -> CallOutcome:
    target = CallTarget(voice_webhook_url=webhook, dialed_number=number_of("clerk", {"clerk": None}))
    async with asyncio.timeout(30):
        return await place_call(target, LISTENER, credentials=credentials, rest=rest, voice=CallersVoice())
