"""Calls run by clockwork (``clockwork.py``), unless a test says that it wants the time of the wall."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import gateway.clock
from gateway.toolbox.workshop import Workshop
from tests.calls.clockwork import Clockwork, hands_of

MARK = "wall_time"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}: this call takes the time that a call takes")


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker(MARK):
        return {"wall time": asyncio.new_event_loop}
    return {"clockwork": Clockwork}


@pytest.fixture(autouse=True)
async def one_time_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every clock of the gateway, the model and the carrier be the loop's."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, Clockwork):
        monkeypatch.setattr(gateway.clock, "time", hands_of(loop))
        monkeypatch.setattr(Workshop, "run", _seen(loop, Workshop.run))


def _seen(loop: Clockwork, run: Callable[..., Any]) -> Callable[..., Any]:
    """Let time pass while the operator's coroutines work on a loop of their own."""

    async def seen(*args: Any) -> Any:
        loop.jobs += 1
        try:
            return await run(*args)
        finally:
            loop.jobs -= 1

    return seen
