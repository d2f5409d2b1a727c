"""What a tool's result becomes for the model: JSON or plain text of bounded length, or an error that it can act on."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from gateway.contracts.tool import ToolOutcome
from gateway.errors import ToolError

DONE: Final = {"status": "done"}
"""Stands for a result that is nothing."""


def succeeded(result: object, max_bytes: int) -> ToolOutcome:
    """Return a result for the model: text as it is, everything else as JSON.

    Dataclasses, pydantic models, dates, decimals and the like are known. Of a result over ``max_bytes`` the beginning
    is given, and that it was cut.

    Raises:
        ToolError: the result is of a type that has no form in JSON.

    """
    if isinstance(result, ToolOutcome):
        text, ok = result.output, result.ok
    else:
        text, ok = _as_text(DONE if result is None else result), True
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > max_bytes:
        beginning = encoded[:max_bytes].decode("utf-8", "ignore")
        text = json.dumps({"cut": True, "bytes": len(encoded), "beginning": beginning}, ensure_ascii=False)
    return ToolOutcome(text, ok=ok)


def failed(error: ToolError) -> ToolOutcome:
    """Return an error for the model: ``error`` is a fixed word, ``detail`` a sentence, ``retry`` if trying may help."""
    return ToolOutcome(
        json.dumps({"error": error.kind, "detail": str(error), "retry": error.retry}, ensure_ascii=False), ok=False
    )


def _as_text(result: object) -> str:
    if isinstance(result, str):
        return result
    try:
        return msgspec.json.encode(result, enc_hook=_unknown).decode()
    except (TypeError, ValueError) as error:
        raise ToolError("the tool's answer can't be written as JSON", kind="broken_answer") from error


def _unknown(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(type(value).__name__)
    return dump(mode="json")
