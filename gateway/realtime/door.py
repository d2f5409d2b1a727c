"""How a session of the Realtime API gets in: its URL and its headers, by type of endpoint and protocol.

OpenAI and whoever is compatible take any secret as a bearer, Azure takes keys in a header of their own. The beta
protocol is asked for by a header; Azure's preview has a path of its own instead.

Source: Realtime API reference and Microsoft's Realtime documents, read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway import __version__
from gateway.errors import ConfigurationError
from gateway.realtime.azure_url import azure_realtime_url
from gateway.realtime.credentials import Secret, SecretKind
from gateway.realtime.dialect import ConnectRequest
from gateway.realtime.ga_url import OPENAI_BASE_URL, realtime_url
from gateway.settings.schema import EndpointSettings

_OWN_MODEL: Final[Mapping[str, str]] = {"local": "local"}
"""What to ask a type of endpoint for that has one model only; a session always names one."""

_BETA_HEADER: Final = ("OpenAI-Beta", "realtime=v1")


@dataclass(frozen=True, slots=True)
class Door:
    """Where a session connects. ``key_header``: where a key goes that is not a bearer."""

    url: str
    headers: tuple[tuple[str, str], ...]
    key_header: str | None = None

    def request(self, secret: Secret | None) -> ConnectRequest:
        """Return what to say at the door with this secret; an access token always is a bearer."""
        return ConnectRequest(self.url, self._proof(secret) + self.headers)

    def _proof(self, secret: Secret | None) -> tuple[tuple[str, str], ...]:
        if secret is None:
            return ()
        if self.key_header is not None and secret.kind is SecretKind.API_KEY:
            return ((self.key_header, secret.value),)
        return (("Authorization", f"Bearer {secret.value}"),)


def door_of(endpoint: str, settings: EndpointSettings) -> Door:
    """Return the door of an endpoint that speaks the Realtime API, GA or beta.

    Raises:
        ConfigurationError: url, model, deployment, version, organization or project can't be meant.

    """
    headers = [("User-Agent", f"twobanks/{__version__}")]
    if settings.type == "azure":
        return Door(azure_realtime_url(endpoint, settings), tuple(headers), key_header="api-key")
    model = settings.model or _OWN_MODEL.get(settings.type)
    url = realtime_url(_base_url(endpoint, settings), model, endpoint=endpoint)
    if settings.type == "openai" and not model and "model=" not in (settings.url or ""):
        raise ConfigurationError(
            f"endpoints.{endpoint}.model is missing; name a realtime model, such as config/gateway.yaml does"
        )
    if settings.protocol == "beta":
        headers.append(_BETA_HEADER)
    for name, field, value in (
        ("OpenAI-Organization", "organization", settings.organization),
        ("OpenAI-Project", "project", settings.project),
    ):
        if not value:
            continue
        if not (value.isascii() and value.isprintable()):
            raise ConfigurationError(
                f"endpoints.{endpoint}.{field} holds a character that can't stand in a header; copy it again"
            )
        headers.append((name, value.strip()))
    return Door(url, tuple(headers))


def _base_url(endpoint: str, settings: EndpointSettings) -> str:
    if settings.url:
        return settings.url
    if settings.type == "openai":
        return OPENAI_BASE_URL
    cure = "start the local server first and give its URL" if settings.type == "local" else "give the server's base URL"
    raise ConfigurationError(
        f"endpoints.{endpoint}.url is missing, and type {settings.type!r} has none of its own; {cure}"
    )
