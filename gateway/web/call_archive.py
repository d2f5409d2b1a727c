"""Calls that are over, as the API shows them: from their journals, until something that can search takes their place.

:class:`CallArchive` is all that the API asks for; whoever keeps calls in a database gives another one to
``web.routes.routes``. Everything here blocks: callers on the event loop go through ``asyncio.to_thread``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.errors import ConfigurationError
from gateway.records.encryption import SUFFIX
from gateway.records.journal import JournalEntry, read_journal

_CALL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TOLD_AT_THE_END: Final = (
    "who",
    "reason",
    "ok",
    "duration_ms",
    "turns",
    "barge_ins",
    "tools",
    "latency_p50_ms",
    "cost",
    "currency",
)
_SPOKEN: Final = {"caller_spoke": "user", "agent_spoke": "assistant"}


@dataclass(frozen=True, slots=True)
class ArchivedCall:
    """One call and what it left behind; files that are not there are None."""

    facts: dict[str, Any]
    """``call_id``, numbers (shortened), ``persona``, start, duration, ending, turns, latency, cost."""
    events: Sequence[JournalEntry]
    recording: Path | None = None
    """A WAV file, or one that is encrypted (``records.encryption``)."""
    timeline: Path | None = None


class CallArchive(Protocol):
    """Where calls that are over are found."""

    def latest(self, limit: int, before_s: float | None = None) -> list[dict[str, Any]]:
        """Return the facts of the latest calls, newest first; only those that started before ``before_s``."""
        ...

    def find(self, call_id: str) -> ArchivedCall | None:
        """Return a call; None if there is none of that id."""
        ...


class JournalArchive:
    """Finds calls in ``data_dir/calls``.

    Args:
        data_dir: the gateway's.

    """

    def __init__(self, data_dir: Path) -> None:
        self._calls = data_dir.expanduser().absolute() / "calls"

    def latest(self, limit: int, before_s: float | None = None) -> list[dict[str, Any]]:
        """Return the latest calls; reads the journals of as many days as it takes."""
        found: list[dict[str, Any]] = []
        for day in self._days():
            calls = [facts for path in day.glob("*.jsonl") if (facts := _facts(path)) is not None]
            calls = [facts for facts in calls if before_s is None or facts["started_at_s"] < before_s]
            found += sorted(calls, key=lambda facts: -facts["started_at_s"])
            if len(found) >= limit:
                break
        return found[:limit]

    def find(self, call_id: str) -> ArchivedCall | None:
        """Return a call by its id."""
        if not _CALL_ID.fullmatch(call_id):
            return None
        for day in self._days():
            path = day / f"{call_id}.jsonl"
            if path.is_file() and (facts := _facts(path)) is not None:
                return ArchivedCall(
                    facts,
                    _entries(path),
                    recording=_there(path.with_suffix(".wav")) or _there(path.with_suffix(SUFFIX)),
                    timeline=_there(path.with_suffix(".svg")),
                )
        return None

    def _days(self) -> Iterator[Path]:
        if self._calls.is_dir():
            days = (day for day in self._calls.iterdir() if _DAY.fullmatch(day.name))
            yield from sorted(days, reverse=True)


def transcript_of(events: Sequence[JournalEntry]) -> list[dict[str, Any]]:
    """Return what was said, in order of speaking, as it was heard."""
    lines = [
        {
            "role": _SPOKEN[entry.event],
            "at_ms": entry.at_ms,
            "turn": entry.count("turn"),
            "text": entry.text("text"),
            "interrupted": entry.flag("interrupted"),
        }
        for entry in events
        if entry.event in _SPOKEN
    ]
    return sorted(lines, key=lambda line: line["at_ms"])


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _entries(path: Path) -> list[JournalEntry]:
    try:
        return read_journal(path)
    except (ConfigurationError, OSError):
        return []


def _facts(path: Path) -> dict[str, Any] | None:
    """Return what a call's first and last records say; None where there is no call in the file."""
    entries = _entries(path)
    start = next((entry for entry in entries if entry.event == "call_started"), None)
    if start is None:
        return None
    end = next((entry for entry in entries if entry.event == "call_ended"), None)
    wanted = ("leg", "started_at_s", "caller_number", "dialed_number", "persona", "endpoint")
    facts: dict[str, Any] = {"call_id": path.stem, "state": "broken_off"}
    facts |= {name: start.fields.get(name) for name in wanted}
    if end is not None:
        facts |= {"state": "ended"} | {name: end.fields.get(name) for name in _TOLD_AT_THE_END}
    facts["recording"] = any(path.with_suffix(suffix).is_file() for suffix in (".wav", SUFFIX))
    facts["timeline"] = path.with_suffix(".svg").is_file()
    return facts
