"""One answer at a time: who asked for a response, which one speaks, and which are dead.

Every response belongs to an *epoch*. A barge-in begins a new one; whatever was asked for or created before is dead: it
is cancelled by its id as soon as the id is known, and no late audio of it is ever played. In the default conversation
one response is in flight; others wait their turn or expire. Responses beside the conversation do not wait.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.bridge.commands import CancelResponse, Command, Respond
from gateway.contracts.model import ResponseRequest, ResponseStarted

EXPIRES_MS: Final = 15_000
"""A request that could not be sent for so long answers a moment that has passed."""


class Purpose(StrEnum):
    """What a stretch of the model's speech is for."""

    ANSWER = "answer"
    GREETING = "greeting"
    DISCLOSURE = "disclosure"
    IDLE = "idle"
    GOODBYE = "goodbye"
    FILLER = "filler"
    APOLOGY = "apology"
    ANNOUNCEMENT = "announcement"


def word_for_word(text: str) -> str:
    """Return instructions that make a model say ``text`` and nothing else.

    The ``SAY:`` line is what the local server reads (gateway/offline/README.md); models read the sentence too.
    """
    return f"Say exactly the following to the caller, word for word, and nothing else.\nSAY: {text}"


@dataclass(slots=True)
class Live:
    """A response that the model is making."""

    response_id: str
    purpose: Purpose
    epoch: int
    out_of_band: bool
    dead: bool = False
    spoke: bool = False


@dataclass(slots=True)
class _Asked:
    request: ResponseRequest
    purpose: Purpose
    epoch: int
    expires_ms: float


class Responses:
    """The arbiter of one call's responses.

    Args:
        out: where commands go.
        cancels: whether the gateway stops responses (else the server does, and no cancel is ever sent).
    """

    def __init__(self, out: list[Command], *, cancels: bool) -> None:
        self._out = out
        self._cancels = cancels
        self._live: dict[str, Live] = {}
        self._waiting: deque[_Asked] = deque()
        self._asked: dict[str, _Asked] = {}
        self._serial = 0
        self.epoch = 0

    # --- asking ----------------------------------------------------------------------------------------------------

    def ask(
        self,
        purpose: Purpose,
        now_ms: float,
        *,
        say: str | None = None,
        out_of_band: bool = False,
        tool_choice: str | None = None,
    ) -> str:
        """Ask for a response, now or as soon as the one in flight has ended; return its tag."""
        self._serial += 1
        tag = f"{purpose}-{self._serial}"
        request = ResponseRequest(
            tag=tag,
            instructions=word_for_word(say) if say is not None else None,
            tools=() if say is not None else None,
            tool_choice="none" if say is not None else tool_choice,
            out_of_band=out_of_band,
            without_history=out_of_band and say is not None,
        )
        asked = _Asked(request, purpose, self.epoch, now_ms + EXPIRES_MS)
        if out_of_band or not self.busy:
            self._send(asked)
        else:
            self._waiting.append(asked)
        return tag

    def _send(self, asked: _Asked) -> None:
        self._asked[asked.request.tag] = asked
        self._out.append(Respond(asked.request))

    @property
    def busy(self) -> bool:
        """Whether a response of the default conversation is asked for or in flight, dead or alive."""
        return any(not asked.request.out_of_band for asked in self._asked.values()) or any(
            not live.out_of_band for live in self._live.values()
        )

    @property
    def expecting_speech(self) -> bool:
        """Whether anything alive is being made, asked for, or waits to be."""
        return (
            bool(self._waiting)
            or any(asked.epoch == self.epoch for asked in self._asked.values())
            or any(not live.dead for live in self._live.values())
        )

    def refused(self, tag: str) -> None:
        """The endpoint would not start a response because one is in flight: the request waits for that one's end."""
        asked = self._asked.pop(tag, None)
        if asked is not None and asked.epoch == self.epoch:
            self._waiting.appendleft(asked)

    def rejected(self, tag: str) -> None:
        """The endpoint will not make this response, now or later."""
        self._asked.pop(tag, None)

    def give_up_asked(self) -> None:
        """Wait no longer for requests that were never answered; should one start after all, it is dead."""
        self._asked = {tag: asked for tag, asked in self._asked.items() if asked.request.out_of_band}

    def lost(self) -> None:
        """The session is gone, and all responses with it."""
        self.epoch += 1
        self._asked.clear()
        self._waiting.clear()
        self._live.clear()

    def only_asked(self) -> str | None:
        """Return the tag of the default conversation's request on its way, if there is one."""
        return next((tag for tag, asked in self._asked.items() if not asked.request.out_of_band), None)

    # --- following -------------------------------------------------------------------------------------------------

    def started(self, event: ResponseStarted, *, unwanted: bool) -> Live:
        """Enter a response that the model begins. ``unwanted``: one it made by itself must not speak now."""
        asked = self._asked.pop(event.tag, None) if event.tag else None
        if asked is not None:
            live = Live(event.response_id, asked.purpose, asked.epoch, asked.request.out_of_band)
            stale = asked.epoch < self.epoch and asked.purpose is not Purpose.DISCLOSURE
        else:
            live = Live(event.response_id, Purpose.ANSWER, self.epoch, event.out_of_band)
            # A tag that we gave up, or an answer that the endpoint made by itself at the wrong moment.
            stale = unwanted or event.tag is not None
        self._live[event.response_id] = live
        if stale:
            self._kill(live)
        return live

    def get(self, response_id: str) -> Live | None:
        """Return a response in flight."""
        return self._live.get(response_id)

    def done(self, response_id: str, now_ms: float) -> Live | None:
        """Take a response out, and send the next one that waits and still matters."""
        live = self._live.pop(response_id, None)
        self.send_next(now_ms)
        return live

    def send_next(self, now_ms: float) -> None:
        """Send the next waiting request if nothing is in flight."""
        while self._waiting and not self.busy:
            asked = self._waiting.popleft()
            if asked.epoch == self.epoch and now_ms < asked.expires_ms:
                self._send(asked)

    # --- interrupting ----------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Begin a new epoch: everything asked for or in flight is dead, but the disclosure."""
        self.epoch += 1
        self._waiting.clear()
        for live in self._live.values():
            if not live.dead and live.purpose is not Purpose.DISCLOSURE:
                self._kill(live)

    def _kill(self, live: Live) -> None:
        live.dead = True
        if self._cancels:
            self._out.append(CancelResponse(live.response_id))
