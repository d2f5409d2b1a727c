"""One Realtime session, without I/O: client events in, server events and speech work out, time as an argument.

The core reads the public GA protocol by itself and shares no code with the gateway's own client, so that each checks
the other. What it covers is listed in this package's README. Who decides the words is a :class:`Mind`; who finds the
turns is an :class:`InputAudioBuffer`.

Feed it frames (:meth:`Session.receive`) and results of speech work (:meth:`Session.finish`), wake it when it asks to be
woken, and carry out the outputs in order. It never waits and never reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from gateway.offline import events as wire
from gateway.offline.conversation import Conversation, Entry, entry_of
from gateway.offline.faults import NO_FAULTS, Faults
from gateway.offline.items import InputAudio, ItemReference, Message, decode_audio, read_item
from gateway.offline.listening import Hearing, Jobs, Transcripts
from gateway.offline.mind import Expire, Hangup, Inject, Mind, Stunt, Thought, Trigger
from gateway.offline.refusals import Refused
from gateway.offline.report import Ledger
from gateway.offline.responding import Responses, Surroundings, keywords_of
from gateway.offline.response import Run
from gateway.offline.session_config import (
    RealtimeSession,
    SemanticVad,
    ServerVad,
    SessionConfig,
    TranscriptionSession,
    updated,
    wire_format,
)
from gateway.offline.speech_jobs import Expected, Result
from gateway.offline.turns import ActivityMaker, InputAudioBuffer, LocalEars, SpeechBegan
from gateway.offline.wire import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClearOutput,
    ClientEvent,
    CommitAudio,
    CreateItem,
    CreateResponse,
    DeleteItem,
    RetrieveItem,
    TruncateItem,
    UpdateSession,
    read_event,
)

MAX_APPEND_BYTES: Final = 15 * 1024 * 1024
"""Audio of one append, decoded."""
NORMAL_EXPIRY_S: Final = 3600
"""A session's length at the hosted service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session is made. ``pace`` is how much faster than real time speech is sent, 0 for at once."""

    model: str = "local"
    transcription_only: bool = False
    pace: float = 8.0
    expires_after_s: float = NORMAL_EXPIRY_S
    faults: Faults = NO_FAULTS


class Session:
    """One connection's session.

    Args:
        options: what it is.
        mind: who decides the words.
        wall_s: Unix seconds now, for ``expires_at``.
        ids: makes ids.
        make_activity: makes the ears that find turns.

    """

    def __init__(
        self,
        options: SessionOptions,
        mind: Mind,
        *,
        wall_s: float,
        ids: wire.Ids | None = None,
        make_activity: ActivityMaker = LocalEars,
    ) -> None:
        self.ids = ids or wire.Ids()
        self.ledger = Ledger()
        self.conversation = Conversation()
        self.closed = False
        self._options = options
        self._faults = options.faults
        self._mind = mind
        self._outbox = wire.Outbox(self.ids)
        self._jobs = Jobs(self._outbox)
        self._hearing = Hearing(self._jobs)
        self._transcripts = Transcripts(self._outbox, self.conversation, self._hearing, options.faults)
        self.config = self._first_config(wall_s)
        audio = self.config.audio.input
        self._input = InputAudioBuffer(wire_format(audio.format), audio.turn_detection, make_activity)
        self.conversation_id = self.ids.new("conv")
        self._responses = Responses(
            Surroundings(
                outbox=self._outbox,
                conversation=self.conversation,
                conversation_id=self.conversation_id,
                mind=mind,
                jobs=self._jobs,
                hearing=self._hearing,
                faults=options.faults,
                pace=options.pace,
                config=self._realtime_config,
                stunt=self._stunt,
                answered=self._answered,
            )
        )
        self._turn_item_id: str | None = None
        self._turn_start_ms = 0
        self._idle_at_ms: float | None = None
        self._ends: list[tuple[float, Stunt]] = []
        self._deltas_left = options.faults.drop_after_deltas or None

    def open(self, now_ms: float) -> list[wire.Output]:
        """Return the session's first word, before anything was read."""
        faults = self._faults
        expire_ms = faults.expire_after_ms or self._options.expires_after_s * 1000
        self._ends.append((now_ms + expire_ms, Expire()))
        if faults.drop_after_ms:
            self._ends.append((now_ms + faults.drop_after_ms, Hangup()))
        if faults.close_after_ms:
            self._ends.append((now_ms + faults.close_after_ms, Hangup(code=faults.close_code, reason="fault")))
        self._outbox.send(wire.SessionCreated(session=self.config))
        return self._take()

    def receive(self, frame: str | bytes, now_ms: float) -> list[wire.Output]:
        """Carry out one frame of the client."""
        if self.closed:
            return []
        try:
            event = read_event(frame)
        except Refused as why:
            self._refuse("", why)
            return self._take()
        kind = str(type(event).__struct_config__.tag)
        self.ledger.received[kind] = self.ledger.received.get(kind, 0) + 1
        try:
            self._carry_out(event, now_ms)
        except Refused as why:
            why.event_id = event.event_id
            self._refuse(kind, why)
        for stunt in self._mind.noticed(kind, frame):
            self._stunt(stunt, now_ms)
        return self._take()

    def refuse(self, why: Refused) -> list[wire.Output]:
        """Refuse a frame that could not be read as an event of this session."""
        if self.closed:
            return []
        self._refuse("", why)
        return self._take()

    def finish(self, job_id: int, result: Result, now_ms: float) -> list[wire.Output]:
        """Take the result of speech work that was asked for."""
        if self.closed:
            return []
        self._jobs.finish(job_id, result, now_ms)
        return self._take()

    def next_wake_ms(self) -> float | None:
        """Return when the session wants to be woken, or None."""
        if self.closed:
            return None
        times = [self._responses.next_wake_ms(), self._transcripts.next_wake_ms(), self._idle_at_ms]
        return min(
            (at_ms for at_ms in [*times, *(at_ms for at_ms, _ in self._ends)] if at_ms is not None), default=None
        )

    def wake(self, now_ms: float) -> list[wire.Output]:
        """Do what is due."""
        if self.closed:
            return []
        self._transcripts.wake(now_ms)
        self._responses.wake(now_ms)
        if self._idle_at_ms is not None and now_ms >= self._idle_at_ms:
            self._idle_timeout(now_ms)
        for at_ms, stunt in list(self._ends):
            if now_ms >= at_ms and not self.closed:
                self._ends.remove((at_ms, stunt))
                self._stunt(stunt, now_ms)
        return self._take()

    # --- client events ----------------------------------------------------------------------------------------------

    def _carry_out(self, event: ClientEvent, now_ms: float) -> None:
        match event:
            case AppendAudio():
                self._append(event, now_ms)
            case UpdateSession():
                self._update(event)
            case CommitAudio():
                self._commit(self._turn_item_id or self.ids.new("item"), self._input.take_all(), now_ms)
                self._turn_item_id = None
            case ClearAudio():
                self._input.clear()
                self._turn_item_id = None
                self._outbox.send(wire.Cleared())
            case CreateItem():
                self._create_item(event)
            case RetrieveItem():
                self._outbox.send(wire.ItemRetrieved(item=self.conversation.with_audio(event.item_id)))
            case TruncateItem():
                self._truncate(event)
            case DeleteItem():
                self.conversation.delete(event.item_id)
                self._hearing.forget(event.item_id)
                self.ledger.deleted.append(event.item_id)
                self._outbox.send(wire.ItemDeleted(item_id=event.item_id))
            case CreateResponse():
                self._only_realtime("response.create")
                self._responses.create(event.response, "client", now_ms)
                self._idle_at_ms = None
            case CancelResponse():
                self._only_realtime("response.cancel")
                self._responses.cancel(event.response_id, now_ms)
            case ClearOutput():
                message = "'output_audio_buffer.clear' has a meaning on WebRTC and SIP only"
                raise Refused("invalid_value", message, param="type")
            case _:
                assert_never(event)

    def _append(self, event: AppendAudio, now_ms: float) -> None:
        audio = decode_audio(event.audio, param="audio")
        if len(audio) > MAX_APPEND_BYTES:
            raise Refused("invalid_value", f"{len(audio)} bytes; at most {MAX_APPEND_BYTES}", param="audio")
        for change in self._input.append(audio):
            if isinstance(change, SpeechBegan):
                self._speech_began(change.at_ms, now_ms)
            else:
                self._speech_ended(change.at_ms, now_ms)

    def _speech_began(self, at_ms: int, now_ms: float) -> None:
        self._turn_item_id, self._turn_start_ms = self.ids.new("item"), at_ms
        self._idle_at_ms = None
        self._outbox.send(wire.SpeechStarted(audio_start_ms=at_ms, item_id=self._turn_item_id))
        detection = self._detection()
        if detection is not None and detection.interrupt_response:
            self._responses.interrupt(now_ms)

    def _speech_ended(self, at_ms: int, now_ms: float) -> None:
        if self._turn_item_id is None:
            return
        item_id, self._turn_item_id = self._turn_item_id, None
        self._outbox.send(wire.SpeechStopped(audio_end_ms=at_ms, item_id=item_id))
        self._commit(item_id, self._input.take_turn(self._turn_start_ms, at_ms), now_ms)
        detection = self._detection()
        if detection is not None and detection.create_response:
            self._create_automatically("turn", now_ms)

    def _commit(self, item_id: str, audio: bytes, now_ms: float) -> None:
        """Make an item of the user's audio, and have it written down."""
        item = Message(id=item_id, role="user", content=[InputAudio()])
        entry = Entry(item, self._input.format, audio, len(audio))
        previous = self.conversation.add(entry)
        self._outbox.send(wire.Committed(previous_item_id=previous, item_id=item_id))
        self._outbox.send(wire.ItemAdded(previous_item_id=previous, item=item))
        self._outbox.send(wire.ItemDone(previous_item_id=previous, item=item))
        source = self._mind.transcribe(item_id, self._thought())
        if self.config.audio.input.transcription is not None:
            self._transcripts.begin(entry, source, now_ms)

    def _update(self, event: UpdateSession) -> None:
        if param := self._faults.refuse_setup:
            raise Refused("unknown_parameter", f"Unknown parameter: '{param}'.", param=param)
        self.config = updated(
            self.config,
            event.session,
            voice_is_fixed=self._responses.audio_sent,
            responding=self._responses.current is not None,
        )
        audio = self.config.audio.input
        self._input.configure(wire_format(audio.format), audio.turn_detection)
        if not self._input.speaking:
            self._turn_item_id = None
        if not isinstance(audio.turn_detection, ServerVad) or audio.turn_detection.idle_timeout_ms is None:
            self._idle_at_ms = None
        self._outbox.send(wire.SessionUpdated(session=self.config))

    def _create_item(self, event: CreateItem) -> None:
        item = read_item(event.item, under="item", new_id=self.ids.new("item"), new_call_id=self.ids.new("call"))
        if isinstance(item, ItemReference):
            raise Refused("invalid_value", "a reference is not an item", param="item.type")
        entry = entry_of(item, self._input.format)
        previous = self.conversation.add(entry, event.previous_item_id)
        self._outbox.send(wire.ItemAdded(previous_item_id=previous, item=entry.item))
        self._outbox.send(wire.ItemDone(previous_item_id=previous, item=entry.item))

    def _truncate(self, event: TruncateItem) -> None:
        note = {"item_id": event.item_id, "audio_end_ms": event.audio_end_ms, "refused": None}
        self.ledger.truncations.append(note)
        try:
            self.conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)
        except Refused as why:
            note["refused"] = why.code
            raise
        self._outbox.send(
            wire.ItemTruncated(
                item_id=event.item_id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
            )
        )

    # --- what happens by itself -------------------------------------------------------------------------------------

    def _create_automatically(self, trigger: Trigger, now_ms: float) -> None:
        if isinstance(self.config, TranscriptionSession):
            return
        try:
            self._responses.create(None, trigger, now_ms)
        except Refused as why:
            self._refuse(trigger, why)

    def _answered(self, run: Run, now_ms: float) -> None:
        """Start the idle clock: the answer has been made, and has yet to be played."""
        order = run.order
        self.ledger.responses.append({"id": order.response_id, "trigger": order.trigger, "audio_ms": run.audio_ms})
        detection = self._detection()
        if order.out_of_band or not isinstance(detection, ServerVad) or detection.idle_timeout_ms is None:
            return
        if not self._input.speaking:
            self._idle_at_ms = now_ms + run.audio_ms + detection.idle_timeout_ms

    def _idle_timeout(self, now_ms: float) -> None:
        self._idle_at_ms = None
        item_id, at_ms = self.ids.new("item"), round(self._input.received_ms)
        self._outbox.send(wire.TimeoutTriggered(audio_start_ms=at_ms, audio_end_ms=at_ms, item_id=item_id))
        self._commit(item_id, b"", now_ms)
        self._create_automatically("idle", now_ms)

    def _stunt(self, stunt: Stunt, now_ms: float) -> bool:
        """Do something to the connection; false when that was its end."""
        match stunt:
            case Hangup(code=code, reason=reason):
                self.closed = True
                self._outbox.close(1006 if code is None else code, reason, abrupt=code is None)
            case Expire():
                message = "Your session hit the maximum duration of 60 minutes."
                self._outbox.refuse(Refused("session_expired", message))
                self.closed = True
                self._outbox.close(1001, message)
            case Inject(event=event):
                self._outbox.send(wire.RawEvent(fields=dict(event)))
            case _:
                assert_never(stunt)
        return not self.closed

    # --- small things -----------------------------------------------------------------------------------------------

    def _first_config(self, wall_s: float) -> SessionConfig:
        seconds = self._faults.expire_after_ms / 1000 or self._options.expires_after_s
        expires_at = round(wall_s + seconds)
        if self._options.transcription_only:
            return TranscriptionSession(id=self.ids.new("sess"), expires_at=expires_at)
        return RealtimeSession(id=self.ids.new("sess"), model=self._options.model, expires_at=expires_at)

    def _realtime_config(self) -> RealtimeSession:
        assert isinstance(self.config, RealtimeSession)
        return self.config

    def _only_realtime(self, kind: str) -> None:
        if isinstance(self.config, TranscriptionSession):
            raise Refused("invalid_value", f"'{kind}' has no meaning in a transcription session", param="type")

    def _detection(self) -> ServerVad | SemanticVad | None:
        return self.config.audio.input.turn_detection

    def expects(self) -> Expected | None:
        """Return what the caller may say under the session's present set-up, to prepare listening; or None."""
        return self._mind.expects(self._thought())

    def _thought(self) -> Thought:
        """Return what a mind may know when it is asked how a turn is written down."""
        config = self.config
        transcription = config.audio.input.transcription
        realtime = config if isinstance(config, RealtimeSession) else None
        return Thought(
            trigger="turn",
            instructions=realtime.instructions if realtime else "",
            response_instructions=None,
            tools=realtime.tools if realtime else (),
            tool_choice=realtime.tool_choice if realtime else "none",
            entries=self.conversation.entries,
            keywords=keywords_of(transcription),
            language=(transcription.language if transcription else None) or "en",
        )

    def _refuse(self, kind: str, why: Refused) -> None:
        self.ledger.refusals.append({"event": kind, "code": why.code, "param": why.param, "message": why.message})
        self._outbox.refuse(why)

    def _take(self) -> list[wire.Output]:
        """Return what is to be done; a connection that is cut after n deltas is cut right there."""
        outputs = self._outbox.take()
        if self._deltas_left is None:
            return outputs
        for index, output in enumerate(outputs):
            if isinstance(output, wire.Send) and isinstance(output.event, wire.AudioDelta):
                self._deltas_left -= 1
                if self._deltas_left == 0:
                    self.closed = True
                    return [*outputs[: index + 1], wire.Close(1006, "", abrupt=True)]
        return outputs
