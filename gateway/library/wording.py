"""From raw text to :class:`~gateway.library.events.Words`: everything that is said goes through the redactor here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Literal

from gateway.contracts.text import RedactedText
from gateway.library.events import Words
from gateway.privacy.memory import Role
from gateway.privacy.redactor import Redactor

Speaker = Literal["caller", "model"]
ROLES: Final[Mapping[Speaker, Role]] = {"caller": "caller", "model": "agent"}
"""Who speaks, in the redactor's words."""


class Wording:
    """The words of one session.

    Args:
        redactor: the session's own.
        tell: takes what may leave.
        in_one: keep an item's words until they are whole, because an operator's redactor wants to see them so.

    """

    def __init__(self, redactor: Redactor, tell: Callable[[Words], None], *, in_one: bool = False) -> None:
        self._redactor = redactor
        self._tell = tell
        self._in_one = in_one
        self._open: dict[str, Speaker] = {}
        self._undecided: dict[str, Speaker] = {}
        """Items that are over, whose last digits wait for what is said next."""
        self._kept: dict[str, str] = {}
        """What has come of items that are to leave whole; our redactor has been through it."""
        self._closing = False
        redactor.on_late = self._late

    def has_begun(self, item_id: str) -> bool:
        """Return whether a piece of an item has come that is not over."""
        return item_id in self._open

    def piece(self, speaker: Speaker, item_id: str, text: str, at_ms: int) -> None:
        """Take a piece of an item's words, said ``at_ms`` into the session."""
        self._open[item_id] = speaker
        may_leave = self._redactor.feed(item_id, ROLES[speaker], text, at_ms)
        if may_leave:
            self._leave(Words(speaker, item_id, may_leave))

    def end(self, speaker: Speaker, item_id: str, at_ms: int, *, failed: bool = False) -> None:
        """Take the end of an item; digits at it may yet wait for the speaker's next words."""
        self._open.pop(item_id, None)
        rest = self._redactor.end_turn(item_id, at_ms)
        if self._redactor.waits(item_id):
            self._undecided[item_id] = speaker
        self._leave(Words(speaker, item_id, rest, last=item_id not in self._undecided, failed=failed))

    def tick(self, at_ms: int) -> None:
        """Let go of what has waited long enough; to be called every second or so."""
        for item_id, text in self._redactor.tick(at_ms).items():
            self._late(item_id, text)

    def close(self) -> None:
        """Let go of everything: the session is over."""
        self._closing = True
        for item_id, text in self._redactor.close().items():
            self._late(item_id, text)

    def whole(self, text: str) -> RedactedText:
        """Return a text that is complete in itself."""
        return self._redactor.whole("tool", text)

    def _late(self, item_id: str, text: RedactedText) -> None:
        speaker = self._open.get(item_id) or self._undecided.get(item_id)
        if speaker is None:
            return
        over = self._closing or (item_id in self._undecided and not self._redactor.waits(item_id))
        if over:
            self._undecided.pop(item_id, None)
        self._leave(Words(speaker, item_id, text, last=over))

    def _leave(self, words: Words) -> None:
        if self._in_one:
            text = self._kept.pop(words.item_id, "") + str(words.text)
            if not words.last:
                self._kept[words.item_id] = text
                return
            words = replace(words, text=self._redactor.whole(ROLES[words.speaker], text))
        self._tell(words)
