"""The one door out: makes :class:`RedactedText` from what a caller, a model or a tool said.

One :class:`Redactor` per call, shared by both roles. Words come in by turn, as they stream; what is returned may leave
the call, and can't be taken back. Any way of cutting a turn into deltas gives the same text in the end.

It fails closed: if anything goes wrong inside, :data:`FAILED` leaves in place of the text, and the failure is counted.
An operator's own redactor (``privacy.redactor`` in the settings) runs after ours and can only remove more.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.contracts.mint import mint
from gateway.contracts.text import RedactedText
from gateway.errors import ConfigurationError
from gateway.privacy.pan import CardScanner

Role = Literal["caller", "agent", "tool"]
"""Whose words they are."""

CustomRedactor = Callable[[str, Role], str]
"""Takes a text that ours has been through and the role; returns the same or a shorter text, at once."""

FAILED: Final = "[REDACTION FAILED]"
"""Stands for text that could not be redacted, and so did not leave."""

CUSTOM_LIMIT_MS: Final = 50.0
"""A custom redactor runs on the event loop: an answer that took longer is not used."""

_WITHHELD: Final = frozenset({"", "anonymous", "private", "restricted", "unavailable", "unknown", "withheld"})
_NOTHING: Final = mint("")


@dataclass(slots=True)
class RedactionCounts:
    """What a redactor did, in numbers; never in words."""

    cards: int = 0
    """Card numbers masked."""
    failures: int = 0
    """Texts that were withheld because redaction failed."""


@dataclass(slots=True)
class _Turn:
    """One turn that is being spoken."""

    role: Role
    scanner: CardScanner
    heard_ms: int = 0
    withheld: list[str] = field(default_factory=list)
    """What waits for the turn's end because a custom redactor wants to see the turn whole."""
    failed: bool = False


class Redactor:
    """Redacts one call's text, both roles; state is kept by turn, several may be open at once.

    Args:
        custom: an operator's redactor that runs after ours (:func:`load_custom`). It sees turns whole, so with one
            nothing of a turn leaves before :meth:`end`.
        shortest_card: digits of the shortest card number to look for, 12 or 13.
        now_ms: monotonic milliseconds, to time the custom redactor.

    """

    def __init__(
        self,
        custom: CustomRedactor | None = None,
        *,
        shortest_card: int = 13,
        now_ms: Callable[[], float] = lambda: time.monotonic_ns() / 1e6,
    ) -> None:
        self._custom = custom
        self._shortest_card = shortest_card
        self._now_ms = now_ms
        self._turns: dict[str, _Turn] = {}
        self.counts = RedactionCounts()

    def open(self, turn_id: str, role: Role) -> None:
        """Begin a turn; one that is open already goes on."""
        if turn_id not in self._turns:
            self._turns[turn_id] = _Turn(role, CardScanner(self._shortest_card))

    def feed(self, turn_id: str, role: Role, delta: str, audio_ms: int = 0) -> RedactedText:
        """Return what may leave now that a turn has grown by ``delta``; opens the turn if need be.

        ``audio_ms`` is where in the call's audio the delta was said, 0 if unknown. At most
        ``pan.MAX_HELD_CHARS`` characters, digits and what stands between them, are held back.
        """
        self.open(turn_id, role)
        turn = self._turns[turn_id]
        turn.heard_ms = max(turn.heard_ms, audio_ms)
        return self._advance(turn, lambda: turn.scanner.feed(delta))

    def end(self, turn_id: str) -> RedactedText:
        """Return what was held back of a turn, decided; empty if no such turn is open."""
        turn = self._turns.pop(turn_id, None)
        if turn is None:
            return _NOTHING
        rest = self._advance(turn, turn.scanner.end)
        self.counts.cards += turn.scanner.found
        if self._custom is None or turn.failed:
            return rest
        return self._refine("".join(turn.withheld), turn.role)

    def whole(self, role: Role, text: str) -> RedactedText:
        """Return a text that is complete in itself: a name, an id, a tool's arguments or answer."""
        turn = _Turn(role, CardScanner(self._shortest_card))
        redacted = self._advance(turn, lambda: turn.scanner.feed(text) + turn.scanner.end())
        self.counts.cards += turn.scanner.found
        if self._custom is None or turn.failed:
            return redacted
        return self._refine("".join(turn.withheld), role)

    def shorten_number(self, number: str) -> RedactedText:
        """Return a telephone number or SIP address as ``…1234``; see :func:`shorten_number`."""
        return shorten_number(number)

    def _advance(self, turn: _Turn, scan: Callable[[], str]) -> RedactedText:
        """Return what a scan lets go. After a failure nothing more of the turn leaves: where it stood is unknown."""
        if turn.failed:
            return _NOTHING
        try:
            text = scan()
        except Exception:  # noqa: BLE001 - fail closed, whatever it was; the exception may quote the text, so it stays here
            return self._fail(turn)
        if self._custom is not None:
            turn.withheld.append(text)
            return _NOTHING
        return mint(text)

    def _refine(self, text: str, role: Role) -> RedactedText:
        """Return what the custom redactor makes of a text, if it was quick and only took away."""
        assert self._custom is not None
        began_ms = self._now_ms()
        try:
            refined: object = self._custom(text, role)
            took_ms = self._now_ms() - began_ms
            if not isinstance(refined, str) or len(refined) > len(text) or took_ms > CUSTOM_LIMIT_MS:
                return self._fail()
            # Taking words away can bring digits together that stood apart.
            scanner = CardScanner(self._shortest_card)
            text = scanner.feed(refined) + scanner.end()
            self.counts.cards += scanner.found
        except Exception:  # noqa: BLE001 - fail closed: it is a stranger's code, and its exception may quote the text
            return self._fail()
        return mint(text)

    def _fail(self, turn: _Turn | None = None) -> RedactedText:
        if turn is not None:
            turn.failed = True
            turn.withheld.clear()
        self.counts.failures += 1
        return mint(FAILED)


def load_custom(name: str) -> CustomRedactor:
    """Return the redactor that ``privacy.redactor`` names as ``package.module:callable``.

    Raises:
        ConfigurationError: the name has another form, or there is nothing to call under it.

    """
    module_name, colon, attribute = name.partition(":")
    if not (colon and module_name and attribute):
        raise ConfigurationError(f"privacy.redactor: {name!r} is not of the form package.module:callable")
    try:
        found: object = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(
            f"privacy.redactor: module {module_name!r} can't be imported ({error}); install it or mend the name"
        ) from error
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigurationError(f"privacy.redactor: {attribute!r} in module {module_name!r} is not something to call")
    custom: CustomRedactor = found
    return custom


def shorten_number(number: str) -> RedactedText:
    """Return a telephone number as ``…1234``, so that a person knows it again and a reader can't dial it.

    Numbers of fewer than seven digits keep two, an address without digits keeps nothing; words for "withheld" stay.
    """
    address = number.strip().partition("@")[0]
    if address.lower() in _WITHHELD:
        return mint(address)
    digits = "".join(character for character in address if character.isdecimal())
    return mint("…" + digits[-4 if len(digits) >= 7 else -2 :])


def log_redactor(text: str) -> RedactedText:
    """Return a text as the log may have it: the last wall, behind all others. It fails closed, too."""
    return Redactor().whole("tool", text)
