"""Why an endpoint said no, or went away, and what to do about it.

Three ways of hearing it: the HTTP answer to the upgrade, an ``error`` event that ends the session, and a WebSocket
close code. Each becomes one sentence or one word, and whether another try can help; a retry against a wrong key or an
empty account only makes things worse.

Source: Realtime API reference and recorded refusals, realtime close codes as clients report them, RFC 6455 section 7.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.contracts.model import SessionLost
from gateway.errors import ModelRefused
from gateway.realtime.credentials import Secret, without_secrets

FATAL_CODES: Final[Mapping[str, bool]] = {
    "session_expired": True,
    "invalid_api_key": False,
    "invalid_organization": False,
    "account_deactivated": False,
    "insufficient_quota": False,
    "billing_hard_limit_reached": False,
}
"""Error codes that end a session, and whether a new session can go on."""

_EXCERPT_CHARACTERS: Final = 200

_REMEDIES: Final[Mapping[int, str]] = {
    400: "check the model and the session fields that this endpoint takes",
    401: "check api_key, and that it belongs to this endpoint",
    403: "check that this key's project may use Realtime and this model",
    404: "check model and url",
    408: "try again; the endpoint is slow to answer",
    429: "wait, or raise the rate limit of this account",
}
_QUOTA_REMEDY: Final = "the account has no credit or quota left; top it up or use another key"
_OPERATION_REMEDY: Final = "this deployment can't do Realtime sessions; give the name of a realtime deployment as model"
_NO_REALTIME: Final = frozenset({"opperationnotsupported", "operationnotsupported"})
"""Azure's code for a deployment without Realtime; it is spelled with two p's, until somebody mends it."""


class _RefusalBody(msgspec.Struct):
    error: msgspec.Raw = msgspec.Raw()


class _RefusalError(msgspec.Struct):
    code: str | None = None
    message: str | None = None
    type: str | None = None


def refusal(where: str, status: int, body: bytes, *, location: str = "", secret: Secret | None = None) -> ModelRefused:
    """Return what to raise for an HTTP answer other than 101.

    Args:
        where: the endpoint's name and URL, for the message.
        status: HTTP status of the answer.
        body: its body, whole or cut; quoted in the message without anything that looks like a key.
        location: its ``Location`` header.
        secret: what we showed at the door, so that it is not quoted.

    """
    code, said = _said(body)
    if code in {"insufficient_quota", "billing_hard_limit_reached"}:
        remedy, retryable = _QUOTA_REMEDY, False
    elif code.lower() in _NO_REALTIME:
        remedy, retryable = _OPERATION_REMEDY, False
    elif 300 <= status < 400:
        remedy, retryable = f"set url to {location.partition('?')[0] or 'where it leads'}", False
    elif status >= 500:
        remedy, retryable = "the endpoint has trouble of its own; try again", True
    else:
        remedy = _REMEDIES.get(status, "check url, model and api_key")
        retryable = status in {408, 425, 429}
    excerpt = without_secrets(" ".join(said.split())[:_EXCERPT_CHARACTERS], secret)
    quoted = f" ({excerpt})" if excerpt else ""
    return ModelRefused(
        f"{where} refused the session with HTTP {status}{quoted}; {remedy}", status=status, retryable=retryable
    )


def _said(body: bytes) -> tuple[str, str]:
    """Return the code and the words of a refusal: those of an API's error object, else the text itself."""
    text = bytes(body[:4096]).decode("utf-8", "replace")
    try:
        raw = msgspec.json.decode(body, type=_RefusalBody).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", text
    try:
        error = msgspec.json.decode(raw, type=_RefusalError)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", text
    code = error.code or error.type or ""
    return code, ": ".join(word for word in (code, error.message) if word)


def lost_by_close(code: int, reason: str) -> SessionLost:
    """Return what a close code (1006: none came) and its reason mean; ``reason`` becomes one fixed word."""
    if code == 1001 and "maximum duration" in reason:
        return SessionLost("session_expired", retryable=True)
    # Codes of refusals come at the end of a dotted reason: "invalid_request_error.invalid_api_key".
    word = reason.strip().rpartition(".")[2]
    if word in FATAL_CODES:
        return SessionLost(word, FATAL_CODES[word])
    if code == 3000 and word.isidentifier():
        return SessionLost(word, retryable=False)
    if code == 1006:
        return SessionLost("connection_lost", retryable=True)
    return SessionLost(f"closed_{code}", retryable=code not in {1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003})
