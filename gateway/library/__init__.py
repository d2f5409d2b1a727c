"""The gateway from Python: a session with a model, and the whole gateway as a part of another application.

``gateway`` gives the same names: ``gateway.open_session``, ``gateway.create_app``, ``gateway.running``. They are
imported when they are first used, so that ``import gateway`` costs nothing.
"""

from __future__ import annotations

from gateway.contracts.text import RedactedText
from gateway.library.events import (
    AnswerDone,
    AnswerStarted,
    Audio,
    CallerStarted,
    CallerStopped,
    Event,
    Lost,
    Trouble,
    Words,
)
from gateway.library.mounting import create_app, running
from gateway.library.session import Session, open_session
from gateway.settings.load import load_settings
from gateway.settings.schema import Settings

__all__ = [
    "AnswerDone",
    "AnswerStarted",
    "Audio",
    "CallerStarted",
    "CallerStopped",
    "Event",
    "Lost",
    "RedactedText",
    "Session",
    "Settings",
    "Trouble",
    "Words",
    "create_app",
    "load_settings",
    "open_session",
    "running",
]
