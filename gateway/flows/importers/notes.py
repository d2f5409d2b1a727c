"""What became of each thing that was imported: kept, changed, or left to a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What became of a thing."""

    KEPT = "kept"
    """It means here what it meant there."""
    CHANGED = "changed"
    """It is said in another way here, or behaves a little differently; the note says how."""
    NEEDS_YOU = "needs you"
    """The source does not say enough, or says what can't be said here."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing of the source, and what became of it."""

    verdict: Verdict
    source: str
    """The thing, as people know it there: ``widget 'main_menu'``."""
    message: str
    step: str = ""
    """The step here that it is about, if any; ``subflow.step`` inside a subflow."""

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class Notes(list[Note]):
    """The notes of one import; nothing is noted twice."""

    def kept(self, source: str, message: str, step: str = "") -> None:
        """Note that a thing means the same here."""
        self._add(Note(Verdict.KEPT, source, message, step))

    def changed(self, source: str, message: str, step: str = "") -> None:
        """Note that a thing is said or behaves otherwise here."""
        self._add(Note(Verdict.CHANGED, source, message, step))

    def needs_you(self, source: str, message: str, step: str = "") -> None:
        """Note that somebody has to decide; with a step it becomes a ``TODO`` above it."""
        self._add(Note(Verdict.NEEDS_YOU, source, message, step))

    def of(self, verdict: Verdict) -> list[Note]:
        """Return the notes of one kind, in the order in which they were made."""
        return [note for note in self if note.verdict is verdict]

    def _add(self, note: Note) -> None:
        if note not in self:
            self.append(note)


_TITLES: Final = {
    Verdict.NEEDS_YOU: "Needs you",
    Verdict.CHANGED: "Changed",
    Verdict.KEPT: "Kept",
}


def as_markdown(notes: Notes, flow: str, source: str, findings: Sequence[str] = ()) -> str:
    """Return the report of an import for people: what needs them comes first."""
    counts = ", ".join(f"{len(notes.of(verdict))} {verdict}" for verdict in (Verdict.KEPT, Verdict.CHANGED))
    lines = [f"# Import of {flow}", "", f"From {source}: {counts}, {len(notes.of(Verdict.NEEDS_YOU))} need you.", ""]
    for verdict, title in _TITLES.items():
        found = notes.of(verdict)
        if found:
            lines += [f"## {title}", "", *(f"- {_line(note)}" for note in found), ""]
    lines += ["## What lint says", "", *(f"- {finding}" for finding in findings or ("nothing",)), ""]
    return "\n".join(lines)


def as_data(notes: Notes) -> list[dict[str, str]]:
    """Return the notes for programs."""
    return [
        {"verdict": note.verdict.value, "source": note.source, "message": note.message, "step": note.step}
        for note in notes
    ]


def _line(note: Note) -> str:
    return f"{note.source}: {note.message}" + (f" (step `{note.step}`)" if note.step else "")
