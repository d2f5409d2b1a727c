"""What a program may say to the endpoint through ``/v1/realtime``, without I/O.

Every message is read and written anew, so that what was checked is what is sent: nothing hides in a field that is there
twice. Messages of unknown types and fields that policy does not name are refused, with an ``error`` event in the
protocol's own words; the session lives on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

MESSAGES: Final = frozenset(
    {
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "conversation.item.delete",
        "response.create",
        "response.cancel",
    }
)
"""Client events of the GA protocol (Realtime API reference, read November 2026)."""

_FREE: Final = frozenset({"type", "object"})
_OF_A_RESPONSE: Final = frozenset({"metadata", "conversation", "input"})
"""What belongs to one response and sets nothing."""
_SIDES: Final = ("input", "output")
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


class NotAllowed(Exception):
    """A message is not passed on."""

    def __init__(self, code: str, message: str, *, param: str | None = None, event_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.event_id = event_id

    def event(self) -> bytes:
        """Return the ``error`` event that tells the program."""
        error = {
            "type": "invalid_request_error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": self.event_id,
        }
        return msgspec.json.encode({"type": "error", "event_id": "event_gateway", "error": error})


class ProxyPolicy:
    """Decides what is passed on.

    Args:
        allow: fields that may be set (``proxy.allow``).

    """

    def __init__(self, allow: Sequence[str]) -> None:
        self._allow = frozenset(allow)

    def passed(self, message: str | bytes) -> bytes:
        """Return a program's message as it is sent on.

        Raises:
            NotAllowed: it is not.

        """
        try:
            said = _DECODER.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NotAllowed("invalid_json", "The message is no JSON object.") from None
        kind = said.get("type")
        event_id = said.get("event_id") if isinstance(said.get("event_id"), str) else None
        try:
            if not isinstance(kind, str) or kind not in MESSAGES:
                raise NotAllowed("unknown_event", f"This gateway passes on no {str(kind)[:60]!r}.", param="type")
            if kind == "session.update":
                self._check(said.get("session"), "session")
                said["session"].pop("model", None)
            elif kind == "response.create" and said.get("response") is not None:
                self._check(said["response"], "response", also=_OF_A_RESPONSE)
        except NotAllowed as refused:
            refused.event_id = event_id
            raise
        return msgspec.json.encode(said)

    def _check(self, fields: Any, where: str, also: frozenset[str] = frozenset()) -> None:
        if not isinstance(fields, dict):
            raise NotAllowed("invalid_value", f"{where} must be an object.", param=where)
        for name, value in fields.items():
            if name in _FREE or name in also:
                continue
            if name == "model":
                if where != "session":
                    raise self._refused("model", where)
            elif name == "audio":
                self._check_audio(value, where)
            elif name not in self._allow:
                raise self._refused(name, where)
            if name == "tools":
                _check_tools(value, where)

    def _check_audio(self, audio: Any, where: str) -> None:
        if not isinstance(audio, dict):
            raise NotAllowed("invalid_value", f"{where}.audio must be an object.", param=f"{where}.audio")
        for side, fields in audio.items():
            if side not in _SIDES or not isinstance(fields, dict):
                raise NotAllowed("invalid_value", f"{where}.audio has input and output.", param=f"{where}.audio")
            for name in fields:
                if name not in self._allow:
                    raise self._refused(name, f"{where}.audio.{side}")

    def _refused(self, name: str, where: str) -> NotAllowed:
        param = f"{where}.{name[:60]}"
        return NotAllowed("field_not_allowed", f"{param} can't be set through this gateway.", param=param)


def _check_tools(tools: Any, where: str) -> None:
    for tool in tools if isinstance(tools, list) else []:
        kind = tool.get("type") if isinstance(tool, Mapping) else None
        if kind != "function":
            message = "Only tools of type function may be given through this gateway."
            raise NotAllowed("tool_not_allowed", message, param=f"{where}.tools")
