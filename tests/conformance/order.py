"""Checks the order of a session's events, without I/O: feed both directions as they pass, and finish.

The rules are those of the public sequences: a turn found by the server or committed by the client, a spoken, a written
and a called-for answer, barge-in, answers beside the conversation, errors. Events of different turns, responses and
items may interleave; those of one may not change places.

Quirks of recorded sessions are allowed: a generated item's ``conversation.item.done`` may have a null
``previous_item_id``; a response may begin a tool call before its spoken item is done; a transcript may lack the space
that its first delta began with; with ``limits=False``, ``rate_limits.updated`` may be missing after a response.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.conformance.ranges import decoded_bytes, sample_bytes

Event = Mapping[str, Any]

_ANSWERS: Final = {
    "session.update": "session.updated",
    "input_audio_buffer.commit": "input_audio_buffer.committed",
    "input_audio_buffer.clear": "input_audio_buffer.cleared",
    "conversation.item.create": "conversation.item.added",
    "conversation.item.retrieve": "conversation.item.retrieved",
    "conversation.item.truncate": "conversation.item.truncated",
    "conversation.item.delete": "conversation.item.deleted",
    "response.create": "response.created",
}
"""Client event → the server event that answers it, if no error does."""


class OutOfOrder(AssertionError):
    """An event that may not come now."""


@dataclass
class _Part:
    kind: str
    text: str = ""
    sounded: bool = False
    text_done: bool = False
    audio_done: bool = False


@dataclass
class _Output:
    """An item that a response is making."""

    item_id: str
    index: int
    type: str
    call_id: str | None = None
    part: _Part | None = None
    parts: int = 0
    arguments: str = ""
    arguments_done: bool = False
    added: bool = False
    done: Event | None = None


@dataclass
class _Response:
    out_of_band: bool
    sample_bytes: int = 1
    open: dict[str, _Output] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)
    """Ids of all items begun, in the order of their index."""
    is_done: bool = False


class OrderChecker:
    """One session's events. Every violation raises :class:`OutOfOrder` at the event that is wrong.

    ``limits``: each ``response.done`` has to be followed by ``rate_limits.updated`` at once.
    """

    def __init__(self, *, limits: bool = True) -> None:
        self._limits = limits
        self._created = False
        self._event_ids: set[str] = set()
        self._pending: list[Event] = []
        self._unmatched_errors = 0
        self._items: dict[str, bool] = {}
        """Items of the conversation, and whether each is done."""
        self._deleted: set[str] = set()
        self._speaking: str | None = None
        self._stopped: set[str] = set()
        self._committed: list[str] = []
        self._last_audio_ms = 0
        self._responses: dict[str, _Response] = {}
        self._wants_limits = False
        self._transcripts: dict[str, str] = {}
        self._transcribed: set[str] = set()
        self._handlers: dict[str, Callable[[Event], None]] = {
            "error": self._on_error,
            "conversation.item.added": self._on_item_added,
            "conversation.item.done": self._on_item_done,
            "conversation.item.deleted": self._on_item_deleted,
            "conversation.item.truncated": self._on_item_known,
            "conversation.item.retrieved": self._on_item_retrieved,
            "conversation.item.input_audio_transcription.delta": self._on_transcript,
            "conversation.item.input_audio_transcription.completed": self._on_transcript,
            "conversation.item.input_audio_transcription.failed": self._on_transcript,
            "input_audio_buffer.speech_started": self._on_speech_started,
            "input_audio_buffer.speech_stopped": self._on_speech_stopped,
            "input_audio_buffer.timeout_triggered": self._on_timeout,
            "input_audio_buffer.committed": self._on_committed,
            "input_audio_buffer.cleared": self._on_cleared,
            "response.created": self._on_response_created,
            "response.done": self._on_response_done,
            "response.output_item.added": self._on_output_added,
            "response.output_item.done": self._on_output_done,
            "response.content_part.added": self._on_part_added,
            "response.content_part.done": self._on_part_done,
            "response.output_audio.delta": self._on_audio,
            "response.output_audio.done": self._on_audio,
            "response.output_audio_transcript.delta": self._on_text,
            "response.output_audio_transcript.done": self._on_text,
            "response.output_text.delta": self._on_text,
            "response.output_text.done": self._on_text,
            "response.function_call_arguments.delta": self._on_arguments,
            "response.function_call_arguments.done": self._on_arguments,
        }

    def client(self, event: Event) -> None:
        """Take a client event."""
        if event["type"] in _ANSWERS:
            self._pending.append(event)

    def server(self, event: Event) -> None:
        """Take a server event."""
        kind = event["type"]
        self._demand(event["event_id"] not in self._event_ids, event, "its event_id came before")
        self._event_ids.add(event["event_id"])
        self._demand(self._created != (kind == "session.created"), event, "session.created comes first, and once")
        self._created = True
        self._demand(
            not self._wants_limits or kind == "rate_limits.updated", event, "rate_limits.updated follows response.done"
        )
        self._wants_limits = False
        if kind in {"session.updated", "conversation.item.retrieved", "conversation.item.truncated"}:
            self._answered(event)
        if handler := self._handlers.get(kind):
            handler(event)

    def finish(self, *, cut_off: bool = False) -> None:
        """Check that nothing is left open; ``cut_off`` when the connection was lost, which excuses what is."""
        if cut_off:
            return
        unanswered = [event["type"] for event in self._pending]
        if len(unanswered) > self._unmatched_errors:
            raise OutOfOrder(f"never answered: {unanswered}")
        if open_responses := [name for name, response in self._responses.items() if not response.is_done]:
            raise OutOfOrder(f"responses without response.done: {open_responses}")
        if open_items := [name for name, done in self._items.items() if not done]:
            raise OutOfOrder(f"items without conversation.item.done: {open_items}")
        if self._committed or self._wants_limits:
            raise OutOfOrder(f"items committed and never added: {self._committed}, or rate limits missing")

    # --- answers ----------------------------------------------------------------------------------------------------

    def _on_error(self, event: Event) -> None:
        event_id = event["error"].get("event_id")
        caused = next(
            (sent for sent in self._pending if event_id is not None and sent.get("event_id") == event_id), None
        )
        if caused is not None:
            self._pending.remove(caused)
        elif event_id is None:
            self._unmatched_errors += 1

    def _answered(self, event: Event, **fields: object) -> bool:
        """Take the first client event that this one answers off the list; false if there is none."""
        for sent in self._pending:
            same = all(
                event[name] == sent[name] for name in ("item_id", "audio_end_ms") if name in event and name in sent
            )
            if _ANSWERS[sent["type"]] == event["type"] and same:
                self._pending.remove(sent)
                return True
        self._demand(
            event["type"] in {"conversation.item.added", "response.created", "input_audio_buffer.committed"},
            event,
            "nobody asked for it",
        )
        return False

    # --- the user's turns -------------------------------------------------------------------------------------------

    def _on_speech_started(self, event: Event) -> None:
        self._demand(self._speaking is None, event, "speech has started already")
        self._demand(event["item_id"] not in self._items, event, "the item exists already")
        self._clock(event, event["audio_start_ms"])
        self._speaking = event["item_id"]

    def _on_speech_stopped(self, event: Event) -> None:
        self._demand(self._speaking == event["item_id"], event, "this item's speech has not started")
        self._clock(event, event["audio_end_ms"])
        self._stopped.add(event["item_id"])
        self._speaking = None

    def _on_timeout(self, event: Event) -> None:
        self._demand(self._speaking is None, event, "somebody speaks")
        self._clock(event, event["audio_end_ms"])
        self._stopped.add(event["item_id"])

    def _on_cleared(self, event: Event) -> None:
        self._answered(event)
        self._speaking = None

    def _on_committed(self, event: Event) -> None:
        item_id = event["item_id"]
        if item_id in self._stopped:
            self._stopped.remove(item_id)
        else:
            self._demand(self._answered(event), event, "neither speech stopped nor the client committed")
            self._demand(self._speaking in {None, item_id}, event, "another item is being spoken")
            self._speaking = None
        self._follows(event)
        self._committed.append(item_id)

    def _on_transcript(self, event: Event) -> None:
        item_id = event["item_id"]
        self._demand(item_id not in self._transcribed, event, "the transcript is finished")
        self._demand(item_id in self._items or item_id == self._speaking, event, "no such turn")
        if event["type"].endswith(".delta"):
            self._transcripts[item_id] = self._transcripts.get(item_id, "") + (event.get("delta") or "")
            return
        self._transcribed.add(item_id)
        if event["type"].endswith(".completed") and item_id in self._transcripts:
            self._demand(
                event["transcript"].strip() == self._transcripts[item_id].strip(),
                event,
                "it is not the sum of its deltas",
            )

    # --- the conversation's items -----------------------------------------------------------------------------------

    def _on_item_added(self, event: Event) -> None:
        item = event["item"]
        self._demand(item["id"] not in self._items, event, "the item exists already")
        self._follows(event)
        output = self._output_of(item["id"])
        if item["id"] in self._committed:
            self._demand(self._committed[0] == item["id"], event, "an earlier turn was not added yet")
            self._committed.remove(item["id"])
            self._demand(item["role"] == "user", event, "a turn is the user's")
        elif output is not None:
            response, made = output
            self._demand(not response.out_of_band, event, "it stands beside the conversation")
            self._demand(made.parts == 0 and not made.arguments, event, "it comes before the item's content")
            self._demand(item["status"] == "in_progress", event, "it has only begun")
            made.added = True
        else:
            self._demand(self._answered(event), event, "nobody made this item")
        self._items[item["id"]] = False

    def _on_item_done(self, event: Event) -> None:
        item = event["item"]
        self._demand(self._items.get(item["id"]) is False, event, "it was not added, or is done already")
        output = self._output_of(item["id"])
        if output is not None:
            self._demand(self._is_whole(output[1], item), event, "its content is not finished")
            output[1].done = event
        elif event.get("previous_item_id") is not None:
            self._follows(event)
        self._items[item["id"]] = True

    def _on_item_deleted(self, event: Event) -> None:
        self._on_item_known(event)
        self._answered(event)
        del self._items[event["item_id"]]
        self._deleted.add(event["item_id"])

    def _on_item_known(self, event: Event) -> None:
        self._demand(event["item_id"] in self._items, event, "no such item")

    def _on_item_retrieved(self, event: Event) -> None:
        self._demand(event["item"]["id"] in self._items, event, "no such item")

    # --- responses --------------------------------------------------------------------------------------------------

    def _on_response_created(self, event: Event) -> None:
        response = event["response"]
        self._demand(response["id"] not in self._responses, event, "its id came before")
        self._demand(response["status"] == "in_progress" and not response["output"], event, "it has only begun")
        self._answered(event)
        out_of_band = response["conversation_id"] is None
        if not out_of_band:
            active = [r for r in self._responses.values() if not r.out_of_band and not r.is_done]
            self._demand(not active, event, "another response writes to the conversation")
        output = (response.get("audio") or {}).get("output") or {}
        self._responses[response["id"]] = _Response(out_of_band, sample_bytes(output.get("format")))

    def _on_output_added(self, event: Event) -> None:
        response = self._response(event)
        self._demand(event["output_index"] == len(response.output), event, "its index does not follow")
        item = event["item"]
        before = [made for made in response.open.values() if made.part is None or made.type != "message"]
        self._demand(not before or item["type"] == "function_call", event, "the item before it is not done")
        self._demand(item["status"] == "in_progress", event, "it has only begun")
        self._demand(not item.get("content") and not item.get("arguments"), event, "it has content already")
        response.open[item["id"]] = _Output(item["id"], event["output_index"], item["type"], item.get("call_id"))
        response.output.append(item["id"])

    def _on_part_added(self, event: Event) -> None:
        made = self._made(event)
        self._demand(made.type == "message" and made.part is None, event, "no part can begin here")
        self._demand(event["content_index"] == made.parts, event, "its index does not follow")
        made.part = _Part(event["part"]["type"])
        made.parts += 1

    def _on_audio(self, event: Event) -> None:
        part = self._part(event, "audio")
        self._demand(not part.audio_done, event, "its audio is done")
        if event["type"].endswith(".done"):
            part.audio_done = True
            return
        self._demand(bool(part.text), event, "the first words precede the first sound")
        size = decoded_bytes(event["delta"], event["type"])
        self._demand(size > 0 and size % self._response(event).sample_bytes == 0, event, f"{size} bytes of audio")
        part.sounded = True

    def _on_text(self, event: Event) -> None:
        part = self._part(event, "text" if "output_text" in event["type"] else "audio")
        self._demand(not part.text_done, event, "its words are done")
        if event["type"].endswith(".delta"):
            part.text += event["delta"]
            return
        self._demand(part.kind == "text" or part.audio_done, event, "the audio is done before the words")
        whole = event["text"] if part.kind == "text" else event["transcript"]
        self._demand(whole == part.text, event, "it is not the sum of its deltas")
        part.text_done = True

    def _on_part_done(self, event: Event) -> None:
        made = self._made(event)
        part = self._part(event, event["part"]["type"])
        self._demand(part.text_done and (part.kind == "text" or part.audio_done), event, "its content is not done")
        words = event["part"]["text"] if part.kind == "text" else event["part"]["transcript"]
        self._demand(words == part.text, event, "it is not the sum of its deltas")
        made.part = None

    def _on_arguments(self, event: Event) -> None:
        made = self._made(event)
        self._demand(made.type == "function_call" and not made.arguments_done, event, "no arguments are awaited")
        self._demand(event["call_id"] == made.call_id, event, "another call_id")
        if event["type"].endswith(".delta"):
            made.arguments += event["delta"]
            return
        self._demand(event["arguments"] == made.arguments, event, "it is not the sum of its deltas")
        made.arguments_done = True

    def _on_output_done(self, event: Event) -> None:
        response, made = self._response(event), self._made(event, by_item=True)
        item = event["item"]
        self._demand(self._is_whole(made, item), event, "its content is not finished")
        kept = item["id"] not in self._deleted
        if not response.out_of_band and kept:
            self._demand(made.added, event, "conversation.item.added never came")
            self._demand(made.done is not None, event, "conversation.item.done comes first")
            assert made.done is not None
            self._demand(made.done["item"] == item, event, "it is not what conversation.item.done said")
        del response.open[item["id"]]

    def _on_response_done(self, event: Event) -> None:
        body = event["response"]
        response = self._responses.get(body["id"])
        self._demand(response is not None and not response.is_done, event, "no such response is under way")
        assert response is not None
        self._demand(not response.open, event, "an item is not done")
        self._demand(body["status"] != "in_progress", event, "it has ended")
        self._demand([item["id"] for item in body["output"]] == response.output, event, "its output is another")
        self._demand(body.get("usage") is not None, event, "usage is missing")
        details = body.get("status_details") or {}
        self._demand(details.get("type", "completed") == body["status"], event, "status_details say otherwise")
        response.is_done = True
        self._wants_limits = self._limits

    # --- small things -----------------------------------------------------------------------------------------------

    def _response(self, event: Event) -> _Response:
        response = self._responses.get(event["response_id"])
        self._demand(response is not None and not response.is_done, event, "its response is not under way")
        assert response is not None
        return response

    def _made(self, event: Event, *, by_item: bool = False) -> _Output:
        made = self._response(event).open.get(event["item"]["id"] if by_item else event["item_id"])
        self._demand(made is not None, event, "its item is not under way")
        assert made is not None
        self._demand(event["output_index"] == made.index, event, "another index")
        return made

    def _part(self, event: Event, kind: str) -> _Part:
        made = self._made(event)
        self._demand(made.part is not None and made.part.kind == kind, event, f"no {kind} part is under way")
        assert made.part is not None
        self._demand(event["content_index"] == made.parts - 1, event, "another part is under way")
        return made.part

    def _output_of(self, item_id: str) -> tuple[_Response, _Output] | None:
        for response in self._responses.values():
            if item_id in response.open:
                return response, response.open[item_id]
        return None

    @staticmethod
    def _is_whole(made: _Output, item: Event) -> bool:
        if item["status"] not in {"completed", "incomplete"} or made.part is not None:
            return False
        return made.type != "function_call" or made.arguments_done or item["status"] == "incomplete"

    def _follows(self, event: Event) -> None:
        previous = event.get("previous_item_id")
        self._demand(previous is None or previous in self._items, event, f"no item {previous} to follow")

    def _clock(self, event: Event, at_ms: int) -> None:
        self._demand(at_ms >= self._last_audio_ms, event, f"{at_ms} ms is before {self._last_audio_ms} ms")
        self._last_audio_ms = at_ms

    @staticmethod
    def _demand(holds: bool, event: Event, why: str) -> None:
        if not holds:
            where = event.get("response_id") or event.get("item_id") or ""
            raise OutOfOrder(f"{event['type']} {where}: {why}")
