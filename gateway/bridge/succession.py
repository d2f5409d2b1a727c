"""One model session after another: when the next one is opened, when it takes over, and when that is given up.

Two things end a session before its call. It is *lost*: then another is tried for at once, and again with growing
pauses, until one is there or the caller has been kept waiting for too long. Or its *time is up* (15, 30 or 60 minutes
from its start): then the next one is opened ahead, waits until nobody speaks, and takes over between two audio frames;
if no such pause comes, it takes over at the last moment all the same.

A session that is lost soon after it took over belongs to the same trouble, and its time goes on counting.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import Command, OpenSession

RENEW_AFTER: Final = 0.8
"""Share of a session's time after which a pause is waited for."""
FORCE_SHARE: Final = 0.05
FORCE_AT_MOST_MS: Final = 15_000
"""How long before its end a session is replaced without a pause: a share of its time, and no more than that."""
TRY_AGAIN_MS: Final = (0, 250, 500, 1000, 2000)
"""Pauses before each try to replace a lost session; the last one again and again."""
RENEW_AGAIN_MS: Final = 10_000
"""Pause before the next try to open a session ahead."""
LEAST_MS: Final = 10_000
"""An endpoint that says less than this has another clock than we: it is not believed, or renewing would never end."""
STEADY_MS: Final = 10_000
"""A session that has lasted so long was a success: what comes after is new trouble."""


class _Next(Enum):
    NONE = "none"
    OPENING = "opening"
    READY = "ready"


class TakeOver(Enum):
    """Why a session takes the place of another; the value is what the record says."""

    LOST = "lost"
    RENEWED = "renewed"
    FORCED = "forced"


class Succession:
    """The order of one call's sessions.

    Args:
        limit_ms: how long a session lasts, if the operator says so; what the endpoint says counts if it is less.
        within_ms: how long the caller is kept waiting for a new session; 0 tries for none.
        out: where ``OpenSession`` goes.
        alarms: wakes ``renew``, ``renew_last``, ``reconnect`` and ``reconnect_limit``.
    """

    def __init__(self, *, limit_ms: float | None, within_ms: float, out: list[Command], alarms: Alarms) -> None:
        self._limit_ms = limit_ms
        self._within_ms = within_ms
        self._out = out
        self._alarms = alarms
        self._next = _Next.NONE
        self._next_ends: tuple[float, float] | None = None
        self._lost_ms: float | None = None
        self._in_use_ms: float | None = None
        self._trouble_ms: float | None = None
        self._tries = 0
        self._forced = False

    # --- the session in use ----------------------------------------------------------------------------------------

    def in_use(self, now_ms: float, lasts_ms: float | None) -> None:
        """The first session took its set-up; it ends ``lasts_ms`` from now, if the endpoint says when."""
        self._in_use_ms = now_ms
        self._watch(self._ends(now_ms, lasts_ms))

    def _ends(self, now_ms: float, lasts_ms: float | None) -> tuple[float, float] | None:
        """Return when to wait for a pause, and when to wait no longer; None for a session without an end."""
        known = [ms for ms in (lasts_ms, self._limit_ms) if ms is not None and ms >= LEAST_MS]
        if not known:
            return None
        lasts_ms = min(known)
        reserve_ms = min(FORCE_AT_MOST_MS, FORCE_SHARE * lasts_ms)
        return now_ms + RENEW_AFTER * lasts_ms, now_ms + lasts_ms - reserve_ms

    def _watch(self, ends: tuple[float, float] | None) -> None:
        if ends is not None:
            self._alarms.set("renew", ends[0])
            self._alarms.set("renew_last", ends[1])

    def _stop_watching(self) -> None:
        for name in ("renew", "renew_last", "reconnect", "reconnect_limit"):
            self._alarms.stop(name)

    # --- losing it -------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Whether there is no session, and one is tried for."""
        return self._lost_ms is not None

    def lost(self, now_ms: float, *, retryable: bool) -> bool:
        """Tell whether another session is tried for, now that the one in use is gone."""
        self._stop_watching()
        if self._lost_ms is None:
            self._lost_ms = now_ms
        steady = self._in_use_ms is not None and now_ms - self._in_use_ms >= STEADY_MS
        if self._trouble_ms is None or steady:
            self._trouble_ms, self._tries = now_ms, 0
        if self._next is _Next.READY:
            return True
        until_ms = self._trouble_ms + self._within_ms
        if not retryable or until_ms <= now_ms:
            return False
        self._alarms.set("reconnect_limit", until_ms)
        if self._next is _Next.NONE:
            self._try_again(now_ms)
        return True

    def given_up(self) -> None:
        """No other session is tried for any more."""
        self._stop_watching()
        self._lost_ms = None
        self._next = _Next.NONE

    # --- the next one ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the next session: ``renew`` or ``reconnect`` rang."""
        if self._next is _Next.NONE:
            self._next = _Next.OPENING
            self._out.append(OpenSession())

    def force(self) -> None:
        """Wait for a pause no longer: ``renew_last`` rang."""
        self._forced = True
        self.open()

    def opened(self, now_ms: float, lasts_ms: float | None) -> None:
        """The next session took its set-up and waits; it ends ``lasts_ms`` from now, if the endpoint says when."""
        self._next = _Next.READY
        self._next_ends = self._ends(now_ms, lasts_ms)

    def refused(self, now_ms: float, *, retryable: bool) -> bool:
        """No next session could be opened, or it was lost while it waited; tell whether another try is made."""
        self._next = _Next.NONE
        if not self.waiting:
            self._alarms.set("renew", now_ms + RENEW_AGAIN_MS)
        elif retryable:
            self._try_again(now_ms)
        return retryable or not self.waiting

    def _try_again(self, now_ms: float) -> None:
        pause_ms = TRY_AGAIN_MS[min(self._tries, len(TRY_AGAIN_MS) - 1)]
        self._tries += 1
        if pause_ms:
            self._alarms.set("reconnect", now_ms + pause_ms)
        else:
            self.open()

    @property
    def next_waits(self) -> bool:
        """Whether the next session is there and may take over."""
        return self._next is _Next.READY

    def takes_over(self, *, pause: bool) -> TakeOver | None:
        """Tell whether the next session is there and takes over now, and why; ``pause``: nobody would notice."""
        if self._next is not _Next.READY:
            return None
        if self.waiting:
            return TakeOver.LOST
        if pause:
            return TakeOver.RENEWED
        return TakeOver.FORCED if self._forced else None

    def took_over(self, now_ms: float) -> float:
        """The next session is the one in use; return how long there was none, in milliseconds."""
        gap_ms = 0.0 if self._lost_ms is None else now_ms - self._lost_ms
        self._stop_watching()
        self._next, self._lost_ms, self._forced = _Next.NONE, None, False
        self._in_use_ms = now_ms
        self._watch(self._next_ends)
        return gap_ms
