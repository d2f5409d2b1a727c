"""What every tool of the operator's goes through: checked arguments, a rate, limits of time and size, a log line.

Whatever a tool does, the model gets an answer in time that it can act on, and the call goes on.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from gateway.contracts.model import ToolSpec
from gateway.contracts.tool import CallFacts, Filler, Tool, ToolOutcome
from gateway.errors import ToolError
from gateway.settings.tools import FillerSettings
from gateway.toolbox.arguments import Arguments
from gateway.toolbox.outcomes import failed, succeeded

log = structlog.get_logger()

WINDOW_S: Final = 60.0

Work = Callable[[dict[str, Any], CallFacts], Awaitable[object]]
"""Does what a tool does, with arguments that fit. Raises :class:`~gateway.errors.ToolError`, in words for the model."""


class RateLimit:
    """At most ``per_minute`` in any minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._taken: deque[float] = deque()

    def take(self, now_s: float) -> float:
        """Take a place and return 0, or return in how many seconds there is one."""
        while self._taken and self._taken[0] <= now_s - WINDOW_S:
            self._taken.popleft()
        if len(self._taken) < self._per_minute:
            self._taken.append(now_s)
            return 0.0
        return self._taken[0] + WINDOW_S - now_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A tool of the operator's, ready for any call."""

    name: str
    description: str
    arguments: Arguments
    work: Work
    timeout_ms: int
    max_result_bytes: int
    rate: RateLimit | None = None
    background: bool = False
    filler: Filler | None = None

    def tool(self, facts: CallFacts) -> Tool:
        """Return the tool for one call. Nothing that one call does is seen by another."""

        async def run(text: str) -> ToolOutcome:
            return await self.run(text, facts)

        spec = ToolSpec(name=self.name, description=self.description, parameters=self.arguments.schema)
        return Tool(spec=spec, run=run, background=self.background, filler=self.filler)

    async def run(self, text: str, facts: CallFacts) -> ToolOutcome:
        """Run the tool with a model's arguments; raises nothing but its own cancellation."""
        began_s = asyncio.get_running_loop().time()
        how = "cancelled"
        try:
            with structlog.contextvars.bound_contextvars(call_id=facts.call_id):
                outcome, how = await self._tried(text, facts)
        finally:
            took_ms = int((asyncio.get_running_loop().time() - began_s) * 1000)
            log.info("tool_called", call_id=facts.call_id, tool=self.name, ms=took_ms, outcome=how)
        return outcome

    async def _tried(self, text: str, facts: CallFacts) -> tuple[ToolOutcome, str]:
        limit = asyncio.timeout(self.timeout_ms / 1000)
        try:
            arguments = self.arguments.read(text)
            self._take_turn()
            async with limit:
                result = await self.work(arguments, facts)
            outcome = succeeded(result, self.max_result_bytes)
        except ToolError as error:
            return failed(error), error.kind
        except TimeoutError as error:
            if limit.expired():
                late = ToolError(f"no answer within {self.timeout_ms} ms", kind="timed_out", retry=True)
                return failed(late), late.kind
            return self._broken(error)
        except Exception as error:  # noqa: BLE001 - a tool is the operator's code: whatever it does, the call goes on
            return self._broken(error)
        return outcome, "ok" if outcome.ok else "failed"

    def _take_turn(self) -> None:
        wait_s = self.rate.take(asyncio.get_running_loop().time()) if self.rate is not None else 0.0
        if wait_s > 0:
            why = f"it was called too often in the last minute; it can be called again in {int(wait_s) + 1} seconds"
            raise ToolError(why, kind="rate_limited", retry=True)

    def _broken(self, error: Exception) -> tuple[ToolOutcome, str]:
        # Neither the model nor the log is told the exception's text: it may quote anything.
        log.error("tool_failed", tool=self.name, error=type(error).__name__, at=_place(error))
        return failed(ToolError("the tool failed", kind="failed")), "failed"


def filler_of(settings: FillerSettings | None) -> Filler | None:
    """Return a tool's own filler, or None for the persona's."""
    if settings is None:
        return None
    return Filler(say=tuple(settings.say), after_ms=settings.after_ms, again_ms=settings.again_ms)


def rate_of(per_minute: int | None) -> RateLimit | None:
    """Return a rate limit, or None for none."""
    return None if per_minute is None else RateLimit(per_minute)


def _place(error: Exception) -> str:
    """Return where an exception was raised, as ``module.py:12``."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
