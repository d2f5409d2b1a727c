"""A conversation whose rules are a flow's: the same rooms, with the director in the place of a persona's manners.

What stays: the ledger, barge-in, the record, deadlines, sessions that take over. What goes: the greeting, the ladder
for a silent caller, and answers that nobody asked for. Outside talks the endpoint never speaks by itself.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.bridge.commands import Command, ConfigureSession, UseSession
from gateway.bridge.conversation import Conversation
from gateway.bridge.flow.director import Director
from gateway.bridge.flow.ear import Ear
from gateway.bridge.flow.plan import FlowCall, Outcome
from gateway.bridge.flow.talking import LEAVE
from gateway.bridge.media import MediaChain
from gateway.bridge.plan import CallPlan
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Live, Purpose
from gateway.bridge.tail import Tail
from gateway.contracts.leg import KeyPressed, LegEvent
from gateway.contracts.model import (
    CallerTranscript,
    ItemAudio,
    ItemDone,
    ItemText,
    ModelCapabilities,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseStarted,
    SessionLost,
    SessionReady,
    SessionSetup,
    SpeechStarted,
    SpeechStopped,
    ToolAsked,
    UtteranceCommitted,
)
from gateway.contracts.price import Price, TranscriberPrice
from gateway.contracts.tool import Tool
from gateway.errors import Ending
from gateway.flows.engine.events import Broke, Key, SpeechBegan, Spoke, Words
from gateway.privacy.redactor import Redactor

_FLOWS: Final = frozenset({Purpose.PROMPT, Purpose.QUESTION})
"""Responses that are the director's."""
_MESSAGE_ALARMS: Final = frozenset({"message_end", "message_silence"})


class FlowConversation(Conversation):
    """One call on a flow. Feed it events; carry out the commands it returns, in order.

    Args:
        call: the flow.
        setup: what the session is outside talks: it answers nothing by itself.
        ear: what the model hears of the caller.

    """

    def __init__(
        self,
        plan: CallPlan,
        *,
        call: FlowCall,
        setup: SessionSetup,
        ear: Ear,
        playback: Playback,
        media: MediaChain,
        tail: Tail,
        capabilities: ModelCapabilities,
        redactor: Redactor,
        custom_tools: Mapping[str, Tool] | None = None,
        price: Price | None = None,
        transcriber_price: TranscriberPrice | None = None,
    ) -> None:
        super().__init__(
            plan,
            playback=playback,
            media=media,
            tail=tail,
            capabilities=capabilities,
            redactor=redactor,
            custom_tools=custom_tools,
            price=price,
            transcriber_price=transcriber_price,
        )
        self._begun = False
        self._director = Director(
            call,
            rooms=self._rooms,
            setup=setup,
            ear=ear,
            capabilities=capabilities,
            redactor=redactor,
            out=self._out,
            alarms=self._alarms,
        )
        self._watchdog.on_duty = lambda: self._director.talking.active
        self._watchdog.give_up = lambda _: self._director.note(Broke("model_silent"))
        self._hands.may_show = lambda: not self._director.private
        self._epoch = self._responses.epoch
        self._speech: str | None = None
        """The utterance under way, until the engine knows that the caller speaks."""
        self._ignored: set[str] = set()

    # --- the verbs ------------------------------------------------------------------------------------------------

    def begin(self, now_ms: float) -> list[Command]:
        """Open the conversation: after the disclosure, if there is one, the flow begins."""
        self._begun = True
        self._disclosure.begin(now_ms, out_of_band=self._capabilities.out_of_band)
        return self._flush(now_ms)

    def receive(self, event: LegEvent | ModelEvent, now_ms: float) -> list[Command]:
        """Take an event of the leg or the model and return what it makes necessary."""
        if self._over:
            return []
        match event:
            case ItemAudio() | ItemText() | ItemDone() | ResponseStarted() | ResponseDone() | ToolAsked():
                if self._of_director(event, now_ms):
                    return self._flush(now_ms)
            case KeyPressed():
                self._key(event, now_ms)
                return self._flush(now_ms)
            case UtteranceCommitted(item_id, _):
                self._committed(item_id, now_ms)
            case CallerTranscript(item_id, text, final):
                if final and item_id not in self._ignored:
                    self._director.note(Words(item_id, text))
                event = replace(event, text=self._director.shown(item_id, text))
            case SessionReady():
                self._director.talking.session_ready(now_ms, caller_speaking=self._barge_in.caller_speaking)
            case SessionLost():
                self._director.prompts.session_gone(now_ms)
                self._director.questions.session_gone()
            case ModelFault():
                if event.command == "respond" and event.subject:
                    self._director.questions.rejected(event.subject)
            case _:
                pass
        return super().receive(event, now_ms)

    def done_aside(self, name: str, outcome: Outcome | None, now_ms: float) -> list[Command]:
        """Take what came of something that the flow had done off the media path."""
        if self._over:
            return []
        with self._by_flow(now_ms):
            self._director.done_aside(name, outcome, now_ms)
        return self._flush(now_ms)

    def ended(self, ending: Ending, now_ms: float, *, dropped_ms: float) -> list[Command]:
        """Let the flow do what it does without sound, and close the record."""
        if self._over:
            return []
        self._director.hung_up(now_ms, transferred=ending.reason == "transferred")
        return super().ended(ending, now_ms, dropped_ms=dropped_ms)

    # --- what every event may have changed ------------------------------------------------------------------------

    def _flush(self, now_ms: float) -> list[Command]:
        director = self._director
        if self._begun and not director.started and not self._disclosure.pending:
            director.start(now_ms)
        self._settling.check(now_ms)
        self._tell_speech(now_ms)
        with self._by_flow(now_ms):
            director.prompts.check(now_ms)
            director.pump(now_ms)
        commands = super()._flush(now_ms)
        if any(isinstance(command, UseSession) for command in commands):
            # It was set up when it was opened, and the flow has gone on since.
            director.talking.session_replaced()
            commands.append(ConfigureSession({}))
        return commands

    @contextlib.contextmanager
    def _by_flow(self, now_ms: float) -> Iterator[None]:
        """Tell the flow of what the caller has cut before it acts; what it stops itself is no news to it."""
        if self._responses.epoch != self._epoch:
            self._director.prompts.interrupted(now_ms)
        yield
        self._epoch = self._responses.epoch

    def _pause(self, now_ms: float) -> bool:
        director = self._director
        waiting = director.questions.waiting or director.prompts.active or director.deaf
        return not waiting and super()._pause(now_ms)

    def _ring(self, name: str, now_ms: float) -> None:
        match name:
            case "flow":
                with self._by_flow(now_ms):
                    self._director.wake(now_ms)
            case "prompt":
                pass  # the look at what was heard follows
            case "idle":
                pass  # the flow counts silence
            case _ if name in _MESSAGE_ALARMS:
                self._director.messages.finish()
            case _:
                super()._ring(name, now_ms)

    # --- the caller -----------------------------------------------------------------------------------------------

    def _key(self, event: KeyPressed, now_ms: float) -> None:
        key = self._keys.take(event, now_ms)
        if key is None:
            return
        self._story.keys += 1
        if self._director.started:
            with self._by_flow(now_ms):
                self._director.tell(Key(key), now_ms)

    def _wrote(self, text: str, now_ms: float) -> None:
        """Take a written turn: in a talk the model answers it, elsewhere the flow hears it like a spoken one."""
        director = self._director
        if director.talking.active:
            super()._wrote(text, now_ms)
            return
        if director.deaf or not director.started:
            self._fault(now_ms, "text_refused", "no text is taken while the model must not know what is said")
            return

        def shown(item_id: str, text: str) -> str:
            director.said(item_id)
            return director.shown(item_id, text)

        item_id = self._hands.note(text, now_ms, shown)
        director.note(SpeechBegan())
        director.note(Spoke(item_id))
        director.note(Words(item_id, text))

    def _speech_started(self, event: SpeechStarted, now_ms: float) -> None:
        if self._director.deaf:
            return
        self._speech = event.item_id
        self._barge_in.speech_started(now_ms)
        self._watchdog.caller_speaks()
        self._listening.started(event, now_ms)
        self._director.messages.speech_started()

    def _speech_stopped(self, event: SpeechStopped, now_ms: float) -> None:
        if self._director.deaf:
            return
        stopped_ms, spoke_ms = self._listening.stopped(event, now_ms)
        protected = self._barge_in.protected_until_ms(now_ms) is not None
        self._barge_in.speech_stopped(spoke_ms, now_ms)
        talked_over = protected and self._speech is not None and self._director.prompts.mode(now_ms) == "blocked"
        if self._barge_in.dismissed or talked_over:
            self._ignored.add(event.item_id)
            self._speech = None
            self._listening.dismissed(event.item_id)
            return
        self._tell_speech(now_ms, over=True)
        self._director.messages.speech_stopped(now_ms)
        self._director.prompts.caller_stopped(stopped_ms)
        if self._director.talking.active:
            self._speaking.caller_stopped(stopped_ms)
            self._resume.caller_stopped()
            self._watchdog.wait(now_ms)

    def _tell_speech(self, now_ms: float, *, over: bool = False) -> None:
        """Let the engine know, once, that the caller speaks: not of a cough, nor while nobody may cut in."""
        if self._speech is None or self._speaker.holding:
            return
        if over or self._barge_in.protected_until_ms(now_ms) is None:
            self._speech = None
            self._director.note(SpeechBegan())

    def _committed(self, item_id: str, now_ms: float) -> None:
        if item_id in self._ignored or self._director.deaf:
            return
        self._director.said(item_id)
        self._director.talking.spoke()
        self._director.note(Spoke(item_id))

    # --- the model ------------------------------------------------------------------------------------------------

    def _of_director(
        self, event: ItemAudio | ItemText | ItemDone | ResponseStarted | ResponseDone | ToolAsked, now_ms: float
    ) -> bool:
        """Let the director have what is a prompt's or a question's; tell whether it was."""
        director = self._director
        if isinstance(event, ResponseStarted):
            director.prompts.response_started(event)
            director.questions.response_started(event)
            return False
        live = self._responses.get(event.response_id)
        if live is None or live.purpose not in _FLOWS:
            return isinstance(event, ToolAsked) and self._tool_of_flow(event, live, now_ms)
        match event:
            case ResponseDone():
                director.prompts.response_done(event.response_id, now_ms)
                director.questions.response_done(event.response_id)
                return False
            case _ if live.dead:
                pass
            case ItemAudio():
                live.spoke = True
                director.prompts.audio(event, now_ms)
            case ItemText():
                director.prompts.text(event)
            case ItemDone():
                director.prompts.item_done(event, now_ms)
            case ToolAsked():
                director.questions.tool_asked(event)
        return True

    def _tool_of_flow(self, event: ToolAsked, live: Live | None, now_ms: float) -> bool:
        """Take a call made in the conversation; tell whether that is all there is to it."""
        talking = self._director.talking
        if live is None or live.dead:
            return True
        self._memory.tool_asked(event.item_id, event.tool_call_id, event.name, event.arguments)
        if not talking.active or not talking.confirmed:
            talking.neutral(event)
        elif event.name == LEAVE:
            live.asked_tool = True
            talking.tool_asked(event, _arguments(event.arguments))
        else:
            return False
        return True

    def _response_started(self, event: ResponseStarted) -> None:
        talking = self._director.talking
        unwanted = not talking.active or not talking.confirmed
        unwanted = unwanted or self._barge_in.caller_speaking or self._barge_in.dismissed or self._closing.begun
        live = self._responses.started(event, unwanted=unwanted)
        self._story.response_started(event.response_id, self._transcript.turn, self._director.engine.path)
        if not live.out_of_band:
            self._barge_in.dismissed = False
            self._resume.answer_begins()

    def _response_done(self, event: ResponseDone, now_ms: float) -> None:
        live = self._responses.get(event.response_id)
        super()._response_done(event, now_ms)
        if live is not None and not live.out_of_band:
            self._director.talking.response_done(live)

    def _give_up(self, now_ms: float) -> None:
        """No session will come any more: the flow goes on with keys and the local voice, or by its ``error`` way."""
        self._responses.lost()
        if self._disclosure.pending:
            self._speaking.open_gate(now_ms)
        self._director.note(Broke("model_lost"))


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
