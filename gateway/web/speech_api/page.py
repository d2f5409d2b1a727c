"""The description as a page that can be read: plain HTML from the same document, without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; font-size: 1.1rem; }
code, .path { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
td, th { border-top: 1px solid #8886; padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
th { white-space: nowrap; font-weight: 600; }
"""


def readable_page(document: Mapping[str, Any]) -> str:
    """Return an OpenAPI document as an HTML page."""
    about = document["info"]
    parts = [
        f"<h1>{escape(about['title'])} {escape(about['version'])}</h1>",
        f"<p>{escape(about['description'])} For programs: <a href='/openapi.json'>/openapi.json</a></p>",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation)
    parts.append("<h1>Types</h1>")
    for name, schema in document["components"]["schemas"].items():
        parts += _type(name, schema)
    body = "\n".join(parts)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(about['title'])}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><span class='path'>{method.upper()} {escape(path)}</span></h2>"
    yield f"<p>{escape(operation['summary'])}. {escape(operation['description'])}</p><table>"
    for parameter in operation.get("parameters", ()):
        what = parameter["schema"].get("description", "")
        yield _row(f"{parameter['name']} ({parameter['in']})", escape(what))
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        yield _row(f"send {kind}", _shape(body["schema"]))
    for status, answer in operation["responses"].items():
        shapes = ", ".join(
            f"<code>{escape(kind)}</code> {_shape(body['schema'])}" for kind, body in answer["content"].items()
        )
        yield _row(status, f"{escape(answer['description'])} {shapes if status == '200' else ''}")
        for header, meaning in answer.get("headers", {}).items():
            yield _row(header, escape(meaning["description"]))
    yield "</table>"


def _type(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2 id='{escape(name)}'>{escape(name)}</h2><p>{escape(schema.get('description', ''))}</p><table>"
    wanted = schema.get("required", ())
    for field, shape in schema.get("properties", {}).items():
        yield _row(field + (" (required)" if field in wanted else ""), _shape(shape))
    yield "</table>"


def _row(name: str, content: str) -> str:
    return f"<tr><th><code>{escape(name)}</code></th><td>{content}</td></tr>"


def _shape(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    words = escape(schema.get("description", ""))
    if "anyOf" in schema:
        return " or ".join(_shape(one) for one in schema["anyOf"]) + (f". {words}" if words else "")
    if "enum" in schema:
        return "one of " + ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    kind = escape(str(schema.get("type", "anything")))
    if kind == "array":
        kind = f"a list of {_shape(schema['items'])}"
    if kind == "object" and "properties" in schema:
        kind = "fields " + ", ".join(f"<code>{escape(name)}</code>" for name in schema["properties"])
    return f"{kind}. {words}" if words else kind
