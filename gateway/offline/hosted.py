"""How hosted endpoints say no, by name: what the local server answers when the fault ``hosted`` asks for one.

OpenAI grants every upgrade and then sends an ``error`` event and a close, 3000 for keys and 4000 for models and
protocol, whose reason is ``type.code``. Azure refuses the upgrade with an error object. What stands on the way, such as
a proxy that does not pass upgrades, answers with a page.

How sure each is (public material read November 2026; no service was asked from here). As clients recorded it:
``openai_no_key``, ``openai_wrong_key``, ``openai_no_model``, ``openai_unknown_model``, ``openai_beta``; code and words
of ``azure_wrong_key``, ``azure_unknown_deployment``, ``azure_api_version``, ``azure_transcription_model``, and the
phrase of ``azure_no_role``. Composed after documents and their neighbours: all others, above all the close of
``openai_quota`` and the words of Azure's quota, firewall, audience and key-less refusals. Keys, ids, pages: made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Ended:
    """The upgrade is granted; an ``error`` event and a close follow at once."""

    code: str | None
    message: str
    close_code: int
    kind: str = "invalid_request_error"

    @property
    def event(self) -> dict[str, Any]:
        """The ``error`` event."""
        error = {"type": self.kind, "code": self.code, "message": self.message, "param": None, "event_id": None}
        return {"type": "error", "event_id": "event_refused", "error": error}

    @property
    def reason(self) -> str:
        """The close's reason: ``type.code``, or the type alone."""
        return self.kind if self.code is None else f"{self.kind}.{self.code}"


@dataclass(frozen=True, slots=True)
class Answered:
    """The upgrade is answered with this status, and an API's error object or, as ``page``, somebody's text."""

    status: int
    code: str = ""
    message: str = ""
    page: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """The error object."""
        return {"error": {"code": self.code, "message": self.message}}


HOSTED: Final[Mapping[str, Ended | Answered]] = {
    "openai_no_key": Ended(None, "Missing bearer or basic authentication in header", 3000),
    "openai_wrong_key": Ended("invalid_api_key", "Incorrect API key provided: sk-proj-***…AAAA.", 3000),
    "openai_no_model": Ended(
        "missing_model",
        "You must provide a model parameter, for example wss://api.openai.com/v1/realtime?model=gpt-realtime-1.5",
        4000,
    ),
    "openai_unknown_model": Ended("invalid_model", 'Model "gpt-nope" is not supported in realtime mode.', 4000),
    "openai_transcription_model": Ended(
        "invalid_model", 'Model "gpt-4o-transcribe" is not supported in realtime mode.', 4000
    ),
    "openai_beta": Ended(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
        4000,
    ),
    "openai_quota": Ended(
        "insufficient_quota", "You exceeded your current quota, please check your plan and billing details.", 4000
    ),
    "openai_quota_http": Answered(
        429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."
    ),
    "azure_wrong_key": Answered(
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource.",
    ),
    "azure_keys_off": Answered(
        403, "AuthenticationTypeDisabled", "Key based authentication is disabled for this resource."
    ),
    "azure_no_role": Answered(
        401,
        "PermissionDenied",
        "The principal `00000000-0000-0000-0000-000000000000` lacks the required data action "
        "`Microsoft.CognitiveServices/accounts/OpenAI/realtime/action` to perform `GET /openai/realtime` operation.",
    ),
    "azure_wrong_audience": Answered(
        401,
        "401",
        "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), "
        "or have expired.",
    ),
    "azure_firewall": Answered(403, "403", "Access denied due to Virtual Network/Firewall rules."),
    "azure_unknown_deployment": Answered(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        "please wait a moment and try again.",
    ),
    "azure_api_version": Answered(400, "BadRequest", "API version not supported"),
    "azure_resource_not_found": Answered(404, "404", "Resource not found"),
    "azure_transcription_model": Answered(
        400, "OpperationNotSupported", "The realtime operation does not work with the specified model."
    ),
    "azure_quota": Answered(
        429, "429", "Requests have exceeded the call rate limit of your current pricing tier. Please retry later."
    ),
    "azure_volume_quota": Answered(403, "403", "Out of call volume quota."),
    "proxy_200": Answered(200, page="<html><title>Portal</title><p>Welcome</p></html>"),
    "proxy_400": Answered(400, page="<html><h1>400 Bad Request</h1></html>"),
    "proxy_426": Answered(426, page="Upgrade Required"),
    "proxy_502": Answered(502, page="<html><h1>502 Bad Gateway</h1></html>"),
}
"""Refusals by name."""


def models_listed(names: str) -> dict[str, Any]:
    """Return the answer to a request for the list of models or deployments; ``names`` are divided by ``|``."""
    data = [
        {"id": name, "object": "model", "created": 1_750_000_000, "owned_by": "system"} for name in names.split("|")
    ]
    return {"object": "list", "data": data}
