"""The API holds to its own description, whatever is sent: requests made from the OpenAPI document, good and bad."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.speech_api.desk import desk

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 20


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """Serve the API from another thread, since schemathesis asks synchronously."""
    ready, stop = threading.Event(), asyncio.Event()
    where: list[str] = []
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with desk() as house:
            where.append(str(house.client.base_url))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert ready.wait(20)
    yield where[0].rstrip("/")
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    loop.close()


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_no_request_is_a_server_error_and_every_answer_is_as_described(
    base_url: str, mode: schemathesis.GenerationMode
) -> None:
    asked: set[str] = set()
    for found in schemathesis.openapi.from_url(f"{base_url}/openapi.json").get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case: schemathesis.Case) -> None:
            asked.add(case.operation.label)
            case.call_and_validate(checks=CHECKS)

        try:
            holds()
        except Unsatisfiable:
            # Nothing can be wrong with a request that says nothing.
            assert mode is schemathesis.GenerationMode.NEGATIVE
    assert len(asked) >= 4
