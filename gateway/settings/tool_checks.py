"""What must hold of tools and between them and personas; ``checks.py`` asks for it with all its other checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.contracts.text import Label
from gateway.settings.document import Where
from gateway.settings.finding import Finding
from gateway.settings.persona import PersonaSettings
from gateway.settings.placeholders import PLACEHOLDER, arguments_in
from gateway.settings.tools import (
    DelegateToolSettings,
    HttpToolSettings,
    McpToolSettings,
    PythonToolSettings,
    ToolSettings,
)
from gateway.settings.wording import nearest

BUILT_IN_TOOLS: Final = ("end_call", "transfer_call", "send_digits")
LOOKUP_FACTS: Final = frozenset({"caller_number", "dialed_number", "parameters"})
_CALLABLE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def tool_findings(tools: Mapping[str, ToolSettings]) -> Iterator[Finding]:
    """Yield what is wrong with the tools."""
    for name, tool in tools.items():
        at: Where = ("tools", name)
        if name in BUILT_IN_TOOLS:
            yield Finding(at, "is the name of a built-in tool; take another", "key")
        try:
            Label(name)
        except ValueError:
            yield Finding(at, "holds five digits in a row, which no record may; take another name", "key")
        match tool:
            case HttpToolSettings():
                yield from _http(at, tool)
            case PythonToolSettings():
                if not _CALLABLE.fullmatch(tool.call):
                    yield Finding((*at, "call"), "is not of the form package.module:callable")
                if tool.parameters is not None:
                    yield from _schema((*at, "parameters"), tool.parameters)
            case McpToolSettings():
                yield from _url((*at, "url"), tool.url)
            case DelegateToolSettings():
                yield from _agents(at, tool, tools)


def persona_tool_findings(at: Where, persona: PersonaSettings, tools: Mapping[str, ToolSettings]) -> Iterator[Finding]:
    """Yield what is wrong with the tools that a persona names."""
    known = (*BUILT_IN_TOOLS, *tools)
    for position, name in enumerate(persona.tools):
        if name not in known:
            yield Finding((*at, "tools", position), f"is not a tool{nearest(name, known)}")
    if persona.lookup is None:
        return
    for position, name in enumerate(persona.lookup.tools):
        where: Where = (*at, "lookup", "tools", position)
        tool = tools.get(name)
        if tool is None:
            yield Finding(where, f"is not one of the tools{nearest(name, tools)}")
        elif not isinstance(tool, HttpToolSettings | PythonToolSettings):
            yield Finding(where, "can't be looked up at the start: a tool of type http or python can")
        else:
            wanted = set((tool.parameters or {}).get("required", ()))
            if not wanted <= LOOKUP_FACTS:
                missing = ", ".join(sorted(wanted - LOOKUP_FACTS))
                yield Finding(where, f"needs {missing}, and a call starts with {', '.join(sorted(LOOKUP_FACTS))} only")


def tool_notes(tools: Mapping[str, ToolSettings], personas: Iterable[PersonaSettings]) -> Iterator[str]:
    """Yield which tools nobody can call."""
    used = {
        agent.tool
        for tool in tools.values()
        if isinstance(tool, DelegateToolSettings)
        for agent in tool.agents.values()
    }
    for persona in personas:
        used.update(persona.tools, persona.lookup.tools if persona.lookup is not None else ())
    for name in tools:
        if name not in used:
            yield f"tools.{name} is described but not used; name it among the tools of a persona"


def _http(at: Where, tool: HttpToolSettings) -> Iterator[Finding]:
    yield from _url((*at, "url"), tool.url)
    bad_schema = list(_schema((*at, "parameters"), tool.parameters))
    yield from bad_schema
    if bad_schema:
        return
    known = tool.parameters.get("properties", {})
    required = tool.parameters.get("required", [])
    path = tool.url.partition("?")[0]
    places: list[tuple[Where, str]] = [((*at, "url"), tool.url)]
    places += [((*at, "headers", name), secret.get_secret_value()) for name, secret in tool.headers.items()]
    places += [((*at, "body", *where), text) for where, text in _texts(tool.body)]
    for where, text in places:
        for name in arguments_in(text):
            if name not in known:
                yield Finding(where, f"has {{{name}}}, which is not among the parameters{nearest(name, known)}")
    for name in arguments_in(path):
        if name in known and name not in required:
            yield Finding((*at, "url"), f"has {{{name}}} in its path, so '{name}' must be among parameters.required")
    if tool.body is not None:
        if tool.method in ("GET", "DELETE"):
            yield Finding((*at, "body"), f"can't be sent with {tool.method}; take POST, PUT or PATCH")
        used = {name for _, text in places for name in arguments_in(text)}
        for name in known:
            if name not in used:
                yield Finding((*at, "body"), f"does not use the parameter '{name}'; put {{{name}}} where it belongs")


def _url(where: Where, url: str) -> Iterator[Finding]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if not parts.hostname or parts.scheme not in ("http", "https") or port == 0:
        yield Finding(where, "is not a URL that begins with https:// or http:// and a host")
    elif PLACEHOLDER.search(parts.netloc) or PLACEHOLDER.search(parts.scheme):
        yield Finding(where, "has a placeholder in its host; a tool speaks to one host only")
    elif parts.username is not None:
        yield Finding(where, "has a user in it; write a header, as Authorization: Bearer ${TOKEN}")


def _agents(at: Where, delegate: DelegateToolSettings, tools: Mapping[str, ToolSettings]) -> Iterator[Finding]:
    able = [name for name, tool in tools.items() if isinstance(tool, HttpToolSettings | PythonToolSettings)]
    for name, agent in delegate.agents.items():
        if agent.tool not in able:
            yield Finding(
                (*at, "agents", name, "tool"), f"is not a tool of type http or python{nearest(agent.tool, able)}"
            )


def _schema(where: Where, schema: dict[str, Any]) -> Iterator[Finding]:
    if schema.get("type") != "object" or not isinstance(schema.get("properties", {}), dict):
        yield Finding(where, "is not the schema of an object (type: object, properties: …)")
        return
    if foreign := next(_foreign_references(schema), None):
        yield Finding(where, f"refers to {foreign[:60]!r}, outside itself; write it out")
        return
    # Late: it takes a tenth of a second, and most settings have no schema.
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield Finding(where, f"is not a JSON Schema: {error.json_path.removeprefix('$.')}: {error.message[:120]}")


def _foreign_references(part: Any) -> Iterator[str]:
    match part:
        case dict():
            reference = part.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                yield reference
            for value in part.values():
                yield from _foreign_references(value)
        case list():
            for value in part:
                yield from _foreign_references(value)


def _texts(body: Any, where: Where = ()) -> Iterator[tuple[Where, str]]:
    match body:
        case str():
            yield where, body
        case dict():
            for name, value in body.items():
                yield from _texts(value, (*where, str(name)))
        case list():
            for position, value in enumerate(body):
                yield from _texts(value, (*where, position))
