"""What a caller is told: a :class:`Prompt` in every language of its flow, with its escalating variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.flows.expressions.syntax import Template
from gateway.flows.issues import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One way of saying something in one language."""

    text: Template
    """What is said; with ``audio`` it is the recording's transcript and what is said if the recording fails."""
    exact: bool = False
    """Word for word or not at all."""
    audio: str | None = None
    """A recording: its path inside the flows folder."""
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Something said, in each of the flow's languages."""

    wordings: Mapping[str, tuple[Wording, ...]]
    """Language tag → what is said the first, the second … time; never empty for a language of the flow."""
    missing: frozenset[str] = frozenset()
    """Languages of the flow that nobody wrote a text for; they hold the default language's (lint F601)."""
    origin: Origin

    def wording(self, language: str, attempt: int = 1) -> Wording:
        """Return what is said at an attempt, which counts from 1; the last variant serves for all that follow."""
        ways = self.wordings[language]
        return ways[min(max(attempt, 1), len(ways)) - 1]

    def all_wordings(self) -> list[tuple[str, Wording]]:
        """Return every wording with its language, those of missing languages left out."""
        return [(tag, way) for tag, ways in self.wordings.items() if tag not in self.missing for way in ways]
