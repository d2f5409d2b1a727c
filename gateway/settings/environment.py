"""The environment that settings see: the process's own, and behind it the file ``.env`` of the working directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv.parser import parse_stream


class Environment(Mapping[str, str]):
    """Variables and where each came from. The process's own always win, even when they are empty."""

    def __init__(self, process: Mapping[str, str], dotenv: Mapping[str, str] | None = None) -> None:
        self._process = process
        self._dotenv = dotenv or {}

    def __getitem__(self, name: str) -> str:
        return self._process[name] if name in self._process else self._dotenv[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._dotenv, **self._process})

    def __len__(self) -> int:
        return len({**self._dotenv, **self._process})

    def __repr__(self) -> str:
        return f"Environment({len(self)} variables)"

    def origin(self, name: str) -> str:
        """Return ``environment`` or ``.env``."""
        return ".env" if name not in self._process and name in self._dotenv else "environment"


def read_environment(directory: Path | None = None) -> tuple[Environment, list[str]]:
    """Return the process's environment with the ``.env`` of a directory (the working one if None) behind it.

    Returns:
        The environment, and a note for each line of the file that is not ``NAME=value`` and was passed over. What
        such a line says is not repeated: it may be half a secret.

    """
    path = (directory or Path()) / ".env"
    values: dict[str, str] = {}
    notes: list[str] = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for binding in parse_stream(file):
                if binding.error or (binding.key is not None and binding.value is None):
                    notes.append(f".env line {binding.original.line} is not NAME=value and is passed over")
                elif binding.key is not None and binding.value is not None:
                    values[binding.key] = binding.value
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        notes.append(f".env can't be read ({type(error).__name__}) and is passed over")
    return Environment(os.environ, values), notes
