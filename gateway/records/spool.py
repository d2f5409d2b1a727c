"""Records on their way out: on the disk first, then to whoever wants them, however long that takes.

A call hands its records over and forgets them. They are written into a folder within a quarter of a second, in batches,
one file each; a file goes when what is in it was delivered. So a process that dies, or a receiver that is away, costs
nothing but time, and what is delivered twice says so by its id.

    data_dir/spool/<outlet>/<nanoseconds>-<call_id>-<first number>.jsonl      waits
    data_dir/spool/<outlet>/refused/…                                         the receiver will not have it; kept for
                                                                              as long as calls are

**What is promised.** A batch counts as accepted once its file and its name are on the disk (``fsync`` of both, in the
thread that writes): neither a killed process nor a power cut takes it away again. :meth:`SpoolSink.close`, with which a
call ends, waits for that. Until then, a quarter of a second of a running call and what a slow disk adds, records are in
memory alone. A folder holds :data:`LIMIT_BYTES` at most; when nobody fetches what waits and it is full, further batches
are not accepted: that is logged and counted (:attr:`SpoolSink.lost`), and what was accepted stays.

Records stay typed: what is read back passes the redactor once more, for nothing else makes redacted text.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from gateway.contracts.record import AnyRecord
from gateway.contracts.text import Label, RedactedText
from gateway.privacy.redactor import log_redactor
from gateway.records.backlog import Backlog
from gateway.records.journal import encode_record

log = structlog.get_logger()

CLOSE_LIMIT_S: Final = 5.0
"""Longest that closing a call's sink waits for the disk, in seconds."""
QUEUE_RECORDS: Final = 10_000
"""Most records of one call that wait for the disk."""
LIMIT_BYTES: Final = 1024**3
"""Most that one outlet's folder holds, refused batches included: some hundred thousand calls."""
REFUSED: Final = "refused"
_NAME: Final = re.compile(r"(?P<when>\d{20})-(?P<call>[A-Za-z0-9][A-Za-z0-9_-]{0,127})-(?P<first>\d{8})\.jsonl")
_PRIVATE: Final = 0o700


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of one call, one after another; ``first`` is the number of the first of them in its call."""

    path: Path
    call_id: Label
    first: int
    records: tuple[AnyRecord, ...]

    @property
    def id(self) -> str:
        """What tells it apart from all others, and stays the same however often it is delivered."""
        return f"{self.call_id}-{self.first}"


class Spool:
    """One outlet's folder. Everything here blocks.

    Args:
        folder: where batches wait; made when it is needed, for its owner's eyes.
        limit_bytes: how much it may hold.

    """

    def __init__(self, folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes
        self._most_bytes: int | None = None
        """What it holds at most, since things only went when it was last looked at; None: nobody has looked yet."""
        self._last_ns = 0
        self._lock = threading.Lock()

    def put(self, call_id: str, first: int, lines: bytes) -> None:
        """Keep a batch: when this returns it is on the disk for good; else it is not there at all.

        Raises:
            OSError: the disk will not have it, or the spool is full.

        """
        self.folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        with self._lock:
            self._make_room(len(lines))
            self._last_ns = max(time.time_ns(), self._last_ns + 1)
            path = self.folder / f"{self._last_ns:020d}-{call_id}-{first:08d}.jsonl"
        unfinished = path.with_suffix(".part")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(self.folder)

    def _make_room(self, size_bytes: int) -> None:
        """Count a batch in. Raises ``OSError`` where it would be too much."""
        if self._most_bytes is None or self._most_bytes + size_bytes > self._limit_bytes:
            self._most_bytes = _held_bytes(self.folder)
        if self._most_bytes + size_bytes > self._limit_bytes:
            raise OSError(errno.ENOSPC, f"the spool {self.folder.name} is full, at {self._limit_bytes} bytes")
        self._most_bytes += size_bytes

    def waiting(self, limit: int) -> list[Path]:
        """Return the oldest batches that wait."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.folder) if _NAME.fullmatch(entry.name))
        except FileNotFoundError:
            return []
        return [self.folder / name for name in names[:limit]]

    def read(self, path: Path) -> Batch | None:
        """Return a batch; one that can't be read is put aside, for it would hold up all that come after it."""
        name = _NAME.fullmatch(path.name)
        assert name is not None, "only what waits is read"
        try:
            records = tuple(_DECODER.decode(line) for line in path.read_bytes().splitlines())
        except msgspec.DecodeError:
            log.error("spool_unreadable", file=path.name[:20], outlet=self.folder.name)
            self.refuse([path])
            return None
        return Batch(path, Label(name["call"]), int(name["first"]), records)

    def delivered(self, paths: Sequence[Path]) -> None:
        """Let go of batches."""
        for path in paths:
            path.unlink(missing_ok=True)

    def refuse(self, paths: Sequence[Path]) -> None:
        """Put batches aside that nobody will take; an operator may move them back."""
        aside = self.folder / REFUSED
        aside.mkdir(mode=_PRIVATE, exist_ok=True)
        for path in paths:
            path.rename(aside / path.name)


class SpoolSink:
    """Spools one call's records; a :class:`~gateway.contracts.record.Sink`.

    Args:
        call_id: the call's.
        spools: where each record goes.
        on_spooled: called, in a thread, when there is something new.

    """

    def __init__(self, call_id: str, spools: Sequence[Spool], on_spooled: Callable[[], None]) -> None:
        self._call_id = call_id
        self._spools = spools
        self._on_spooled = on_spooled
        self._next = 0
        self._backlog: Backlog[AnyRecord] = Backlog("spool", self._write, QUEUE_RECORDS, gathered=True)

    @property
    def lost(self) -> int:
        """Records that the disk was too slow for, and batches that a spool did not accept."""
        return self._backlog.dropped + self._backlog.failures

    def accept(self, record: AnyRecord) -> None:
        """Queue a record for the disk."""
        self._backlog.put(record)

    async def close(self) -> None:
        """See what is queued on the disk, within ``CLOSE_LIMIT_S``; delivering it may take longer than the call."""
        await self._backlog.drained(CLOSE_LIMIT_S)

    def _write(self, batch: list[AnyRecord]) -> None:
        first, self._next = self._next, self._next + len(batch)
        lines = b"".join(encode_record(record) + b"\n" for record in batch)
        failed: OSError | None = None
        for spool in self._spools:
            try:
                spool.put(self._call_id, first, lines)
            except OSError as error:  # the other outlets shall have it nevertheless
                failed = error
        self._on_spooled()
        if failed is not None:
            raise failed


def expire_refused(root: Path, before_s: float) -> int:
    """Delete the refused batches of all outlets that were spooled before a time, in Unix seconds; return how many.

    Args:
        root: the folder of all spools.
        before_s: Unix seconds.

    """
    expired = 0
    for path in root.glob(f"*/{REFUSED}/*.jsonl"):
        name = _NAME.fullmatch(path.name)
        if name is not None and int(name["when"]) < before_s * 1e9:
            path.unlink(missing_ok=True)
            expired += 1
    return expired


def _held_bytes(folder: Path) -> int:
    held = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # delivered meanwhile
            held += path.stat().st_size if path.is_file() else 0
    return held


def _sync_folder(folder: Path) -> None:
    """See a new name in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _typed(kind: type, value: Any) -> Any:
    if kind is RedactedText and isinstance(value, str):
        return log_redactor(value)
    if kind is Label and isinstance(value, str):
        return Label(value)
    raise NotImplementedError(f"a record holds redacted text, labels and numbers; got {kind.__name__}")


_DECODER: Final = msgspec.json.Decoder(AnyRecord, dec_hook=_typed)
