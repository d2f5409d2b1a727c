"""How soon the speech API's first words and first sound leave: over HTTP, with a mock model of known slowness.

    nice python -m tests.benchmarks.speech_latency --streams 10

The mock takes 50 ms to let a session in and 200 ms from a commit to its first transcript delta, so that 250 ms of each
figure are the model's; it reads aloud in 200 ms pieces, one every 50 ms. Budget: first delta within 300 ms of the
request, all streams at once. The mock is a process of its own; the clients share one with the gateway's doors, so what
is measured is an upper bound.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import logging
import statistics
import sys
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import structlog
from starlette.applications import Starlette
from websockets.asyncio.server import ServerConnection, serve

from gateway.audio.tones import noise
from gateway.clock import SystemClock
from gateway.settings.schema import Settings
from gateway.speech_service.service import SpeechService
from gateway.web.access import Access
from gateway.web.speech_api.routes import speech_routes
from tests.web.speech_api.desk import HZ, served, wav

CONNECT_S: Final = 0.050
ANSWER_S: Final = 0.200
PIECE_S: Final = 0.050
PIECES: Final = 40
BUDGET_MS: Final = 300
_PIECE: Final = base64.b64encode(noise(200, HZ, -20.0, 1, band="telephone")).decode()
_TEXT: Final = "amber birch cedar"


class MockModel:
    """Writes the same words down for every utterance, and reads everything aloud as noise."""

    def __init__(self) -> None:
        self._ids = itertools.count()

    async def serve(self, socket: ServerConnection) -> None:
        """Serve one session."""
        await asyncio.sleep(CONNECT_S)
        tasks = set()
        await self._say(socket, "session.created", session={"id": "s"})
        async for message in socket:
            event = json.loads(message)
            match event["type"]:
                case "session.update":
                    await self._say(socket, "session.updated", session={"id": "s"})
                case "input_audio_buffer.commit":
                    tasks.add(asyncio.create_task(self._write_down(socket)))
                case "response.create":
                    tasks.add(asyncio.create_task(self._read(socket, event["response"]["metadata"])))
        for task in tasks:
            task.cancel()

    async def _write_down(self, socket: ServerConnection) -> None:
        item_id = f"item_{next(self._ids)}"
        await self._say(socket, "input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        await asyncio.sleep(ANSWER_S)
        about = {"item_id": item_id, "content_index": 0}
        kind = "conversation.item.input_audio_transcription"
        await self._say(socket, f"{kind}.delta", **about, delta="amber ")
        await self._say(socket, f"{kind}.completed", **about, transcript=_TEXT)

    async def _read(self, socket: ServerConnection, metadata: dict[str, str]) -> None:
        number = next(self._ids)
        response = {"id": f"resp_{number}", "metadata": metadata, "conversation_id": None}
        about = {"response_id": response["id"], "item_id": f"item_{number}", "output_index": 0, "content_index": 0}
        await asyncio.sleep(ANSWER_S)
        await self._say(socket, "response.created", response=response)
        for _ in range(PIECES):
            await self._say(socket, "response.output_audio.delta", **about, delta=_PIECE)
            await asyncio.sleep(PIECE_S)
        await self._say(socket, "response.output_audio_transcript.done", **about, transcript=_TEXT)
        await self._say(socket, "response.done", response={**response, "status": "completed", "output": []})

    async def _say(self, socket: ServerConnection, kind: str, **fields: Any) -> None:
        await socket.send(json.dumps({"type": kind, "event_id": f"event_{next(self._ids)}", **fields}))


async def first_words_ms(client: httpx.AsyncClient, recording: bytes) -> float:
    """Return how long it took from a request to its first transcript delta."""
    began = time.perf_counter()
    headers = {"content-type": "audio/wav", "accept": "text/event-stream"}
    async with client.stream("POST", "/process_audio", content=recording, headers=headers) as answer:
        took_ms = 0.0
        async for line in answer.aiter_lines():
            if line == "event: delta" and not took_ms:
                took_ms = (time.perf_counter() - began) * 1000
            if line == "event: error":
                raise RuntimeError("the recording was not written down")
    return took_ms


async def sound_ms(client: httpx.AsyncClient) -> tuple[float, float]:
    """Return how long it took from a request to the first byte of a streamed reading, and to the last."""
    began = time.perf_counter()
    first = 0.0
    async with client.stream("POST", "/api/speech-realtime/synthesize/stream", json={"text": _TEXT}) as answer:
        answer.raise_for_status()
        async for _ in answer.aiter_bytes():
            first = first or (time.perf_counter() - began) * 1000
    return first, (time.perf_counter() - began) * 1000


@contextlib.asynccontextmanager
async def mock_model() -> AsyncIterator[int]:
    """Run the mock as a process of its own; gives its port."""
    command = [sys.executable, "-m", "tests.benchmarks.speech_latency", "--serve-mock"]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    try:
        yield int(await child.stdout.readline())
    finally:
        child.terminate()
        await child.wait()


async def serve_mock() -> None:
    """Serve as the mock until told to stop, and say on which port."""
    async with serve(MockModel().serve, "127.0.0.1", 0) as model:
        print(next(iter(model.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


async def measure(streams: int, rounds: int) -> dict[str, list[float]]:
    """Return all samples by what they are of."""
    recording = wav(noise(600, HZ, -20.0, 2, band="telephone") + bytes(2 * HZ * 7 // 10))
    found: dict[str, list[float]] = {"first words": [], "first sound": [], "last sound": []}
    async with mock_model() as port:
        endpoint = {
            "type": "openai",
            "url": f"ws://127.0.0.1:{port}/v1",
            "model": "mock",
            "transcription": {"model": "mock"},
        }
        settings = Settings.model_validate(
            {"server": {"auth": "off"}, "endpoint": "main", "endpoints": {"main": endpoint}}
        )
        service = SpeechService(settings, clock=SystemClock())
        access = Access(settings, bytes(32), SystemClock())
        async with (
            served(Starlette(routes=speech_routes(service, access))) as base_url,
            httpx.AsyncClient(base_url=base_url, timeout=30) as client,
        ):
            await first_words_ms(client, recording)  # imports and caches
            for _ in range(rounds):
                found["first words"] += await asyncio.gather(
                    *(first_words_ms(client, recording) for _ in range(streams))
                )
                for first, last in await asyncio.gather(*(sound_ms(client) for _ in range(streams))):
                    found["first sound"].append(first)
                    found["last sound"].append(last)
        await service.close()
    return found


def main() -> None:
    """Measure, and say whether the budget holds."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--streams", type=int, default=10)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--serve-mock", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.serve_mock:
        asyncio.run(serve_mock())
        return
    # As the gateway logs when it serves: unconfigured, every debug line would be formatted and printed.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    found = asyncio.run(measure(chosen.streams, chosen.rounds))
    for name, samples in found.items():
        print(f"{name:12} p50 {statistics.median(samples):7.1f} ms   most {max(samples):7.1f} ms   n={len(samples)}")
    holds = max(found["first words"]) <= BUDGET_MS
    print(f"first words within {BUDGET_MS} ms at {chosen.streams} streams: {'yes' if holds else 'NO'}")


if __name__ == "__main__":
    main()
