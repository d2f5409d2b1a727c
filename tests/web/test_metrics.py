"""Who may read the figures, and that nobody else does."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette

from gateway.settings.metrics import MetricsSettings
from gateway.web.metrics import metrics_routes
from tests.telemetry.figures import some_metrics
from tests.web.doors import House

TOKEN = "a-token-of-sixteen-letters-and-more"


def reader(
    *, token: str | None = None, address: str = "127.0.0.1", base: str = "http://127.0.0.1:8000"
) -> httpx.AsyncClient:
    settings = MetricsSettings(token=SecretStr(token) if token else None)
    app = Starlette(routes=metrics_routes(some_metrics(live=7), settings))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 40001)), base_url=base)


@pytest.mark.parametrize(
    ("address", "base"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("127.0.0.1", "http://localhost"), ("::1", "http://[::1]:8000")],
)
@pytest.mark.parametrize("token", [None, TOKEN])
async def test_programs_on_this_machine_may_read(address: str, base: str, token: str | None) -> None:
    async with reader(token=token, address=address, base=base) as client:
        response = await client.get("/metrics")
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert "gateway_calls_live 7.0" in response.text


async def test_elsewhere_nobody_may_without_a_token_set() -> None:
    async with reader(address="203.0.113.9") as client:
        response = await client.get("/metrics", headers={"authorization": "Bearer "})
    assert response.status_code == 403
    assert response.text == "metrics are for programs on this machine; set metrics.token to read them from elsewhere\n"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_elsewhere_the_token_opens(scheme: str) -> None:
    async with reader(token=TOKEN, address="203.0.113.9", base="https://gw.example.net") as client:
        response = await client.get("/metrics", headers={"authorization": f"{scheme} {TOKEN}"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer é"],
)
async def test_elsewhere_nothing_but_the_token_opens(authorization: str) -> None:
    async with reader(token=TOKEN, address="203.0.113.9") as client:
        response = await client.get("/metrics", headers=[(b"authorization", authorization.encode())])
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert "gateway_" not in response.text


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "x-real-ip", "Forwarded", "Via", "X-Forwarded-Proto", "X-Forwarded-Host"]
)
async def test_what_came_through_a_proxy_on_this_machine_is_a_strangers(header: str) -> None:
    async with reader() as client:
        assert (await client.get("/metrics", headers={header: "127.0.0.1"})).status_code == 403


@pytest.mark.parametrize("base", ["https://gw.example.net", "http://127.0.0.1.example.net", "http://10.0.0.5:8000"])
async def test_what_asks_for_another_host_came_through_a_tunnel(base: str) -> None:
    async with reader(base=base) as client:
        assert (await client.get("/metrics")).status_code == 403


async def test_only_reading_is_offered() -> None:
    async with reader() as client:
        assert (await client.post("/metrics")).status_code == 405


def test_a_short_token_is_no_token() -> None:
    with pytest.raises(ValidationError):
        MetricsSettings(token=SecretStr("short"))


def test_without_metrics_there_is_no_such_door(tmp_path: Path) -> None:
    paths = [getattr(route, "path", "") for route in House(tmp_path).app.routes]
    assert "/healthz" in paths
    assert "/metrics" not in paths
