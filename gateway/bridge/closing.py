"""How a call comes to its end: a goodbye heard to its last word, a transfer announced first, an apology when all fails.

Nothing here waits for a peer without a limit: the end of speech is proved by marks, or taken from the playout clock
and a grace, and never later than ``CLOSING_AT_MOST_MS``. A caller who speaks during the goodbye has the call back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import Command, EndCall, SpeakLocally, TransferCall
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Purpose, Responses
from gateway.bridge.speaker import Speaker
from gateway.contracts.leg import TransferTarget
from gateway.errors import Ending

TAIL_MS: Final = 250
"""Silence after the last word, so that it is not clipped on its way through the carrier's network."""
GRACE_MS: Final = 1500
"""How long a last mark may be late before the clock is believed."""
CLOSING_AT_MOST_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class _Plan:
    ending: Ending | None
    target: TransferTarget | None
    reversible: bool


class Closing:
    """The end of one call; nothing happens until one of ``goodbye``, ``transfer`` or ``apologise`` is called."""

    def __init__(
        self, *, speaker: Speaker, playback: Playback, responses: Responses, out: list[Command], alarms: Alarms
    ) -> None:
        self._speaker = speaker
        self._playback = playback
        self._responses = responses
        self._out = out
        self._alarms = alarms
        self._plan: _Plan | None = None
        self._local_pending = False
        self.over = False

    @property
    def begun(self) -> bool:
        """Whether the call is on its way to its end."""
        return self._plan is not None or self.over

    def goodbye(self, ending: Ending, now_ms: float, *, say: str | None, spoken: bool) -> None:
        """Say goodbye and hang up once it was heard; ``spoken`` if the model has just said it by itself."""
        if self.begun:
            return
        if not spoken:
            self._responses.ask(Purpose.GOODBYE, now_ms, say=say, tool_choice="none")
        self._begin(_Plan(ending, None, reversible=True), now_ms)

    def transfer(self, target: TransferTarget, now_ms: float, *, say: str, spoken: bool) -> None:
        """Announce the transfer, hear it out, and hand the caller over."""
        if self.begun:
            return
        if not spoken:
            self._responses.ask(Purpose.ANNOUNCEMENT, now_ms, say=say)
        self._begin(_Plan(None, target, reversible=False), now_ms)

    def apologise(self, text: str, ending: Ending, now_ms: float) -> None:
        """The model is lost: say so without it, and end. Overrides a goodbye or transfer on its way."""
        if self.over:
            return
        self._local_pending = True
        self._out.append(SpeakLocally(text, Purpose.APOLOGY))
        self._begin(_Plan(ending, None, reversible=False), now_ms)

    def finish(self, ending: Ending, now_ms: float) -> None:
        """All was said: end once it was heard to the last word. Nothing that the caller says takes this back."""
        if not self.begun:
            self._begin(_Plan(ending, None, reversible=False), now_ms)

    def local_speech_came(self) -> None:
        """The apology's audio (or word that there is none) has arrived and was handed to the speaker."""
        self._local_pending = False

    def _begin(self, plan: _Plan, now_ms: float) -> None:
        self._plan = plan
        self._alarms.set("closing_limit", now_ms + CLOSING_AT_MOST_MS)

    def reopen(self) -> bool:
        """The caller spoke during the goodbye: the call goes on. Tells whether there was one to take back."""
        if self._plan is None or not self._plan.reversible:
            return False
        self._plan = None
        for name in ("closing", "closing_grace", "closing_limit"):
            self._alarms.stop(name)
        return True

    def failed(self) -> None:
        """The transfer did not happen: the call goes on."""
        self._plan = None
        self.over = False

    def check(self, now_ms: float) -> None:
        """See whether the last word was heard; called after every event."""
        if self._plan is None or self.over or self._local_pending or self._responses.expecting_speech:
            return
        if self._speaker.all_heard(now_ms):
            if not self._alarms.is_set("closing"):
                self._alarms.set("closing", now_ms + TAIL_MS)
        elif not self._alarms.is_set("closing_grace"):
            trip_ms = self._playback.round_trip_ms or 0.0
            self._alarms.set("closing_grace", self._playback.ends_at_ms(now_ms) + trip_ms + GRACE_MS)

    def end(self) -> None:
        """Do it: ``closing``, ``closing_grace`` or ``closing_limit`` rang."""
        plan, self._plan = self._plan, None
        if plan is None or self.over:
            return
        self.over = True
        for name in ("closing", "closing_grace", "closing_limit"):
            self._alarms.stop(name)
        if plan.target is not None:
            self._out.append(TransferCall(plan.target))
        elif plan.ending is not None:
            self._out.append(EndCall(plan.ending))
