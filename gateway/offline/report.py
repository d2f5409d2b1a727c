"""What a server's sessions did and what they remember: the evidence that tests ask for.

A report never holds more text than the model's memory does: for a truncated item only the words that begin in the audio
that is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gateway.offline.conversation import Entry

if TYPE_CHECKING:
    from gateway.offline.session import Session


@dataclass(slots=True)
class Ledger:
    """What a session did, for tests: counts of client events, truncations, deletions and refusals."""

    received: dict[str, int] = field(default_factory=dict)
    truncations: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    responses: list[dict[str, Any]] = field(default_factory=list)


class ItemReport(Struct, frozen=True, kw_only=True):
    """One item in memory. ``text`` is what is remembered of it; ``audio_ms`` how much sound."""

    id: str
    type: str
    role: str
    status: str | None
    audio_ms: float
    truncated_at_ms: int | None
    text: str
    heard: str | None


class SessionReport(Struct, frozen=True, kw_only=True):
    """One session. ``violations`` are what a script did not expect or still expects."""

    id: str
    open: bool
    model: str | None
    received: dict[str, int]
    refusals: list[dict[str, Any]]
    truncations: list[dict[str, Any]]
    deleted: list[str]
    responses: list[dict[str, Any]]
    items: list[ItemReport]
    violations: list[str]


class ServerReport(Struct, frozen=True, kw_only=True):
    """All sessions of a server, oldest first; the oldest are forgotten after a hundred."""

    sessions: list[SessionReport]

    @property
    def violations(self) -> list[str]:
        """Everything that went against a script, over all sessions."""
        return [f"session {session.id}: {line}" for session in self.sessions for line in session.violations]


def session_report(session: Session, *, is_open: bool, violations: list[str]) -> SessionReport:
    """Return what a session did so far."""
    ledger = session.ledger
    return SessionReport(
        id=session.config.id,
        open=is_open,
        model=getattr(session.config, "model", None),
        received=dict(ledger.received),
        refusals=list(ledger.refusals),
        truncations=list(ledger.truncations),
        deleted=list(ledger.deleted),
        responses=list(ledger.responses),
        items=[_item_report(entry) for entry in session.conversation.entries],
        violations=violations,
    )


def _item_report(entry: Entry) -> ItemReport:
    return ItemReport(
        id=entry.item.id,
        type=str(type(entry.item).__struct_config__.tag),
        role=entry.role,
        status=getattr(entry.item, "status", None),
        audio_ms=entry.audio_ms,
        truncated_at_ms=entry.truncated_at_ms,
        text=entry.remaining_text,
        heard=entry.heard.text if entry.heard else None,
    )
