"""All tools of the settings: opened with the house, given to each call, closed after the last one.

What each kind needs is imported when the settings have one of it: a gateway without tools starts without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, assert_never

from gateway.contracts.tool import CallFacts, Tool
from gateway.errors import ConfigurationError
from gateway.settings.tools import (
    DelegateToolSettings,
    HttpToolSettings,
    McpToolSettings,
    PythonToolSettings,
    ToolSettings,
)

if TYPE_CHECKING:
    from gateway.toolbox.arguments import Arguments
    from gateway.toolbox.guard import Guarded, Work
    from gateway.toolbox.http_tool import HttpClient
    from gateway.toolbox.imports import Importer
    from gateway.toolbox.mcp_tool import McpServer
    from gateway.toolbox.python_tool import Owners
    from gateway.toolbox.workshop import Workshop

TASK: Final = "task"
"""The one argument of a specialist agent."""


class Toolbox:
    """The tools; ``settings`` are ``tools`` of the settings, checked."""

    def __init__(self, settings: Mapping[str, ToolSettings]) -> None:
        self._settings = settings
        self._http: HttpClient | None = None
        self._python: tuple[Importer, Workshop, Owners] | None = None
        self._tools: dict[str, Guarded] = {}
        self._servers: dict[str, McpServer] = {}

    async def open(self) -> None:
        """Import and start the operator's code, and begin to ask MCP servers what they offer.

        Raises:
            ConfigurationError: a module, class or function is not there or does not fit; what was started is stopped.

        """
        try:
            await self._open()
        except ConfigurationError:
            await self.close()
            raise

    async def _open(self) -> None:
        for name, one in self._settings.items():
            match one:
                case HttpToolSettings():
                    self._open_http(name, one)
                case PythonToolSettings():
                    await self._open_python(name, one)
                case McpToolSettings():
                    self._open_mcp(name, one)
                case DelegateToolSettings():
                    pass  # below, when all that it may name are there
                case _:
                    assert_never(one)
        for name, one in self._settings.items():
            if isinstance(one, DelegateToolSettings):
                self._open_delegate(name, one)

    def _open_http(self, name: str, settings: HttpToolSettings) -> None:
        from gateway.toolbox.arguments import DeclaredArguments
        from gateway.toolbox.http_tool import HttpClient, HttpTool

        if self._http is None:
            self._http = HttpClient()
        arguments = DeclaredArguments(settings.parameters)
        self._add(name, settings, settings.description, arguments, HttpTool(name, settings, self._http))

    async def _open_python(self, name: str, settings: PythonToolSettings) -> None:
        from gateway.toolbox.imports import Importer
        from gateway.toolbox.python_tool import Owners, PythonTool
        from gateway.toolbox.workshop import Workshop

        if self._python is None:
            workshop = Workshop()
            self._python = Importer(), workshop, Owners(workshop)
        importer, workshop, owners = self._python
        found = importer.find(f"tools.{name}.call", settings.call, settings.options)
        tool = PythonTool(name, settings, found, workshop)
        await owners.start(name, found.owner)
        self._add(name, settings, tool.description, tool.arguments, tool)

    def _open_mcp(self, name: str, settings: McpToolSettings) -> None:
        from gateway.toolbox.mcp_tool import McpServer

        self._servers[name] = McpServer(name, settings)
        self._servers[name].open()

    def _open_delegate(self, name: str, settings: DelegateToolSettings) -> None:
        from gateway.toolbox.delegate import delegate

        self._check_agents(name, settings)
        self._tools[name] = delegate(name, settings, self._tools)

    def _add(
        self,
        name: str,
        settings: HttpToolSettings | PythonToolSettings,
        description: str,
        arguments: Arguments,
        work: Work,
    ) -> None:
        from gateway.toolbox.guard import Guarded, filler_of, rate_of

        self._tools[name] = Guarded(
            name=name,
            description=description,
            arguments=arguments,
            work=work,
            timeout_ms=settings.timeout_ms,
            max_result_bytes=settings.max_result_bytes,
            rate=rate_of(settings.rate_limit),
            background=settings.background,
            filler=filler_of(settings.filler),
        )

    def _check_agents(self, name: str, settings: DelegateToolSettings) -> None:
        for agent, one in settings.agents.items():
            takes = self._tools[one.tool].arguments.schema.get("properties", {})
            if TASK not in takes:
                raise ConfigurationError(
                    f"tools.{name}.agents.{agent}.tool: {one.tool!r} takes no argument {TASK!r}; a specialist gets its "
                    f"question there (it takes: {', '.join(takes) or 'nothing'})"
                )

    def for_call(self, names: Iterable[str], facts: CallFacts) -> dict[str, Tool]:
        """Return those of ``names`` that are tools of the settings, by their name for the model; built-in names pass.

        A name of an MCP server stands for all its tools; one that has not answered yet has none.
        """
        found: dict[str, Tool] = {}
        for name in names:
            server = self._servers.get(name)
            if server is not None:
                found.update({each: guarded.tool(facts) for each, guarded in server.tools.items()})
            elif name in self._tools:
                found[name] = self._tools[name].tool(facts)
        return found

    async def ready(self) -> None:
        """Wait until every MCP server has said what it offers."""
        for server in self._servers.values():
            await server.ready()

    async def close(self) -> None:
        """Stop the operator's code and let go of all connections; no call may be live any more."""
        for server in self._servers.values():
            await server.close()
        if self._python is not None:
            _, workshop, owners = self._python
            await owners.stop()
            await workshop.close()
        if self._http is not None:
            await self._http.close()
