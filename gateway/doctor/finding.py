"""What the doctor found: one line for each thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.errors import GatewayError, ModelRefused


class Mark(StrEnum):
    """How a thing is."""

    OK = "ok"
    NOTE = "note"
    """Calls work, but this may not be what was meant."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        check: its name, such as ``port`` or ``main: session``.
        mark: how it is.
        said: what was found, in one sentence.
        fix: what to do, in one line; empty if nothing.

    """

    check: str
    mark: Mark
    said: str
    fix: str = ""


def ok(check: str, said: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Mark.OK, said)


def note(check: str, said: str, fix: str = "") -> Finding:
    """Return something to know."""
    return Finding(check, Mark.NOTE, said, fix)


def failed(check: str, said: str, fix: str) -> Finding:
    """Return a fault and its fix."""
    return Finding(check, Mark.FAILED, said, fix)


def failed_by(check: str, error: GatewayError) -> Finding:
    """Return a fault from an error of ours, whose sentence ends with what to do."""
    message = str(error)
    if isinstance(error, ModelRefused) and error.remedy:
        return failed(check, message.removesuffix(f"; {error.remedy}"), error.remedy)
    said, separator, fix = message.partition("; ")
    return failed(check, said, fix) if separator else failed(check, message, "see config/README.md")


@dataclass(slots=True)
class Report:
    """The whole examination, in the order in which things were looked at."""

    findings: list[Finding] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    """What was measured, in milliseconds or seconds as the name says; endpoint first: ``main.connect_ms``."""

    @property
    def is_well(self) -> bool:
        """Whether nothing failed."""
        return all(finding.mark is not Mark.FAILED for finding in self.findings)
