"""The JSON Schema of the settings, for editors: ``config/gateway.schema.json``.

The descriptions are the docstrings of the settings' attributes. They are read from the source here, and not by
pydantic when the classes are made, because every start of the gateway would pay for that.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from gateway.settings.schema import Settings
from gateway.settings.section import Section


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``config/gateway.yaml``.

    Where the settings want a number or a choice, ``${NAME}`` may stand; a section may be left empty.
    """
    schema = Settings.model_json_schema()
    definitions = schema.pop("$defs")
    sections = {section.__name__: section for section in _sections(Section)}
    for name, part in definitions.items():
        if name in sections:
            _describe(part, sections[name])
    _describe(schema, Settings)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config/gateway.yaml",
        **_for_editors(schema),
        "$defs": {name: _for_editors(part) for name, part in definitions.items()},
    }


def describe_schema() -> str:
    """Return :func:`json_schema` as text, as ``config/gateway.schema.json`` holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def attribute_docstrings(section: type[Section]) -> dict[str, str]:
    """Return what stands below each attribute in the source of ``section``."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(section)))
    body = tree.body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, after in zip(body.body, body.body[1:], strict=False):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                found[name] = inspect.cleandoc(text)
    return found


def _sections(base: type[Section]) -> Iterator[type[Section]]:
    for section in base.__subclasses__():
        yield section
        yield from _sections(section)


def _describe(part: dict[str, Any], section: type[Section]) -> None:
    """Put the docstrings of a section's attributes in; its own come before those that it inherits."""
    for kind in section.__mro__:
        if kind is not Section and issubclass(kind, Section):
            for name, text in attribute_docstrings(kind).items():
                part["properties"][name].setdefault("description", text)


def _for_editors(part: Any) -> Any:
    """Let ``${NAME}`` stand where a number or choice is wanted, and nothing where a section is."""
    match part:
        case {"type": "integer" | "number" | "boolean"} | {"enum": list()}:
            outer = {key: part[key] for key in ("default", "description", "title") if key in part}
            inner = {key: value for key, value in part.items() if key not in outer}
            return {"anyOf": [inner, {"type": "string", "pattern": r"\$\{.+\}"}], **outer}
        case {"$ref": str(), "default": dict()}:
            outer = {key: value for key, value in part.items() if key != "$ref"}
            return {"anyOf": [{"$ref": part["$ref"]}, {"type": "null"}], **outer}
        case dict():
            return {key: _for_editors(value) for key, value in part.items()}
        case list():
            return [_for_editors(value) for value in part]
        case _:
            return part
