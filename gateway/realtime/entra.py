"""Microsoft Entra ID: an access token in place of a key, through ``azure-identity``.

Every connect asks for a token. What that costs is the library's affair, which keeps a token until it is about to
expire; the gateway keeps none, so that no session ever begins on an old one. The library is imported in a thread when
the first token is wanted, because that takes longer than a call may be held up.

Source: azure-identity 1.27 and Microsoft's Realtime samples for the scopes, read November 2026.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from gateway.errors import ModelError
from gateway.realtime.credentials import Secret, SecretKind, without_secrets
from gateway.settings.schema import EndpointSettings

GA_SCOPE: Final = "https://ai.azure.com/.default"
PREVIEW_SCOPE: Final = "https://cognitiveservices.azure.com/.default"

_EXCERPT_CHARACTERS: Final = 200
_REMEDIES: Final = {
    "default": "sign in with 'az login', give this machine a managed identity, or set api_key",
    "managed_identity": "give this machine a managed identity, and client_id if it has several, or set api_key",
    "workload_identity": "label the pod for workload identity, and check its service account and client_id",
}


class AccessToken(Protocol):
    """What a token source gives: the part of ``azure.core.credentials.AccessToken`` that is used."""

    @property
    def token(self) -> str:
        """The token itself."""
        ...


class TokenSource(Protocol):
    """Gives tokens: the part of ``azure.core.credentials_async.AsyncTokenCredential`` that is used."""

    async def get_token(self, *scopes: str) -> AccessToken:
        """Return a token that is good now."""
        ...

    async def close(self) -> None:
        """Close the connections that it keeps."""
        ...


class EntraCredential:
    """Asks Entra ID for a token at every connect.

    Args:
        endpoint: the endpoint's name in the settings.
        settings: ``entra_credential``, ``entra_scope`` and ``client_id`` are read.
        make_source: makes the token source, in a thread, when the first token is wanted; ``azure-identity``'s unless
            another is given.

    """

    def __init__(
        self, endpoint: str, settings: EndpointSettings, *, make_source: Callable[[], TokenSource] | None = None
    ) -> None:
        self._endpoint = endpoint
        self._scope = settings.entra_scope or (PREVIEW_SCOPE if settings.protocol == "beta" else GA_SCOPE)
        self._remedy = _REMEDIES[settings.entra_credential]
        self._make_source = make_source or (lambda: azure_source(settings))
        self._source: asyncio.Future[TokenSource] | None = None

    @property
    def scope(self) -> str:
        """What tokens are asked for."""
        return self._scope

    async def secret(self) -> Secret | None:
        """Return a token that is good now.

        Raises:
            ModelError: there is none to be had.

        """
        source = await self._opened()
        from azure.core.exceptions import AzureError

        try:
            given = await source.get_token(self._scope)
        except AzureError as error:
            raise self._trouble(_first_line(error)) from None
        return Secret(SecretKind.TOKEN, given.token)

    async def _opened(self) -> TokenSource:
        """Return the token source, made by whoever needs it first; one that could not be made is tried again."""
        if self._source is None:
            self._source = asyncio.ensure_future(asyncio.to_thread(self._make_source))
        making = self._source
        try:
            # Shielded: a connect that is given up must not take the source from the others that wait for it.
            return await asyncio.shield(making)
        except (ImportError, ValueError, OSError) as error:
            if self._source is making:
                self._source = None
            raise self._trouble(_first_line(error)) from None

    async def close(self) -> None:
        """Close the connections to Entra ID."""
        if self._source is None:
            return
        making, self._source = self._source, None
        (source,) = await asyncio.gather(making, return_exceptions=True)
        if not isinstance(source, BaseException):
            await source.close()

    def _trouble(self, what: str) -> ModelError:
        return ModelError(
            f"endpoint {self._endpoint!r}: no Entra ID token for {self._scope}: {without_secrets(what)}; {self._remedy}"
        )

    def __repr__(self) -> str:
        return f"EntraCredential({self._endpoint!r}, {self._scope!r})"


def azure_source(settings: EndpointSettings) -> TokenSource:
    """Return the ``azure-identity`` credential that the settings name; imports the library, which takes a while."""
    from azure.identity import aio

    client: dict[str, Any] = {} if settings.client_id is None else {"client_id": settings.client_id}
    match settings.entra_credential:
        case "managed_identity":
            return aio.ManagedIdentityCredential(**client)
        case "workload_identity":
            return aio.WorkloadIdentityCredential(**client)
        case "default":
            # The workload's id is the managed identity's unless it is named.
            return aio.DefaultAzureCredential(**{f"managed_identity_{name}": given for name, given in client.items()})


def _first_line(error: Exception) -> str:
    """Return the beginning of what the library says; the rest is a list of all that it tried."""
    line = str(error).strip().partition("\n")[0].strip().rstrip(".")
    return (line or type(error).__name__)[:_EXCERPT_CHARACTERS]
