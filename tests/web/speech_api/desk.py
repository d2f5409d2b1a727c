"""A speech service over real sockets: doors under uvicorn in front, the local server with voices of noise behind."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import struct
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette

from gateway.audio.wav import interleave
from gateway.clock import SystemClock
from gateway.offline.faults import Faults
from gateway.offline.script import read_script
from gateway.offline.server import LocalServer, LocalServerConfig, serve
from gateway.offline.speech_jobs import Job, Recognise, Recognised, Result
from gateway.settings.schema import Settings
from gateway.speech_service.service import SpeechService
from gateway.web.access import Access
from gateway.web.speech_api.routes import speech_routes
from tests.calls.sounds import Ears, ModelsVoice, find, sound

HZ = 24000
ALIKE = 0.6
"""Above this, two sounds are the same text."""


class Hearing(ModelsVoice):
    """Hears the expected text whose sound is in the audio, by correlation; anything else is not understood."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.voices: list[str] = []

    async def do(self, job: Job) -> Result:
        if not isinstance(job, Recognise):
            self.voices.append(job.voice)
            return await super().do(job)
        narrow = narrowed(job.audio)
        likeness = {text: find(sound(text), narrow).likeness for text in job.expected.keywords}
        best = max(likeness, key=lambda text: likeness[text], default="")
        text = best if likeness.get(best, 0.0) > ALIKE else ""
        self.heard.append(text)
        return Recognised(text=text, confidence=1.0 if text else 0.0, rejected=not text)


def narrowed(pcm: bytes) -> bytes:
    """Return 24 kHz audio at 8 kHz; nothing in it stands above 3400 Hz."""
    return struct.pack(
        f"<{len(pcm) // 6}h", *(struct.unpack_from("<h", pcm, at)[0] for at in range(0, len(pcm) - 5, 6))
    )


def wav(*channels: bytes, rate_hz: int = HZ, tag: int = 1, bits: int = 16, raw: bytes | None = None) -> bytes:
    """Return a WAV file of PCM16 channels, or of ``raw`` samples written in another way."""
    data = raw if raw is not None else interleave(list(channels))
    step = len(channels or (b"",)) * bits // 8
    count = len(channels) or 1
    layout = struct.pack("<HHIIHH", tag, count, rate_hz, rate_hz * step, step, bits)
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def talk(*texts: str, pause_ms: int = 800, rate_hz: int = HZ) -> bytes:
    """Return PCM16 of texts with pauses between them and behind the last."""
    silence = bytes(2 * rate_hz * pause_ms // 1000)
    return silence + b"".join(sound(text, rate_hz) + silence for text in texts)


@dataclass(slots=True)
class Desk:
    """What a test holds in its hands."""

    client: httpx.AsyncClient
    model: LocalServer
    hearing: Hearing
    service: SpeechService

    def received(self, event: str) -> int:
        """Return how many client events of a kind all sessions received."""
        return sum(session.received.get(event, 0) for session in self.model.report().sessions)


@contextlib.asynccontextmanager
async def desk(
    *,
    script: str | None = None,
    faults: Faults | None = None,
    pace: float = 0,
    endpoint: dict[str, Any] | None = None,
    keys: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Desk]:
    """Run the service; ``settings`` are those of ``speech_api``. Without ``keys``, access is open on loopback."""
    hearing = Hearing()
    data_dir = tempfile.mkdtemp(prefix="speech-")
    config = LocalServerConfig(
        script=None if script is None else read_script(script), token="t", faults=faults or Faults(), pace=pace
    )
    model = await serve(config, desk=hearing, make_activity=Ears)
    chosen = Settings.model_validate(
        {
            "endpoint": "main",
            "endpoints": {
                "main": {
                    "type": "local",
                    "url": model.url,
                    "api_key": "t",
                    "model": "local",
                    "transcription": {"model": "local"},
                    **(endpoint or {}),
                }
            },
            "server": {"auth": "off" if keys is None else "on"},
            "access": {"keys": keys or {}, "requests_per_minute": 6000},
            "data_dir": data_dir,
            "speech_api": settings,
        }
    )
    service = SpeechService(chosen, clock=SystemClock())
    try:
        async with (
            served(Starlette(routes=speech_routes(service, Access(chosen, bytes(32), SystemClock())))) as base_url,
            httpx.AsyncClient(base_url=base_url, timeout=30) as client,
        ):
            yield Desk(client, model, hearing, service)
    finally:
        await service.close()
        await model.close()
        shutil.rmtree(data_dir)


@contextlib.asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def texts(answer: dict[str, Any]) -> Sequence[str]:
    """Return the words of an answer's segments."""
    return [segment["text"] for segment in answer["segments"]]
