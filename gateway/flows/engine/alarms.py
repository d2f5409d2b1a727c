"""Alarms of one call: names and times. Nothing here has a clock."""

from __future__ import annotations

from collections.abc import Iterator


class Alarms:
    """At most one alarm of a name. Those of the call outlive a step, all others belong to the step that set them."""

    def __init__(self) -> None:
        self._of_call: dict[str, float] = {}
        self._of_step: dict[str, float] = {}

    def set(self, name: str, at_ms: float) -> None:
        """Ring at a time, for the present step."""
        self._of_step[name] = at_ms

    def set_for_call(self, name: str, at_ms: float) -> None:
        """Ring at a time, whatever step the call is on by then."""
        self._of_call[name] = at_ms

    def drop(self, name: str) -> None:
        """Ring no more."""
        self._of_step.pop(name, None)
        self._of_call.pop(name, None)

    def leave_step(self) -> None:
        """Forget the alarms of the step."""
        self._of_step.clear()

    def clear(self) -> None:
        """Forget all."""
        self._of_step.clear()
        self._of_call.clear()

    def next_ms(self) -> float | None:
        """Return the earliest time."""
        return min((*self._of_step.values(), *self._of_call.values()), default=None)

    def due(self, now_ms: float) -> Iterator[str]:
        """Yield the alarms that ring by now, the earliest first, each forgotten as it rings.

        What an alarm sets or drops while it is dealt with counts: each is looked up when its turn comes.
        """
        while True:
            ringing = [(at_ms, name, book) for book in (self._of_step, self._of_call) for name, at_ms in book.items()]
            at_ms, name, book = min(ringing, key=lambda each: each[:2], default=(now_ms + 1, "", {}))
            if at_ms > now_ms:
                return
            del book[name]
            yield name
