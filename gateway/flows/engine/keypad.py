"""Keys: those of choices, those of an entry being typed, and those pressed ahead of the question that they answer.

Keys never leave this room but as a finished entry. ``repr`` shows how many there are and not which.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

TYPED_AHEAD_AT_MOST: Final = 40


class Entry:
    """Digits being typed for one answer.

    Args:
        least: keys that make the shortest complete entry.
        most: keys at which it is complete by itself.
        end_key: the key that completes it; empty: none.
        gap_ms: a pause that completes it.
        also: keys beside digits that belong to the entry (``*`` as a decimal point).

    """

    def __init__(self, *, least: int, most: int, end_key: str, gap_ms: int, also: str = "") -> None:
        self.least = least
        self.most = most
        self.end_key = end_key
        self.gap_ms = gap_ms
        self._also = also
        self._keys: list[str] = []

    def __repr__(self) -> str:
        return f"Entry({len(self._keys)} keys)"

    def __len__(self) -> int:
        return len(self._keys)

    def takes(self, key: str) -> bool:
        """Whether a key belongs to this entry: a digit, its end key while something was typed, or a further sign."""
        return key.isdigit() or key in self._also or (key == self.end_key and bool(self._keys))

    def press(self, key: str) -> bool:
        """Take a key and return whether the entry is complete."""
        if key == self.end_key and key not in self._also:
            return True
        self._keys.append(key)
        return len(self._keys) >= self.most

    def take(self) -> str:
        """Return what was typed and forget it."""
        keys = "".join(self._keys)
        self._keys.clear()
        return keys


@dataclass(frozen=True, slots=True)
class Chosen:
    """The key of a choice, or the keys of one that has several."""

    kind: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A whole entry; ``by_length``: it needed no end key."""

    keys: str = field(repr=False)
    by_length: bool = False


class Partly(Enum):
    """What a key is that completes nothing."""

    MORE = "more"
    """A part of something: more keys, or a pause, complete it."""
    NOT_MINE = "not_mine"
    """It means nothing here."""


Pressed = Chosen | Entered | Partly


class KeyReader:
    """Keys of one question, read as choices first and as an entry next.

    Args:
        end_key: completes what was typed so far; empty: none.

    """

    def __init__(self, end_key: str) -> None:
        self._end_key = end_key
        self._typed = ""
        self.entry: Entry | None = None
        """What can be keyed in besides choices."""

    @property
    def is_waiting(self) -> bool:
        """Whether something was typed that is not complete."""
        return bool(self._typed) or (self.entry is not None and len(self.entry) > 0)

    def clear(self) -> None:
        """Forget what is not complete."""
        self._typed = ""
        if self.entry is not None:
            self.entry.take()

    def press(self, key: str, choices: Mapping[str, str]) -> Pressed:
        """Take a key; ``choices`` maps the keys of choices to their kinds."""
        entry = self.entry
        if entry is None or not len(entry):
            found = self._choice(key, choices)
            if found is not Partly.NOT_MINE:
                return found
        if entry is None or not entry.takes(key):
            return Partly.NOT_MINE
        if not entry.press(key):
            return Partly.MORE
        return Entered(entry.take(), by_length=key != self._end_key)

    def _choice(self, key: str, choices: Mapping[str, str]) -> Pressed:
        before, self._typed = self._typed, ""
        if before in choices and key == self._end_key:
            return Chosen(choices[before])
        typed = before + key
        if any(other != typed and other.startswith(typed) for other in choices):
            self._typed = typed
            return Partly.MORE
        return Chosen(choices[typed]) if typed in choices else Partly.NOT_MINE

    def pause(self, choices: Mapping[str, str]) -> Pressed:
        """Return what was typed, now that a pause ends it."""
        typed, self._typed = self._typed, ""
        if typed:
            return Chosen(choices[typed]) if typed in choices else Partly.NOT_MINE
        if self.entry is not None and len(self.entry):
            return Entered(self.entry.take())
        return Partly.MORE


class TypedAhead:
    """Keys that came before somebody wanted them, in order; the oldest give way."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: deque[str] = deque(maxlen=TYPED_AHEAD_AT_MOST)

    def __repr__(self) -> str:
        return f"TypedAhead({len(self._keys)} keys)"

    def __bool__(self) -> bool:
        return bool(self._keys)

    def keep(self, key: str) -> None:
        """Keep a key for the next question."""
        self._keys.append(key)

    def next(self) -> str:
        """Return the oldest key and forget it."""
        return self._keys.popleft()

    def drop(self) -> None:
        """Forget them: what comes now is not to be answered by accident."""
        self._keys.clear()
