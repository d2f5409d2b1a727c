"""Who is let in: the upgrade request of a connection, judged before any session exists.

Three doors lead in: OpenAI's, beta if the ``OpenAI-Beta`` header says so; ``/openai/v1/realtime``, Azure's GA; and
``/openai/realtime``, Azure's preview, which is beta. Refusals are HTTP answers with the API's error body. What the
query asks for (``model`` or ``deployment``, ``intent=transcription``) and what the test-only ``x-fault`` header asks
for become an :class:`Admission`.
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
    beta: bool = False
    """Whether it speaks the beta protocol."""


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
    form = _form(url.path, headers)
    if token is not None and not may_enter(headers, token, by_key=form.is_azure):
        return _no(401, message="incorrect API key provided")
    wrong = form.refusal(query)
    if wrong is not None:
        return wrong
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
    if transcription and form.beta:
        return _no(400, "beta_api_not_supported", "transcription sessions are served in the GA protocol only")
    if form.model_key not in query and not transcription:
        return _no(400, "missing_model", f"a '{form.model_key}' is wanted in the query")
    return Admission(
        model=query.get(form.model_key, "local"), transcription_only=transcription, faults=faults, beta=form.beta
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the forms in which hosted services offer the protocol."""

    beta: bool = False
    is_azure: bool = False

    @property
    def model_key(self) -> str:
        """What the query calls the model."""
        return "deployment" if self.is_azure and self.beta else "model"

    def refusal(self, query: Mapping[str, str]) -> TurnedAway | None:
        """Return how Azure answers a version that is missing in preview, or present in GA."""
        if not self.is_azure or self.beta == ("api-version" in query):
            return None
        if self.beta:
            return _no(404, "404", "Resource not found")
        return _no(401, "401", "access denied; GA takes no api-version")


def _form(path: str, headers: Mapping[str, str]) -> _Form:
    if path.endswith("/openai/v1/realtime"):
        return _Form(is_azure=True)
    if path.endswith("/openai/realtime"):
        return _Form(is_azure=True, beta=True)
    return _Form(beta="realtime=v1" in headers.get("openai-beta", ""))


def may_enter(headers: Mapping[str, str], token: str, *, by_key: bool = False) -> bool:
    """Return whether the request carries the token as a bearer, or with ``by_key`` in Azure's header for keys."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    given = [bearer] if scheme.lower() == "bearer" else []
    if by_key and "api-key" in headers:
        given.append(headers["api-key"])
    return any(hmac.compare_digest(one.strip().encode(), token.encode()) for one in given)


def _no(status: int, code: str | None = None, message: str = "") -> TurnedAway:
    kind, usual = _REFUSALS[status]
    return TurnedAway(status=HTTPStatus(status), kind=kind, code=code or usual, message=message)
