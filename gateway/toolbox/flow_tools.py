"""Calls the tools that flows describe: HTTP by their contract, or Python; outcomes by status, secrets at call time.

A flow's tool says what it sends, which statuses mean which outcome, and what comes back. What is keyed in secret is
opened here and nowhere else, on its way into the request. Whatever goes wrong is the outcome ``failed``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import structlog
from pydantic import SecretStr

from gateway.errors import ConfigurationError, ToolError
from gateway.flows.engine.commands import RunTool
from gateway.flows.engine.events import ToolReturned
from gateway.flows.engine.state import CallFacts
from gateway.flows.engine.tooling import json_value
from gateway.flows.expressions.evaluate import UNSET, CannotCompute, evaluate
from gateway.flows.expressions.syntax import Expression, Field, Name, Template, walk
from gateway.flows.expressions.values import CardToken, Secret
from gateway.flows.model import Tool
from gateway.settings.secret_file import SecretInFile
from gateway.settings.substitute import NotSubstituted
from gateway.toolbox.http_answer import OVERLOADED
from gateway.toolbox.http_tool import MAX_BODY_BYTES, HttpClient
from gateway.toolbox.imports import Found, Importer
from gateway.toolbox.workshop import Lane, Workshop

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger()

ENVIRONMENT: Final = "FLOW_SECRET_"
FIRST_PAUSE_S: Final = 0.1
LAST_PAUSES_S: Final = 1.0
"""What the pauses between tries may add to their limits."""
_IN_QUERY: Final = frozenset({"GET", "DELETE"})
_THREADS: Final = 4


class Secrets:
    """What ``${secret.NAME}`` stands for, read when it is needed.

    Args:
        given: the settings' own.

    """

    def __init__(self, given: Mapping[str, SecretStr]) -> None:
        self._given = given

    def value(self, name: str) -> str:
        """Return a secret; a file is read again. Blocks.

        Raises:
            ToolError: there is none of that name.

        """
        secret = self._given.get(name)
        if isinstance(secret, SecretInFile):
            try:
                return secret.reread()
            except (NotSubstituted, ValueError) as error:
                log.warning("flow_secret_unread", secret=name, why=str(error))
        if secret is not None:
            return secret.get_secret_value()
        found = os.environ.get(ENVIRONMENT + name.upper())
        if not found:
            raise ToolError(
                f"secret '{name}' is not set: give it under flows.secrets, or as {ENVIRONMENT}{name.upper()}"
            )
        return found


class _Scope:
    """What a tool's templates may name: its arguments, the call, and secrets."""

    def __init__(self, arguments: Mapping[str, object], facts: CallFacts, secrets: Mapping[str, str]) -> None:
        self._values: dict[str, object] = {
            **arguments,
            "secret": secrets,
            "call": {"id": facts.id, "from": facts.caller, "to": facts.dialed, "parameters": dict(facts.parameters)},
        }

    def value(self, name: str) -> object:
        return self._values.get(name, UNSET)

    def ask(self, function: str, argument: str) -> object:
        raise CannotCompute(f"'{function}' has no meaning in a tool")


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    def __repr__(self) -> str:
        return f"_Request({self.method})"


class FlowTools:
    """Calls the tools of all flows of this process.

    Args:
        secrets: what their templates may name.
        http: the client; closed by whoever made it.

    """

    def __init__(self, secrets: Secrets, http: HttpClient) -> None:
        self._secrets = secrets
        self._http = http
        self._importer = Importer()
        self._workshop = Workshop()
        self._found: dict[str, tuple[Found, Lane]] = {}

    async def close(self) -> None:
        """End the loop of Python tools."""
        await self._workshop.close()

    async def run(self, command: RunTool, facts: CallFacts) -> ToolReturned:
        """Call a tool, each try within its limit; never raises but when cancelled."""
        began = time.monotonic()
        outcome, result = "failed", None
        try:
            async with asyncio.timeout(command.timeout_ms / 1000 * (command.retries + 1) + LAST_PAUSES_S):
                work = self._python if command.tool.python is not None else self._request
                outcome, result = await work(command, facts)
        except TimeoutError:
            log.warning("flow_tool_timed_out", tool=command.tool.name, after_ms=command.timeout_ms)
        except (ToolError, CannotCompute, ConfigurationError) as error:
            log.warning("flow_tool_failed", tool=command.tool.name, why=str(error))
        except Exception as error:  # noqa: BLE001 - the operator's code: whatever it does is the outcome ``failed``
            log.error("flow_tool_failed", tool=command.tool.name, error=type(error).__name__)
        took_ms = int((time.monotonic() - began) * 1000)
        log.info("flow_tool_called", tool=command.tool.name, step=command.step, outcome=outcome, ms=took_ms)
        return ToolReturned(command.run, outcome, result, took_ms)

    # --- HTTP -----------------------------------------------------------------------------------------------------

    async def _request(self, command: RunTool, facts: CallFacts) -> tuple[str, object]:
        request = await asyncio.to_thread(self._filled, command, facts)
        client = await self._http.client()
        status, body = await self._sent(client, request, command)
        outcome = outcome_of(command.tool, status)
        if outcome == "failed":
            log.warning("flow_tool_refused", tool=command.tool.name, status=status)
        return outcome, _json(body)

    def _filled(self, command: RunTool, facts: CallFacts) -> _Request:
        tool = command.tool
        assert tool.url is not None, "a tool is HTTP or Python"
        texts = [tool.url, *tool.headers.values(), *([tool.auth] if tool.auth is not None else [])]
        secrets = {name: self._secrets.value(name) for name in secrets_of(texts)}
        scope = _Scope(command.arguments, facts, secrets)
        used = {name for text in (tool.url,) for name in _names(text)}
        rest = {name: json_value(value) for name, value in command.arguments.items() if name not in used}
        url = _url(tool.url, scope)
        headers = {"Accept": "application/json"}
        headers |= {name: _header(name, value, scope) for name, value in tool.headers.items()}
        if tool.auth is not None:
            headers["Authorization"] = _authorization(_header("Authorization", tool.auth, scope))
        if command.idempotency_key is not None:
            headers["Idempotency-Key"] = command.idempotency_key
        body = None
        if tool.method in _IN_QUERY:
            if rest:
                url += ("&" if "?" in url else "?") + urlencode({name: _plain(value) for name, value in rest.items()})
        else:
            body = json.dumps(rest, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        return _Request(tool.method, url, headers, body)

    async def _sent(self, client: httpx.AsyncClient, request: _Request, command: RunTool) -> tuple[int, bytes]:
        import httpx

        for tried in range(command.retries + 1):
            last = tried == command.retries
            try:
                async with asyncio.timeout(command.timeout_ms / 1000):
                    status, body = await _once(client, request)
                if status not in OVERLOADED or last:
                    return status, body
            except TimeoutError:
                if last:
                    raise
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if last or isinstance(error, httpx.InvalidURL):
                    raise ToolError(f"the service can't be reached ({type(error).__name__})") from None
            await asyncio.sleep(FIRST_PAUSE_S * 2**tried * random.uniform(1, 2))  # noqa: S311 - spreads tries
        raise AssertionError("the last try returns or raises")

    # --- Python ---------------------------------------------------------------------------------------------------

    async def _python(self, command: RunTool, facts: CallFacts) -> tuple[str, object]:
        tool = command.tool
        assert tool.python is not None
        if tool.python not in self._found:
            found = await asyncio.to_thread(self._importer.find, f"flow tool {tool.name}", tool.python, {})
            self._found[tool.python] = (found, Lane(tool.name, _THREADS))
        found, lane = self._found[tool.python]
        arguments = {
            name: value.reveal() if isinstance(value, Secret | CardToken) else value
            for name, value in command.arguments.items()
        }
        try:
            if found.is_async:
                result = await self._workshop.run(lambda: found.function(**arguments))
            else:
                result = await lane.run(lambda: found.function(**arguments))
        except ToolError as error:
            if error.kind in tool.outcomes:
                return error.kind, None
            raise
        return "ok", result


def outcome_of(tool: Tool, status: int) -> str:
    """Return what a status means by the tool's contract."""
    return next((name for name, statuses in tool.outcomes.items() if status in statuses), "failed")


def secrets_of(texts: list[Template]) -> set[str]:
    """Return the names of the secrets in some templates."""
    nodes = (node for text in texts for expression in text.expressions for node in walk(expression.root))
    return {
        node.name
        for node in nodes
        if isinstance(node, Field) and isinstance(node.of, Name) and node.of.name == "secret"
    }


def _names(text: Template) -> set[str]:
    return {node.name for expr in text.expressions for node in walk(expr.root) if isinstance(node, Name)}


def _url(template: Template, scope: _Scope) -> str:
    """Return the URL: the operator's parts and secrets as they are, values percent-encoded in their place."""
    pieces: list[str] = []
    for part in template.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = _text(part, scope)
        ours = any(isinstance(node, Name) and node.name == "secret" for node in walk(part.root))
        if not ours and {".", ".."} & {value.strip()}:
            raise ToolError("a value would climb out of its place in the path")
        pieces.append(value if ours else quote(value, safe=""))
    return "".join(pieces)


def _header(name: str, template: Template, scope: _Scope) -> str:
    text = "".join(part if isinstance(part, str) else _text(part, scope) for part in template.parts)
    if any(not " " <= character <= "~" for character in text):
        raise ToolError(f"a value for header {name} has characters that a header can't hold")
    return text


def _text(expression: Expression, scope: _Scope) -> str:
    value = evaluate(expression, scope)
    if value is UNSET:
        raise ToolError(f"'{expression.source}' has no value")
    return _plain(json_value(value))


def _authorization(text: str) -> str:
    scheme, space, rest = text.partition(" ")
    return f"{scheme.capitalize()} {rest}" if space else text


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def _once(client: httpx.AsyncClient, request: _Request) -> tuple[int, bytes]:
    body = bytearray()
    sending = client.stream(request.method, request.url, headers=dict(request.headers), content=request.body)
    async with sending as response:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise ToolError(f"the service's answer is over {MAX_BODY_BYTES} bytes")
        return response.status_code, bytes(body)


def _json(body: bytes) -> object:
    if not body.strip():
        return None
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found
