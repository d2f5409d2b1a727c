"""What all tests share: no keys of the developer's, outside peers, and a watch on what a test leaves behind."""

from __future__ import annotations

import asyncio
import glob
import logging
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

pytest_plugins = ["pytester"]

# No deadline: a test that measures time fails on a busy machine.
hypothesis.settings.register_profile("gateway", deadline=None, print_blob=True)
hypothesis.settings.load_profile("gateway")

KEYS = (
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"),
    *("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
)
LEFTOVER_WAIT_S = 2.0


@pytest.fixture(scope="session", autouse=True)
def no_keys() -> Iterator[None]:
    """Empty the developer's keys, which also hides those of an ``.env``: tests talk to no one outside."""
    with pytest.MonkeyPatch.context() as patch:
        for name in KEYS:
            patch.setenv(name, "")
        for name in [name for name in os.environ if name.startswith("GATEWAY_") and name != "GATEWAY_REQUIRE_PEERS"]:
            patch.delenv(name)
        yield


@pytest.fixture
def fresh_logging() -> Iterator[None]:
    """Put all logging back as it was, for tests that configure it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: (logger.level, logger.handlers[:], logger.propagate)
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger):
            logger.level, logger.handlers[:], logger.propagate = levels.get(name, (logging.NOTSET, [], True))
    logging.Logger.manager._clear_cache()  # type: ignore[attr-defined]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose outside peer is missing, with the line that installs it; in CI, fail it.

    ``@pytest.mark.peer("chromium", install="apt-get install chromium")``: a program's name, or a pattern of paths
    where programs hide (``also="/usr/lib/postgresql/*/bin/postgres"``).
    """
    for marker in item.iter_markers("peer"):
        name, install = marker.args[0], marker.kwargs["install"]
        also = marker.kwargs.get("also")
        if shutil.which(name) or (also and glob.glob(also)):
            continue
        message = f"{name} is not installed: {install}"
        if os.environ.get("GATEWAY_REQUIRE_PEERS"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


@pytest.fixture
async def leaves_nothing() -> AsyncIterator[None]:
    """Fail a test that leaves asyncio tasks, threads or child processes behind.

    Opt in by ``pytestmark = pytest.mark.usefixtures("leaves_nothing")``. What is about to end gets two seconds.
    """
    tasks, threads, children = asyncio.all_tasks(), set(threading.enumerate()), _children()
    yield
    late = asyncio.all_tasks() - tasks - {asyncio.current_task()}
    if late:
        await asyncio.wait(late, timeout=LEFTOVER_WAIT_S)
    left = [f"task {task.get_coro()!r}" for task in late if not task.done()]
    for thread in set(threading.enumerate()) - threads:
        # The loop's own pool ends with the loop, which is after this.
        if not thread.name.startswith("asyncio_"):
            await asyncio.to_thread(thread.join, LEFTOVER_WAIT_S)
            left += [f"thread {thread.name}"] if thread.is_alive() else []
    deadline = time.monotonic() + LEFTOVER_WAIT_S
    while (orphans := _children() - children) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    left += [f"process {pid}: {_command(pid)}" for pid in orphans]
    assert not left, f"left behind: {', '.join(left)}"


def _children() -> set[int]:
    """Return the ids of this process's children, zombies included; empty where there is no ``/proc``."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name in brackets, which may hold anything: the state, then the parent's id.
            parent = int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if parent == os.getpid() and "resource_tracker" not in _command(int(stat.parent.name)):
            found.add(int(stat.parent.name))
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return "gone"
