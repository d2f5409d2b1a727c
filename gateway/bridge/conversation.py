"""One call's conversation, without I/O: events of the leg and the model go in, commands come out.

It routes; each rule has its own room: what was heard (``playback``), sending and clearing (``speaker``), who wins
(``barge_in``), one answer at a time (``responses``), words (``transcript``), tools, the disclosure, silence (``idle``),
the end (``closing``), and a model session that has to be replaced (``continuity``). Caller audio does not pass here: it
takes the short way through ``call.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, assert_never

from gateway.audio.format import AudioFrame
from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import AddMessage, Command, EndCall, Write
from gateway.bridge.continuity import ALARMS as CONTINUITY_ALARMS
from gateway.bridge.hands import Hands
from gateway.bridge.keys import Keys
from gateway.bridge.media import MediaChain
from gateway.bridge.plan import CallPlan
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Live, Purpose
from gateway.bridge.rooms import Rooms
from gateway.bridge.story import Story
from gateway.bridge.tail import Tail
from gateway.contracts.leg import (
    CallerWrote,
    FloorTaken,
    FramesLost,
    ImageShown,
    KeyPressed,
    LegEnded,
    LegEvent,
    LegStarted,
    MarkReturned,
    TurnEnded,
)
from gateway.contracts.model import (
    CallerSegment,
    CallerTranscript,
    CallerTranscriptFailed,
    ItemAudio,
    ItemDone,
    ItemText,
    ModelCapabilities,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionLost,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    ToolAsked,
    Truncated,
    UtteranceCommitted,
)
from gateway.contracts.price import Price, TranscriberPrice
from gateway.contracts.record import Fault, KeyCount, ModelConnected, Transferred
from gateway.contracts.text import Label
from gateway.contracts.tool import Tool
from gateway.errors import Ending, Party
from gateway.privacy.redactor import Redactor

RETRY_MS: Final = 500
LOOK_AT_MOST_EVERY_MS: Final = 100
"""How often a playout that has stopped is looked at, where nothing comes back from the leg."""
BUSY_FAULT: Final = "conversation_already_has_active_response"
CANCEL_TOO_LATE: Final = "response_cancel_not_active"
"""A cancel met the end of its response on the way: there is nothing left to stop, and nothing to tell of."""


class Conversation:
    """Feed it events; carry out the commands it returns, in order. It never waits and never reads a clock.

    Times are milliseconds since the leg started. After :meth:`ended` nothing more comes out.
    """

    def __init__(
        self,
        plan: CallPlan,
        *,
        playback: Playback,
        media: MediaChain,
        tail: Tail,
        capabilities: ModelCapabilities,
        redactor: Redactor,
        custom_tools: Mapping[str, Tool] | None = None,
        price: Price | None = None,
        transcriber_price: TranscriberPrice | None = None,
    ) -> None:
        self._plan = plan
        self._playback = playback
        self._capabilities = capabilities
        self._redactor = redactor
        self._out: list[Command] = []
        self._alarms = Alarms()
        self._rooms = rooms = Rooms(
            plan,
            playback=playback,
            media=media,
            tail=tail,
            capabilities=capabilities,
            redactor=redactor,
            custom_tools=custom_tools or {},
            out=self._out,
            alarms=self._alarms,
            fault=self._fault,
            give_up=self._give_up,
        )
        self._responses = rooms.responses
        self._transcript = rooms.transcript
        self._memory = rooms.memory
        self._keeping = rooms.keeping
        self._listening = rooms.listening
        self._speaker = rooms.speaker
        self._disclosure = rooms.disclosure
        self._barge_in = rooms.barge_in
        self._closing = rooms.closing
        self._tools = rooms.tools
        self._idle = rooms.idle
        self._watchdog = rooms.watchdog
        self._settling = rooms.settling
        self._context = rooms.context
        self._resume = rooms.resume
        self._speaking = rooms.speaking
        self._succession = rooms.succession
        self._continuity = rooms.continuity
        self._hands = Hands(rooms, capabilities=capabilities, out=self._out, fault=self._fault)
        self._story = Story(price, transcriber_price)
        self._keys = Keys()
        self._over = False

    def protect_recording(self) -> None:
        """There is a recording of this call, and no card data may get into it; said before :meth:`begin`."""
        self._keeping.protect()

    # --- the three verbs -------------------------------------------------------------------------------------------

    def begin(self, now_ms: float) -> list[Command]:
        """Open the conversation: the session has been given its set-up, the caller hears nothing yet."""
        beside = self._capabilities.out_of_band
        self._disclosure.begin(now_ms, out_of_band=beside)
        if self._plan.greeting is not None:
            self._responses.ask(Purpose.GREETING, now_ms, say=self._plan.greeting)
        return self._flush(now_ms)

    def receive(self, event: LegEvent | ModelEvent, now_ms: float) -> list[Command]:
        """Take an event of the leg or the model and return what it makes necessary."""
        if self._over:
            return []
        match event:
            case ItemAudio():
                self._speaking.audio(event, now_ms)
            case ItemText():
                self._speaking.text(event)
            case MarkReturned(name, fate, past_ms):
                self._speaker.mark_returned(name, now_ms, fate, past_ms)
            case SpeechStarted():
                self._speech_started(event, now_ms)
            case SpeechStopped():
                self._speech_stopped(event, now_ms)
            case UtteranceCommitted(item_id, _):
                self._listening.committed(item_id)
            case CallerTranscript(item_id, text, final):
                self._listening.words(item_id, text, now_ms, final=final)
                if event.used is not None:
                    self._out.append(Write(self._story.transcript_made(event.used, now_ms, self._transcript.turn)))
            case CallerTranscriptFailed(item_id, _):
                self._listening.no_words(item_id)
            case ResponseStarted():
                self._response_started(event)
            case ItemDone():
                self._speaking.item_done(event, now_ms)
            case ToolAsked():
                self._tool_asked(event, now_ms)
            case ResponseDone():
                self._response_done(event, now_ms)
            case KeyPressed():
                if self._keys.take(event, now_ms) is not None:
                    self._story.keys += 1
                    self._idle.caller_active()
            case CallerWrote(text):
                self._wrote(text, now_ms)
            case FloorTaken():
                self._hands.take_floor(now_ms)
            case TurnEnded():
                self._hands.ended_turn(now_ms)
            case ImageShown(data_uri):
                self._hands.showed(data_uri, now_ms)
            case LegEnded(ending):
                self._out.append(EndCall(ending))
            case SessionLost(reason, retryable):
                spoke = self._barge_in.caller_speaking
                self._continuity.lost(reason, now_ms, retryable=retryable, caller_spoke=spoke)
            case ModelFault():
                self._model_fault(event, now_ms)
            case LegStarted() | FramesLost() | SessionReady() | Truncated() | CallerSegment():
                pass
            case _:
                assert_never(event)
        return self._flush(now_ms)

    def next_wake_ms(self) -> float | None:
        """Return when :meth:`wake` wants to be called, or None."""
        return None if self._over else self._alarms.next_ms()

    def wake(self, now_ms: float) -> list[Command]:
        """Let the alarms that are due ring."""
        if self._over:
            return []
        for name in self._alarms.ring(now_ms):
            self._ring(name, now_ms)
        return self._flush(now_ms)

    def _flush(self, now_ms: float) -> list[Command]:
        """Look at what every event may have changed, and hand the commands over."""
        self._settling.check(now_ms)
        self._wake_when_heard(now_ms)
        self._transcript.decide(now_ms)
        if self._transcript.undecided_until_ms is not None:
            self._alarms.set("undecided", self._transcript.undecided_until_ms)
        self._keeping.check(now_ms)
        if self._keeping.next_ms is not None:
            self._alarms.set("keeping", self._keeping.next_ms)
        self._closing.check(now_ms)
        commands = self._told()
        self._continuity.check(now_ms, pause=self._pause)
        alone = self._continuity.waiting
        self._watchdog.wait_if_silent(now_ms, silent=not alone and self._silent(now_ms))
        taken = self._barge_in.caller_speaking or self._disclosure.pending or alone
        self._idle.arm(now_ms, busy=taken or self._tools.running)
        self._tools.attend(now_ms, floor_free=not (taken or self._speaker.holding))
        return commands + self._told()

    def _wake_when_heard(self, now_ms: float) -> None:
        """Have what plays written down once it was heard, where no mark says so."""
        if self._playback.by_clock and self._playback.unheard_ms(now_ms) > 0:
            self._alarms.set("heard", max(self._playback.ends_at_ms(now_ms) + 1, now_ms + LOOK_AT_MOST_EVERY_MS))

    def _told(self) -> list[Command]:
        """Hand the commands over, in the words of the session in use."""
        commands = [told for command in self._out for told in self._memory.told(command)]
        self._out.clear()
        return commands

    def _pause(self, now_ms: float) -> bool:
        """Whether nobody would notice another session: all was said, heard, written down and done."""
        busy = self._responses.busy or self._responses.expecting_speech or self._tools.waited_for
        owed = self._listening.owed or self._listening.unwritten(now_ms)
        return self._silent(now_ms) and not (busy or owed or self._closing.begun)

    def _silent(self, now_ms: float) -> bool:
        """Whether nobody speaks: neither the caller, nor anything on its way to the ear."""
        return not self._barge_in.caller_speaking and not self._disclosure.pending and self._speaker.quiet(now_ms)

    def _ring(self, name: str, now_ms: float) -> None:
        match name:
            case "barge_in":
                self._barge_in.speech_lasts(now_ms)
            case "clear":
                self._speaker.clear_unconfirmed(now_ms)
            case "backlog":
                self._speaker.refill(now_ms)
            case "idle":
                self._idle.climb(now_ms)
            case "answer":
                working = self._tools.waited_for or self._continuity.waiting
                self._watchdog.overdue(now_ms, working=working)
            case "disclosure":
                self._disclosure.speak_locally()
            case "filler" | "news":
                self._tools.ring(name, now_ms)
            case "retry":
                self._responses.send_next(now_ms)
            case "closing" | "closing_grace" | "closing_limit":
                self._closing.end()
            case "undecided" | "keeping" | "heard":
                pass  # the flush decides
            case _ if name in CONTINUITY_ALARMS:
                may_speak = not self._closing.begun and self._silent(now_ms)
                self._continuity.ring(name, now_ms, may_speak=may_speak)
            case _:
                raise AssertionError(f"an alarm that nobody answers: {name}")

    # --- the caller ------------------------------------------------------------------------------------------------

    def _speech_started(self, event: SpeechStarted, now_ms: float) -> None:
        self._barge_in.speech_started(now_ms)
        self._closing.reopen()
        self._idle.caller_active()
        self._watchdog.caller_speaks()
        self._resume.answer_begins()
        self._listening.started(event, now_ms)

    def _wrote(self, text: str, now_ms: float) -> None:
        self._hands.wrote(text, now_ms)

    def _speech_stopped(self, event: SpeechStopped, now_ms: float) -> None:
        stopped_ms, spoke_ms = self._listening.stopped(event, now_ms)
        self._barge_in.speech_stopped(spoke_ms, now_ms)
        if self._barge_in.dismissed:
            self._listening.dismissed(event.item_id)
            return
        self._speaking.caller_stopped(stopped_ms)
        self._resume.caller_stopped()
        self._watchdog.wait(now_ms)

    # --- the model -------------------------------------------------------------------------------------------------

    def _response_started(self, event: ResponseStarted) -> None:
        unwanted = self._barge_in.caller_speaking or self._barge_in.dismissed or self._closing.begun
        live = self._responses.started(event, unwanted=unwanted)
        self._story.response_started(event.response_id, self._transcript.turn)
        if not live.out_of_band:
            self._barge_in.dismissed = False
            self._resume.answer_begins()

    def _tool_asked(self, event: ToolAsked, now_ms: float) -> None:
        live = self._responses.get(event.response_id)
        if live is None or live.dead:
            return
        live.asked_tool = True
        event = replace(event, arguments=self._redactor.without_cards(event.arguments))
        self._memory.tool_asked(event.item_id, event.tool_call_id, event.name, event.arguments)
        self._listening.answered()
        self._tools.asked(event, live, now_ms)

    def _response_done(self, event: ResponseDone, now_ms: float) -> None:
        used = self._story.response_done(event, now_ms, self._transcript.turn)
        if used is not None:
            self._out.append(Write(used))
        live = self._responses.done(event.response_id, now_ms)
        if live is None or live.dead:
            self._tools.settle(now_ms)
            return
        for item in self._transcript.open_items():
            if item.response_id == event.response_id:
                item.done = True
        if event.status is ResponseStatus.FAILED:
            self._fault(now_ms, "response_failed", event.reason)
            if live.purpose is Purpose.DISCLOSURE:
                self._disclosure.speak_locally()
            elif live.purpose is Purpose.SUMMARY:
                self._context.failed(now_ms)
            elif not live.spoke and live.purpose is not Purpose.FILLER:
                self._watchdog.overdue(now_ms, working=self._tools.waited_for)
        self._tools.settle(now_ms)
        if not live.out_of_band:
            self._context.response_done(event.usage, now_ms)

    def _model_fault(self, event: ModelFault, now_ms: float) -> None:
        if event.code == CANCEL_TOO_LATE:
            return
        tag = event.subject or self._responses.only_asked()
        if event.code == BUSY_FAULT:
            if tag is not None:
                self._responses.refused(tag)
                self._alarms.set("retry", now_ms + RETRY_MS)
            return
        if event.command == "respond" and tag is not None:
            self._responses.rejected(tag)
            self._context.rejected(tag, now_ms)
        self._fault(now_ms, "model_fault", f"{event.code} {event.message} {event.command}".strip())

    def _give_up(self, now_ms: float) -> None:
        """No session will come any more: a goodbye that is on its way is heard out, else the caller is told so."""
        ends_by_itself = self._closing.begun and not self._responses.expecting_speech
        self._responses.lost()
        if self._disclosure.pending:
            self._speaking.open_gate(now_ms)
        if not ends_by_itself:
            self._closing.apologise(self._plan.apology, Ending(Party.MODEL, "lost", ok=False), now_ms)

    # --- what the driver brings back -------------------------------------------------------------------------------

    def session_ready(
        self, took_ms: float, session_id: str, now_ms: float, *, lasts_ms: float | None = None
    ) -> list[Command]:
        """The first session took its set-up, ``took_ms`` after the connection was asked for."""
        self._succession.in_use(now_ms, lasts_ms)
        text = self._redactor.whole("agent", session_id)
        self._out.append(Write(ModelConnected(at_ms=int(now_ms), took_ms=int(took_ms), session_id=text)))
        return self._flush(now_ms)

    def session_opened(self, session_id: str, lasts_ms: float | None, now_ms: float) -> list[Command]:
        """The session that :class:`OpenSession` asked for took its set-up, and lasts so long if that is known."""
        self._continuity.opened(session_id, lasts_ms, now_ms)
        return self._flush(now_ms)

    def session_refused(self, why: str, now_ms: float, *, retryable: bool) -> list[Command]:
        """It is not to be had, or was lost while it waited; ``retryable`` says whether another try can help."""
        self._continuity.refused(why, now_ms, retryable=retryable)
        return self._flush(now_ms)

    def tool_finished(self, tool_call_id: str, output: str, now_ms: float, *, ok: bool) -> list[Command]:
        """A tool that :class:`RunTool` named has ended; ``output`` is for the model."""
        self._tools.finished(tool_call_id, self._redactor.without_cards(output), now_ms, ok=ok)
        return self._flush(now_ms)

    def learned(self, line: str, now_ms: float) -> list[Command]:
        """A lookup brought something too late for the instructions: ``line`` is for the model."""
        self._out.append(AddMessage("system", self._redactor.without_cards(line)))
        return self._flush(now_ms)

    def announce(self, text: str, now_ms: float) -> list[Command]:
        """Somebody beside the call wants ``text`` said to the caller, word for word."""
        if self._over:
            return []
        self._responses.ask(Purpose.ANNOUNCEMENT, now_ms, say=text)
        return self._flush(now_ms)

    def response(self, response_id: str) -> Live | None:
        """Return a response that the model is making; None for one that is over or was never begun."""
        return self._responses.get(response_id)

    def transfer_finished(self, target: str, why: str | None, now_ms: float) -> list[Command]:
        """The carrier took the caller over, or would not and said ``why``."""
        uri = self._redactor.shorten_number(target)
        self._out.append(Write(Transferred(at_ms=int(now_ms), target=uri, ok=why is None)))
        if why is None:
            self._out.append(EndCall(Ending(Party.AGENT, "transferred")))
        else:
            self._closing.failed()
            self._fault(now_ms, "transfer_failed", why)
            self._out.append(AddMessage("system", "The transfer failed. Tell the caller, and offer to go on."))
            self._responses.ask(Purpose.ANSWER, now_ms)
        return self._flush(now_ms)

    def local_speech(self, text: str, purpose: str, frame: AudioFrame | None, now_ms: float) -> list[Command]:
        """Speech rendered without the model, in the leg's format; None if there is no way to render it."""
        if purpose == Purpose.FILLER and not self._tools.filler_rendered(silent=self._silent(now_ms)):
            return self._flush(now_ms)
        if purpose == Purpose.MOMENT and not (self._continuity.waiting and self._silent(now_ms)):
            return self._flush(now_ms)
        if not self._speaking.local(text, Purpose(purpose), frame, now_ms):
            self._fault(now_ms, "no_local_speech", f"the {purpose} could not be spoken")
        if purpose == Purpose.APOLOGY:
            self._closing.local_speech_came()
        return self._flush(now_ms)

    def ended(self, ending: Ending, now_ms: float, *, dropped_ms: float) -> list[Command]:
        """The call is over: return the last records, the story of the call last of all."""
        if self._over:
            return []
        self._settling.finish(now_ms)
        self._tools.cancel_all()
        self._transcript.finish()
        self._transcript.close()
        self._keeping.close(now_ms)
        self._playback.settle(now_ms)
        if self._story.keys:
            self._out.append(Write(KeyCount(at_ms=int(now_ms), count=self._story.keys)))
        told = self._story.told(
            ending,
            now_ms,
            turns=self._transcript.turn,
            barge_ins=self._barge_in.count,
            tools=self._tools.count,
            latencies_ms=self._transcript.latencies_ms,
            heard_sent_ms=self._playback.totals_ms,
            dropped_ms=dropped_ms,
        )
        self._out.append(Write(told))
        commands = self._out[:]
        self._over = True
        return commands

    def _fault(self, now_ms: float, kind: str, message: str) -> None:
        text = self._redactor.whole("agent", message)
        self._out.append(Write(Fault(at_ms=int(now_ms), kind=Label(kind), message=text)))
