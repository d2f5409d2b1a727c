"""The gateway as a process of its own, as an operator has it, and what can be seen of it from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

import gateway
from gateway.settings.schema import Settings

SOURCE = Path(gateway.__file__).parents[1]
READY = re.compile(r"ready\s+(http://127\.0\.0\.1:\d+)")
PATIENCE_S = 30.0


def environment(**more: str) -> dict[str, str]:
    """Return variables for a process: this program's way to itself, nobody's keys, and ``more``."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(SOURCE), "NO_COLOR": "1", "COLUMNS": "200", **more}


@dataclass(slots=True)
class Ran:
    """A command that has ended."""

    status: int
    out: str
    err: str


async def run(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ran:
    """Run ``gateway …`` to its end."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", *arguments),
        cwd=cwd,
        env=environment(**(env or {})),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await child.communicate()
    except BaseException:
        child.kill()
        await child.communicate()
        raise
    assert child.returncode is not None
    return Ran(child.returncode, out.decode(), err.decode())


@dataclass(slots=True)
class Served:
    """A ``gateway serve`` that listens."""

    process: asyncio.subprocess.Process
    base: str
    said: list[str] = field(default_factory=list)
    """Its lines on standard error so far."""

    @property
    def webhook(self) -> str:
        return f"{self.base}/twilio/voice"

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def exit_status(self) -> int:
        """Wait for its end."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def ready(self) -> int:
        """Return the status of ``/readyz``."""
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            return (await http.get(f"{self.base}/readyz")).status_code

    def family(self) -> set[int]:
        """Return the ids of its child processes and of theirs."""
        return descendants(self.process.pid)


@contextlib.asynccontextmanager
async def served(directory: Path, config: Mapping[str, Any], **env: str) -> AsyncIterator[Served]:
    """Run ``gateway serve`` with these settings; it is killed if it still runs at the end."""
    path = _written(directory, config)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "serve", "--config", str(path), "--port", "0"),
        cwd=directory,
        env=environment(**env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    said: list[str] = []
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    reading = asyncio.create_task(_read(process, said, listening))
    try:
        async with asyncio.timeout(PATIENCE_S):
            base = await listening
        yield Served(process, base, said)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


def _written(directory: Path, config: Mapping[str, Any]) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / "gateway.yaml"
    path.write_text(json.dumps(config))  # every JSON document is YAML
    return path


async def _read(process: asyncio.subprocess.Process, said: list[str], listening: asyncio.Future[str]) -> None:
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        said.append(line.rstrip())
        if (found := READY.search(line)) and not listening.done():
            listening.set_result(found[1])
    if not listening.done():
        listening.set_exception(AssertionError("it did not start:\n" + "\n".join(said)))


def as_written(settings: Settings) -> dict[str, Any]:
    """Return settings as a file would say them, secrets included."""
    return json.loads(json.dumps(settings.model_dump(mode="python", exclude_unset=True), default=_plain))  # type: ignore[no-any-return]


def _plain(value: Any) -> str:
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def children(pid: int) -> set[int]:
    """Return the ids of a process's own children."""
    return {child for child, parent in _parents().items() if parent == pid}


def descendants(pid: int) -> set[int]:
    """Return the ids of a process's children and theirs."""
    parents, found = _parents(), {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _parents() -> dict[int, int]:
    """Return every living process and its parent."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(stat.parent.name)] = int(fields[1])
    return parents


async def gone(pids: set[int]) -> None:
    """Wait until none of these processes is left."""
    async with asyncio.timeout(PATIENCE_S):
        while any(_alive(pid) for pid in pids):
            await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
