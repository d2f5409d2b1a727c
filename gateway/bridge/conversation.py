"""One call's conversation, without I/O: events of the leg and the model go in, commands come out.

It routes; each rule has its own room: what was heard (``playback``), sending and clearing (``speaker``), who wins
(``barge_in``), one answer at a time (``responses``), words (``transcript``), tools, the disclosure, silence (``idle``),
the end (``closing``). Caller audio does not pass here: it takes the short way through ``call.py``.
"""

from __future__ import annotations

from typing import Final, assert_never

from gateway.audio.format import AudioFrame
from gateway.bridge.alarms import Alarms
from gateway.bridge.barge_in import BargeIn
from gateway.bridge.closing import Closing
from gateway.bridge.commands import AddMessage, Command, DeleteItem, EndCall, Write
from gateway.bridge.disclosure import Disclosure
from gateway.bridge.idle import IdleLadder
from gateway.bridge.media import MediaChain
from gateway.bridge.plan import CallPlan
from gateway.bridge.playback import Playback, UnknownItem
from gateway.bridge.responses import Live, Purpose, Responses
from gateway.bridge.speaker import Speaker
from gateway.bridge.story import Story
from gateway.bridge.tools import Tools
from gateway.bridge.transcript import Item, Transcript
from gateway.bridge.watchdog import Watchdog
from gateway.contracts.leg import FramesLost, KeyPressed, LegEnded, LegEvent, LegStarted, MarkReturned
from gateway.contracts.model import (
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
from gateway.contracts.record import DisclosureHeard, Fault, KeyCount, ModelConnected, Transferred
from gateway.contracts.text import Label
from gateway.errors import Ending, Party
from gateway.privacy.redactor import Redactor

RETRY_MS: Final = 500
BUSY_FAULT: Final = "conversation_already_has_active_response"
CANCEL_TOO_LATE: Final = "response_cancel_not_active"
"""A cancel met the end of its response on the way: there is nothing left to stop, and nothing to tell of."""
_LOCAL: Final = "local:"


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
        capabilities: ModelCapabilities,
        redactor: Redactor,
        custom_tools: frozenset[str] = frozenset(),
    ) -> None:
        self._plan = plan
        self._playback = playback
        self._media = media
        self._capabilities = capabilities
        self._redactor = redactor
        self._out: list[Command] = []
        out, alarms = self._out, Alarms()
        self._alarms = alarms
        self._responses = Responses(out, cancels=plan.interruption == "gateway" and capabilities.cancels)
        self._transcript = Transcript(redactor, out)
        self._speaker = Speaker(playback, media, redactor, out, alarms)
        self._disclosure = Disclosure(
            plan.disclosure,
            responses=self._responses,
            speaker=self._speaker,
            transcript=self._transcript,
            out=out,
            alarms=alarms,
        )
        self._barge_in = BargeIn(
            min_speech_ms=plan.min_barge_in_ms,
            capabilities=capabilities,
            speaker=self._speaker,
            playback=playback,
            responses=self._responses,
            transcript=self._transcript,
            out=out,
            alarms=alarms,
        )
        self._closing = Closing(
            speaker=self._speaker, playback=playback, responses=self._responses, out=out, alarms=alarms
        )
        self._tools = Tools(
            plan=plan,
            custom=custom_tools,
            closing=self._closing,
            responses=self._responses,
            redactor=redactor,
            out=out,
        )
        self._idle = IdleLadder(
            plan.idle, playback=playback, responses=self._responses, closing=self._closing, out=out, alarms=alarms
        )
        self._caller_stopped_ms: float | None = None
        self._watchdog = Watchdog(
            plan.apology, responses=self._responses, closing=self._closing, alarms=alarms, fault=self._fault
        )
        self._story = Story()
        self._over = False

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
                self._item_audio(event, now_ms)
            case ItemText():
                self._item_text(event)
            case MarkReturned(name, fate):
                self._speaker.mark_returned(name, now_ms, fate)
            case SpeechStarted():
                self._speech_started(event, now_ms)
            case SpeechStopped():
                self._speech_stopped(event, now_ms)
            case CallerTranscript(item_id, text, final):
                self._transcript.caller_text(item_id, text, final=final, now_ms=now_ms)
            case CallerTranscriptFailed(item_id, _):
                self._transcript.caller_text_failed(item_id)
            case ResponseStarted():
                unwanted = self._barge_in.caller_speaking or self._barge_in.dismissed or self._closing.begun
                self._responses.started(event, unwanted=unwanted)
                self._barge_in.dismissed = False
            case ItemDone():
                self._item_done(event, now_ms)
            case ToolAsked():
                live = self._responses.get(event.response_id)
                if live is not None and not live.dead:
                    self._tools.asked(event, live, now_ms)
            case ResponseDone():
                self._response_done(event, now_ms)
            case KeyPressed():
                self._story.keys += 1
                self._idle.caller_active()
            case LegEnded(ending):
                self._out.append(EndCall(ending))
            case SessionLost(reason, _):
                self._model_lost(reason, now_ms)
            case ModelFault():
                self._model_fault(event, now_ms)
            case LegStarted() | FramesLost() | SessionReady() | UtteranceCommitted() | Truncated():
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
        self._settle_items(now_ms)
        self._closing.check(now_ms)
        self._watchdog.wait_if_silent(now_ms, silent=self._silent(now_ms))
        busy = self._barge_in.caller_speaking or self._tools.running or self._disclosure.pending
        self._idle.arm(now_ms, busy=busy)
        commands = self._out[:]
        self._out.clear()
        return commands

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
                self._watchdog.overdue(now_ms, working=self._tools.running)
            case "disclosure":
                self._disclosure.speak_locally()
            case "retry":
                self._responses.send_next(now_ms)
            case "closing" | "closing_grace" | "closing_limit":
                self._closing.end()
            case _:
                raise AssertionError(f"an alarm that nobody answers: {name}")

    # --- the caller ------------------------------------------------------------------------------------------------

    def _speech_started(self, event: SpeechStarted, now_ms: float) -> None:
        self._barge_in.speech_started(now_ms)
        self._closing.reopen()
        self._idle.caller_active()
        self._watchdog.caller_speaks()
        self._transcript.caller_started(event.item_id, self._when(event.audio_ms, now_ms))

    def _speech_stopped(self, event: SpeechStopped, now_ms: float) -> None:
        stopped_ms = self._when(event.audio_ms, now_ms) - self._plan.silence_window_ms
        utterance = self._transcript.utterance(event.item_id)
        spoke_ms = float("inf")
        if utterance is not None:
            utterance.stopped_ms = max(stopped_ms, utterance.started_ms)
            spoke_ms = utterance.stopped_ms - utterance.started_ms
        self._barge_in.speech_stopped(spoke_ms, now_ms)
        if self._barge_in.dismissed:
            return
        self._caller_stopped_ms = stopped_ms
        self._watchdog.wait(now_ms)

    def _when(self, audio_ms: float, now_ms: float) -> float:
        """Return the call's time of a place in the appended audio."""
        return min(now_ms, now_ms - (self._media.appended_ms - audio_ms))

    # --- the model -------------------------------------------------------------------------------------------------

    def _item_audio(self, event: ItemAudio, now_ms: float) -> None:
        live = self._responses.get(event.response_id)
        if live is None or live.dead:
            return
        item = self._item(event.item_id, live)
        item.received_ms += event.frame.duration_ms
        live.spoke = True
        if self._disclosure.pending:
            self._disclosure.keep(event.item_id, event.frame, live.purpose)
        else:
            self._play(item, event.frame, now_ms)

    def _play(self, item: Item, frame: AudioFrame, now_ms: float) -> None:
        if item.started_ms is None:
            self._transcript.first_sound(item, self._playback.ends_at_ms(now_ms), now_ms, self._caller_stopped_ms)
            self._caller_stopped_ms = None
            self._watchdog.heard()
        self._alarms.stop("idle")
        self._speaker.play(item.item_id, frame, now_ms)

    def _item_text(self, event: ItemText) -> None:
        live = self._responses.get(event.response_id)
        if live is not None and not live.dead:
            self._item(event.item_id, live).text += event.text

    def _item_done(self, event: ItemDone, now_ms: float) -> None:
        live = self._responses.get(event.response_id)
        if live is None:
            return
        if live.dead:
            # Made after it was interrupted, and never heard: it must not stay in the model's memory.
            if not live.out_of_band and self._barge_in.take_unsettled(event.item_id):
                self._out.append(DeleteItem(event.item_id))
            return
        item = self._item(event.item_id, live)
        item.text = event.text or item.text
        item.done = event.complete
        if live.purpose is Purpose.DISCLOSURE:
            self._disclosure_take(item, now_ms, live)
        else:
            self._speaker.item_complete(event.item_id)

    def _disclosure_take(self, item: Item, now_ms: float, live: Live) -> None:
        plays_ms = self._playback.ends_at_ms(now_ms)
        if self._disclosure.take_done(item.item_id, item.text, now_ms, out_of_band=live.out_of_band):
            self._transcript.first_sound(item, plays_ms, now_ms, None)
            self._open_gate(now_ms)

    def _open_gate(self, now_ms: float) -> None:
        for item_id, frame in self._disclosure.open(now_ms):
            item = self._transcript.get(item_id)
            if item is not None:
                self._play(item, frame, now_ms)
                if item.done:
                    self._speaker.item_complete(item_id)

    def _item(self, item_id: str, live: Live) -> Item:
        return self._transcript.item(item_id, live.response_id, live.purpose, out_of_band=live.out_of_band)

    def _response_done(self, event: ResponseDone, now_ms: float) -> None:
        self._story.add_usage(event.usage)
        live = self._responses.done(event.response_id, now_ms)
        if live is None or live.dead:
            self._tools.follow_up(event.response_id, now_ms)
            return
        for item in self._transcript.open_items():
            if item.response_id == event.response_id:
                item.done = True
        if event.status is ResponseStatus.FAILED:
            self._fault(now_ms, "response_failed", event.reason)
            if live.purpose is Purpose.DISCLOSURE:
                self._disclosure.speak_locally()
            elif not live.spoke:
                self._watchdog.overdue(now_ms, working=self._tools.running)
        self._tools.follow_up(event.response_id, now_ms)

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
        self._fault(now_ms, "model_fault", f"{event.code} {event.message} {event.command}".strip())

    def _model_lost(self, reason: str, now_ms: float) -> None:
        self._fault(now_ms, "model_lost", reason)
        self._responses.lost()
        if self._disclosure.pending:
            self._open_gate(now_ms)
        self._closing.apologise(self._plan.apology, Ending(Party.MODEL, "lost", ok=False), now_ms)

    def model_unreachable(self, why: str, now_ms: float) -> list[Command]:
        """No session could be opened: the caller is told so and the call ends."""
        self._model_lost(why, now_ms)
        return self._flush(now_ms)

    # --- what the driver brings back -------------------------------------------------------------------------------

    def session_ready(self, took_ms: float, session_id: str, now_ms: float) -> list[Command]:
        """The session took its set-up, ``took_ms`` after the connection was asked for."""
        text = self._redactor.whole("agent", session_id)
        self._out.append(Write(ModelConnected(at_ms=int(now_ms), took_ms=int(took_ms), session_id=text)))
        return self._flush(now_ms)

    def tool_finished(self, tool_call_id: str, output: str, now_ms: float, *, ok: bool) -> list[Command]:
        """A tool that :class:`RunTool` named has ended; ``output`` is for the model."""
        self._tools.finished(tool_call_id, output, now_ms, ok=ok)
        return self._flush(now_ms)

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
        item = self._transcript.item(f"{_LOCAL}{purpose}", _LOCAL, Purpose(purpose), out_of_band=True)
        item.text, item.done = text, True
        if frame is not None:
            item.received_ms = frame.duration_ms
            self._transcript.first_sound(item, self._playback.ends_at_ms(now_ms), now_ms, None)
            self._speaker.play_ready(item.item_id, frame, now_ms)
            self._speaker.item_complete(item.item_id)
        else:
            self._transcript.forget(item.item_id)
            self._fault(now_ms, "no_local_speech", f"the {purpose} could not be spoken")
        if item.purpose is Purpose.DISCLOSURE:
            self._open_gate(now_ms)
        elif item.purpose is Purpose.APOLOGY:
            self._closing.local_speech_came()
        return self._flush(now_ms)

    def ended(self, ending: Ending, now_ms: float, *, dropped_ms: float) -> list[Command]:
        """The call is over: return the last records, the story of the call last of all."""
        if self._over:
            return []
        for item in self._transcript.open_items():
            whole = item.done and self._heard_whole(item, now_ms)
            self._close(item, self._heard_ms(item, now_ms), now_ms, interrupted=not whole)
        self._tools.cancel_all()
        self._transcript.finish()
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

    # --- books -----------------------------------------------------------------------------------------------------

    def _settle_items(self, now_ms: float) -> None:
        """Write the items that were heard to their end."""
        for item in self._transcript.open_items():
            if not item.done or self._speaker.holding:
                continue
            if item.started_ms is None:
                if self._responses.get(item.response_id) is None and not self._disclosure.pending:
                    self._transcript.forget(item.item_id)
                continue
            if self._heard_whole(item, now_ms):
                self._close(item, self._heard_ms(item, now_ms), now_ms, interrupted=False)

    def _close(self, item: Item, heard_ms: int, now_ms: float, *, interrupted: bool) -> None:
        if item.purpose is Purpose.DISCLOSURE and item.started_ms is not None:
            of_ms = int(item.received_ms)
            self._out.append(Write(DisclosureHeard(at_ms=int(now_ms), heard_ms=heard_ms, of_ms=of_ms)))
        self._transcript.close_item(item, heard_ms, interrupted=interrupted)

    def _heard_whole(self, item: Item, now_ms: float) -> bool:
        """Tell whether all that was made of an item was sent and heard; the resampler's rest of a sample aside."""
        sent_ms = self._playback.sent_ms(item.item_id)
        return sent_ms + 1 >= int(item.received_ms) and self._heard_ms(item, now_ms) >= min(
            sent_ms, int(item.received_ms)
        )

    def _heard_ms(self, item: Item, now_ms: float) -> int:
        try:
            return min(self._playback.heard_ms(item.item_id, now_ms), int(item.received_ms))
        except UnknownItem:
            return 0

    def _fault(self, now_ms: float, kind: str, message: str) -> None:
        text = self._redactor.whole("agent", message)
        self._out.append(Write(Fault(at_ms=int(now_ms), kind=Label(kind), message=text)))
