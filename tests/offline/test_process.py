"""The server as a process: how it is started, how it says so, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.offline.server import main

Started = tuple[asyncio.subprocess.Process, str]
Start = Callable[..., Awaitable[Started]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    processes: list[asyncio.subprocess.Process] = []

    async def starter(*arguments: str, **environment: str) -> Started:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.offline.server", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        processes.append(process)
        assert process.stdout is not None
        return process, json.loads(await process.stdout.readline())["listening"]

    yield starter
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def children_of(pid: int) -> set[int]:
    return {
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if (fields := _fields(stat)) and int(fields[1]) == pid and fields[0] != "Z"
    }


def _fields(stat: Path) -> list[str]:
    try:
        return stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


async def have_it_speak(url: str) -> None:
    """Have a sentence said, for which the server needs a worker."""
    async with connect(f"{url}?model=m", max_size=None, proxy=None) as socket:
        await socket.send(json.dumps({"type": "response.create", "response": {"instructions": "SAY: hello"}}))
        while json.loads(await socket.recv())["type"] != "response.done":
            continue


async def gone(pid: int) -> None:
    """Return when a process that is not our child has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(handle, over.set)
    await over.wait()
    asyncio.get_running_loop().remove_reader(handle)
    os.close(handle)


async def test_it_announces_itself_and_ends_on_sigterm(start: Start) -> None:
    process, url = await start("--token-env", "SECRET", SECRET="open sesame")
    assert url.startswith("ws://127.0.0.1:")
    async with connect(
        f"{url}?model=m", additional_headers={"Authorization": "Bearer open sesame"}, proxy=None
    ) as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"
        with pytest.raises(InvalidStatus):
            async with connect(f"{url}?model=m", proxy=None):
                pass
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    assert process.stdout is not None
    assert await process.stdout.read() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_it_dies_with_its_parents_pipe_and_takes_its_workers_along(start: Start) -> None:
    process, url = await start("--parent-pipe")
    await have_it_speak(url)
    workers = children_of(process.pid)
    assert workers
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    async with asyncio.timeout(10):
        await asyncio.gather(*(gone(pid) for pid in workers))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_its_workers_end_by_themselves_when_it_is_killed(start: Start) -> None:
    process, url = await start()
    await have_it_speak(url)
    workers = children_of(process.pid)
    assert workers
    process.kill()
    await process.wait()
    async with asyncio.timeout(10):
        await asyncio.gather(*(gone(pid) for pid in workers))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "is not loopback"),
        (["--token-env", "NO_SUCH_VARIABLE"], "$NO_SUCH_VARIABLE is empty"),
        (["--script", "/none.yaml"], "script /none.yaml: No such file"),
        (["--faults", "sing=1"], "unknown field `sing`"),
        (["--pace", "-1"], "--pace is 0 or more"),
    ],
)
def test_what_is_wrong_is_said_before_it_listens(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structlog, "configure", lambda **kwargs: None)
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert message in error
