"""A telephony voice gateway: phone calls on one bank, a Realtime speech-to-speech model on the other.

From Python: :func:`gateway.open_session` talks to a model, :func:`gateway.create_app` is the gateway as an application;
``gateway.library`` explains both. Nothing of it is imported before it is used; its types are in ``__init__.pyi``.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

__all__ = ["Session", "create_app", "load_settings", "open_session", "running"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'gateway' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module("gateway.library"), name)
    return value


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *__all__})
