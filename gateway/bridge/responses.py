"""One answer at a time: who asked for a response, which one speaks, and which are dead.

Every response belongs to an *epoch*. A barge-in begins a new one; whatever was asked for or created before is dead: it
is cancelled by its id as soon as the id is known, and no late audio of it is ever played. In the default conversation
one response is in flight; others wait their turn or expire. Responses beside the conversation do not wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.bridge.commands import CancelResponse, Command, Respond
from gateway.contracts.model import InputItem, InputText, ResponseRequest, ResponseStarted, ToolSpec

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
    MOMENT = "moment"
    """Said by the local voice while there is no session."""
    SUMMARY = "summary"
    """Written beside the conversation, and heard by nobody."""
    PROMPT = "prompt"
    """A flow's words, said beside the conversation."""
    QUESTION = "question"
    """What the caller meant, for a flow: a tool's arguments, heard by nobody."""


_WHOEVER_SPEAKS: Final = frozenset({Purpose.DISCLOSURE, Purpose.SUMMARY, Purpose.QUESTION})
"""What no barge-in stops."""
_SILENT: Final = frozenset({Purpose.SUMMARY, Purpose.QUESTION})
"""What nobody hears."""
_NOT_ASKED_AGAIN: Final = frozenset(
    {Purpose.DISCLOSURE, Purpose.FILLER, Purpose.SUMMARY, Purpose.PROMPT, Purpose.QUESTION}
)
"""What a lost session takes with it: its own room asks for it anew, or its moment has passed."""


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
    asked_tool: bool = False
    say: str | None = None
    """The exact words that were asked for."""


@dataclass(slots=True)
class _Asked:
    request: ResponseRequest
    purpose: Purpose
    epoch: int
    expires_ms: float
    say: str | None


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
        self._suspended = False
        self.epoch = 0
        self.stamp: Callable[[Purpose], Mapping[str, str]] = lambda _: {}
        """What a request carries beside its tag."""

    # --- asking ----------------------------------------------------------------------------------------------------

    def ask(
        self,
        purpose: Purpose,
        now_ms: float,
        *,
        say: str | None = None,
        instructions: str | None = None,
        out_of_band: bool = False,
        tool_choice: str | None = None,
        text_only: bool = False,
        first: bool = False,
        tools: tuple[ToolSpec, ...] | None = None,
        input: tuple[InputText | InputItem, ...] | None = None,
    ) -> str:
        """Ask for a response, now or as soon as the one in flight has ended; return its tag.

        ``say`` are its exact words; ``instructions`` what else it is to be, in place of the session's own; ``first``
        lets it wait before the others; ``tools`` and ``input`` stand in place of the session's and the conversation.
        """
        self._serial += 1
        tag = f"{purpose}-{self._serial}"
        request = ResponseRequest(
            tag=tag,
            instructions=word_for_word(say) if say is not None else instructions,
            tools=() if say is not None else tools,
            tool_choice="none" if say is not None else tool_choice,
            out_of_band=out_of_band,
            without_history=out_of_band and (say is not None or text_only),
            text_only=text_only,
            input=input,
            metadata=self.stamp(purpose),
        )
        asked = _Asked(request, purpose, self.epoch, now_ms + EXPIRES_MS, say)
        if self._suspended or (self.busy and not out_of_band):
            (self._waiting.appendleft if first else self._waiting.append)(asked)
        else:
            self._send(asked)
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
        """Whether anything alive that will be heard is being made, asked for, or waits to be."""
        return (
            any(asked.purpose not in _SILENT for asked in self._waiting)
            or any(a.epoch == self.epoch and a.purpose not in _SILENT for a in self._asked.values())
            or any(not live.dead and live.purpose not in _SILENT for live in self._live.values())
        )

    @property
    def speaks(self) -> bool:
        """Whether an answer in the conversation is being made of which something has come to be heard."""
        return any(live.spoke and not live.dead and not live.out_of_band for live in self._live.values())

    def drop(self, tag: str, response_id: str | None) -> None:
        """Nobody waits for this one any more."""
        self._asked.pop(tag, None)
        live = self._live.get(response_id) if response_id is not None else None
        if live is not None and not live.dead:
            self._kill(live)

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
        """The session is gone, all responses with it, and none will come any more."""
        self._suspended = True
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
            live = Live(event.response_id, asked.purpose, asked.epoch, asked.request.out_of_band, say=asked.say)
            stale = asked.epoch < self.epoch and asked.purpose not in _WHOEVER_SPEAKS
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
        while self._waiting and not self._suspended and not self.busy:
            asked = self._waiting.popleft()
            if asked.epoch == self.epoch and now_ms < asked.expires_ms:
                self._send(asked)

    # --- without a session -----------------------------------------------------------------------------------------

    @property
    def suspended(self) -> bool:
        """Whether there is no session to ask."""
        return self._suspended

    def suspend(self) -> list[Live]:
        """The session is gone: what was asked for waits for the next one; return what broke off alive."""
        broken = [live for live in self._live.values() if not live.dead]
        asked = [asked for asked in self._asked.values() if asked.epoch == self.epoch]
        self._live.clear()
        self._asked.clear()
        self._waiting.extendleft(asked for asked in reversed(asked) if asked.purpose not in _NOT_ASKED_AGAIN)
        self._suspended = True
        return broken

    def resume(self, now_ms: float) -> None:
        """There is a session again: send what waited for it."""
        self._suspended = False
        waiting, self._waiting = self._waiting, deque()
        for asked in waiting:
            if asked.request.out_of_band:
                self._send(asked)
            else:
                self._waiting.append(asked)
        self.send_next(now_ms)

    # --- interrupting ----------------------------------------------------------------------------------------------

    def pending(self, purpose: Purpose) -> bool:
        """Tell whether something is asked for or being made with this purpose, and may still be heard."""
        asked = any(asked.purpose is purpose and asked.epoch == self.epoch for asked in self._asked.values())
        return asked or any(live.purpose is purpose and not live.dead for live in self._live.values())

    def withdraw(self, purpose: Purpose) -> None:
        """Take back what has this purpose and is not being said yet."""
        self._asked = {tag: asked for tag, asked in self._asked.items() if asked.purpose is not purpose}
        for live in self._live.values():
            if live.purpose is purpose and not live.dead and not live.spoke:
                self._kill(live)

    def interrupt(self) -> None:
        """Begin a new epoch: everything asked for or in flight is dead, but what goes on whoever speaks."""
        self.epoch += 1
        self._waiting.clear()
        for live in self._live.values():
            if not live.dead and live.purpose not in _WHOEVER_SPEAKS:
                self._kill(live)

    def _kill(self, live: Live) -> None:
        live.dead = True
        if self._cancels:
            self._out.append(CancelResponse(live.response_id))
