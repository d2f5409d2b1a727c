"""Keys of one caller: a key that several ears noticed counts once."""

from __future__ import annotations

from typing import Final

from gateway.contracts.leg import KeyPressed

SAME_PRESS_MS: Final = 400
"""Within this, the same key from another source is the same press: a tone in the audio ends up to 200 ms later than the
event that tells of it (RFC 4733 section 2.5), and detectors add their own delay."""
LONGEST_PRESS_MS: Final = 10_000
"""A carrier may tell of a press when it begins and a detector when it ends; longer ones count twice."""
KEYS: Final = frozenset("0123456789*#")


class Keys:
    """Passes each press on once."""

    def __init__(self) -> None:
        self._latest: list[tuple[str, str, float]] = []
        """Key, source and time of presses that another source may still tell of."""

    def take(self, event: KeyPressed, now_ms: float) -> str | None:
        """Return the key if it is news; ``A`` to ``D`` are no keys of a telephone."""
        began_ms = now_ms - (event.duration_ms or 0)
        self._latest = [one for one in self._latest if now_ms - one[2] <= SAME_PRESS_MS + LONGEST_PRESS_MS]
        for one in self._latest:
            if one[0] == event.key and one[1] != event.source and began_ms - one[2] <= SAME_PRESS_MS:
                self._latest.remove(one)  # the next one of that key is another press
                return None
        self._latest.append((event.key, event.source, now_ms))
        return event.key if event.key in KEYS else None
