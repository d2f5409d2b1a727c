"""Kinds of endpoint: which dialect is spoken with a ``type`` and ``protocol`` of the settings, and what proves us.

A further kind is one dialect file. It needs no line here: an endpoint names it as ``package.module:Factory``, where
the factory is any :data:`gateway.realtime.dialect.DialectFactory`, such as the dialect's class. Its own options come
in ``options``, its key in ``api_key`` as everybody's, and ``auth: entra`` gives it an access token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from gateway.errors import ConfigurationError
from gateway.realtime.credentials import ApiKey, Credential, NoCredential
from gateway.realtime.dialect import DialectFactory
from gateway.realtime.entra import EntraCredential
from gateway.realtime.openai_beta import OpenAiBeta
from gateway.realtime.openai_ga import OpenAiGa
from gateway.settings.endpoint import EndpointSettings, is_plugin
from gateway.settings.plugins import NotLoaded, load_plugin

CredentialFactory = Callable[[str, EndpointSettings], Credential]
"""Makes the credential of an endpoint, given its name and settings.

Raises ConfigurationError if the settings can't be meant.
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What sets one kind of endpoint apart from the others."""

    dialect: DialectFactory
    credential: CredentialFactory


def kind_of(name: str, settings: EndpointSettings) -> Kind:
    """Return the kind of an endpoint, by its name and settings.

    Raises:
        ConfigurationError: ``type`` names a plug-in that can't be loaded.

    """
    if is_plugin(settings.type):
        return Kind(_plugin(name, settings.type), credential_of)
    return Kind(OpenAiBeta if settings.protocol == "beta" else OpenAiGa, credential_of)


def check_endpoint(name: str, settings: EndpointSettings) -> None:
    """Return if sessions can be asked for with these settings; what can't be meant shall not wait for the first call.

    Raises:
        ConfigurationError: it can't; the message names the setting.

    """
    if settings.type == "local" and settings.url is None:
        return  # its address is known once the local server runs
    kind = kind_of(name, settings)
    kind.dialect(name, settings).connect_request(None)
    kind.credential(name, settings)


def credential_of(name: str, settings: EndpointSettings) -> Credential:
    """Return what proves us at an endpoint: a key, Entra ID, or nothing.

    Raises:
        ConfigurationError: ``auth: key`` without a key, or a key that can't stand in a header.

    """
    auth = settings.auth or ("entra" if settings.type == "azure" and settings.api_key is None else "key")
    if auth == "entra":
        return EntraCredential(name, settings)
    if settings.api_key is not None:
        return ApiKey(settings.api_key, endpoint=name)
    if settings.auth == "key":
        raise ConfigurationError(
            f"endpoints.{name}.api_key is missing, and auth is 'key'; give one, or set auth: entra"
        )
    return NoCredential()


def _plugin(name: str, reference: str) -> DialectFactory:
    try:
        return cast("DialectFactory", load_plugin(reference))
    except NotLoaded as error:
        raise ConfigurationError(f"endpoints.{name}.type: {reference!r} {error}") from error
