"""Who is let in: the upgrade request of a connection, judged before any session exists.

Refusals are HTTP answers with the API's error body. What the query asks for (``model``, ``intent=transcription``) and
what the test-only ``x-fault`` header asks for become an :class:`Admission`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

from gateway.errors import ConfigurationError
from gateway.offline.faults import Faults, parse_faults

FAULT_HEADER: Final = "x-fault"
"""Request header with faults for this connection; read only by a server that was started for it."""

_REFUSALS: Final = {
    400: ("invalid_request_error", "OpperationNotSupported"),  # the hosted Azure service spells it so
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "model_not_allowed"),
    404: ("invalid_request_error", "not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "service_unavailable"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A connection that is let in."""

    model: str
    transcription_only: bool
    faults: Faults


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """A connection that is not; ``kind`` and ``code`` are the API's words."""

    status: HTTPStatus
    kind: str
    code: str
    message: str

    @property
    def body(self) -> dict[str, dict[str, str | None]]:
        """The error body."""
        return {"error": {"message": self.message, "type": self.kind, "param": None, "code": self.code}}


def admit(
    target: str, headers: Mapping[str, str], *, token: str | None, faults: Faults, faults_by_header: bool
) -> Admission | TurnedAway:
    """Judge an upgrade request by its target (path and query) and its headers."""
    url = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if not url.path.endswith("/realtime"):
        return _no(404, message=f"no Realtime endpoint at {url.path}; it is at /v1/realtime")
    if token is not None and not may_enter(headers, token):
        return _no(401, message="incorrect API key provided")
    if "openai-beta" in headers:
        return _no(400, "beta_api_not_supported", "only the GA protocol is served; leave the OpenAI-Beta header out")
    if "call_id" in query:
        return _no(404, "call_id_not_found", "this server holds no calls to attach to")
    if faults_by_header and FAULT_HEADER in headers:
        try:
            faults = parse_faults(headers[FAULT_HEADER]).or_else(faults)
        except ConfigurationError as error:
            return _no(400, "invalid_fault", str(error))
    if faults.refuse:
        return _no(faults.refuse, message=f"refused with {faults.refuse} by a fault switch")
    transcription = query.get("intent") == "transcription"
    if "model" not in query and not transcription:
        return _no(400, "missing_model", "a 'model' is wanted in the query")
    return Admission(model=query.get("model", "local"), transcription_only=transcription, faults=faults)


def may_enter(headers: Mapping[str, str], token: str) -> bool:
    """Return whether the request carries the token as a bearer."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _no(status: int, code: str | None = None, message: str = "") -> TurnedAway:
    kind, usual = _REFUSALS[status]
    return TurnedAway(status=HTTPStatus(status), kind=kind, code=code or usual, message=message)
