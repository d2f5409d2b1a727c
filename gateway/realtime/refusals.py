"""Why an endpoint said no, or went away, and what to do about it.

Four ways of hearing it: the HTTP answer to the upgrade, an ``error`` event with a close right after the upgrade, a
refused set-up, and a close code later on. Each becomes a :class:`Cause`, one sentence with its remedy, and whether
another try can help; a retry against a wrong key or an empty account only makes things worse.

OpenAI grants every upgrade and then says no (close 3000 for keys, 4000 for models and protocol, the reason being
``type.code``); Azure answers the upgrade with 400, 401, 403, 404 or 429 and an error object whose ``code`` may be a
number. What stands between us and them answers with pages.

Source: Realtime API reference, refusals of both in public material (read November 2026; which are recorded and which
composed stands in ``gateway/offline/hosted.py``), RFC 6455 section 7.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from gateway.contracts.model import ModelFault, SessionLost
from gateway.errors import ModelRefused
from gateway.realtime.credentials import Secret, SecretKind, without_secrets


class Cause(StrEnum):
    """Why an endpoint said no; ``ModelRefused.cause`` is one of these."""

    NO_KEY = "no_key"
    WRONG_KEY = "wrong_key"
    KEYS_OFF = "keys_off"
    NO_ROLE = "no_role"
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - a word, not a secret
    NOT_ALLOWED = "not_allowed"
    FIREWALL = "firewall"
    NO_MODEL = "no_model"
    UNKNOWN_MODEL = "unknown_model"
    TRANSCRIPTION_ONLY = "transcription_only"
    NO_TRANSCRIPTION = "no_transcription"
    API_VERSION = "api_version"
    WRONG_PROTOCOL = "wrong_protocol"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    NO_UPGRADE = "no_upgrade"
    MOVED = "moved"
    WRONG_URL = "wrong_url"
    TROUBLE = "trouble"
    OTHER = "other"


FATAL_CODES: Final[Mapping[str, bool]] = {
    "session_expired": True,
    "invalid_api_key": False,
    "invalid_organization": False,
    "account_deactivated": False,
    "insufficient_quota": False,
    "billing_hard_limit_reached": False,
}
"""Error codes that end a session, and whether a new session can go on."""

REMEDIES: Final[Mapping[Cause, str]] = {
    Cause.NO_KEY: "no key was shown; set api_key (variable OPENAI_API_KEY or AZURE_OPENAI_API_KEY)",
    Cause.WRONG_KEY: "check api_key, and that it belongs to this endpoint",
    Cause.KEYS_OFF: "this resource takes no keys; set auth: entra",
    Cause.NO_ROLE: (
        "give this identity the role 'Cognitive Services OpenAI User' on the resource; it takes effect within 5 minutes"
    ),
    Cause.WRONG_TOKEN: (
        "the token is for another audience or out of date; try entra_scope: "
        "https://cognitiveservices.azure.com/.default, and check this machine's clock"
    ),
    Cause.NOT_ALLOWED: "check that this key's project may use Realtime and this model",
    Cause.FIREWALL: "the resource's network rules keep this machine out; let its address in, or use a private endpoint",
    Cause.NO_MODEL: "name a realtime model as model (on Azure: deployment)",
    Cause.UNKNOWN_MODEL: "check model: there is none of that name for this key",
    Cause.TRANSCRIPTION_ONLY: (
        "this model can't hold a conversation: name a realtime model, and a transcriber under transcription.model"
    ),
    Cause.NO_TRANSCRIPTION: "check transcription.model: it must name a transcriber that this account has",
    Cause.API_VERSION: (
        "check api_version: GA takes none, not in url either, and preview needs one that exists, 2025-04-01-preview"
    ),
    Cause.WRONG_PROTOCOL: "set protocol: ga, since this endpoint has done away with beta",
    Cause.QUOTA: "the account has no credit or quota left; top it up or use another key",
    Cause.RATE_LIMIT: "wait, or raise the rate limit of this account",
    Cause.NO_UPGRADE: (
        "a proxy, firewall or load balancer on the way does not pass WebSocket upgrades; "
        "let it pass 'Upgrade: websocket', or go around it"
    ),
    Cause.WRONG_URL: "check model and url",
    Cause.TROUBLE: "the endpoint has trouble of its own; try again",
    Cause.OTHER: "check url, model and api_key",
}
"""What to do, by cause; :attr:`Cause.MOVED` names the address itself."""

_AZURE_REMEDIES: Final[Mapping[Cause, str]] = {
    Cause.WRONG_KEY: "check api_key and url: the key must be one of this very resource's",
    Cause.UNKNOWN_MODEL: (
        "check deployment: it is the name given at deploying, not the model's; a new one takes 5 minutes to appear"
    ),
    Cause.NO_TRANSCRIPTION: (
        "check transcription.model: it must name a transcription deployment of this resource; deploy one"
    ),
    Cause.WRONG_URL: (
        "check url, and whether this region has the GA protocol; if it has only preview, set api_version: "
        "2025-04-01-preview"
    ),
}
_SETUP_REMEDY: Final = "check the model and the session fields that this endpoint takes"
_GA_FIELDS: Final = ("session.type", "session.audio", "session.output_modalities")
"""What a beta endpoint does not know of a session."""
_BETA_WANTED: Final = "set protocol: beta, since this endpoint does not know GA sessions"

_BY_CODE: Final[Mapping[str, Cause]] = {
    "invalid_api_key": Cause.WRONG_KEY,
    "account_deactivated": Cause.WRONG_KEY,
    "invalid_organization": Cause.NOT_ALLOWED,
    "model_not_allowed": Cause.NOT_ALLOWED,
    "permissiondenied": Cause.NO_ROLE,
    "authenticationtypedisabled": Cause.KEYS_OFF,
    "missing_model": Cause.NO_MODEL,
    "model_not_found": Cause.UNKNOWN_MODEL,
    "deploymentnotfound": Cause.UNKNOWN_MODEL,
    "invalid_model": Cause.UNKNOWN_MODEL,
    "opperationnotsupported": Cause.TRANSCRIPTION_ONLY,  # Azure's spelling, until somebody mends it
    "operationnotsupported": Cause.TRANSCRIPTION_ONLY,
    "beta_api_shape_disabled": Cause.WRONG_PROTOCOL,
    "beta_api_not_supported": Cause.WRONG_PROTOCOL,
    "insufficient_quota": Cause.QUOTA,
    "billing_hard_limit_reached": Cause.QUOTA,
    "rate_limit_exceeded": Cause.RATE_LIMIT,
}
"""Error codes, in lower case."""

_BY_PHRASE: Final[Mapping[str, Cause]] = {
    "lacks the required data action": Cause.NO_ROLE,
    "key based authentication is disabled": Cause.KEYS_OFF,
    "audience is incorrect": Cause.WRONG_TOKEN,
    "invalid subscription key": Cause.WRONG_KEY,
    "missing bearer or basic authentication": Cause.NO_KEY,
    "api version not supported": Cause.API_VERSION,
    "virtual network/firewall": Cause.FIREWALL,
    "public access is disabled": Cause.FIREWALL,
    "exceeded your current quota": Cause.QUOTA,
    "out of call volume quota": Cause.QUOTA,
    "does not exist or you do not have access": Cause.UNKNOWN_MODEL,
}
"""Words in messages whose code says nothing (Azure: ``401``, ``BadRequest``; OpenAI: null), in lower case."""

_TRANSCRIBER: Final = re.compile(r"transcri|whisper", re.IGNORECASE)
_EXCERPT_CHARACTERS: Final = 200


class _RefusalBody(msgspec.Struct):
    error: msgspec.Raw = msgspec.Raw()


class _RefusalError(msgspec.Struct):
    code: str | None = None
    message: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """An endpoint's own words; ``is_api``: they came as an API's error object, not as somebody's page."""

    code: str
    text: str
    is_api: bool = True


def refusal(
    where: str, status: int, body: bytes, *, location: str = "", secret: Secret | None = None, url: str = ""
) -> ModelRefused:
    """Return what to raise for an HTTP answer other than 101.

    Args:
        where: the endpoint's name and URL, for the message.
        status: HTTP status of the answer.
        body: its body, whole or cut; quoted in the message without anything that looks like a key.
        location: its ``Location`` header.
        secret: what we showed at the door, so that it is not quoted.
        url: where the upgrade was asked for, with its query; never quoted.

    """
    said = _read(body)
    cause = _cause_of_answer(status, said, secret, url)
    if cause is Cause.MOVED:
        remedy = f"set url to {location.partition('?')[0] or 'where it leads'}"
    elif status == 400 and cause is Cause.OTHER:
        remedy = _SETUP_REMEDY
    else:
        remedy = remedy_for(cause, url)
        if cause is Cause.NO_UPGRADE and status >= 500:
            remedy = f"the endpoint may have trouble of its own, so try again; if it stays so, {remedy}"
    retryable = cause in {Cause.TROUBLE, Cause.RATE_LIMIT} or status in {408, 425} or status >= 500
    excerpt = without_secrets(" ".join(said.text.split())[:_EXCERPT_CHARACTERS], secret)
    quoted = f" ({excerpt})" if excerpt else ""
    return ModelRefused(
        f"{where} refused the session with HTTP {status}{quoted}; {remedy}",
        status=status,
        retryable=retryable and cause is not Cause.QUOTA,
        cause=cause,
        remedy=remedy,
    )


def ended_at_once(
    where: str, lost: SessionLost, fault: str, *, secret: Secret | None = None, url: str = ""
) -> ModelRefused:
    """Return what to raise for a session that was granted and ended before it began, as OpenAI says no.

    Args:
        where: the endpoint's name and URL, for the message.
        lost: how it ended.
        fault: the ``error`` event before it, as ``code: message``; empty if none came.
        secret: what we showed at the door, so that it is not quoted.
        url: where the upgrade was asked for.

    """
    code, _, message = fault.partition(": ")
    cause = _named(_Said(lost.reason, message)) or _named(_Said(code, message)) or Cause.OTHER
    if cause is Cause.OTHER:
        remedy = "try again" if lost.retryable else "check api_key, model and the account behind the key"
    else:
        remedy = remedy_for(cause, url)
    excerpt = without_secrets(fault, secret)
    quoted = f" ({excerpt})" if excerpt else ""
    return ModelRefused(
        f"{where} took the connection and ended the session at once: {lost.reason}{quoted}; {remedy}",
        retryable=lost.retryable if cause is Cause.OTHER else cause is Cause.RATE_LIMIT,
        cause=cause,
        remedy=remedy,
    )


def setup_refused(where: str, fault: ModelFault, *, url: str = "") -> ModelRefused:
    """Return what to say of a set-up (``session.update``) that the endpoint refused; the session itself lives on.

    A transcriber that it does not know and the two protocols mixed up are told apart from other wrong fields.
    """
    message = fault.message.lower()
    if "transcription" in message:
        cause, remedy = Cause.NO_TRANSCRIPTION, remedy_for(Cause.NO_TRANSCRIPTION, url)
    elif any(field in message for field in _GA_FIELDS):
        cause, remedy = Cause.WRONG_PROTOCOL, _BETA_WANTED
    else:
        cause = _named(_Said(fault.code, fault.message)) or Cause.OTHER
        remedy = _SETUP_REMEDY if cause is Cause.OTHER else remedy_for(cause, url)
    said = without_secrets(f"{fault.code}: {fault.message}"[:_EXCERPT_CHARACTERS])
    return ModelRefused(f"{where} refused the session's set-up ({said}); {remedy}", cause=cause, remedy=remedy)


def remedy_for(cause: Cause, url: str = "") -> str:
    """Return what to do about a cause at an endpoint; Azure's settings have names of their own."""
    if _is_azure(url) and cause in _AZURE_REMEDIES:
        return _AZURE_REMEDIES[cause]
    return REMEDIES[cause]


def lost_by_close(code: int, reason: str) -> SessionLost:
    """Return what a close code (1006: none came) and its reason mean; ``reason`` becomes one fixed word."""
    if code == 1001 and "maximum duration" in reason:
        return SessionLost("session_expired", retryable=True)
    # Codes of refusals come at the end of a dotted reason: "invalid_request_error.invalid_api_key".
    kind, _, word = reason.strip().rpartition(".")
    if word in FATAL_CODES:
        return SessionLost(word, FATAL_CODES[word])
    if word.isidentifier() and (code == 3000 or (code == 4000 and kind.isidentifier())):
        return SessionLost(word, retryable=False)
    if code == 1006:
        return SessionLost("connection_lost", retryable=True)
    return SessionLost(f"closed_{code}", retryable=code not in {1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003})


def _read(body: bytes) -> _Said:
    """Return the code and the words of a refusal: those of an API's error object, else the text itself."""
    page = _Said("", bytes(body[:4096]).decode("utf-8", "replace"), is_api=False)
    try:
        raw = msgspec.json.decode(body, type=_RefusalBody).error
        error = msgspec.json.decode(raw, type=_RefusalError)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return page
    code = error.code or error.type or ""
    return _Said(code, ": ".join(word for word in (code, error.message) if word))


def _named(said: _Said) -> Cause | None:
    """Return the cause that an endpoint names itself, by code or by words; None if it does not."""
    text = said.text.lower()
    cause = _BY_CODE.get(said.code.lower())
    if cause is None:
        cause = next((found for phrase, found in _BY_PHRASE.items() if phrase in text), None)
    # OpenAI has one code for a model that it does not know and for one that only transcribes.
    if cause is Cause.UNKNOWN_MODEL and said.code == "invalid_model" and _TRANSCRIBER.search(said.text):
        return Cause.TRANSCRIPTION_ONLY
    return cause


def _cause_of_answer(status: int, said: _Said, secret: Secret | None, url: str) -> Cause:
    """Return the cause of an HTTP answer: what it names itself, else what its status means at such an endpoint."""
    named = _named(said) if said.is_api else None
    versioned = "api-version" in parse_qs(urlsplit(url).query)
    if status == 401 and versioned and "/openai/v1/" in urlsplit(url).path:
        return Cause.API_VERSION  # GA on Azure takes an api-version for a wrong key
    if named is not None:
        return named
    if not said.is_api and (_is_page(status, said.text) or status < 300):
        return Cause.NO_UPGRADE
    token = secret is not None and secret.kind is SecretKind.TOKEN
    match status:
        case _ if 300 <= status < 400:
            return Cause.MOVED
        case 401:
            return Cause.NO_KEY if secret is None and url else Cause.WRONG_TOKEN if token else Cause.WRONG_KEY
        case 403:
            return Cause.NO_ROLE if token else Cause.NOT_ALLOWED
        case 404:
            return Cause.API_VERSION if versioned and _is_azure(url) else Cause.WRONG_URL
        case 426:
            return Cause.NO_UPGRADE
        case 429:
            return Cause.RATE_LIMIT
        case _ if status >= 500 or status in {408, 425}:
            return Cause.TROUBLE
        case _:
            return Cause.OTHER


def _is_page(status: int, text: str) -> bool:
    """Return whether an answer is what a proxy writes that took the upgrade for a plain request."""
    lower = text.lower()
    return status in {400, 405, 426, 502, 504} or "upgrade" in lower or "websocket" in lower


def _is_azure(url: str) -> bool:
    """Return whether a URL is of Azure's form, whatever its host and whatever a gateway put before the path."""
    return urlsplit(url).path.endswith(("/openai/realtime", "/openai/v1/realtime"))
