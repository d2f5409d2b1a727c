"""The operator's headers of a tool: secrets that may be rotated while the gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from pydantic import SecretStr

from gateway.settings.secret_file import SecretInFile
from gateway.settings.substitute import NotSubstituted

log = structlog.get_logger()


class Headers:
    """Headers by name; a value of ``${file:…}`` is read again for each request."""

    def __init__(self, tool: str, given: Mapping[str, SecretStr]) -> None:
        self._tool = tool
        self._given = given
        self._in_files = any(isinstance(secret, SecretInFile) for secret in given.values())

    async def current(self) -> dict[str, str]:
        """Return the headers as they are now; a file that can't be read leaves the value of the start."""
        return await asyncio.to_thread(self._read) if self._in_files else self._read()

    def _read(self) -> dict[str, str]:
        return {name: self._value(name, secret) for name, secret in self._given.items()}

    def _value(self, name: str, secret: SecretStr) -> str:
        if isinstance(secret, SecretInFile):
            try:
                return secret.reread()
            except (NotSubstituted, ValueError) as error:
                log.warning("tool_secret_unread", tool=self._tool, header=name, why=str(error))
        return secret.get_secret_value()
