"""Puts environment variables and secret files into settings.

``${NAME}`` is the variable's value, ``${NAME:-words}`` the same or the words if it is unset or empty, ``${file:/path}``
a file's content without its last line break; anywhere in a value, more than once if need be. ``$${`` is a plain ``${``.
What was put in is never read again for further ``${``. A value that consists of one of these and turns out empty is no
value at all (None).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MAX_FILE_BYTES: Final = 65536
"""A secret is short; a larger file is a wrong path."""

_PIECE: Final = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)(?P<closed>\})?")
_VARIABLE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


class NotSubstituted(Exception):
    """A ``${…}`` could not be filled in; ``problems`` has a phrase for each that fits behind "in FILE line …"."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def has_substitution(text: str) -> bool:
    """Return whether anything in a text is to be put in or unescaped."""
    return "${" in text


def substitute(text: str, environ: Mapping[str, str], directory: Path) -> str | None:
    """Return a value with everything put in; ``directory`` is where relative ``${file:…}`` paths begin.

    Raises:
        NotSubstituted: a variable is unset, a file can't be read, or the writing is wrong. Values are never quoted.

    """
    problems: list[str] = []

    def fill(piece: re.Match[str]) -> str:
        if piece[0] == "$${":
            return "${"
        if not piece["closed"] or "${" in piece["inside"]:
            problems.append("has '${' without its own '}' (one can't stand in another; write '$${' for a plain '${')")
            return ""
        try:
            return _look_up(piece["inside"], environ, directory)
        except NotSubstituted as error:
            problems.extend(error.problems)
            return ""

    filled = _PIECE.sub(fill, text)
    if problems:
        raise NotSubstituted(problems)
    whole = _PIECE.fullmatch(text)
    return None if whole and not filled else filled


def _look_up(inside: str, environ: Mapping[str, str], directory: Path) -> str:
    if inside.startswith("file:"):
        return _read(inside.removeprefix("file:"), directory)
    variable = _VARIABLE.fullmatch(inside)
    if variable is None:
        raise NotSubstituted(
            ["has a '${…}' that is neither ${NAME}, ${NAME:-words} nor ${file:/path} (write '$${' for a plain '${')"]
        )
    name, default = variable["name"], variable["default"]
    value = environ.get(name)
    if default is not None:
        return value or default
    if value is None:
        raise NotSubstituted([f"wants the variable {name}, which is not set; set it, or write ${{{name}:-words}}"])
    return value


def _read(name: str, directory: Path) -> str:
    path = directory / name
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        why = (error.strerror or "error").lower()
        raise NotSubstituted([f"wants the file {name}, which can't be read: {why}"]) from None
    if len(content) > MAX_FILE_BYTES:
        raise NotSubstituted([f"wants the file {name}, which is larger than {MAX_FILE_BYTES} bytes"])
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        # Said outside the handler: the exception that it caught holds the file's content.
        raise NotSubstituted([f"wants the file {name}, which is not UTF-8 text"])
    return text.removesuffix("\n").removesuffix("\r")
