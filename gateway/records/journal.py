"""The journal of a call: one JSON line for each record, written off the event loop, read back by our own tools.

The file is its owner's alone (mode 0600) and only ever grows, so that a process that dies leaves whole lines and at
most one cut line. Reading gives plain values: what was redacted once stays text, for nothing but the redactor may say
that a text is redacted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from gateway.contracts.record import AnyRecord
from gateway.contracts.text import RedactedText
from gateway.errors import ConfigurationError
from gateway.records.backlog import Backlog

CLOSE_LIMIT_S = 5.0
"""Longest that closing waits for the disk, in seconds."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A line of a journal: what happened, when, and the record's other fields as JSON has them."""

    event: str
    """The record's tag, such as ``caller_spoke``."""
    at_ms: int
    """Milliseconds since the leg started."""
    fields: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return a field of words; empty where it is null, absent or of another kind."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """Return a whole number; None where it is null, absent or of another kind."""
        value = self.fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def count(self, name: str) -> int:
        """Return a whole number, 0 for None."""
        return self.number(name) or 0

    def flag(self, name: str) -> bool:
        """Return whether a field is true."""
        return self.fields.get(name) is True


class JournalSink:
    """Writes one call's records to a file; a :class:`~gateway.contracts.record.Sink`.

    The file is made with the first record. ``accept`` may be called from any thread, one at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._backlog: Backlog[AnyRecord | None] = Backlog("journal", self._write, gathered=True)
        self._closed = False

    @property
    def lost(self) -> int:
        """Records dropped because the disk was slow, and batches that it refused."""
        return self._backlog.dropped + self._backlog.failures

    def accept(self, record: AnyRecord) -> None:
        """Queue a record for the file; what comes after :meth:`close` is ignored."""
        if not self._closed:
            self._backlog.put(record)

    async def close(self) -> None:
        """Write what is left and let go of the file, within ``CLOSE_LIMIT_S``. Closing twice does nothing."""
        if not self._closed:
            self._closed = True
            self._backlog.put(None)
        await self._backlog.drained(CLOSE_LIMIT_S)

    def _write(self, batch: list[AnyRecord | None]) -> None:
        """Run in the backlog's thread. None stands at the end."""
        lines = b"".join(encode_record(record) + b"\n" for record in batch if record is not None)
        try:
            if lines:
                if self._descriptor is None:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                    self._descriptor = os.open(self.path, flags, 0o600)
                _write_all(self._descriptor, lines)
        finally:
            if batch[-1] is None and self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def encode_record(record: AnyRecord) -> bytes:
    """Return a record as one line of JSON, without the line's end."""
    return _ENCODER.encode(record)


def journal_entry(record: AnyRecord) -> JournalEntry:
    """Return a record as a journal would give it back, without a file between."""
    fields = msgspec.to_builtins(record, enc_hook=_plain, builtin_types=(Decimal,))
    return _entry({name: float(value) if isinstance(value, Decimal) else value for name, value in fields.items()})


def read_journal(path: Path) -> list[JournalEntry]:
    """Return the lines of a journal in the order in which they were written.

    A last line that was cut short, because its writer died, is left out.

    Raises:
        ConfigurationError: another line is not a journal's; says which.
        OSError: the file can't be read.

    """
    lines = path.read_bytes().split(b"\n")
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(_entry(msgspec.json.decode(line, type=dict[str, object])))
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            if number == len(lines):  # what follows the last line's end: nothing, or a line cut short
                break
            wanted = 'a JSON object with "event" and "at_ms" wanted'
            raise ConfigurationError(f"{path} line {number}: not a journal line, {wanted}") from error
    return entries


def _plain(value: object) -> str:
    """Encode what msgspec does not know; anything but these two must not reach a file."""
    if isinstance(value, RedactedText | str):
        return str(value)
    raise NotImplementedError(f"a record holds redacted text, labels and numbers; got {type(value).__name__}")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
"""Money stands in the file as a number with all of its digits."""


def _entry(line: dict[str, object]) -> JournalEntry:
    event, at_ms = line.pop("event"), line.pop("at_ms")
    if not isinstance(event, str) or not isinstance(at_ms, int):
        raise TypeError
    return JournalEntry(event, at_ms, line)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
