"""Holds events of the beta protocol against the beta types of the official ``openai`` package, strictly.

The beta types are lenient: nearly every field may be missing. What they name, they name exactly.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from openai.types.beta.realtime import realtime_client_event, realtime_server_event

from tests.conformance.official import Checked, Side, checked_by, registry

UNDECLARED: Final[Mapping[str, str]] = {
    "session.object": "sent by live servers; declared by the session that POST /realtime/sessions returns",
    "session.expires_at": "as session.object",
    "obfuscation": "random padding that live servers put on deltas",
}
"""Undeclared fields of server events that pass, and why."""

BETA_SERVER: Final = registry(realtime_server_event.RealtimeServerEvent)
BETA_CLIENT: Final = registry(realtime_client_event.RealtimeClientEvent)


def check_beta(event: Mapping[str, Any], side: Side) -> Checked:
    """Validate one event.

    Raises:
        NotOfficial: an unknown type, a missing or wrong field, or an undeclared one.

    """
    plain = copy.deepcopy(dict(event))
    for part in ("session", "response"):
        if isinstance(plain.get(part), dict):
            _forgive(plain[part])
    if side == "server":
        return checked_by(BETA_SERVER, plain, side, UNDECLARED)
    return checked_by(BETA_CLIENT, plain, side, {})


def _forgive(part: dict[str, Any]) -> None:
    """Take out what the types can't say: deployments have other names than models, and a forced tool is an object."""
    part.pop("model", None)
    if isinstance(part.get("tool_choice"), dict):
        assert part["tool_choice"]["type"] == "function"
        del part["tool_choice"]
