"""Transfers under way, for the carrier's question "the stream has ended, what now?".

A transfer by REST replaces the carrier's document, and yet the carrier asks the ``action`` URL of the verb that it
interrupted, and drops the answer. So the answer must neither end the call nor change anything: it repeats the transfer.
Shared by the legs, which put transfers in, and the webhooks, which read them, of one process.
"""

from __future__ import annotations

from typing import Final

from gateway.clock import Clock
from gateway.contracts.leg import TransferTarget

KEPT_MS: Final = 120_000
"""Milliseconds that a transfer is remembered; carriers ask within seconds, and may ask again."""
MOST: Final = 10_000
"""Transfers remembered at most; the oldest go first."""


class PendingTransfers:
    """Where the calls are going that were handed over lately."""

    __slots__ = ("_clock", "_targets")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._targets: dict[str, tuple[float, TransferTarget]] = {}

    def put(self, leg_id: str, target: TransferTarget) -> None:
        """Remember that the call is on its way to ``target``."""
        now_ms = self._clock.now_ms()
        self._targets.pop(leg_id, None)
        while self._targets and (len(self._targets) >= MOST or self._is_old(next(iter(self._targets)), now_ms)):
            del self._targets[next(iter(self._targets))]
        self._targets[leg_id] = (now_ms, target)

    def get(self, leg_id: str) -> TransferTarget | None:
        """Return where the call is going, or None; asking changes nothing."""
        known = self._targets.get(leg_id)
        return None if known is None or self._is_old(leg_id, self._clock.now_ms()) else known[1]

    def drop(self, leg_id: str) -> None:
        """Forget a transfer that the carrier refused."""
        self._targets.pop(leg_id, None)

    def _is_old(self, leg_id: str, now_ms: float) -> bool:
        return now_ms - self._targets[leg_id][0] > KEPT_MS
