"""One response: its events, in the one order that the API sends them, paced against a clock.

A run is told what to say and says when it wants to be woken. Speech goes out ``pace`` times faster than it sounds.
Whatever ends a response (its last word, a cancellation, a fault) goes through the same block: the open part, the open
item, then ``response.done`` and ``rate_limits.updated``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, assert_never

import msgspec
import pybase64
from msgspec import UNSET

from gateway.offline import events as wire
from gateway.offline import performance
from gateway.offline.conversation import Conversation, Entry
from gateway.offline.items import FunctionCall, Item, Message, OutputAudio, OutputText, Status
from gateway.offline.mind import Answer, Call, Expire, Fail, Hangup, Inject, Pause, Stunt, Trigger, Utter
from gateway.offline.performance import Beat
from gateway.offline.session_config import AudioFormatConfig, FunctionTool, ToolChoice, VoiceId, wire_format
from gateway.offline.speech_jobs import Spoken
from gateway.offline.usage import Block, audio_tokens, text_tokens, usage

TOKEN_BUDGET: Final = 15_000_000
"""The rate limit that is shown, in tokens a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseOrder:
    """What was asked for. ``entries`` is the context; ``conversation_id`` is None beside the conversation."""

    response_id: str
    number: int
    """1 is the session's first response."""
    trigger: Trigger
    conversation_id: str | None
    instructions: str
    response_instructions: str | None
    tools: Sequence[FunctionTool]
    tool_choice: ToolChoice
    modality: Literal["audio", "text"]
    format: AudioFormatConfig
    voice: str | VoiceId
    max_output_tokens: int | Literal["inf"]
    metadata: dict[str, str] | None
    entries: Sequence[Entry]
    request: Sequence[Block]
    requests_before: Sequence[Sequence[Block]]

    @property
    def out_of_band(self) -> bool:
        """Whether it stands beside the conversation."""
        return self.conversation_id is None


@dataclass(frozen=True, slots=True)
class Stage:
    """What a run needs of its session.

    ``pace`` is how much faster than real time speech goes out, 0 for at once; ``padding_bytes`` blows up the first
    transcript delta; ``interleaves`` begins a tool call before the spoken item before it is done. ``speak`` has an
    utterance voiced, ``stunt`` does something to the connection and says whether it lives on, ``ended`` hears of the
    end.
    """

    outbox: wire.Outbox
    conversation: Conversation
    pace: float
    padding_bytes: int
    interleaves: bool
    speak: Callable[[Run, Utter], None]
    stunt: Callable[[Stunt, float], bool]
    ended: Callable[[Run, float], None]


@dataclass(slots=True)
class _Open:
    """The item that is being made: what is remembered of it, its place, what was sent of its text."""

    entry: Entry
    index: int
    text: str = ""


class Run:
    """A response under way."""

    def __init__(self, order: ResponseOrder, stage: Stage) -> None:
        self.order = order
        self.created = False
        """Whether it was announced: before that it can't be cancelled."""
        self.finished = False
        self.audio_ms = 0.0
        """Speech sent so far, in milliseconds."""
        self._stage = stage
        self._send = stage.outbox.send
        self._parts: deque[Utter | Call | Pause | Fail | Stunt] = deque()
        self._performing = False
        self._utter: Utter | None = None
        self._beats: deque[Beat] = deque()
        self._began_ms = 0.0
        self._paused_until_ms: float | None = None
        self._cut: tuple[float, wire.StatusDetails] | None = None
        self._open: _Open | None = None
        self._held: list[_Open] = []
        self._output: list[Item] = []
        self._output_text_tokens = 0
        self._padding_bytes = stage.padding_bytes

    def begin(self) -> None:
        """Announce the response."""
        self.created = True
        self._send(wire.ResponseCreated(response=self._body("in_progress", None)))

    def perform(self, answer: Answer, now_ms: float) -> None:
        """Take what is to be said, and begin."""
        self._parts.extend(answer.parts)
        self._performing = True
        self._advance(now_ms)

    def voiced(self, speech: Spoken, now_ms: float) -> None:
        """Take the speech that was asked for."""
        if self.finished or self._utter is None:
            return
        utter, self._utter = self._utter, None
        self._start(utter, performance.fitted(speech, utter.ms), now_ms)
        self._advance(now_ms)

    def next_wake_ms(self) -> float | None:
        """Return when there is something to do, or None."""
        if self.finished:
            return None
        times = [self._cut[0]] if self._cut is not None else []
        if self._paused_until_ms is not None:
            times.append(self._paused_until_ms)
        elif self._beats:
            times.append(self._due_ms(self._beats[0]))
        return min(times, default=None)

    def wake(self, now_ms: float) -> None:
        """Send what is due."""
        if self.finished:
            return
        if self._cut is not None and now_ms >= self._cut[0]:
            self._end("cancelled", self._cut[1], now_ms)
        elif self._performing:
            self._advance(now_ms)

    def cancel(self, reason: Literal["turn_detected", "client_cancelled"], now_ms: float, *, late_ms: int) -> None:
        """Stop; ``late_ms`` lets deltas go on for a while, as they do when a cancellation is on its way."""
        details = wire.StatusDetails(type="cancelled", reason=reason)
        if late_ms and self._beats:
            self._cut = self._cut or (now_ms + late_ms, details)
        else:
            self._end("cancelled", details, now_ms)

    def fail(self, code: str, message: str, now_ms: float) -> None:
        """End as failed."""
        error = wire.FailureBody(type="server_error", code=code, message=message)
        self._end("failed", wire.StatusDetails(type="failed", error=error), now_ms)

    # --- going on ---------------------------------------------------------------------------------------------------

    def _advance(self, now_ms: float) -> None:
        """Send all that is due by now."""
        while not self.finished and self._utter is None:
            if self._paused_until_ms is not None:
                if now_ms < self._paused_until_ms:
                    return
                self._paused_until_ms = None
            while self._beats and self._due_ms(self._beats[0]) <= now_ms:
                if not self._emit(self._beats.popleft(), now_ms):
                    return
            if self._beats:
                return
            self._leave_item()
            if not self._parts:
                self._end("completed", None, now_ms)
                return
            self._next(self._parts.popleft(), now_ms)

    def _leave_item(self) -> None:
        """Finish the open item, unless what comes next fails it or begins before it is finished."""
        following = self._parts[0] if self._parts else None
        if self._open is None or isinstance(following, Fail):
            return
        if self._stage.interleaves and isinstance(following, Call):
            self._held.append(self._open)
            self._open = None
        else:
            self._close("completed")

    def _next(self, part: Utter | Call | Pause | Fail | Stunt, now_ms: float) -> None:
        match part:
            case Utter():
                if self.order.modality == "text":
                    self._start(part, None, now_ms)
                elif part.sound == "speech":
                    self._utter = part
                    self._stage.speak(self, part)
                else:
                    self._start(part, performance.without_voice(part), now_ms)
            case Call():
                self._start_call(part, now_ms)
            case Pause(ms=ms):
                self._paused_until_ms = now_ms + ms
            case Fail(code=code, message=message):
                self.fail(code, message, now_ms)
            case Hangup() | Expire() | Inject():
                self.finished = not self._stage.stunt(part, now_ms)
            case _:
                assert_never(part)

    def _start(self, utter: Utter, speech: Spoken | None, now_ms: float) -> None:
        item_id = self._stage.outbox.ids.new("item")
        item = Message(id=item_id, role="assistant", status="in_progress", content=[])
        entry = Entry(item, wire_format(self.order.format))
        opened = self._announce(entry)
        kind = wire.TextPart(text="") if speech is None else wire.AudioPart(transcript="")
        self._send(wire.PartAdded(**self._place(opened), part=kind))
        if speech is None:
            entry.item = msgspec.structs.replace(item, content=[OutputText(text="")])
            self._score(performance.written(utter.text), now_ms)
        else:
            entry.item = msgspec.structs.replace(item, content=[OutputAudio()])
            self._score(performance.spoken(utter.text, speech, entry.format), now_ms)

    def _start_call(self, call: Call, now_ms: float) -> None:
        ids = self._stage.outbox.ids
        item = FunctionCall(
            id=ids.new("item"), status="in_progress", name=call.name, call_id=ids.new("call"), arguments=""
        )
        self._announce(Entry(item))
        self._score(performance.arguments(call.arguments), now_ms)

    def _announce(self, entry: Entry) -> _Open:
        self._open = opened = _Open(entry, len(self._output) + len(self._held))
        item = entry.item
        self._send(wire.OutputItemAdded(response_id=self.order.response_id, output_index=opened.index, item=item))
        if not self.order.out_of_band:
            previous = self._stage.conversation.add(entry)
            self._send(wire.ItemAdded(previous_item_id=previous, item=item))
        return opened

    def _score(self, beats: list[Beat], now_ms: float) -> None:
        if self._parts and isinstance(self._parts[0], Fail) and self._parts[0].after_ms:
            beats = performance.until(beats, self._parts[0].after_ms)
        self._beats.extend(beats)
        self._began_ms = now_ms

    def _due_ms(self, beat: Beat) -> float:
        return self._began_ms + (beat.at_ms / self._stage.pace if self._stage.pace else 0.0)

    def _emit(self, beat: Beat, now_ms: float) -> bool:
        """Send one beat; false when the answer grew too long and was ended."""
        assert self._open is not None
        opened = self._open
        self._output_text_tokens += sum(text_tokens(piece) for piece in beat.pieces)
        self.audio_ms += opened.entry.format.duration_ms(len(beat.audio))
        limit = self.order.max_output_tokens
        if limit != "inf" and self._output_text_tokens + audio_tokens(self.audio_ms, of_assistant=True) > limit:
            self.audio_ms -= opened.entry.format.duration_ms(len(beat.audio))
            self._end("incomplete", wire.StatusDetails(type="incomplete", reason="max_output_tokens"), now_ms)
            return False
        for piece in beat.pieces:
            opened.text += piece
            self._send(self._delta(opened, piece))
        if beat.audio:
            opened.entry.words.extend(beat.words)
            if not self.order.out_of_band:
                self._stage.conversation.grow(opened.entry.item.id, beat.audio)
            self._send(wire.AudioDelta(**self._place(opened), delta=pybase64.b64encode_as_string(beat.audio)))
        return True

    def _delta(self, opened: _Open, piece: str) -> wire.ServerEvent:
        if isinstance(opened.entry.item, FunctionCall):
            return wire.ArgumentsDelta(**self._call_place(opened, opened.entry.item), delta=piece)
        if not opened.entry.has_audio:
            return wire.TextDelta(**self._place(opened), delta=piece)
        padding, self._padding_bytes = self._padding_bytes, 0
        return wire.TranscriptDelta(**self._place(opened), delta=piece, obfuscation="x" * padding if padding else UNSET)

    # --- coming to an end -------------------------------------------------------------------------------------------

    def _close(self, status: Status) -> None:
        """Finish the items that were held, in their order, and then the open one."""
        assert self._open is not None
        for held in [*self._held, self._open]:
            self._finish(held, "completed" if held is not self._open else status)
        self._held = []
        self._open = None

    def _finish(self, opened: _Open, status: Status) -> None:
        """Finish an item: its part, then the conversation's item, then the response's."""
        entry = opened.entry
        if isinstance(entry.item, FunctionCall):
            call = msgspec.structs.replace(entry.item, status=status, arguments=opened.text)
            if status == "completed":
                self._send(wire.ArgumentsDone(**self._call_place(opened, call), name=call.name, arguments=opened.text))
            entry.item = call
        elif isinstance(entry.item, Message):
            entry.item = self._finished_message(opened, status)
        if not self.order.out_of_band and self._stage.conversation.find(entry.item.id) is not None:
            previous = self._stage.conversation.previous(entry.item.id)
            self._send(wire.ItemDone(previous_item_id=previous, item=entry.item))
        response_id = self.order.response_id
        self._send(wire.OutputItemDone(response_id=response_id, output_index=opened.index, item=entry.item))
        self._output.append(entry.item)

    def _finished_message(self, opened: _Open, status: Status) -> Message:
        entry, text = opened.entry, opened.text
        assert isinstance(entry.item, Message)
        place = self._place(opened)
        if not entry.has_audio:
            self._send(wire.TextDone(**place, text=text))
            self._send(wire.PartDone(**place, part=wire.TextPart(text=text)))
            return msgspec.structs.replace(entry.item, status=status, content=[OutputText(text=text)])
        self._send(wire.AudioDone(**place))
        self._send(wire.TranscriptDone(**place, transcript=text))
        self._send(wire.PartDone(**place, part=wire.AudioPart(transcript=text)))
        # a client that cut the item while it was being made has had its transcript forgotten already
        kept = text if entry.truncated_at_ms is None else UNSET
        return msgspec.structs.replace(entry.item, status=status, content=[OutputAudio(transcript=kept)])

    def _end(self, status: wire.ResponseStatus, details: wire.StatusDetails | None, now_ms: float) -> None:
        self._beats.clear()
        self._parts.clear()
        self._cut = self._paused_until_ms = self._utter = None
        if self._open is not None:
            self._close("incomplete")
        self.finished = True
        self._send(wire.ResponseDone(response=self._body(status, details)))
        self._stage.ended(self, now_ms)

    def _body(self, status: wire.ResponseStatus, details: wire.StatusDetails | None) -> wire.ResponseBody:
        order = self.order
        return wire.ResponseBody(
            id=order.response_id,
            status=status,
            status_details=details,
            output=list(self._output),
            conversation_id=order.conversation_id,
            output_modalities=[order.modality],
            max_output_tokens=order.max_output_tokens,
            audio=wire.ResponseAudio(output=wire.ResponseVoice(format=order.format, voice=order.voice)),
            usage=None if status == "in_progress" else self._usage(),
            metadata=order.metadata,
        )

    def _usage(self) -> wire.Usage:
        return usage(
            self.order.request,
            self.order.requests_before,
            output_text=self._output_text_tokens,
            output_audio=audio_tokens(self.audio_ms, of_assistant=True),
        )

    def _place(self, opened: _Open) -> wire.Place:
        return {
            "response_id": self.order.response_id,
            "item_id": opened.entry.item.id,
            "output_index": opened.index,
        }

    def _call_place(self, opened: _Open, call: FunctionCall) -> wire.CallPlace:
        return {**self._place(opened), "call_id": call.call_id}
