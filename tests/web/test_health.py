"""Alive and ready are two questions."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.doors import House


@pytest.mark.parametrize("path", ["/healthz", "/health"])
def test_a_process_that_answers_is_alive_even_while_it_drains(tmp_path: Path, path: str) -> None:
    house = House(tmp_path)
    house.desk.readiness = (False, {"calls": "draining"})
    response = TestClient(house.app).get(path)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_says_so_with_its_reasons(tmp_path: Path) -> None:
    house = House(tmp_path)
    client = TestClient(house.app)
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "reasons": {"calls": "0 of 200"}})
    house.desk.readiness = (False, {"calls": "draining, 3 left"})
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "reasons": {"calls": "draining, 3 left"}}
