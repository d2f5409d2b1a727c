"""Flows for whole calls, and a gateway that answers with one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.contracts.model import ResponseRequest
from gateway.contracts.record import FlowEvent
from gateway.flows.bundle import load_bundle
from gateway.offline.script import Script
from gateway.prompts.renderer import static_prompts
from gateway.prompts.store import PromptStore, Rendering, Spoken, in_format
from gateway.realtime.session import RealtimeSession
from gateway.simulator.caller import CallTarget
from gateway.simulator.carriers.twilio_webhook import sign
from tests.calls.rig import CREDENTIALS, Answering, Call, Rig, rig
from tests.calls.sounds import sound

SHIPPED = Path(__file__).parents[2] / "ivr_flows"
NUMBER = CallTarget(stream_url="ws://nowhere").dialed_number


class ReadingVoice:
    """A voice that reads without an engine: each text has a sound of its own."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def render(self, text: str, purpose: str, language: str, format: AudioFormat) -> AudioFrame | None:
        self.read.append(text)
        return in_format(sound(text), 8000, format)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write flows into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
    return folder


@contextlib.asynccontextmanager
async def flow_rig(
    tmp_path: Path, flow: str, model: Script, files: Mapping[str, str] | None = None, **more: Any
) -> AsyncIterator[Rig]:
    """Run a gateway whose only number is answered by the flow ``desk``; the voice that reads needs no engine.

    ``asked`` takes every request for a response that leaves for the model.
    """
    folder = write(tmp_path / "flows", {"desk.yaml": flow, **(files or {})})
    async with _rig(tmp_path, folder, "desk", model, **more) as house:
        yield house


@contextlib.asynccontextmanager
async def shipped(tmp_path: Path, name: str, model: Script, **more: Any) -> AsyncIterator[Rig]:
    """Run a gateway whose only number is answered by a shipped flow, all prompts without values rendered."""
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "flows"))
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "cache").mkdir(mode=0o700)
    store = PromptStore(data / "cache" / "prompts")
    for flow in load_bundle(folder).flows.values():
        for spoken in static_prompts(flow, "local"):
            rendered(store, spoken)
    more["flows"] = {"exact": "rendered", **more.get("flows", {})}
    async with _rig(tmp_path, folder, name, model, **more) as house:
        yield house


def rendered(store: PromptStore, spoken: Spoken) -> None:
    """Put a text's sound into the prompt store, as rendering does."""
    pcm = sound(spoken.text, 24000)
    paper = Rendering(
        text=spoken.text,
        language=spoken.language,
        voice=spoken.voice,
        duration_ms=len(pcm) // 48,
        transcript=spoken.text,
        model=spoken.model,
    )
    store.add(spoken, pcm, 24000, paper)


@contextlib.asynccontextmanager
async def _rig(tmp_path: Path, folder: Path, name: str, model: Script, **more: Any) -> AsyncIterator[Rig]:
    settings = more.pop("flows", {})
    asked: list[ResponseRequest] | None = more.pop("asked", None)
    answering = more.pop("answering", None) or Answering(model)
    sections = {
        "flows": {"folder": str(folder), "watch": False, "exact": "read", **settings},
        "numbers": {NUMBER: {"flow": name, "persona": "clerk"}},
    }
    async with rig(tmp_path, answering, **sections, **more) as house:
        assert house.exchange.flows is not None
        house.exchange.flows.local_speech = ReadingVoice()
        with pytest.MonkeyPatch.context() as patch:
            if asked is not None:
                patch.setattr(RealtimeSession, "respond", _noted(RealtimeSession.respond, asked))
            yield house


def _noted(respond: Callable[..., None], asked: list[ResponseRequest]) -> Callable[..., None]:
    def noted(session: RealtimeSession, request: ResponseRequest) -> None:
        asked.append(request)
        respond(session, request)

    return noted


@dataclass(slots=True)
class Request:
    """What came in at a service."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Service:
    """Something outside that flows call: answers by path (``/cases/*``: all below), and remembers what it was asked."""

    answers: dict[str, tuple[int, Any]]
    url: str = ""
    requests: list[Request] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            method, path, _ = first.split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append(Request(method, path, headers, body))
            place = path.partition("?")[0]
            status, answer = self.answers.get(place, self.answers.get(f"/{place.split('/')[1]}/*", (404, {})))
            content = json.dumps(answer).encode()
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode())
            writer.write(content)
            await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def service(answers: Mapping[str, tuple[int, Any]]) -> AsyncIterator[Service]:
    """Run a service on loopback."""
    served = Service(dict(answers))
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        await server.wait_closed()


def steps_of(call: Call) -> list[str]:
    """Return the steps that a call entered, in order."""
    return [str(event.step) for event in call.all(FlowEvent) if event.name == "step_entered"]


def events_of(call: Call, name: str) -> list[FlowEvent]:
    """Return a call's events of one name."""
    return [event for event in call.all(FlowEvent) if event.name == name]


async def colleague(house: Rig) -> Mapping[str, str]:
    """Wait until a colleague's phone rings, and return what the carrier was asked."""
    await house.until(lambda: bool(house.rest.dialled))
    return house.rest.dialled[-1]


async def tell_gateway(house: Rig, url: str, **form: str) -> str:
    """Send a webhook as the carrier does, signed, and return the answer."""
    headers = {"X-Twilio-Signature": sign(url, form, CREDENTIALS.auth_token)}
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(url, data=form, headers=headers)
    assert response.is_success, response
    return response.text
