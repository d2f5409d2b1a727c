"""What an operator reads when a tool is described wrongly. Reading this table is reading the product."""

# ruff: noqa: E501 - each message stands on one line, as it is read

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.settings.load import check, load_settings

PERSONA = "personas: {receptionist: {instructions: Be kind., tools: [it]}}\n"
SCHEMA = "parameters: {type: object, properties: {order: {type: string}}, required: [order]}"


def http(more: str = "", *, url: str = "'https://h.example/{order}'", schema: str = SCHEMA) -> str:
    return f"{PERSONA}tools: {{it: {{type: http, description: x, url: {url}, {schema}{', ' if more else ''}{more}}}}}"


FAULTS: list[tuple[str, str, list[str]]] = [
    (
        "an unknown kind",
        PERSONA + "tools: {it: {type: htpp}}",
        ["tools.it.type: 'htpp' is not one of 'http', 'python', 'mcp', 'delegate'; nearest: 'http'"],
    ),
    (
        "an unknown key",
        http("timeout: 3"),
        ["tools.it: 'timeout' is not a setting; nearest: 'timeout_ms'"],
    ),
    (
        "the name of a built-in tool",
        PERSONA.replace("it", "end_call", 1).replace("[it]", "[end_call]")
        + "tools: {end_call: {type: python, call: 'a:b'}}",
        ["tools: 'end_call' is the name of a built-in tool; take another"],
    ),
    (
        "a name that no record may hold",
        PERSONA.replace("[it]", "[it12345]") + "tools: {it12345: {type: python, call: 'a:b'}}",
        ["tools: 'it12345' holds five digits in a row, which no record may; take another name"],
    ),
    (
        "a url that is none",
        http(url="h.example", schema="retries: 0"),
        ["tools.it.url: 'h.example' is not a URL that begins with https:// or http:// and a host"],
    ),
    (
        "a host that the model would choose",
        http(url="'https://{order}.example/'"),
        ["tools.it.url: 'https://{order}.example/' has a placeholder in its host; a tool speaks to one host only"],
    ),
    (
        "a secret in the url",
        http(url="'https://user:secret-word@h.example/'", schema="retries: 0"),
        ["tools.it.url: 'https://…h.example/' has a user in it; write a header, as Authorization: Bearer ${TOKEN}"],
    ),
    (
        "a placeholder that is no parameter",
        http(url="'https://h.example/{ordr}'"),
        ["tools.it.url: 'https://h.example/{ordr}' has {ordr}, which is not among the parameters; nearest: 'order'"],
    ),
    (
        "a path that might miss a piece",
        http(schema="parameters: {type: object, properties: {order: {type: string}}}"),
        [
            "tools.it.url: 'https://h.example/{order}' has {order} in its path, so 'order' must be among parameters.required"
        ],
    ),
    (
        "a placeholder in a header",
        http("headers: {X-Who: 'a {nobody}'}"),
        ["tools.it.headers.X-Who: the value has {nobody}, which is not among the parameters; known: 'order'"],
    ),
    (
        "a body with GET",
        http("body: {a: '{order}'}"),
        ["tools.it.body: a section can't be sent with GET; take POST, PUT or PATCH"],
    ),
    (
        "a parameter that goes nowhere",
        http("method: POST, body: {a: 1}", url="'https://h.example/'"),
        ["tools.it.body: a section does not use the parameter 'order'; put {order} where it belongs"],
    ),
    (
        "a schema that is none",
        http(url="'https://h.example/'", schema="parameters: {type: object, properties: {order: {type: strng}}}"),
        [
            "tools.it.parameters: a section is not a JSON Schema: properties.order.type: 'strng' is not valid under any of the given schemas"
        ],
    ),
    (
        "a schema of something else",
        http(url="'https://h.example/'", schema="parameters: {type: string}"),
        ["tools.it.parameters: a section is not the schema of an object (type: object, properties: …)"],
    ),
    (
        "a schema from elsewhere",
        http(
            url="'https://h.example/'",
            schema="parameters: {type: object, properties: {a: {$ref: 'https://h.example/s.json'}}}",
        ),
        ["tools.it.parameters: a section refers to 'https://h.example/s.json', outside itself; write it out"],
    ),
    (
        "a callable that is none",
        PERSONA + "tools: {it: {type: python, call: shop.tools}}",
        ["tools.it.call: 'shop.tools' is not of the form package.module:callable"],
    ),
    (
        "a specialist that is no tool",
        PERSONA + "tools: {it: {type: delegate, agents: {a: {description: x, tool: ti}}}, tim: {type: python, call: 'a:b'}}",
        ["tools.it.agents.a.tool: 'ti' is not a tool of type http or python; nearest: 'tim'"],
    ),
    (
        "an unknown tool of a persona",
        PERSONA.replace("[it]", "[ti]") + "tools: {tim: {type: python, call: 'a:b'}}",
        ["personas.receptionist.tools[0]: 'ti' is not a tool; nearest: 'tim'"],
    ),
    (
        "a lookup of an unknown tool",
        "personas: {receptionist: {instructions: x, lookup: {tools: [customr]}}}\ntools: {customer: {type: python, call: 'a:b'}}",
        ["personas.receptionist.lookup.tools[0]: 'customr' is not one of the tools; nearest: 'customer'"],
    ),
    (
        "a lookup that needs what nobody knows yet",
        "personas: {receptionist: {instructions: x, lookup: {tools: [it]}}}\n" + http()[len(PERSONA) :],
        [
            "personas.receptionist.lookup.tools[0]: 'it' needs order, and a call starts with caller_number, dialed_number, parameters only"
        ],
    ),
    (
        "a lookup of a kind that can't be",
        "personas: {receptionist: {instructions: x, lookup: {tools: [it]}}}\ntools: {it: {type: mcp, url: 'https://h.example/mcp', allow: [a]}}",
        ["personas.receptionist.lookup.tools[0]: 'it' can't be looked up at the start: a tool of type http or python can"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("yaml", "faults"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_in_a_tool_says_what_is_wrong_and_what_to_do(yaml: str, faults: list[str], tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml, "utf-8")
    found = [re.sub(r" in \S*gateway\.yaml line \d+ column \d+", "", fault) for fault in check(file, {})]
    assert found == faults


def test_tools_of_every_kind_load_and_one_that_nobody_names_is_a_note(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        PERSONA
        + """
tools:
  it: {type: delegate, agents: {a: {description: bills, tool: agent}}}
  agent: {type: python, call: 'shop.agents:Agent', options: {size: 3, fast: true}}
  shop: {type: mcp, url: 'https://mcp.example.net/mcp', allow: [stock]}
  order:
    type: http
    description: where is my order
    method: POST
    url: https://crm.example.net/orders/{order}?by={call.caller_number}
    headers: {Authorization: "Bearer ${CRM_TOKEN}"}
    body: {note: "{note}", lines: [1, 2], who: "{call.parameters.tenant}"}
    parameters:
      type: object
      properties: {order: {type: string}, note: {type: string, maxLength: 80}}
      required: [order]
""",
        "utf-8",
    )
    loaded = load_settings(file, {"CRM_TOKEN": "crm-secret"})
    tools = loaded.settings.tools
    assert tools["agent"].options == {"size": 3, "fast": True}
    assert tools["order"].headers["Authorization"].get_secret_value() == "Bearer crm-secret"
    assert tools["order"].parameters["properties"]["note"]["maxLength"] == 80
    assert tools["order"].body["lines"] == [1, 2]
    assert "crm-secret" not in repr(loaded)
    told = [note for note in loaded.notes if note.startswith("tools.")]
    assert told == [
        f"tools.{name} is described but not used; name it among the tools of a persona" for name in ("shop", "order")
    ]
