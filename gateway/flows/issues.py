"""What is wrong with a flow: one :class:`Finding` for each thing, with its place and a cure.

Everything that reads a folder of flows adds to one list; nothing stops at the first fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """``error`` keeps a folder from going live; ``warning`` does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where a value was written; lines and columns count from 1, 0 where there are none (built-in values)."""

    file: str
    """As shown to people: the path inside the flows folder."""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


BUILT_IN: Final = Origin("built-in")
"""The origin of what no file says."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of text that cures a finding; ``start`` and ``end`` are character offsets, end exclusive."""

    file: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, in a sentence without a full stop."""

    rule: str
    """``F101`` …; :mod:`gateway.flows.lint.rules` says what each means."""
    severity: Severity
    origin: Origin
    message: str
    fix: str = ""
    """What to do about it, in words."""
    edits: tuple[Edit, ...] = ()
    """What ``flow lint --fix`` would change; empty if a person must decide."""

    @property
    def file(self) -> str:
        """The file, as shown to people."""
        return self.origin.file

    @property
    def line(self) -> int:
        """The line, from 1; 0 if the whole file is meant."""
        return self.origin.line

    @property
    def column(self) -> int:
        """The column, from 1; 0 if the whole file is meant."""
        return self.origin.column

    def __str__(self) -> str:
        cure = f"; {self.fix}" if self.fix else ""
        return f"{self.origin} {self.severity} {self.rule}: {self.message}{cure}"


class Findings(list[Finding]):
    """A list of findings that is easy to add to."""

    def error(self, rule: str, origin: Origin, message: str, fix: str = "", *, edits: Iterable[Edit] = ()) -> None:
        """Note something that keeps the folder from going live."""
        self.note(Severity.ERROR, rule, origin, message, fix=fix, edits=edits)

    def warning(self, rule: str, origin: Origin, message: str, fix: str = "", *, edits: Iterable[Edit] = ()) -> None:
        """Note something worth a look."""
        self.note(Severity.WARNING, rule, origin, message, fix=fix, edits=edits)

    def note(
        self,
        severity: Severity,
        rule: str,
        origin: Origin,
        message: str,
        *,
        fix: str = "",
        edits: Iterable[Edit] = (),
    ) -> None:
        """Note something, once."""
        found = Finding(rule=rule, severity=severity, origin=origin, message=message, fix=fix, edits=tuple(edits))
        if found not in self:
            self.append(found)

    @property
    def errors(self) -> list[Finding]:
        """Those that keep a folder from going live."""
        return [finding for finding in self if finding.severity is Severity.ERROR]

    def in_order(self) -> list[Finding]:
        """Return all findings by file, line and rule."""
        return sorted(self, key=lambda finding: (finding.origin, finding.rule, finding.message))
