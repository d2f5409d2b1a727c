"""Callers by name: each YAML file in this folder is one, ready to be placed against any gateway.

They say things that any agent can answer and expect only what any sound gateway does, so that a new flow or persona
can be tried with all of them at once.
"""

from __future__ import annotations

import difflib
from importlib import resources

from gateway.errors import ConfigurationError
from gateway.simulator.script import Script
from gateway.simulator.script_file import parse_script

_SUFFIX = ".yaml"


def names() -> list[str]:
    """Return the callers' names, in alphabetical order."""
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(_SUFFIX)
    )


def caller_named(name: str) -> Script:
    """Return the caller of this name.

    Raises:
        ConfigurationError: there is none; says which name is nearest.

    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"nearest: {near[0]!r}" if near else f"known are {', '.join(known)}"
        raise ConfigurationError(f"caller {name!r} is not in the catalogue; {hint}")
    text = resources.files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")
    return parse_script(text, f"catalogue/{name}{_SUFFIX}")
