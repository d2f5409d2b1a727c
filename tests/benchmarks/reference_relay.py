"""The yardstick: the least that a relay between Twilio's media streams and a Realtime endpoint can be.

Starlette on uvicorn, the ``websockets`` client, a JSON parse of every message, G.711 passed through as it came, a mark
behind each delta, clear and truncate on speech_started, with the heard time taken from the caller's media timestamps,
as vendors' samples do. It records nothing, checks nothing, and does not drop late audio of an interrupted response.
Run by the harness: ``python -m tests.benchmarks.reference_relay --port 8000 --model ws://127.0.0.1:9000/v1/realtime``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

SESSION = {
    "type": "session.update",
    "session": {
        "type": "realtime",
        "instructions": "Talk about orders.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}},
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
        },
    },
}


class Relay:
    """One call: two loops and five variables."""

    def __init__(self, caller: WebSocket, model: ClientConnection) -> None:
        self._caller = caller
        self._model = model
        self._stream = ""
        self._timestamp_ms = 0
        self._response_start_ms: int | None = None
        self._item: str | None = None
        self._marks: list[str] = []

    async def run(self) -> None:
        """Relay until either side goes."""
        await self._model.send(json.dumps(SESSION))
        loops = [asyncio.create_task(self._from_caller()), asyncio.create_task(self._from_model())]
        try:
            await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    async def _from_caller(self) -> None:
        async for text in self._caller.iter_text():
            message = json.loads(text)
            match message["event"]:
                case "media":
                    self._timestamp_ms = int(message["media"]["timestamp"])
                    append = {"type": "input_audio_buffer.append", "audio": message["media"]["payload"]}
                    await self._model.send(json.dumps(append))
                case "start":
                    self._stream = message["start"]["streamSid"]
                case "mark" if self._marks:
                    self._marks.pop(0)
                case "stop":
                    return

    async def _from_model(self) -> None:
        async for text in self._model:
            event = json.loads(text)
            match event["type"]:
                case "response.output_audio.delta":
                    await self._play(event)
                case "input_audio_buffer.speech_started":
                    await self._interrupt()

    async def _play(self, event: dict[str, Any]) -> None:
        await self._tell({"event": "media", "streamSid": self._stream, "media": {"payload": event["delta"]}})
        if self._item != event["item_id"]:
            self._item = event["item_id"]
            self._response_start_ms = self._timestamp_ms
        await self._tell({"event": "mark", "streamSid": self._stream, "mark": {"name": "part"}})
        self._marks.append("part")

    async def _interrupt(self) -> None:
        if self._marks and self._response_start_ms is not None and self._item is not None:
            truncate = {
                "type": "conversation.item.truncate",
                "item_id": self._item,
                "content_index": 0,
                "audio_end_ms": self._timestamp_ms - self._response_start_ms,
            }
            await self._tell({"event": "clear", "streamSid": self._stream})
            await self._model.send(json.dumps(truncate))
            self._marks.clear()
            self._response_start_ms = None

    async def _tell(self, message: dict[str, Any]) -> None:
        await self._caller.send_text(json.dumps(message))


def application(model_url: str) -> Starlette:
    """Return the relay as an ASGI application."""

    async def media(caller: WebSocket) -> None:
        await caller.accept()
        try:
            async with connect(model_url) as model:
                await Relay(caller, model).run()
        except (ConnectionClosed, WebSocketDisconnect):
            return

    return Starlette(routes=[WebSocketRoute("/twilio/media", media)])


def main() -> None:
    """Serve on loopback until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()
    uvicorn.run(application(arguments.model), host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
