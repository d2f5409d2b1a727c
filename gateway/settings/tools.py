"""What the settings say of tools: what a model may do besides talking.

``tools:`` describes them, a persona's ``tools:`` names those that its model may call, and its ``lookup:`` those that
are called when the call starts. ``gateway/toolbox/README.md`` explains each kind with an example.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from gateway.settings.section import Section, Word


class FillerSettings(Section):
    """What is said while the caller would wait for a tool in silence."""

    say: list[str] = ["One moment, please.", "I am still on it. Thank you for waiting."]
    """Said in turn, the last one again and again; an empty list says nothing."""
    after_ms: int = Field(700, ge=200, le=10000)
    """Silence before the first."""
    again_ms: int = Field(4000, ge=1000, le=60000)
    """Silence before each further one."""


class LookupSettings(Section):
    """What is looked up when a call starts, so that the model knows it before it says a word."""

    tools: list[Word]
    """Tools that take ``caller_number``, ``dialed_number`` or ``parameters``, or nothing."""
    wait_ms: int = Field(1500, ge=0, le=10000)
    """How long the greeting waits for them; what comes later is told to the model when it comes."""


class ToolLimits(Section):
    """What holds for every kind of tool."""

    timeout_ms: int = Field(10000, ge=100, le=600000)
    """Bounds a call of the tool, all its tries together."""
    rate_limit: int | None = Field(None, ge=1)
    """Calls a minute, of all callers together; more are answered with an error that says when."""
    max_result_bytes: int = Field(8192, ge=64, le=262144)
    """What of a result the model is given; a longer one is cut and says so."""
    filler: FillerSettings | None = None
    """None takes the persona's."""


class HttpToolSettings(ToolLimits):
    """A request to one host. Arguments that the URL, the headers and ``body`` do not use go as query or JSON body."""

    type: Literal["http"]
    description: str
    """For the model: what it does, and when to call it. The local server listens for its short pieces."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str
    """``https://crm.example.net/orders/{order}``. ``{argument}``, ``{call.caller_number}``, ``{call.dialed_number}``
    and ``{call.parameters.NAME}`` are filled in, percent-encoded; never in the host."""
    headers: dict[str, SecretStr] = {}
    """Sent as they are, so that ``Authorization: Bearer ${CRM_TOKEN}`` can stand here; ``{…}`` is filled in too."""
    body: dict[str, Any] | None = None
    """The JSON body; ``{…}`` in its texts is filled in, and a text that is one ``{argument}`` keeps the argument's
    type. None sends the arguments themselves (POST, PUT, PATCH)."""
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    """JSON Schema of the arguments; what the model sends is checked against it."""
    pick: list[str] = []
    """What of the answer the model is given, by path (``order.status``, ``items.name``); empty is everything."""
    retries: int = Field(1, ge=0, le=5)
    """Further tries when the host can't be reached, and for GET, PUT, DELETE or with ``idempotency_key`` also when
    it is overloaded."""
    idempotency_key: bool = False
    """Sends ``Idempotency-Key``, the same one on every try of a call: set it where the service honours it."""
    background: bool = False
    """Answers the model at once; the result is told at the next pause after it came."""


class PythonToolSettings(ToolLimits):
    """Code of yours, in this process but never on the loop that carries audio."""

    type: Literal["python"]
    call: str
    """``package.module:function``, ``:Class`` (made once; called), or ``:Class.method``; async, or sync in a thread.
    A class or object with ``start`` and ``stop`` is opened once per process and closed after the last call."""
    options: dict[str, Any] = {}
    """What a ``Class`` is made with, by name."""
    description: str | None = None
    """For the model; None takes the first paragraph of the docstring."""
    parameters: dict[str, Any] | None = None
    """JSON Schema of the arguments; None takes the function's annotations."""
    threads: int = Field(4, ge=1, le=64)
    """How many calls of a sync function may run at a time; the next ones wait."""
    background: bool = False
    """Answers the model at once; the result is told at the next pause after it came."""


class McpToolSettings(ToolLimits):
    """The tools of a remote MCP server (streamable HTTP). Needs the extra ``mcp``.

    A persona that names it has all allowed ones, each under ``NAME_TOOL``.
    """

    type: Literal["mcp"]
    url: str
    headers: dict[str, SecretStr] = {}
    allow: list[str] = Field(min_length=1)
    """Names of the server's tools that may be used; others are never offered."""
    background: bool = False
    """Answers the model at once; the result is told at the next pause after it came."""


class AgentSettings(Section):
    """One specialist of a ``delegate`` tool."""

    description: str
    """For the model: what this specialist is for."""
    tool: Word
    """A tool of type ``python`` or ``http`` that takes one argument, ``task``."""


class DelegateToolSettings(Section):
    """Hands a question to a specialist agent while the call goes on."""

    type: Literal["delegate"]
    description: str = "hand a question to a specialist, who works on it while the call goes on"
    agents: dict[Word, AgentSettings] = Field(min_length=1)
    background: bool = True
    """False lets the caller wait, with a filler."""
    filler: FillerSettings | None = None
    """None takes the persona's."""


ToolSettings = Annotated[
    HttpToolSettings | PythonToolSettings | McpToolSettings | DelegateToolSettings, Field(discriminator="type")
]
