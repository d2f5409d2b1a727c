"""A remote MCP server, over its real wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs

from gateway.contracts.tool import CallFacts
from gateway.settings.tools import McpToolSettings
from gateway.toolbox import mcp_tool
from gateway.toolbox.box import Toolbox

pytest.importorskip("mcp", reason="install the extra mcp")
FACTS = CallFacts(call_id="bcdfgh")


@contextlib.asynccontextmanager
async def server(port: int = 0) -> AsyncIterator[str]:
    """Run an MCP server of the official package; its URL."""
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError

    shop = MCPServer("shop")

    @shop.tool()
    def stock(article: str) -> dict[str, Any]:
        """Say how many there are."""
        return {"article": article, "left": 3}

    @shop.tool()
    def order(article: str) -> str:
        """Order one."""
        raise ToolError(f"{article} is sold out")

    @shop.tool()
    async def ponder() -> str:
        """Never come back."""
        await asyncio.Event().wait()
        return "unreachable"

    @shop.tool()
    def wipe() -> str:
        """Delete everything."""
        raise AssertionError("unreachable")

    config = uvicorn.Config(shop.streamable_http_app(), host="127.0.0.1", port=port, log_level="error", ws="none")
    listening = uvicorn.Server(config)
    serving = asyncio.create_task(listening.serve())
    while not listening.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        listening.should_exit = listening.force_exit = True
        await serving


@contextlib.asynccontextmanager
async def box(url: str, *allow: str, **more: Any) -> AsyncIterator[Toolbox]:
    made = Toolbox({"shop": McpToolSettings(type="mcp", url=url, allow=list(allow), **more)})
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def test_the_allowed_tools_of_a_server_are_offered_under_its_name_and_called() -> None:
    async with server() as url, box(url, "stock", "order", headers={"X-Key": "k"}) as house:
        await house.ready()
        tools = house.for_call(["shop", "end_call"], FACTS)
        assert sorted(tools) == ["shop_order", "shop_stock"]
        assert tools["shop_stock"].spec.description == "Say how many there are."
        assert tools["shop_stock"].spec.parameters["required"] == ["article"]
        assert json.loads((await tools["shop_stock"].run('{"article": "lamp"}')).output) == {
            "article": "lamp",
            "left": 3,
        }
        assert json.loads((await tools["shop_stock"].run("{}")).output)["error"] == "bad_arguments"
        failed = await tools["shop_order"].run('{"article": "lamp"}')
        assert not failed.ok
        assert "sold out" in json.loads(failed.output)["detail"]


async def test_an_allowed_name_that_the_server_has_not_is_told_with_the_nearest() -> None:
    with capture_logs() as lines:
        async with server() as url, box(url, "stok") as house:
            await house.ready()
            assert house.for_call(["shop"], FACTS) == {}
    (told,) = [line for line in lines if line["event"] == "mcp_tool_missing"]
    assert told["missing"] == "stok; nearest: 'stock'"


async def test_a_server_that_is_down_when_the_gateway_starts_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_tool, "FIRST_PAUSE_S", 0.05)
    async with server() as url:
        port = int(url.split(":")[2].partition("/")[0])
    with capture_logs() as lines:
        async with box(url, "stock") as house:
            assert house.for_call(["shop"], FACTS) == {}
            while not any(line["event"] == "mcp_unreachable" for line in lines):
                await asyncio.sleep(0.01)
            async with server(port):
                await house.ready()
                assert list(house.for_call(["shop"], FACTS)) == ["shop_stock"]


async def test_a_server_that_goes_away_or_hangs_is_an_error_for_the_model() -> None:
    async with server() as url, box(url, "ponder", "stock", timeout_ms=300) as house:
        await house.ready()
        tools = house.for_call(["shop"], FACTS)
        assert json.loads((await tools["shop_ponder"].run("{}")).output)["error"] == "timed_out"
        running = asyncio.ensure_future(tools["shop_ponder"].run("{}"))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    async with server() as url, box(url, "stock", timeout_ms=5000) as house:
        await house.ready()
        stock = house.for_call(["shop"], FACTS)["shop_stock"]
        house._servers["shop"]._settings = McpToolSettings(type="mcp", url="http://127.0.0.1:9/mcp", allow=["stock"])
        assert json.loads((await stock.run('{"article": "lamp"}')).output)["error"] == "unreachable"
