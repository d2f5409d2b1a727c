"""Who speaks after one session took the place of another: whoever was to speak.

What the caller is hearing goes on from our own buffer. What was asked for and never began is asked for again; an answer
that broke off is gone on with from the last word that was received; speech of the caller that the model had not taken
in is heard again, and answered by the endpoint as any other. Nothing is said twice: not the disclosure, not a greeting.
"""

from __future__ import annotations

from typing import Final

from gateway.bridge.barge_in import BargeIn
from gateway.bridge.commands import AddMessage, Command
from gateway.bridge.disclosure import Disclosure, same_words
from gateway.bridge.listening import Listening
from gateway.bridge.memory import Memory
from gateway.bridge.responses import Live, Purpose, Responses
from gateway.bridge.speaker import Speaker
from gateway.bridge.tools import Tools
from gateway.bridge.transcript import Item, Transcript
from gateway.bridge.watchdog import Watchdog

GO_ON: Final = (
    "The line to you was cut while you were speaking. The caller has heard these words of yours:\n"
    "{heard}\n"
    "Go on from there: say what was still to be said. Do not greet, do not apologise, repeat nothing."
)
_NOT_GONE_ON_WITH: Final = frozenset(
    {Purpose.DISCLOSURE, Purpose.FILLER, Purpose.SUMMARY, Purpose.PROMPT, Purpose.QUESTION}
)
"""Speech that its own room asks for anew, or whose moment has passed."""


class Resume:
    """What one call owes its caller across a change of sessions."""

    def __init__(
        self,
        *,
        responses: Responses,
        transcript: Transcript,
        memory: Memory,
        listening: Listening,
        speaker: Speaker,
        barge_in: BargeIn,
        disclosure: Disclosure,
        tools: Tools,
        watchdog: Watchdog,
        out: list[Command],
    ) -> None:
        self._responses = responses
        self._transcript = transcript
        self._memory = memory
        self._listening = listening
        self._speaker = speaker
        self._barge_in = barge_in
        self._disclosure = disclosure
        self._tools = tools
        self._watchdog = watchdog
        self._out = out
        self._answer_owed = False
        """The caller has finished, and the endpoint has not begun to answer."""
        self._heard_again = False
        self._rests: list[tuple[Purpose, str | None, str]] = []
        """What broke off: its purpose, its exact words if they were asked for, and the words that were received."""
        self._notes: list[str] = []
        """What sessions were told of how to go on; of no use to the next one."""

    # --- before ----------------------------------------------------------------------------------------------------

    def caller_stopped(self) -> None:
        """The endpoint owes an answer."""
        self._answer_owed = True

    def answer_begins(self) -> None:
        """It gives one, or the caller speaks again."""
        self._answer_owed = False

    # --- in between ------------------------------------------------------------------------------------------------

    def session_gone(self, now_ms: float) -> None:
        """The session that was in use will say no more."""
        for item_id in self._notes:
            self._memory.forget(item_id)
        for live in self._responses.suspend():
            self._break_off(live)
        self._disclosure.session_gone()
        self._barge_in.session_gone(now_ms)
        if self._listening.session_gone():
            # The endpoint answers what it hears: asking too would be one answer too many.
            self._heard_again, self._answer_owed = True, False
        self._watchdog.pause()

    def _break_off(self, live: Live) -> None:
        items = [item for item in self._transcript.open_items() if item.response_id == live.response_id]
        whole = [item for item in items if item.done]
        cut = [item for item in items if not item.done]
        for item in cut:
            self._end(item)
        if live.purpose in _NOT_GONE_ON_WITH or live.out_of_band:
            return
        if cut or not (whole or live.asked_tool):
            spoken = " ".join(item.text for item in items if item.received_ms)
            if live.purpose is Purpose.ANSWER and live.say is None and not spoken:
                self._answer_owed = True
            else:
                self._rests.append((live.purpose, live.say, spoken))

    def _end(self, item: Item) -> None:
        self._transcript.break_off(item)
        if item.received_ms:
            self._speaker.item_complete(item.item_id)
        else:
            self._transcript.forget(item.item_id)
            self._memory.forget(item.item_id)

    # --- after -----------------------------------------------------------------------------------------------------

    def go_on(self, now_ms: float, *, out_of_band: bool) -> None:
        """Another session is in use and knows what was said: let whoever was to speak speak."""
        rests, self._rests = self._rests, []
        for purpose, say, spoken in reversed(rests):
            self._ask_rest(purpose, say, spoken, now_ms)
        self._disclosure.begin_again(now_ms, out_of_band=out_of_band)
        self._responses.resume(now_ms)
        self._tools.settle(now_ms)
        if self._answer_owed and not self._responses.expecting_speech:
            self._responses.ask(Purpose.ANSWER, now_ms)
        if self._heard_again:
            self._watchdog.wait(now_ms)
        self._answer_owed = self._heard_again = False

    def _ask_rest(self, purpose: Purpose, say: str | None, spoken: str, now_ms: float) -> None:
        rest = None if say is None else rest_of(say, spoken)
        if rest is not None:
            if rest:
                self._responses.ask(purpose, now_ms, say=rest, first=True)
            return
        if spoken:
            self._notes.append(f"go_on_{len(self._notes)}")
            self._out.append(AddMessage("system", GO_ON.format(heard=spoken), self._notes[-1]))
        self._responses.ask(purpose, now_ms, first=True)


def rest_of(say: str, spoken: str) -> str | None:
    """Return what is left of exact words when some of them were spoken; None if it was other words that were."""
    words, count = say.split(), len(spoken.split())
    return " ".join(words[count:]) if same_words(" ".join(words[:count]), spoken) else None
