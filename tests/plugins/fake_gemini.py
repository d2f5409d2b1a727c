"""A small Gemini Live server: it keeps to the protocol, follows a script, and writes down what it was told.

It reads the first message as ``setup`` and refuses anything else; hears speech as all that is not silence; interrupts
its own turn when the caller speaks into it, also while the turn waits for its playback; and stands still between a tool
call and its result. Each turn holds a thought, which nobody must ever hear or read.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

THOUGHT: Final = "this is a thought and no speech"
KEY: Final = "key-of-the-tests"
_AUDIO_IN: Final = "audio/pcm;rate=16000"
_QUIET: Final = 500
"""Samples above it are speech."""
_CHUNK_MS: Final = 200
_BYTES_PER_MS: Final = 48
_PACE: Final = 4.0
"""How much faster than real time speech is made."""


@dataclass(frozen=True, slots=True)
class Says:
    """A turn of speech."""

    text: str


@dataclass(frozen=True, slots=True)
class Calls:
    """A tool call; the result is answered with the next step."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hears:
    """What the caller's next turn is written down as; the step behind it answers."""

    text: str


@dataclass(slots=True)
class FakeGemini:
    """The server's script and memory.

    ``sound`` gives a text's speech as PCM16 at 24 kHz.
    """

    steps: list[Says | Calls | Hears]
    sound: Callable[[str], bytes]
    url: str = ""
    setup: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The texts of ``clientContent`` that asked for a turn."""
    results: list[dict[str, Any]] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    """Texts of turns that the caller spoke into."""
    broken: list[str] = field(default_factory=list)
    """What went against the protocol or the script."""
    heard_ms: float = 0.0
    open_sessions: int = 0

    async def serve_session(self, socket: ServerConnection) -> None:
        self.open_sessions += 1
        session = _Session(self, socket)
        try:
            if socket.request is None or socket.request.headers.get("x-goog-api-key") != KEY:
                await socket.close(1008, "API key not valid")
                return
            async for message in socket:
                await session.take(json.loads(message))
        except ConnectionClosed:
            pass
        finally:
            await session.end()
            self.open_sessions -= 1


class _Session:
    def __init__(self, house: FakeGemini, socket: ServerConnection) -> None:
        self._house = house
        self._socket = socket
        self._speaking: asyncio.Task[None] | None = None
        self._text = ""
        self._called: str | None = None
        self._calls = 0
        self._silence_ms = 0.0
        self._caller_speaks = False
        self._silence_ends_ms = 500

    async def take(self, message: dict[str, Any]) -> None:
        ((kind, body),) = message.items()
        if not self._house.setup and kind != "setup":
            self._house.broken.append(f"{kind} came before setup")
            await self._socket.close(1007, "setup must come first")
            return
        match kind:
            case "setup":
                self._house.setup = body
                activity = body["realtimeInputConfig"]["automaticActivityDetection"]
                self._silence_ends_ms = activity["silenceDurationMs"]
                await self._tell({"setupComplete": {"sessionId": "live-1"}})
            case "realtimeInput":
                await self._hear(body["audio"])
            case "clientContent":
                if body["turnComplete"]:
                    self._house.asked.append(" ".join(part["text"] for turn in body["turns"] for part in turn["parts"]))
                    await self._interrupt()
                    self._go_on()
            case "toolResponse":
                (result,) = body["functionResponses"]
                if result["id"] != self._called:
                    self._house.broken.append(f"a result of {result['id']}, which was not called")
                self._called = None
                self._house.results.append(result)
                self._go_on()
            case _:
                self._house.broken.append(f"unknown message {kind}")

    async def _hear(self, audio: dict[str, str]) -> None:
        if audio["mimeType"] != _AUDIO_IN:
            self._house.broken.append(f"audio of type {audio['mimeType']}")
        pcm = base64.b64decode(audio["data"], validate=True)
        lasts_ms = len(pcm) / 32
        self._house.heard_ms += lasts_ms
        if np.abs(np.frombuffer(pcm, "<i2").astype(int)).max() > _QUIET:
            self._silence_ms = 0.0
            if not self._caller_speaks:
                self._caller_speaks = True
                await self._interrupt()
            return
        self._silence_ms += lasts_ms
        if self._caller_speaks and self._silence_ms >= self._silence_ends_ms:
            self._caller_speaks = False
            await self._caller_stopped()

    async def _caller_stopped(self) -> None:
        step = self._house.steps.pop(0) if self._house.steps else None
        if not isinstance(step, Hears):
            self._house.broken.append(f"the caller spoke, and the script wants {step}")
            return
        # In two pieces, of which the second comes late: the answer has begun by then.
        first, _, rest = step.text.partition(" ")
        await self._tell({"serverContent": {"inputTranscription": {"text": first}}})
        self._go_on(late=f" {rest}" if rest else "")

    def _go_on(self, late: str = "") -> None:
        if self._called is not None:
            self._house.broken.append("a turn was asked for while a tool call waits for its result")
            return
        step = self._house.steps.pop(0) if self._house.steps else None
        if step is None or isinstance(step, Hears):
            self._house.broken.append(f"a turn was asked for, and the script wants {step}")
            return
        self._speaking = asyncio.create_task(self._turn(step, late))

    async def _turn(self, step: Says | Calls, late: str) -> None:
        thought = {"modelTurn": {"parts": [{"text": THOUGHT, "thought": True}]}}
        await self._tell({"serverContent": thought})
        if isinstance(step, Calls):
            if late:
                await self._tell({"serverContent": {"inputTranscription": {"text": late}}})
            self._calls += 1
            self._called = f"call-{self._calls}"
            call = {"id": self._called, "name": step.name, "args": step.args}
            await self._tell({"toolCall": {"functionCalls": [call]}})
            return
        self._text = step.text
        pcm = self._house.sound(step.text)
        words = step.text.split(" ")
        chunks = [pcm[at : at + _CHUNK_MS * _BYTES_PER_MS] for at in range(0, len(pcm), _CHUNK_MS * _BYTES_PER_MS)]
        told = 0
        for number, chunk in enumerate(chunks, 1):
            blob = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(chunk).decode()}
            await self._tell({"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}})
            upto = len(words) * number // len(chunks)
            if upto > told:
                text = " ".join(words[told:upto]) + (" " if upto < len(words) else "")
                await self._tell({"serverContent": {"outputTranscription": {"text": text}}})
                told = upto
            if late:
                await self._tell({"serverContent": {"inputTranscription": {"text": late}}})
                late = ""
            await asyncio.sleep(_CHUNK_MS / 1000 / _PACE)
        await self._tell({"serverContent": {"generationComplete": True}})
        await asyncio.sleep(len(pcm) / _BYTES_PER_MS / 1000 * (1 - 1 / _PACE))
        usage = {
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}, {"modality": "AUDIO", "tokenCount": 20}],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": len(words)}],
        }
        self._speaking = None
        await self._tell({"serverContent": {"turnComplete": True}, "usageMetadata": usage})

    async def _interrupt(self) -> None:
        speaking, self._speaking = self._speaking, None
        if speaking is None or speaking.done():
            return
        speaking.cancel()
        self._house.interrupted.append(self._text)
        await self._tell({"serverContent": {"interrupted": True}})
        await self._tell({"serverContent": {"turnComplete": True}})

    async def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(json.dumps(message).encode())

    async def end(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)


@contextlib.asynccontextmanager
async def fake_gemini(house: FakeGemini) -> AsyncIterator[FakeGemini]:
    """Run the server."""
    server: Server = await serve(house.serve_session, "127.0.0.1", 0, compression=None)
    try:
        port = next(iter(server.sockets)).getsockname()[1]
        house.url = f"ws://127.0.0.1:{port}"
        yield house
    finally:
        server.close()
        await server.wait_closed()
