"""The local model as the gateway's child."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.errors import SpeechError
from gateway.offline import supervisor
from gateway.offline.supervisor import LocalModelProcess

pytestmark = pytest.mark.usefixtures("leaves_nothing")
SCRIPT = "sessions: []\n"


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[LocalModelProcess]:
    script = tmp_path / "script.yaml"
    script.write_text(SCRIPT, encoding="utf-8")
    process = LocalModelProcess(["--script", str(script)], log_level="error")
    yield process
    await process.stop()


async def first_word(process: LocalModelProcess, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(f"{process.url}?model=local", additional_headers=headers) as socket:
        return str(await socket.recv())


async def test_it_listens_on_loopback_behind_its_own_token(child: LocalModelProcess) -> None:
    await child.start()
    assert child.url.startswith("ws://127.0.0.1:")
    assert "session.created" in await first_word(child, child.token)
    with pytest.raises(InvalidStatus, match="401"):
        await first_word(child, "guess")


async def test_it_is_started_again_at_the_same_address_when_it_dies(
    child: LocalModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_DELAYS_S", (0.01,))
    await child.start()
    url = child.url
    assert child._process is not None
    os.kill(child._process.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while not (child.restarts and child.alive and child.ready.is_set()):
            await asyncio.sleep(0.02)
    assert child.url == url
    assert "session.created" in await first_word(child, child.token)


async def test_signals_meant_for_the_gateway_do_not_end_it(child: LocalModelProcess) -> None:
    await child.start()
    assert child._process is not None
    for sent in (signal.SIGTERM, signal.SIGINT):
        os.kill(child._process.pid, sent)
    assert "session.created" in await first_word(child, child.token)


async def test_without_the_engines_both_cures_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "missing", lambda: ["speech recognition (PocketSphinx)"])
    with pytest.raises(SpeechError) as error:
        await LocalModelProcess().start()
    assert "[offline]" in str(error.value)
    assert "OPENAI_API_KEY" in str(error.value)
