"""How the server says no: one error event per refused client event, with the code, parameter and id that belong to it.

The shape and the codes are those of the public Realtime API (``error`` server event). Where the public documents name
no code for a fault, the nearest documented one is used and the place says so.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from gateway.errors import PeerError

_AT: Final = re.compile(r" - at `(?:\$|key in `\$)(?P<path>[^`]*)`+$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>[^`]*)`")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]*)`")


class Refused(PeerError):
    """A client event can't be served; the session goes on.

    Args:
        code: the API's word for the fault, such as ``invalid_value``.
        message: what was wrong, for a person.
        param: the path of the faulty field within the event, such as ``session.audio.input.format``.
        event_id: the client's own id of the event, if it gave one.

    """

    def __init__(self, code: str, message: str, *, param: str | None = None, event_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.event_id = event_id
        self.type = "invalid_request_error"


def refusal(error: msgspec.ValidationError, *, under: str = "") -> Refused:
    """Return the API's words for what ``msgspec`` found wrong.

    ``under`` is the path of the validated part within the event.
    """
    text = str(error)
    path = under
    if at := _AT.search(text):
        path += at["path"].replace("[...]", "[]")
        text = text[: at.start()]
    path = path.lstrip(".")
    if unknown := _UNKNOWN.match(text):
        param = _join(path, unknown["name"])
        return Refused("unknown_parameter", f"unknown parameter: '{param}'", param=param)
    if missing := _MISSING.match(text):
        param = _join(path, missing["name"])
        return Refused("missing_required_parameter", f"missing required parameter: '{param}'", param=param)
    param = path or "type"
    return Refused("invalid_value", f"invalid value for '{param}': {text[:1].lower()}{text[1:]}", param=param)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
