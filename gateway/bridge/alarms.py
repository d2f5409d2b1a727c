"""When a core wants to be woken: named alarms on the call's clock, without a timer of their own."""

from __future__ import annotations


class Alarms:
    """Named moments; setting one again moves it. Times are the call's milliseconds."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def set(self, name: str, at_ms: float) -> None:
        """Wake for ``name`` at ``at_ms``; an earlier setting is forgotten."""
        self._due[name] = at_ms

    def stop(self, name: str) -> None:
        """Forget ``name``; nothing happens if it is not set."""
        self._due.pop(name, None)

    def is_set(self, name: str) -> bool:
        """Tell whether ``name`` is to ring."""
        return name in self._due

    def next_ms(self) -> float | None:
        """Return the earliest moment, or None."""
        return min(self._due.values(), default=None)

    def ring(self, now_ms: float) -> list[str]:
        """Take the names that are due, earliest first."""
        due = sorted((at, name) for name, at in self._due.items() if at <= now_ms)
        for _, name in due:
            del self._due[name]
        return [name for _, name in due]
