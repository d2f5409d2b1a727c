"""The optional engines behind local speech, imported only when somebody speaks or listens.

Every engine lives in the extra ``offline``. Importing ``gateway.speech`` must work without it, so each engine is
fetched here on first use, and a missing one is told together with its cure.
"""

from __future__ import annotations

import importlib
import importlib.util
from importlib.metadata import packages_distributions
from types import ModuleType
from typing import Final

from gateway.errors import SpeechError

_WHEELS: Final = {
    "espeakng_loader": "the voice (eSpeak NG)",
    "pocketsphinx": "speech recognition (PocketSphinx)",
    "webrtcvad": "voice activity detection (WebRTC VAD)",
}


def engine(module: str) -> ModuleType:
    """Import an optional engine.

    Args:
        module: the import name, such as ``pocketsphinx``.

    Raises:
        SpeechError: the engine is not installed, or cannot be loaded on this machine.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        what = _WHEELS.get(module, module)
        raise SpeechError(f"{what} is missing: {error}; install it with: {cure()}") from error


def missing() -> list[str]:
    """Return what of the engines is not installed, in words; imports none of them."""
    return [what for module, what in _WHEELS.items() if not _is_there(module)]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def cure() -> str:
    """Return the command that installs the engines, under the name that this distribution was installed by."""
    names = packages_distributions().get(__name__.partition(".")[0])
    return f"pip install '{names[0] if names else 'twobanks'}[offline]'"
