"""What the Realtime API (GA) says, in the words of ``contracts/model.py``.

Most events translate one to one. Three things are told by several events, of which some endpoints send only some and
none in a promised order, and must come out exactly once: that a response started, that an item is whole, and that a
tool is asked for. So the reader remembers responses in flight and what their items said, and forgets both when the
response ends. Late events of a response that has ended are passed on but remembered no more.

Source: Realtime API reference, server events; recorded sessions of 2026 for their order.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

import msgspec

from gateway.audio.format import PCM16_24K, AudioFormat, AudioFrame
from gateway.contracts.model import (
    CallerSegment,
    CallerTranscript,
    CallerTranscriptFailed,
    ItemAudio,
    ItemDone,
    ItemText,
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
    TranscriptionUse,
    Truncated,
    Usage,
    UtteranceCommitted,
)
from gateway.errors import ModelError
from gateway.realtime import wire, wire_parts
from gateway.realtime.audio_path import DeltaFinder
from gateway.realtime.ga_setup import media_type
from gateway.realtime.refusals import FATAL_CODES
from gateway.realtime.wire_client import cause

_ENDED_REMEMBERED: Final = 64
"""Responses that have ended and whose late events still must not look like news."""
_UNKNOWN_KINDS: Final = 64
_UNKNOWN_CHARACTERS: Final = 64
"""Unknown event types counted by name, and how much of a name; a peer does not fill our memory with them."""


@dataclass(slots=True)
class _Item:
    """A message item of the model while it is being made."""

    deltas: list[str] = field(default_factory=list)
    parts: dict[int, str] = field(default_factory=dict)
    done: bool = False

    @property
    def text(self) -> str:
        """All words so far: the finished parts if there are any, else the deltas."""
        return "".join(text for _, text in sorted(self.parts.items())) or "".join(self.deltas)


@dataclass(slots=True)
class _Response:
    """A response in flight."""

    started: bool = False
    items: dict[str, _Item] = field(default_factory=dict)
    tool_names: dict[str, str] = field(default_factory=dict)


class GaReader:
    """One session's reader. ``output_format`` names the audio that arrives, ``input_format`` what we send."""

    def __init__(self) -> None:
        self.input_format: AudioFormat = PCM16_24K
        self.output_format: AudioFormat = PCM16_24K
        self.welcomed = False
        self.has_spoken = False
        self.ignored: Counter[str] = Counter()
        self._finder = DeltaFinder()
        self._session = wire_parts.SessionBody()
        self._responses: dict[str, _Response] = {}
        self._ended: deque[str] = deque(maxlen=_ENDED_REMEMBERED)
        self._response_of: dict[str, str] = {}
        self._tools_asked: set[str] = set()
        self._beside: set[str] = set()

    def expect_beside(self, tag: str) -> None:
        """Remember that the response under ``tag`` was asked for beside the conversation."""
        self._beside.add(tag)

    def read(self, message: str | bytes | bytearray) -> list[ModelEvent]:
        """Return what a message means.

        Raises:
            ModelError: it can't be read; nothing of it was taken.

        """
        if isinstance(message, str):
            message = message.encode("utf-8", "replace")
        payload = self._finder.find(message)
        if payload is not None:
            finder = self._finder
            frame = AudioFrame(self.output_format, base64=payload)
            return [ItemAudio(finder.response_id, finder.item_id, frame)] if payload else []
        kind, event = wire.parse(message)
        if event is None:
            if kind not in wire.KNOWN_BUT_UNUSED:
                name = kind[:_UNKNOWN_CHARACTERS]
                known = name in self.ignored or len(self.ignored) < _UNKNOWN_KINDS
                self.ignored[name if known else "others"] += 1
            return []
        if isinstance(event, wire.AudioDelta):
            return self._audio(message, event)
        return self._translate(event)

    # --- audio and words -------------------------------------------------------------------------------------------

    def _audio(self, message: bytes | bytearray, event: wire.AudioDelta) -> list[ModelEvent]:
        """Read the first delta of an item, or one that is written unlike the one before."""
        try:
            base64 = event.delta.encode("ascii")
        except UnicodeEncodeError:
            raise ModelError(f"audio of item {event.item_id!r} is not base64; the delta was skipped") from None
        self.has_spoken = True
        self._item(event.response_id, event.item_id)
        self._finder.learn(message, event)
        if not base64:
            return []
        padded = base64 + b"=" * (-len(base64) % 4)
        return [ItemAudio(event.response_id, event.item_id, AudioFrame(self.output_format, base64=padded))]

    def _words(self, event: wire.TranscriptDelta | wire.TextDelta) -> list[ModelEvent]:
        item = self._item(event.response_id, event.item_id)
        if item is not None:
            item.deltas.append(event.delta)
        spoken = isinstance(event, wire.TranscriptDelta)
        return [ItemText(event.response_id, event.item_id, event.delta, spoken)] if event.delta else []

    def _part_done(self, event: wire.TranscriptDone | wire.TextDone) -> list[ModelEvent]:
        item = self._item(event.response_id, event.item_id)
        if item is not None:
            item.parts[event.content_index] = event.transcript if isinstance(event, wire.TranscriptDone) else event.text
        return []

    def _item(self, response_id: str, item_id: str) -> _Item | None:
        """Return the memory of an item of a response in flight; None if that response has ended."""
        if response_id in self._ended:
            return None
        self._response_of[item_id] = response_id
        return self._responses.setdefault(response_id, _Response()).items.setdefault(item_id, _Item())

    # --- everything else -------------------------------------------------------------------------------------------

    def _translate(self, event: wire.ServerEvent) -> list[ModelEvent]:
        match event:
            case wire.TranscriptDelta() | wire.TextDelta():
                return self._words(event)
            case wire.TranscriptDone() | wire.TextDone():
                return self._part_done(event)
            case wire.SpeechStarted():
                return [SpeechStarted(event.item_id, int(event.audio_start_ms))]
            case wire.SpeechStopped():
                return [SpeechStopped(event.item_id, int(event.audio_end_ms))]
            case wire.Committed():
                return [UtteranceCommitted(event.item_id, event.previous_item_id)]
            case wire.TranscriptionDelta():
                return [CallerTranscript(event.item_id, event.delta, final=False)] if event.delta else []
            case wire.TranscriptionCompleted():
                used = _transcription_use(event.usage)
                return [CallerTranscript(event.item_id, event.transcript or "", final=True, used=used)]
            case wire.TranscriptionSegment():
                start_ms, end_ms = int(event.start * 1000), int(event.end * 1000)
                return [CallerSegment(event.item_id, event.text, event.speaker or "", start_ms, end_ms)]
            case wire.TranscriptionFailed():
                return [CallerTranscriptFailed(event.item_id, event.error.code or event.error.type or "unknown")]
            case wire.ResponseCreated():
                return self._response_started(event.response)
            case wire.ResponseFinished():
                return self._response_finished(event.response)
            case wire.OutputItemAdded():
                self._item_added(event.response_id, event.item)
                return []
            case wire.OutputItemDone():
                return self._item_finished(event.response_id, event.item)
            case wire.ItemFinished():
                # It names no response. One that no response has begun is ours or the caller's.
                response_id = self._response_of.get(event.item.id)
                return [] if response_id is None else self._item_finished(response_id, event.item)
            case wire.ArgumentsDone():
                name = event.name or self._tool_name(event.response_id, event.item_id)
                return self._tool_asked(event.response_id, event.item_id, event.call_id, name, event.arguments)
            case wire.Truncated():
                return [Truncated(event.item_id, int(event.audio_end_ms))]
            case wire.SessionCreated():
                self.welcomed = True
                self._session = wire_parts.part(event.session, wire_parts.SessionBody) or self._session
                return []
            case wire.SessionUpdated():
                return self._session_updated(event)
            case wire.McpFailed():
                return [
                    ModelFault(
                        "mcp_failed", "a tool server that the endpoint calls by itself failed", "", event.item_id
                    )
                ]
            case wire.ErrorEvent():
                return self._error(event.error)
            case wire.AudioDelta():  # pragma: no cover - read() takes it, because its message is learnt from
                return []

    def _session_updated(self, event: wire.SessionUpdated) -> list[ModelEvent]:
        self.welcomed = True
        self._session = wire_parts.part(event.session, wire_parts.SessionBody) or self._session
        events: list[ModelEvent] = [SessionReady(self._session.id or "", self._session.expires_at)]
        for place, got, asked in self.settled_formats(event.session):
            if got is not None and got != asked:
                message = f"{place} is {got} although {asked} was asked for; it would sound as noise"
                events.append(ModelFault("format_refused", message, "configure"))
        return events

    def settled_formats(self, session: msgspec.Raw) -> tuple[tuple[str, str | None, str], ...]:
        """Return of each direction of audio the field, what the session says there, and what was asked for."""
        settled = wire_parts.part(session, wire_parts.SessionAudio)
        audio = (settled.audio if settled else None) or wire_parts.AudioBody()
        return tuple(
            (
                f"audio.{side}.format",
                direction.format.type if direction and direction.format else None,
                media_type(asked),
            )
            for side, asked, direction in (
                ("input", self.input_format, audio.input),
                ("output", self.output_format, audio.output),
            )
        )

    def _error(self, error: wire.ErrorBody) -> list[ModelEvent]:
        code = error.code or error.type or "unknown"
        if code in FATAL_CODES:
            return [SessionLost(code, FATAL_CODES[code])]
        command, subject = cause(error.event_id)
        if command == "respond":
            self._beside.discard(subject)
        return [ModelFault(code, error.message or "", command, subject)]

    # --- responses and their items ---------------------------------------------------------------------------------

    def _response_started(self, response: wire.Response) -> list[ModelEvent]:
        if response.id in self._ended:
            return []
        known = self._responses.setdefault(response.id, _Response())
        if known.started:
            return []
        known.started = True
        tag = wire_parts.tag_of(response)
        if tag is None:
            # An endpoint that does not repeat the tag still says that the response belongs to no conversation; that
            # alone is no proof, as some name none ever, so it counts only while such a response is awaited.
            beside = bool(self._beside) and response.conversation_id is None
        else:
            beside = tag in self._beside
            self._beside.discard(tag)
        return [ResponseStarted(response.id, tag, beside)]

    def _item_added(self, response_id: str, item: wire.Item) -> None:
        if item.type == "function_call" and response_id not in self._ended:
            self._responses.setdefault(response_id, _Response()).tool_names[item.id] = item.name or ""
        elif item.type == "message":
            self._item(response_id, item.id)

    def _item_finished(self, response_id: str, item: wire.Item) -> list[ModelEvent]:
        if item.type == "function_call" and item.status in {None, "completed"}:
            name = item.name or self._tool_name(response_id, item.id)
            return self._tool_asked(response_id, item.id, item.call_id or "", name, item.arguments)
        if item.type != "message" or item.role not in {None, "assistant"}:
            return []
        memory = self._item(response_id, item.id)
        if memory is None or memory.done:
            return []
        memory.done = True
        said = "".join(part.transcript or part.text or "" for part in item.content or ())
        return [ItemDone(response_id, item.id, said or memory.text, complete=item.status in {None, "completed"})]

    def _tool_name(self, response_id: str, item_id: str) -> str:
        known = self._responses.get(response_id)
        return known.tool_names.get(item_id, "") if known else ""

    def _tool_asked(
        self, response_id: str, item_id: str, call_id: str, name: str, arguments: str | None
    ) -> list[ModelEvent]:
        if not call_id or not name or call_id in self._tools_asked:
            return []
        self._tools_asked.add(call_id)
        return [ToolAsked(response_id, item_id, call_id, name, arguments or "")]

    def _response_finished(self, response: wire.Response) -> list[ModelEvent]:
        if response.id in self._ended:
            return []
        # Some endpoints have been seen to end a response that they never showed the start of.
        events = self._response_started(response)
        for item in wire_parts.items_of(response):
            events += self._item_finished(response.id, item)
        known = self._responses.pop(response.id)
        status = _status(response.status)
        for item_id, memory in known.items.items():
            self._response_of.pop(item_id, None)
            if not memory.done:
                events.append(ItemDone(response.id, item_id, memory.text, status is ResponseStatus.COMPLETED))
        self._ended.append(response.id)
        events.append(ResponseDone(response.id, status, _reason(response.status_details), _usage(response.usage)))
        return events


def _status(word: str | None) -> ResponseStatus:
    try:
        return ResponseStatus(word or ResponseStatus.COMPLETED)
    except ValueError:
        return ResponseStatus.INCOMPLETE


def _reason(details: msgspec.Raw) -> str:
    """Return the endpoint's code for how a response ended, or an empty string."""
    told = wire_parts.part(details, wire_parts.StatusDetails)
    if told is None:
        return ""
    error = told.error or wire.ErrorBody()
    return error.code or error.type or told.reason or ""


def _transcription_use(raw: msgspec.Raw) -> TranscriptionUse | None:
    told = wire_parts.part(raw, wire_parts.TranscriptionUsageBody)
    if told is None:
        return None
    details = told.input_token_details or wire_parts.InputTokens()
    audio = details.audio_tokens if details.audio_tokens is not None else told.input_tokens
    return TranscriptionUse(
        input_text=details.text_tokens or 0,
        input_audio=audio,
        output_text=told.output_tokens,
        seconds=told.seconds,
    )


def _usage(raw: msgspec.Raw) -> Usage | None:
    told = wire_parts.part(raw, wire_parts.UsageBody)
    if told is None:
        return None
    into, out = (
        told.input_token_details or wire_parts.InputTokens(),
        told.output_token_details or wire_parts.OutputTokens(),
    )
    cached = into.cached_tokens_details or wire_parts.CachedTokens()
    return Usage(
        input_text=into.text_tokens or 0,
        input_audio=into.audio_tokens or 0,
        cached_text=cached.text_tokens or 0,
        cached_audio=cached.audio_tokens or 0,
        output_text=out.text_tokens or 0,
        output_audio=out.audio_tokens or 0,
    )
