"""Finds what settings name as ``package.module:name``: code of the operator's own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


class NotLoaded(Exception):
    """A plug-in can't be had; the text is a phrase that fits behind its name."""


def load_plugin(reference: str) -> Callable[..., Any]:
    """Return what ``package.module:name`` names; ``name`` may have dots of its own.

    Raises:
        NotLoaded: the module can't be imported, or there is nothing to call under that name.

    """
    module_name, _, path = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # a stranger's code runs here, and may raise anything
        why = f"{type(error).__name__}: {error}"
        raise NotLoaded(f"can't be loaded: importing {module_name!r} failed ({why}); install it or mend it") from error
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise NotLoaded(f"can't be loaded: {path!r} in module {module_name!r} is not something to call; mend the name")
    loaded: Callable[..., Any] = found
    return loaded
