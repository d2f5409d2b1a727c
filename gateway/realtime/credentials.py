"""What a model session proves itself with, and how it stays out of sight.

A credential is asked for a fresh :class:`Secret` at every connect, because tokens age while calls run; the dialect
decides which header it becomes. Secrets never stand in a ``repr``, an error or a log: what an endpoint writes back is
passed through :func:`without_secrets` before anybody reads it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import structlog
from pydantic import SecretStr

from gateway.errors import ConfigurationError
from gateway.settings.secret_file import SecretInFile
from gateway.settings.substitute import NotSubstituted

log = structlog.get_logger()


class SecretKind(StrEnum):
    """What sort of proof a secret is; an endpoint may want each in a header of its own."""

    API_KEY = "api_key"
    """A long-lived key, or an ephemeral one that is used in its place."""
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    """A short-lived access token, such as one of Entra ID."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key or token, ready for a header: printable ASCII, prints as dots."""

    kind: SecretKind
    value: str

    def __repr__(self) -> str:
        return f"Secret({self.kind}, ••••)"


class Credential(Protocol):
    """Where a session gets its secret from. May go over the network, so it is asked within the connect timeout."""

    async def secret(self) -> Secret | None:
        """Return a secret that is good now, or None where the endpoint wants none.

        Raises:
            ModelError: it can't be had; the message says from where and what to do.

        """
        ...

    async def close(self) -> None:
        """Let go of what was opened to get secrets; none is asked for afterwards."""
        ...


class ApiKey:
    """A key from the settings; one that lies in a file is read again for every session.

    Raises:
        ConfigurationError: the key holds something that can't stand in a header.

    """

    __slots__ = ("_endpoint", "_secret", "_source")

    def __init__(self, key: SecretStr, *, endpoint: str) -> None:
        self._endpoint = endpoint
        self._source = key if isinstance(key, SecretInFile) else None
        self._secret = _key(key.get_secret_value(), endpoint)

    async def secret(self) -> Secret | None:
        """Return the key. One that can't be read again, or makes no sense, leaves the last good one in use."""
        if self._source is not None:
            try:
                self._secret = _key(await asyncio.to_thread(self._source.reread), self._endpoint)
            except (NotSubstituted, ValueError, ConfigurationError) as error:
                log.warning("model_key_not_reread", endpoint=self._endpoint, why=str(error))
        return self._secret

    async def close(self) -> None:
        """Do nothing: a key is not held open."""

    def __repr__(self) -> str:
        return "ApiKey(••••)"


def _key(text: str, endpoint: str) -> Secret:
    # A key read from a file ends with its line break; that much is forgiven.
    value = text.strip()
    if not value:
        raise ConfigurationError(f"endpoints.{endpoint}.api_key is empty; give a key, or leave the line out")
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ConfigurationError(
            f"endpoints.{endpoint}.api_key holds a space, a line break or a character outside ASCII; copy it again"
        )
    return Secret(SecretKind.API_KEY, value)


class NoCredential:
    """For endpoints that ask for nothing."""

    __slots__ = ()

    async def secret(self) -> Secret | None:
        """Return None."""
        return None

    async def close(self) -> None:
        """Do nothing."""


_KEY_LIKE: Final = re.compile(r"\b(?:sk|ek|pk|rk)[-_][^\s\"',;]+|(?i:bearer)\s+[^\s\"',;]+")
"""Keys as vendors write them, also half masked: refusals like to quote the key that they refuse."""


def without_secrets(text: str, secret: Secret | None = None) -> str:
    """Return ``text`` with the given secret, and anything that looks like a key, replaced by dots."""
    if secret is not None:
        text = text.replace(secret.value, "••••")
    return _KEY_LIKE.sub("••••", text)
