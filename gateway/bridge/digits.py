"""The built-in tool ``send_digits``: the model presses keys towards whoever is on the line.

It is offered only on legs that can. What was pressed stands in no record and no log: it may be a PIN.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from gateway.contracts.leg import Leg
from gateway.contracts.model import ToolSpec
from gateway.contracts.tool import Tool, ToolOutcome
from gateway.errors import CarrierError, Unsupported

SEND_DIGITS: Final = "send_digits"
MAX_DIGITS: Final = 32
_KEYS: Final = re.compile(rf"[0-9*#A-D]{{1,{MAX_DIGITS}}}")
_SPEC: Final = ToolSpec(
    name=SEND_DIGITS,
    description="press keys on the line, for example to go through another system's menu.",
    parameters={
        "type": "object",
        "properties": {
            "digits": {
                "type": "string",
                "pattern": f"^{_KEYS.pattern}$",
                "description": "The keys in order, digits 0 to 9, * and #.",
            }
        },
        "required": ["digits"],
        "additionalProperties": False,
    },
)


def digits_tool(leg: Leg) -> Tool:
    """Return ``send_digits`` on this leg."""

    async def press(arguments: str) -> ToolOutcome:
        digits = _digits(arguments)
        if not _KEYS.fullmatch(digits):
            return _failed(f"digits must be 1 to {MAX_DIGITS} of 0-9, *, # and A-D")
        try:
            await leg.send_digits(digits)
        except (CarrierError, Unsupported) as error:
            return _failed(str(error))
        return ToolOutcome(json.dumps({"status": "sent"}))

    return Tool(spec=_SPEC, run=press)


def without_digits(arguments: str) -> str:
    """Return what a record may say of the arguments: how many keys, never which."""
    return json.dumps({"keys": len(_digits(arguments))})


def _digits(arguments: str) -> str:
    try:
        parsed: Any = json.loads(arguments)
    except ValueError:
        return ""
    digits = parsed.get("digits") if isinstance(parsed, dict) else None
    return digits if isinstance(digits, str) else ""


def _failed(why: str) -> ToolOutcome:
    return ToolOutcome(json.dumps({"error": "not_sent", "detail": why}), ok=False)
