"""Holds events of either side against the types of the official ``openai`` package, strictly.

The package's own ``recv()`` builds objects without validating them, and its unions are undiscriminated, so each event
is looked up by its ``type`` and validated alone. Undeclared fields pass the package's types anywhere; here each one is
an error unless it stands in :data:`UNDECLARED`, with its reason.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from openai.types.realtime import realtime_client_event, realtime_server_event
from openai.types.realtime.realtime_session_create_response import RealtimeSessionCreateResponse
from openai.types.realtime.realtime_transcription_session_create_response import (
    RealtimeTranscriptionSessionCreateResponse,
)
from openai.types.realtime.response_item_reference import ResponseItemReference
from pydantic import BaseModel, ValidationError

Side = Literal["server", "client"]

UNDECLARED: Final[Mapping[str, str]] = {
    "session.id": "sent by live servers; declared by the session that POST /client_secrets returns",
    "session.object": "as session.id",
    "session.expires_at": "as session.id",
    "obfuscation": "random padding that live servers put on deltas",
}
"""Undeclared fields of server events that pass, and why. Client events have none."""


class NotOfficial(AssertionError):
    """An event that the official types do not describe."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An event that passed, and the undeclared fields that were let through."""

    model: BaseModel
    undeclared: tuple[str, ...]


def registry(union: Any) -> dict[str, type[BaseModel]]:
    """Return the package's models of an annotated union of events, by event type."""
    models = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(model.model_fields["type"].annotation)[0]: model for model in models}


SERVER: Final = registry(realtime_server_event.RealtimeServerEvent)
CLIENT: Final = registry(realtime_client_event.RealtimeClientEvent)


def check(event: Mapping[str, Any], side: Side) -> Checked:
    """Validate one event of the GA protocol.

    Raises:
        NotOfficial: an unknown type, a missing or wrong field, or an undeclared one.

    """
    kind = event.get("type")
    plain = _without_references(event) if kind == "response.create" else dict(event)
    checked = checked_by(SERVER if side == "server" else CLIENT, plain, side, UNDECLARED if side == "server" else {})
    if kind in {"session.created", "session.updated"}:
        _check_session(event["session"], str(kind))
    return checked


def checked_by(
    models: Mapping[str, type[BaseModel]], event: Mapping[str, Any], side: Side, allowed: Mapping[str, str]
) -> Checked:
    """Validate one event by its model; ``allowed`` are undeclared fields that pass.

    Raises:
        NotOfficial: an unknown type, a missing or wrong field, or an undeclared one.

    """
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in models:
        raise NotOfficial(f"{side} event {kind!r} is not one of the official {len(models)}")
    model = _validated(models[kind], event, kind)
    undeclared = tuple(extras(model))
    for path in undeclared:
        if path not in allowed:
            raise NotOfficial(f"{side} event {kind!r} has the undeclared field {path!r}")
    return Checked(model, undeclared)


def extras(model: BaseModel, path: str = "") -> Iterator[str]:
    """Give the paths of all fields that the model does not declare, at any depth; list indexes are left out."""
    for name in model.model_extra or ():
        yield f"{path}{name}"
    for name in type(model).model_fields:
        yield from _extras_in(getattr(model, name), f"{path}{name}.")


def _extras_in(value: object, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from extras(value, path)
    elif isinstance(value, list):
        for element in value:
            yield from _extras_in(element, path)


def _validated(model: type[BaseModel], fields: Mapping[str, Any], what: str) -> BaseModel:
    try:
        return model.model_validate(fields, strict=True)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise NotOfficial(f"{what}: {faults}") from error


def _without_references(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``response.create`` without its item references, which are validated here, one by one.

    The plain client model knows no references, and the type that does is a ``TypedDict`` that validates nothing.
    """
    response = event.get("response")
    if not isinstance(response, dict) or not isinstance(response.get("input"), list):
        return dict(event)
    items = []
    for item in response["input"]:
        if isinstance(item, dict) and item.get("type") == "item_reference":
            reference = _validated(ResponseItemReference, item, "response.create, item_reference")
            if unknown := list(extras(reference)):
                raise NotOfficial(f"response.create: an item reference has the undeclared field {unknown[0]!r}")
        else:
            items.append(item)
    return {**event, "response": {**response, "input": items}}


def _check_session(session: Mapping[str, Any], kind: str) -> None:
    """Hold what a session event says beyond the request's fields against the type that declares it."""
    realtime = session.get("type") == "realtime"
    model = RealtimeSessionCreateResponse if realtime else RealtimeTranscriptionSessionCreateResponse
    declared = {name: session[name] for name in model.model_fields if name in session}
    if not realtime:
        # that type tells turn detection in its own, older words; the event's own type has validated it
        declared.pop("audio", None)
    _validated(model, declared, f"{kind}, session")
