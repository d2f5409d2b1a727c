"""What makes a document a JSON Schema (draft 2020-12), as far as ours goes: no outside package judges it."""

from __future__ import annotations

import re
from typing import Any

TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
SCHEMAS = {"additionalProperties", "items", "not", "propertyNames"}
LISTS_OF_SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems"}
MAPS_OF_SCHEMAS = {"properties", "patternProperties", "$defs"}
NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
COUNTS = {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
TEXTS = {"title", "description", "$schema", "format", "$ref", "pattern", "writeOnly"}
ANYTHING = {"default", "const", "examples", "discriminator"}


def breaches(schema: dict[str, Any]) -> list[str]:
    """Return what is wrong with a schema, each with its place."""
    return list(_breaches(schema, "#", schema))


def _breaches(part: Any, at: str, root: dict[str, Any]) -> Any:
    if isinstance(part, bool):
        return
    if not isinstance(part, dict):
        yield f"{at}: {part!r} is no schema"
        return
    for key, value in part.items():
        here = f"{at}/{key}"
        if key in SCHEMAS:
            yield from _breaches(value, here, root)
        elif key in LISTS_OF_SCHEMAS:
            if not value or not isinstance(value, list):
                yield f"{here}: wants a list that is not empty"
                continue
            for number, one in enumerate(value):
                yield from _breaches(one, f"{here}/{number}", root)
        elif key in MAPS_OF_SCHEMAS:
            for name, one in value.items():
                yield from _breaches(one, f"{here}/{name}", root)
        elif not _fits(key, value, root):
            yield f"{here}: {value!r} does not fit"


def _fits(key: str, value: Any, root: dict[str, Any]) -> bool:
    if key == "type":
        return {value} <= TYPES if isinstance(value, str) else set(value) <= TYPES
    if key == "$ref":
        return value.startswith("#/$defs/") and value.removeprefix("#/$defs/") in root["$defs"]
    if key == "pattern":
        return isinstance(value, str) and re.compile(value) is not None
    if key == "required":
        return isinstance(value, list) and len(set(value)) == len(value) > 0
    if key == "enum":
        return isinstance(value, list) and len(value) > 0
    if key in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if key in COUNTS:
        return isinstance(value, int) and value >= 0
    return key in ANYTHING or (key in TEXTS and isinstance(value, str | bool))
