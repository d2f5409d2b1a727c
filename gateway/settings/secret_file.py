"""A secret that lies in a file, ``${file:…}``: it remembers where, so that a rotated key needs no restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from pydantic import SecretStr


class SecretInFile(SecretStr):
    """A secret whose text in the settings names a file.

    Everywhere it is the :class:`pydantic.SecretStr` that was read at the start; :meth:`reread` gives today's.

    Args:
        value: what was read at the start.
        read: reads it again, and raises or returns None where that fails.

    """

    def __init__(self, value: str, read: Callable[[], str | None]) -> None:
        super().__init__(value)
        self._read = read

    def reread(self) -> str:
        """Return the secret as it is now; reads files, so it is asked in a thread.

        Raises:
            NotSubstituted: a file or a variable is no longer there, or not what it was.
            ValueError: it is empty.

        """
        value = self._read()
        if not value:
            raise ValueError("the file is empty")
        return value

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: it never changes, and its way to the file is not to be copied."""
        return self
