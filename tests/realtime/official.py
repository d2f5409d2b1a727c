"""Messages of both sides, taken strictly by the official types (``tests/conformance/official.py``)."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.conformance.official import SERVER, check


def said(message: bytes) -> dict[str, Any]:
    """Return a client message as a dict, after the official types took it strictly and knew all of its fields."""
    told = msgspec.json.decode(message, type=dict[str, Any])
    check(told, "client")
    return told


def heard(type: str, **fields: Any) -> bytes:
    """Return a server message of that type; sessions may be cut down to what a test is about."""
    told = {"type": type, "event_id": "event_test", **fields}
    SERVER[type].model_validate(told, strict=True)
    return msgspec.json.encode(told)
