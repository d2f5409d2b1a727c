"""The record of a model session that a program holds through ``/v1/realtime``: what any call leaves, as far as it goes.

The program plays the audio, so nobody here knows what was heard: an item counts as heard as far as the model made it,
less what the program says that it cut. All words pass the redactor.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from gateway.bridge.story import Story
from gateway.contracts.model import (
    CallerTranscript,
    CallerTranscriptFailed,
    ItemAudio,
    ItemDone,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseStarted,
    SessionLost,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    ToolAsked,
    Truncated,
)
from gateway.contracts.record import AgentSpoke, CallerSpoke, CallStarted, Fault, ModelConnected, Sink, ToolCalled
from gateway.contracts.text import Label, RedactedText
from gateway.errors import Ending
from gateway.privacy.redactor import Redactor, joined


@dataclass(slots=True)
class _Item:
    began_ms: float
    turn: int
    audio_ms: float = 0.0
    heard_ms: int | None = None


class ProxyRecord:
    """Writes one session's record.

    Args:
        sink: where it goes.
        redactor: for this session alone.
        story: sums up tokens and costs.

    """

    def __init__(self, sink: Sink, redactor: Redactor, story: Story) -> None:
        self._sink = sink
        self._redactor = redactor
        self._story = story
        self._turn = 0
        self._tools = 0
        self._sent_ms = self._heard_ms = 0
        self._met = False
        self._spoken: dict[str, tuple[int, float, float | None]] = {}
        """Turn, beginning and end of what the caller says and is not written yet."""
        self._items: dict[str, _Item] = {}
        self._waiting: dict[str, CallerSpoke | AgentSpoke] = {}
        redactor.on_late = self._late

    def begin(self, call_id: str, *, who: str, endpoint: str, started_at_s: float) -> None:
        """Write that a program has come in."""
        nobody = self._redactor.shorten_number("")
        self._sink.accept(
            CallStarted(
                at_ms=0,
                call_id=Label(call_id),
                leg=Label("proxy"),
                leg_id=self._redactor.whole("tool", f"key {who}"),
                started_at_s=started_at_s,
                caller_number=nobody,
                dialed_number=nobody,
                persona=Label("none"),
                endpoint=Label(endpoint),
                from_caller=Label("as the program says"),
                to_model=Label("as the program says"),
                passthrough=True,
            )
        )

    def take(self, event: ModelEvent, now_ms: float) -> None:
        """Take an event of the endpoint."""
        match event:
            case SessionReady(session_id):
                self._ready(session_id, now_ms)
            case SpeechStarted(item_id):
                self._turn += 1
                self._spoken[item_id] = (self._turn, now_ms, None)
            case SpeechStopped(item_id) if item_id in self._spoken:
                turn, began_ms, _ = self._spoken[item_id]
                self._spoken[item_id] = (turn, began_ms, now_ms)
            case CallerTranscript(item_id, text, final) if final:
                self._caller(item_id, text, now_ms)
            case CallerTranscriptFailed(item_id):
                self._caller(item_id, "", now_ms, failed=True)
            case ResponseStarted(response_id):
                self._story.response_started(response_id, self._turn)
            case ItemAudio(_, item_id, frame):
                self._item(item_id, now_ms).audio_ms += frame.duration_ms
            case Truncated(item_id, heard_ms) if item_id in self._items:
                self._items[item_id].heard_ms = heard_ms
            case ItemDone():
                self._agent(event, now_ms)
            case ToolAsked():
                self._tools += 1
                arguments = self._redactor.whole("tool", event.arguments)
                self._sink.accept(ToolCalled(at_ms=int(now_ms), name=_label(event.name), arguments=arguments))
            case ResponseDone():
                used = self._story.response_done(event, now_ms, self._turn)
                if used is not None:
                    self._sink.accept(used)
            case ModelFault(code, message):
                self._fault("model_fault", f"{code} {message}", now_ms)
            case SessionLost(reason):
                self._fault("session_lost", reason, now_ms)
            case _:
                pass
        self._decide(now_ms)

    def fault(self, kind: str, message: str, now_ms: float) -> None:
        """Write that something was refused or went wrong."""
        self._fault(kind, message, now_ms)

    def end(self, ending: Ending, now_ms: float, *, dropped_ms: float) -> None:
        """Write what is left, and the story of the session."""
        self._redactor.close()
        self._write_decided()
        for record in self._waiting.values():
            self._sink.accept(record)
        self._sink.accept(
            self._story.told(
                ending,
                now_ms,
                turns=self._turn,
                barge_ins=0,
                tools=self._tools,
                latencies_ms=[],
                heard_sent_ms=(self._heard_ms, self._sent_ms),
                dropped_ms=dropped_ms,
            )
        )

    # --- inside ----------------------------------------------------------------------------------------------------

    def _ready(self, session_id: str, now_ms: float) -> None:
        if not self._met:
            self._met = True
            known = self._redactor.whole("tool", session_id)
            self._sink.accept(ModelConnected(at_ms=int(now_ms), took_ms=int(now_ms), session_id=known))

    def _caller(self, item_id: str, text: str, now_ms: float, *, failed: bool = False) -> None:
        turn, began_ms, stopped_ms = self._spoken.pop(item_id, (self._turn, now_ms, None))
        at_ms = int(began_ms)
        stopped = None if stopped_ms is None else int(stopped_ms)
        words = self._redactor.said(item_id, "caller", text, at_ms, stopped or at_ms) if text else None
        record = CallerSpoke(at_ms=at_ms, turn=turn, stopped_ms=stopped, text=words, failed=failed)
        self._waiting[item_id] = record

    def _item(self, item_id: str, now_ms: float) -> _Item:
        return self._items.setdefault(item_id, _Item(now_ms, self._turn))

    def _agent(self, event: ItemDone, now_ms: float) -> None:
        item = self._item(event.item_id, now_ms)
        made_ms = int(item.audio_ms)
        heard_ms = made_ms if item.heard_ms is None else min(item.heard_ms, made_ms)
        self._sent_ms += made_ms
        self._heard_ms += heard_ms
        at_ms = int(item.began_ms)
        self._waiting[event.item_id] = AgentSpoke(
            at_ms=at_ms,
            turn=item.turn,
            text=self._redactor.said(event.item_id, "agent", event.text, at_ms, at_ms + made_ms),
            generated_ms=made_ms,
            heard_ms=heard_ms,
            interrupted=not event.complete or heard_ms < made_ms,
            latency_ms=None,
            purpose=Label("answer"),
        )

    def _fault(self, kind: str, message: str, now_ms: float) -> None:
        self._sink.accept(Fault(at_ms=int(now_ms), kind=Label(kind), message=self._redactor.whole("tool", message)))

    def _late(self, turn_id: str, text: RedactedText) -> None:
        record = self._waiting.get(turn_id)
        if record is not None:
            self._waiting[turn_id] = replace(record, text=joined(record.text, text))

    def _decide(self, now_ms: float) -> None:
        if self._waiting:
            self._redactor.tick(int(now_ms))
            self._write_decided()

    def _write_decided(self) -> None:
        for turn_id in [turn_id for turn_id in self._waiting if not self._redactor.waits(turn_id)]:
            self._sink.accept(self._waiting.pop(turn_id))


def _label(word: str) -> Label:
    try:
        return Label(word)
    except ValueError:
        return Label("unnamed")
