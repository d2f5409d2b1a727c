"""Every attempt to open a session is counted by what became of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.clock import HandClock
from gateway.errors import ModelError, ModelRefused
from gateway.telemetry.connects import CountedConnector
from tests.telemetry.figures import some_metrics, value


class Connector:
    """An endpoint that takes 250 ms and then does as the test says."""

    name = "main"
    capabilities: Any = object()

    def __init__(self, clock: HandClock, outcome: Any) -> None:
        self._clock = clock
        self._outcome = outcome

    async def connect(self) -> Any:
        self._clock.advance(250)
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


async def test_a_session_that_opens_is_handed_on_counted_and_timed() -> None:
    metrics, clock, session = some_metrics(), HandClock(), object()
    inner = Connector(clock, session)
    connector = CountedConnector(inner, metrics, clock)
    assert await connector.connect() is session
    assert (connector.name, connector.capabilities) == ("main", inner.capabilities)
    assert value(metrics, "gateway_model_connects_total", endpoint="main", result="ok") == 1
    assert value(metrics, "gateway_model_connect_seconds_sum", endpoint="main") == 0.25


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (ModelRefused("wrong key", status=401), "refused"),
        (ModelError("nobody there"), "unreachable"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
async def test_a_session_that_does_not_open_is_counted_and_the_error_goes_on(error: BaseException, result: str) -> None:
    metrics, clock = some_metrics(), HandClock()
    with pytest.raises(type(error)):
        await CountedConnector(Connector(clock, error), metrics, clock).connect()
    assert value(metrics, "gateway_model_connects_total", endpoint="main", result=result) == 1
    assert value(metrics, "gateway_model_connects_total", endpoint="main", result="ok") == 0
    assert value(metrics, "gateway_model_connect_seconds_count", endpoint="main") is None


def test_every_result_stands_at_nought_before_the_first_attempt() -> None:
    metrics, clock = some_metrics(), HandClock()
    CountedConnector(Connector(clock, None), metrics, clock)
    for result in ("ok", "refused", "unreachable", "cancelled"):
        assert value(metrics, "gateway_model_connects_total", endpoint="main", result=result) == 0
