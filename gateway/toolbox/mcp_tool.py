"""The tools of a remote MCP server, over streamable HTTP, with the official client.

What the server offers is asked for when the gateway starts, and again until it answers: until then its tools are not
offered. Every call opens a session of its own, so that nothing a server keeps for a session crosses from one phone
call to the next; connections are shared. The package ``mcp`` is the extra of that name.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

import structlog

from gateway.contracts.text import Label
from gateway.contracts.tool import CallFacts
from gateway.errors import ConfigurationError, ToolError
from gateway.settings.tools import McpToolSettings
from gateway.settings.wording import nearest
from gateway.toolbox.arguments import DeclaredArguments
from gateway.toolbox.guard import Guarded, RateLimit, Work, filler_of, rate_of
from gateway.toolbox.headers import Headers

if TYPE_CHECKING:
    import httpx2
    from mcp import Client
    from mcp.types import CallToolResult

log = structlog.get_logger()

CONNECT_S: Final = 3.0
LIST_WITHIN_S: Final = 10.0
FIRST_PAUSE_S: Final = 1.0
"""Before a server that did not answer is asked again; doubled up to :data:`LONGEST_PAUSE_S`."""
LONGEST_PAUSE_S: Final = 60.0
NAME_CHARS: Final = 64
"""Longest name that Realtime endpoints take for a function."""

Offered = dict[str, tuple[str, dict[str, Any]]]
"""All tools of a server: name → description and JSON Schema."""


class McpServer:
    """One server: ``tools`` are those that it offers and that the settings allow."""

    def __init__(self, name: str, settings: McpToolSettings) -> None:
        self._name = name
        self._settings = settings
        self._headers = Headers(name, settings.headers)
        self._rate = rate_of(settings.rate_limit)
        self._http: httpx2.AsyncClient | None = None
        self._asking: asyncio.Task[None] | None = None
        self.tools: dict[str, Guarded] = {}

    def open(self) -> None:
        """Begin to ask the server what it offers.

        Raises:
            ConfigurationError: the package ``mcp`` is not installed.

        """
        try:
            import mcp.client.streamable_http  # noqa: F401 - is it there?
        except ImportError as error:
            raise ConfigurationError(
                f"tools.{self._name}: type mcp needs the package mcp; install the gateway with its extra: "
                "pip install 'twobanks[mcp]'"
            ) from error
        self._asking = asyncio.create_task(self._ask(), name=f"mcp:{self._name}")

    async def close(self) -> None:
        """Ask no more, and let go of all connections."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()

    async def ready(self) -> None:
        """Wait until the server has said what it offers."""
        if self._asking is not None:
            await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        pause_s = FIRST_PAUSE_S
        self._http = await asyncio.to_thread(self._make_http)
        offered: Offered | None = None
        while offered is None:
            try:
                async with asyncio.timeout(LIST_WITHIN_S), await self._client() as client:
                    offered = await _listed(client)
            except Exception as error:  # noqa: BLE001 - a stranger's server: whatever comes, it is asked again later
                log.warning("mcp_unreachable", tool=self._name, error=_kind(error), again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self._enter(offered)

    def _make_http(self) -> httpx2.AsyncClient:
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        import httpx2

        limit_s = self._settings.timeout_ms / 1000
        return httpx2.AsyncClient(
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx2.Timeout(max(limit_s, LIST_WITHIN_S), connect=CONNECT_S),
            follow_redirects=False,
        )

    async def _client(self) -> Client:
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        assert self._http is not None, "a server is asked once it is open"
        self._http.headers.update(await self._headers.current())
        return Client(streamable_http_client(self._settings.url, http_client=self._http))

    def _enter(self, offered: Offered) -> None:
        for wanted in self._settings.allow:
            if wanted not in offered:
                log.warning("mcp_tool_missing", tool=self._name, missing=f"{wanted}{nearest(wanted, offered)}")
                continue
            name = re.sub(r"[^A-Za-z0-9_-]", "_", f"{self._name}_{wanted}")[:NAME_CHARS]
            try:
                Label(name)
            except ValueError:
                log.warning("mcp_tool_unfit", tool=self._name, hint="its name holds five digits in a row")
                continue
            description, schema = offered[wanted]
            self.tools[name] = self._guarded(name, wanted, description, schema, self._rate)
        log.info("mcp_ready", tool=self._name, tools=len(self.tools))

    def _guarded(
        self, name: str, wanted: str, description: str, schema: dict[str, Any], rate: RateLimit | None
    ) -> Guarded:
        return Guarded(
            name=name,
            description=description or wanted.replace("_", " "),
            arguments=DeclaredArguments(schema),
            work=self._work(wanted),
            timeout_ms=self._settings.timeout_ms,
            max_result_bytes=self._settings.max_result_bytes,
            rate=rate,
            background=self._settings.background,
            filler=filler_of(self._settings.filler),
        )

    def _work(self, wanted: str) -> Work:
        async def call(arguments: dict[str, Any], facts: CallFacts) -> object:
            try:
                async with await self._client() as client:
                    result = await client.call_tool(wanted, arguments)
            except Exception as error:
                # The client raises groups of whatever its transport met.
                log.warning("mcp_call_failed", tool=self._name, error=_kind(error))
                raise ToolError("the service can't be reached", kind="unreachable", retry=True) from error
            return _result(result)

        return call


async def _listed(client: Client) -> Offered:
    found: Offered = {}
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        found.update({tool.name: (tool.description or "", dict(tool.input_schema)) for tool in page.tools})
        cursor = page.next_cursor
        if not cursor:
            return found


def _result(result: CallToolResult) -> object:
    text = "\n".join(part.text for part in result.content if part.type == "text")
    if result.is_error:
        raise ToolError(text[:500] or "the tool failed")
    if result.structured_content is not None:
        return result.structured_content
    return text or None


def _kind(error: BaseException) -> str:
    """Return the name of an error's class; of a group, that of its first."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return type(error).__name__
