"""Where calls are kept, who may look, and for how long.

    data_dir/                      0700, ours
    ├── calls.sqlite               the call store, unless it is elsewhere
    ├── spool/                     records on their way to store and webhook
    ├── calls/2026-11-20/          one folder a day, UTC, by the start of the call
    │   ├── <call_id>.jsonl        journal
    │   ├── <call_id>.wav          recording, or <call_id>.sealed
    │   ├── <call_id>.svg          timeline
    │   └── <call_id>.txt          transcript
    ├── messages/2026-11-20/       what callers left: <call_id>-<n>.wav
    └── cache/                     anything that can be made again

Sweeping deletes what is expired and looks exactly like that; whatever else an operator has put there stays.
Everything here blocks: callers on the event loop go through ``asyncio.to_thread``.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import structlog

from gateway.errors import ConfigurationError
from gateway.records.spool import expire_refused

_PRIVATE: Final = 0o700
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_CALL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_SUFFIXES: Final = (".jsonl", ".wav", ".svg", ".txt", ".sealed")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CallPaths:
    """Where the traces of one call go; the folder exists, the files may not."""

    journal: Path
    recording: Path
    timeline: Path
    transcript: Path


@dataclass(frozen=True, slots=True)
class DataDir:
    """A prepared data directory."""

    root: Path

    @property
    def calls(self) -> Path:
        """Folders of calls by day."""
        return self.root / "calls"

    @property
    def spool(self) -> Path:
        """Records on their way out, by outlet."""
        return self.root / "spool"

    @property
    def messages(self) -> Path:
        """Messages that callers have left, by day."""
        return self.root / "messages"

    @property
    def cache(self) -> Path:
        """What can be made again: spoken prompts, models of recognisers."""
        return self.root / "cache"

    def call_paths(self, call_id: str, started_at_s: float) -> CallPaths:
        """Return where the traces of a call go, and make their folder.

        Args:
            call_id: letters, digits, ``_`` and ``-``, 128 at most: it becomes a file's name.
            started_at_s: Unix seconds.

        Raises:
            ValueError: ``call_id`` would not be a safe file name.
            OSError: the folder can't be made.

        """
        if not _CALL_ID.fullmatch(call_id):
            raise ValueError(f"call id {call_id[:40]!r} is no file name: letters, digits, _ and - only, 128 at most")
        day = self.calls / datetime.fromtimestamp(started_at_s, UTC).date().isoformat()
        day.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        journal, recording, timeline, transcript = (day / (call_id + suffix) for suffix in _SUFFIXES[:4])
        return CallPaths(journal, recording, timeline, transcript)


def prepare_data_dir(path: Path) -> DataDir:
    """Make the data directory, or check the one that is there: only its owner, who is us, may look into it.

    Raises:
        ConfigurationError: it can't be made, is not a directory, belongs to somebody else, or others may enter it.

    """
    root = path.expanduser().absolute()
    prepared = DataDir(root)
    try:
        root.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        _check(root)
        for folder in (prepared.calls, prepared.cache):
            folder.mkdir(mode=_PRIVATE, exist_ok=True)
            _check(folder)
    except FileExistsError as error:
        raise ConfigurationError(f"data_dir: {error.filename} is not a directory; move it away") from error
    except OSError as error:
        where = error.filename or root
        raise ConfigurationError(
            f"data_dir: {where} can't be used: {error.strerror}; set data_dir to a directory that this user may write"
        ) from error
    return prepared


def sweep(data_dir: DataDir, retention_days: int, now_s: float) -> int:
    """Delete calls and messages that are older than ``retention_days`` whole days, and folders that are empty then.

    A call that can't be deleted is logged and left for the next sweep. Batches of records that a receiver has refused
    go with the calls that they are of.

    Returns:
        How many calls were deleted.

    """
    last_kept = datetime.fromtimestamp(now_s, UTC).date() - timedelta(days=retention_days)
    swept = 0
    for folder in sorted(data_dir.calls.iterdir()):
        day = _day_of(folder)
        if day is not None and day < last_kept:
            swept += _sweep_day(folder)
    for folder in sorted(data_dir.messages.iterdir()) if data_dir.messages.is_dir() else ():
        day = _day_of(folder)
        if day is not None and day < last_kept:
            _sweep_day(folder)
    try:
        refused = expire_refused(data_dir.spool, datetime.combine(last_kept, time(), UTC).timestamp())
    except OSError as error:
        log.warning("sweep_failed", folder=data_dir.spool.name, why=error.strerror)
    else:
        if refused:
            log.info("refused_batches_expired", deleted=refused)
    return swept


def _check(folder: Path) -> None:
    """Refuse a folder that is not ours alone."""
    facts = folder.stat()
    if not stat.S_ISDIR(facts.st_mode):
        raise FileExistsError(0, "not a directory", str(folder))
    if facts.st_uid != os.geteuid():
        raise ConfigurationError(
            f"data_dir: {folder} belongs to user {facts.st_uid}, the gateway runs as {os.geteuid()}; "
            f"set data_dir to another directory, or `chown` this one"
        )
    if facts.st_mode & 0o077:
        raise ConfigurationError(
            f"data_dir: {folder} has mode {stat.S_IMODE(facts.st_mode):04o}, so others may look into calls; "
            f"wanted 0700: `chmod 700 {folder}`"
        )


def _day_of(folder: Path) -> date | None:
    """Return the day that a folder is for; None for anything that we did not make."""
    if not _DAY.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return None
    try:
        return date.fromisoformat(folder.name)
    except ValueError:
        return None


def _sweep_day(folder: Path) -> int:
    calls: set[str] = set()
    for file in sorted(folder.iterdir()):
        if file.suffix in _SUFFIXES and _CALL_ID.fullmatch(file.stem) and file.is_file() and not file.is_symlink():
            try:
                file.unlink()
            except OSError as error:
                log.warning("sweep_failed", folder=folder.name, why=error.strerror)
            else:
                calls.add(file.stem)
    with suppress(OSError):  # something of somebody else's is in it
        folder.rmdir()
    return len(calls)
