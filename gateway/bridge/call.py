"""One call's driver: it owns the leg, the model's sessions, the clock's timer and the tools, and holds no rules.

Caller audio goes the short way, leg → media chain → session, in the callback that brought it: no task, no queue, no
await. Everything else goes through the conversation, whose commands are carried out at once and in order. However a
call ends — the caller, the carrier, the model, the deadline, a drain — it ends in :meth:`Call._finish`, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

import structlog

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.bridge.commands import (
    AddImage,
    AddMessage,
    AddToolCall,
    AnswerTool,
    CancelResponse,
    CancelTools,
    ClearInput,
    ClearPlayout,
    Command,
    CommitInput,
    ConfigureSession,
    DeleteItem,
    DoAfterwards,
    DoAside,
    EndCall,
    HearAgain,
    HoldRecording,
    LetRecordingGo,
    OpenSession,
    PlaceMark,
    PlayAudio,
    Respond,
    RunTool,
    SilenceRecording,
    SpeakLocally,
    StopAside,
    TransferCall,
    TruncateItem,
    UseSession,
    Write,
)
from gateway.bridge.conversation import Conversation
from gateway.bridge.digits import SEND_DIGITS, digits_tool
from gateway.bridge.errands import Errands
from gateway.bridge.lookups import Lookups
from gateway.bridge.media import MediaChain
from gateway.bridge.parts import CallParts
from gateway.bridge.playback import Playback
from gateway.bridge.sessions import Sessions
from gateway.bridge.tail import Tail
from gateway.bridge.tools import built_in_specs
from gateway.bridge.watching import Watching
from gateway.contracts.leg import FramesLost, Leg, LegEnded, LegEvent, TransferTarget
from gateway.contracts.model import ModelEvent, SessionLost, SessionReady, SessionSetup
from gateway.contracts.record import CallStarted
from gateway.contracts.text import Label
from gateway.errors import CarrierError, Ending, ModelError, ModelRefused, Party, Unsupported

if TYPE_CHECKING:
    from gateway.bridge.flow.ear import Ear

log = structlog.get_logger()

FINISH_WITHIN_S: Final = 8.0
"""Time limit for saying goodbye to leg, sessions and sinks together."""


class Call:
    """A leg, its sessions and the conversation between them. ``await call.run()`` lasts as long as the call."""

    def __init__(self, leg: Leg, parts: CallParts) -> None:
        self._leg = leg
        self._parts = parts
        self._started_ms = parts.clock.now_ms()
        self._sessions = Sessions(parts.connector, clock=parts.clock, owner=self, setup=lambda: self.setup)
        self._tail = Tail()
        self._refusal = ""
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_ms: float | None = None
        self._connected_ms: float | None = None
        started = leg.started
        self._tools = dict(parts.tools)
        if SEND_DIGITS in parts.plan.tools and leg.capabilities.sends_digits:
            self._tools[SEND_DIGITS] = digits_tool(leg)
        self._lookups = Lookups(
            parts.lookups, started, redactor=parts.redactor, write=parts.sink.accept, now_ms=self._now_ms
        )
        self.setup = self._complete(parts.setup)
        self._media = MediaChain(
            from_caller=started.from_caller,
            to_model=self.setup.input_format,
            from_model=self.setup.output_format,
            to_caller=started.to_caller,
            append_ms=parts.append_ms,
        )
        self._ear: Ear | None = None
        self._conversation = self._new_conversation()
        self._errands = Errands(
            self._conversation, leg, parts, tools=self._tools, carry_out=self._do, now_ms=self._now_ms
        )
        self._watching: Watching | None = None
        if parts.view is not None and parts.view_redactor is not None:
            self._watching = Watching(parts.view, parts.view_redactor, self._conversation.response)
        if parts.tap is not None and parts.card_protection:
            self._conversation.protect_recording()

    def _new_conversation(self) -> Conversation:
        parts, started = self._parts, self._leg.started
        make: Callable[..., Conversation] = Conversation
        if parts.flow is not None:
            from gateway.bridge.flow.conversation import FlowConversation  # calls without a flow do not load flows
            from gateway.bridge.flow.ear import Ear

            self._ear = Ear(started.from_caller)
            make = partial(FlowConversation, call=parts.flow, setup=self.setup, ear=self._ear)
        return make(
            parts.plan,
            playback=Playback(started.to_caller, self._leg.capabilities),
            media=self._media,
            tail=self._tail,
            capabilities=parts.connector.capabilities,
            redactor=parts.redactor,
            custom_tools=self._tools,
            price=parts.price,
            transcriber_price=parts.transcriber_price,
        )

    def _complete(self, setup: SessionSetup) -> SessionSetup:
        if self._parts.flow is not None:
            return setup  # a flow's tools belong to its talks
        tools = (*built_in_specs(self._parts.plan), *(tool.spec for tool in self._tools.values()))
        return replace(setup, tools=(*setup.tools, *tools))

    # --- the life of a call ----------------------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Hold the call from its first frame to its end, and return why it ended. Never raises but when cancelled."""
        self._write_start()
        self._lookups.begin()
        if self._parts.flow is not None:
            self._leg.hear_tones()
        self._leg.listen(self)
        deadline = asyncio.get_running_loop().call_later(
            self._parts.plan.deadline_ms / 1000, self.end, Ending(Party.GATEWAY, "deadline", ok=False)
        )
        try:
            await self._connect()
            ending = await self._ended
        except asyncio.CancelledError:
            ending = Ending(Party.GATEWAY, "cancelled", ok=False)
            await self._finish(ending)
            raise
        finally:
            deadline.cancel()
        await self._finish(ending)
        return ending

    def end(self, ending: Ending) -> None:
        """End the call; the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(ending)

    def say(self, text: str) -> None:
        """Have the agent say ``text``, word for word, as soon as it has the floor."""
        self._do(self._conversation.announce(text, self._now_ms()))

    def transfer(self, target: TransferTarget) -> None:
        """Hand the caller over; how it went is in the record, and where it fails the call goes on."""
        if not self._ended.done():
            self._carry_out(TransferCall(target))

    @property
    def can_transfer(self) -> bool:
        """Whether the leg can hand the caller over at all."""
        return self._leg.capabilities.transfers

    async def _connect(self) -> None:
        connecting = asyncio.ensure_future(self._sessions.first(self._parts.session))
        self._ended.add_done_callback(lambda _: connecting.cancel())
        session, lost = None, None
        try:
            session = await connecting
        except ModelError as error:
            self._refusal = str(error)
            lost = SessionLost(str(error), retryable=not isinstance(error, ModelRefused) or error.retryable)
        except asyncio.CancelledError:
            if not self._ended.done():
                connecting.cancel()
                raise
            return
        try:
            wait_ms = self._parts.plan.lookup_wait_ms
            known = await self._lookups.in_time(wait_ms, ended=self._ended, late=self._learn)
        except asyncio.CancelledError:
            self._sessions.keep(session)
            raise
        self._sessions.keep(session)
        if self._ended.done():
            return
        self.setup = replace(self.setup, instructions=self.setup.instructions + known)
        self._begin(lost)

    def _begin(self, lost: SessionLost | None) -> None:
        """Open the conversation on the first session, or on the way to one."""
        self._connected_ms = self._now_ms()
        self._sessions.configure()
        self._do(self._conversation.begin(self._now_ms()))
        if lost is not None:
            self._do(self._conversation.receive(lost, self._now_ms()))
            return
        self._hear_again()
        self._sessions.listen()

    async def _finish(self, ending: Ending) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._refusal and not self._sessions.met:
            log.error("model_unreachable", endpoint=self._parts.connector.name, why=self._refusal)
        dropped_ms = self._sessions.dropped_ms + self._tail.lost_ms
        self._do(self._conversation.ended(ending, self._now_ms(), dropped_ms=dropped_ms))
        parts: list[Awaitable[object]] = [self._part_with_leg(ending), *self._errands.stop(), *self._lookups.stop()]
        parts += self._sessions.close()
        if self._parts.tap is not None:
            parts.append(self._parts.tap.close(self._now_ms()))
        await self._within_limit(parts)
        await self._within_limit([self._parts.sink.close()])

    async def _part_with_leg(self, ending: Ending) -> None:
        if ending.reason == "transferred":
            await self._leg.close()
            return
        try:
            await self._leg.hang_up()
        except (CarrierError, Unsupported) as error:
            log.error("hang_up_unconfirmed", why=str(error))

    async def _within_limit(self, parts: Sequence[Awaitable[object]]) -> None:
        tasks = [asyncio.ensure_future(part) for part in parts]
        done, late = await asyncio.wait(tasks, timeout=FINISH_WITHIN_S)
        for task in late:
            task.cancel()
            log.error("call_part_stuck", after_s=FINISH_WITHIN_S, part=task.get_name())
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("call_part_failed", error=type(error).__name__, why=str(error))

    # --- what the banks say ----------------------------------------------------------------------------------------

    def on_audio(self, frame: AudioFrame) -> None:
        """Take a frame from the caller: the short way."""
        if self._ear is not None:
            frame = self._ear.hear(frame)
        self._tail.push(frame)
        if self._sessions.live and not self._hear(frame):
            return
        if self._parts.tap is not None:
            self._parts.tap.from_caller(frame, self._now_ms() - frame.duration_ms)

    def _hear(self, frame: AudioFrame) -> bool:
        try:
            for piece in self._media.from_caller(frame):
                self._sessions.append(piece)
        except ValueError:
            self.end(Ending(Party.CARRIER, "protocol", ok=False))
            return False
        return True

    def _hear_again(self) -> None:
        """Give a session that takes over what the caller said last; its audio begins there."""
        self._media.begin_again()
        for frame in self._tail.take():
            self._hear(frame)

    def on_leg(self, event: LegEvent) -> None:
        """Take any other event of the leg."""
        if isinstance(event, LegEnded):
            self.end(event.ending)
        elif isinstance(event, FramesLost):
            self.on_audio(self._media.silence(event.lost_ms))
        else:
            self._do(self._conversation.receive(event, self._now_ms()))

    def on_model(self, event: ModelEvent) -> None:
        """Take an event of the model session."""
        now_ms = self._now_ms()
        if self._watching is not None:
            self._watching.before(event, now_ms)
        if isinstance(event, SessionReady) and self._connected_ms is not None:
            lasts_ms = self._sessions.lasts_ms(event)
            self._do(self._conversation.session_ready(now_ms, event.session_id, now_ms, lasts_ms=lasts_ms))
            self._connected_ms = None
            return
        self._do(self._conversation.receive(event, now_ms))

    def session_opened(self, session_id: str, lasts_ms: float | None) -> None:
        """Take word that the next session is set up."""
        self._do(self._conversation.session_opened(session_id, lasts_ms, self._now_ms()))

    def session_refused(self, why: str, *, retryable: bool) -> None:
        """Take word that there is no next session."""
        self._refusal = why
        self._do(self._conversation.session_refused(why, self._now_ms(), retryable=retryable))

    # --- what the conversation wants -------------------------------------------------------------------------------

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            self._carry_out(command)
        self._set_timer()

    def _carry_out(self, command: Command) -> None:
        leg, tap = self._leg, self._parts.tap
        match command:
            case PlayAudio(frame, plays_at_ms):
                leg.send_audio(frame)
                if tap is not None:
                    tap.to_caller(frame, plays_at_ms)
            case PlaceMark(name):
                leg.send_mark(name)
            case ClearPlayout(cut_at_ms):
                leg.clear()
                if tap is not None:
                    tap.cut(cut_at_ms)
            case HoldRecording(name, from_ms):
                if tap is not None:
                    tap.hold(name, from_ms)
            case LetRecordingGo(name):
                if tap is not None:
                    tap.let_go(name)
            case SilenceRecording(start_ms, end_ms):
                if tap is not None:
                    tap.silence(start_ms, end_ms)
            case Write(record):
                self._parts.sink.accept(record)
            case EndCall(ending):
                self.end(ending)
            case SpeakLocally() | TransferCall() | RunTool() | CancelTools() | DoAside() | StopAside():
                self._errands.begin(command)
            case OpenSession():
                self._sessions.open_next()
            case UseSession(said):
                self._sessions.use_next()
                for item in said:
                    self._sessions.tell(item)
            case HearAgain():
                self._hear_again()
            case ConfigureSession(changes):
                self.setup = replace(self.setup, **changes)  # type: ignore[arg-type]
                self._sessions.configure()
            case DoAfterwards(work):
                assert self._parts.flow is not None
                self._parts.flow.help.afterwards(work)
            case (
                Respond()
                | CancelResponse()
                | TruncateItem()
                | DeleteItem()
                | AddMessage()
                | AddToolCall()
                | AnswerTool()
                | ClearInput()
                | CommitInput()
                | AddImage()
            ):
                self._sessions.tell(command)
            case _:
                assert_never(command)

    def _learn(self, line: str) -> None:
        """Tell the model what a lookup brought too late for the instructions."""
        self._do(self._conversation.learned(line, self._now_ms()))

    # --- time ------------------------------------------------------------------------------------------------------

    def _now_ms(self) -> float:
        return self._parts.clock.now_ms() - self._started_ms

    def _set_timer(self) -> None:
        wake_ms = self._conversation.next_wake_ms()
        if wake_ms == self._wake_ms:
            return
        self._wake_ms = wake_ms
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wake_ms is not None and not self._ended.done():
            delay_s = max(0.0, wake_ms - self._now_ms()) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._timer = self._wake_ms = None
        self._do(self._conversation.wake(self._now_ms()))

    def _write_start(self) -> None:
        started, plan, redactor = self._leg.started, self._parts.plan, self._parts.redactor
        self._parts.sink.accept(
            CallStarted(
                at_ms=0,
                call_id=Label(self._parts.call_id),
                leg=Label("inbound" if started.inbound else "outbound"),
                leg_id=redactor.whole("caller", started.leg_id),
                started_at_s=self._parts.clock.wall_s(),
                caller_number=redactor.shorten_number(started.caller_number),
                dialed_number=redactor.shorten_number(started.dialed_number),
                persona=Label(plan.persona),
                endpoint=Label(plan.endpoint),
                from_caller=_format_label(started.from_caller),
                to_model=_format_label(self.setup.input_format),
                passthrough=self._media.passthrough,
            )
        )


def _format_label(format: AudioFormat) -> Label:
    return Label(f"{format.encoding} at {format.rate_hz // 1000} kHz")
