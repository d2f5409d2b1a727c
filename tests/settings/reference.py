"""The table of every setting in ``config/README.md``, made from the schema: names, defaults and docstrings.

python -m tests.settings.reference        writes it anew, after a change of the schema
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.settings.editors import json_schema

GUIDE = Path(__file__).parents[2] / "config" / "README.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"
LAST = ("numbers", "prices")
"""What repeats settings of other sections, or is read last."""


def table() -> str:
    """Return the whole table as Markdown, a part for each section."""
    schema = json_schema()
    places: dict[str, str] = {}
    sections = list(_sections("", schema, schema["$defs"], places))
    parts = []
    for path, section in sections:
        about = _one_line(section.get("description", "")) if path else ""
        rows = "\n".join(_row(path, name, field, section, places) for name, field in section["properties"].items())
        title = f"### `{path}`" if path else "### At the top"
        parts.append(
            "\n\n".join(filter(None, [title, about, f"| setting | default | meaning |\n|---|---|---|\n{rows}"]))
        )
    return "\n\n".join(parts)


def placed(guide: str) -> str:
    """Return the guide with the table of now in its place."""
    head, _, rest = guide.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


def _sections(
    path: str, section: dict[str, Any], definitions: dict[str, Any], places: dict[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each section under the first path where it stands, and what lies in it right behind it."""
    fields = section.get("properties", {})
    if not fields:
        return
    yield path, section
    for name in sorted(fields, key=lambda name: not path and name in LAST):
        for suffix, inner in _inner(fields[name]):
            if inner in places:
                continue
            kind = definitions[inner].get("properties", {}).get("type", {})
            variant = f", type: {kind['const']}" if "const" in kind else ""
            places[inner] = f"{path}.{name}".lstrip(".") + suffix + variant
            yield from _sections(places[inner], definitions[inner], definitions, places)


def _inner(field: Any, suffix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the definitions that a field may hold, and how they are reached: by name, by place, or directly."""
    if not isinstance(field, dict):
        return
    if "$ref" in field:
        yield suffix, field["$ref"].rpartition("/")[2]
    for key in ("anyOf", "oneOf", "allOf"):
        for choice in field.get(key, []):
            yield from _inner(choice, suffix)
    yield from _inner(field.get("items"), f"{suffix}[]")
    yield from _inner(field.get("additionalProperties"), f"{suffix}.NAME")
    for named in field.get("patternProperties", {}).values():
        yield from _inner(named, f"{suffix}.NAME")


def _row(path: str, name: str, field: dict[str, Any], section: dict[str, Any], places: dict[str, str]) -> str:
    here = f"{path}.{name}".lstrip(".")
    elsewhere = [places[inner] for _, inner in _inner(field) if not places[inner].startswith(here)]
    see = f"as `{elsewhere[0]}`" if elsewhere else ""
    words = filter(None, [_one_line(field.get("description", "")), _bounds(field), see])
    return f"| `{name}` | {_default(name, field, section)} | {' '.join(words)} |"


def _default(name: str, field: dict[str, Any], section: dict[str, Any]) -> str:
    if name in section.get("required", []):
        return "needed"
    value = field.get("default")
    if value is None or isinstance(value, dict) or value == []:
        return ""
    shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return f"`{shown}`"


def _bounds(field: dict[str, Any]) -> str:
    choices = list(_all(field, "enum"))
    words = [str(word) for choice in choices for word in choice]
    low, high = next(_all(field, "minimum"), None), next(_all(field, "maximum"), None)
    said = [" or ".join(f"`{word}`" for word in words)] if words else []
    if low is not None and high is not None:
        said.append(f"{low:g} to {high:g}")
    elif low is not None:
        said.append(f"at least {low:g}")
    elif high is not None:
        said.append(f"at most {high:g}")
    return f"({'; '.join(said)})" if said else ""


def _all(field: dict[str, Any], key: str) -> Iterator[Any]:
    """Yield a field's own word of that name, and those of its alternatives."""
    if key in field:
        yield field[key]
    for choice in field.get("anyOf", []):
        yield from _all(choice, key)


def _one_line(text: str) -> str:
    """Return a docstring as a cell, for readers who know YAML and not Python."""
    text = re.sub(r"(^|[.] )None (?=[a-z])", r"\1Left out, it ", " ".join(text.split()))
    text = re.sub(r"\bNone (?=[a-z])", "left out, it ", text)
    return re.sub(r"``([^`]*)``", r"`\1`", " ".join(text.split())).replace("|", "\\|")


if __name__ == "__main__":
    GUIDE.write_text(placed(GUIDE.read_text("utf-8")), "utf-8")
