"""Who looked at or did what: one JSON line each, in a file that only ever grows.

A line is on the disk before the request is answered. It holds names, never words of a call, keys or full numbers.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
import structlog

from gateway.clock import Clock
from gateway.web.refusals import Refusal

log = structlog.get_logger()

AUDIT_FILE: Final = "audit.jsonl"


class Action(StrEnum):
    """What is written down."""

    SIGN_IN = "sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_OUT = "sign_out"
    TRANSCRIPT = "transcript_seen"
    RECORDING = "recording_seen"
    TIMELINE = "timeline_seen"
    LIVE = "live_calls_watched"
    EXPORT = "export"
    DELETE = "delete"
    HANG_UP = "hang_up"
    TRANSFER = "transfer"
    SAY = "say"
    RELOAD = "reload"
    CONVERSATION = "conversation"
    MODEL_SESSION = "model_session"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line."""

    at: str
    """UTC, ISO 8601."""
    who: str
    """The name of the key; ``local`` where no key is asked for, empty for a stranger."""
    role: str = ""
    address: str = ""
    action: str
    call_id: str = ""


class AuditLog:
    """Writes the lines.

    Args:
        data_dir: the file is ``audit.jsonl`` in it, its owner's alone.
        clock: tells the date.

    """

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self.path = data_dir / AUDIT_FILE
        self._clock = clock

    async def note(self, action: Action, *, who: str, role: str = "", address: str = "", call_id: str = "") -> None:
        """Write a line, and return once it is on the disk.

        Raises:
            Refusal: 503, it can't be written: then nothing that must be written down may happen.

        """
        at = datetime.fromtimestamp(self._clock.wall_s(), UTC).isoformat(timespec="milliseconds")
        entry = AuditEntry(at=at, who=who, role=role, address=address, action=action, call_id=call_id)
        line = msgspec.json.encode(entry) + b"\n"
        try:
            await asyncio.to_thread(self._append, line)
        except OSError as error:
            log.error("audit_unwritable", error=type(error).__name__, remedy="check data_dir and its disk")
            why = "This can't be done now: the audit record can't be written."
            raise Refusal(503, "audit_unwritable", why) from error

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line)  # one write with O_APPEND: lines of several workers never mix
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_audit(path: Path) -> Iterator[AuditEntry]:
    """Yield the lines of an audit record in order of writing; one that was cut short is left out."""
    decoder = msgspec.json.Decoder(AuditEntry)
    with path.open("rb") as file:
        for line in file:
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                log.warning("audit_line_unreadable", path=str(path))
