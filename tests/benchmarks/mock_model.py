"""A mock Realtime endpoint (GA protocol): scripted conversations, and a note of when each thing crossed its socket.

It follows the order of events that a server-VAD turn has on the wire. A script per call, drawn from a seed, lets the
caller speak, answers with four seconds of speech sent faster than it plays, and lets the caller barge in: most often
when generation has ended and playout has not, every third time while audio is still being generated, with two deltas
that were already on their way. Nothing is understood and nothing is recognised.
"""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any, Final

from tests.benchmarks.hub import Hub, Peer
from tests.benchmarks.probe import CallProbe, quoted_value

PATH: Final = "/v1/realtime"

DELTA_MS: Final = 200
RESPONSE_DELTAS: Final = 20
DELTA_EVERY_S: Final = 0.040
"""Five times as fast as it plays."""
SPEECH_S: Final = 0.5
"""From speech_started to speech_stopped."""
THINK_S: Final = 0.2
"""From committed to response.created."""
FIRST_DELTA_S: Final = 0.05
"""From response.created to the first audio delta."""
LATE_S: Final = 0.010
"""From a cancellation to the end of the response; one delta goes at each end of it."""
BARGE_S: Final = (1.2, 2.6)
"""From the first audio delta to the next speech_started: generation has ended (0.8 s), playout (4 s) has not."""
EARLY_BARGE_S: Final = (0.25, 0.6)
"""The same, every third time: in the middle of generation."""
PERIOD_S: Final = 2.4
"""About the length of a turn, over which calls are spread."""

_PCMU_DELTA: Final = base64.b64encode(bytes(0x70 + Random(i).randrange(16) for i in range(8 * DELTA_MS)))
_PCM_DELTA: Final = base64.b64encode(
    b"".join((Random(i).randrange(4096) - 2048).to_bytes(2, "little", signed=True) for i in range(24 * DELTA_MS))
)
_DELTAS: Final = {"audio/pcmu": _PCMU_DELTA, "audio/pcma": _PCMU_DELTA, "audio/pcm": _PCM_DELTA}


@dataclass(slots=True)
class Response:
    """A response being generated."""

    response_id: str
    item_id: str
    deltas: int = 0
    cancelled: str | None = None


class ModelSession(Peer):
    """One session of the mock endpoint; ``ready`` once it has answered a ``session.update``."""

    path = PATH

    def __init__(self, hub: Hub, sock: socket.socket, probe: CallProbe) -> None:
        super().__init__(hub, sock, server=True)
        self._probe = probe
        self._random = Random(1000 + probe.call)
        self._events = 0
        self._items = 0
        self._turns = 0
        self._user_item = ""
        self._response: Response | None = None
        self._generated_ms: dict[str, int] = {}
        self._session: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "id": f"sess_{probe.call:06d}",
            "model": "bench",
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 200,
                        "create_response": True,
                        "interrupt_response": True,
                        "idle_timeout_ms": None,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
            },
        }
        self._delta_text = _PCM_DELTA
        self.ready = False

    # what comes from the gateway

    def opened(self, at_s: float) -> None:
        """Greet, before anything is asked."""
        self._emit("session.created", session=self._session)

    def text(self, payload: bytes, at_s: float) -> None:
        """Take a client event; appends never meet a JSON parser."""
        if b"input_audio_buffer.append" in payload:
            self._probe.uplink.appended(quoted_value(payload, b"audio"), at_s)
            return
        event: dict[str, Any] = json.loads(payload)
        match event.get("type"):
            case "session.update":
                self._configure(event.get("session", {}))
            case "response.create":
                if self._response is None:
                    self._create_response()
                else:
                    self._refuse(event, "conversation_already_has_active_response")
            case "response.cancel":
                self._cancel_asked(event)
            case "conversation.item.truncate":
                self._truncate(event)
            case "conversation.item.delete":
                self._emit("conversation.item.deleted", item_id=event.get("item_id"))
            case "conversation.item.create":
                item = {"id": self._next_item(), "status": "completed", **event.get("item", {})}
                self._emit("conversation.item.added", item=item, previous_item_id=None)
                self._emit("conversation.item.done", item=item, previous_item_id=None)
            case "input_audio_buffer.clear":
                self._emit("input_audio_buffer.cleared")
            case _:
                self._refuse(event, "unknown_event")

    def _configure(self, changes: dict[str, Any]) -> None:
        _merge(self._session, changes)
        self._probe.uplink.expect(self._session["audio"]["input"]["format"]["type"])
        self._delta_text = _DELTAS[self._session["audio"]["output"]["format"]["type"]]
        self._emit("session.updated", session=self._session)
        self.ready = True

    def _cancel_asked(self, event: dict[str, Any]) -> None:
        response = self._response
        if (
            response is None
            or response.cancelled
            or event.get("response_id", response.response_id) != response.response_id
        ):
            self._refuse(event, "response_cancel_not_active")
        else:
            self._cancel(response, "client_cancelled")

    def _truncate(self, event: dict[str, Any]) -> None:
        item_id, audio_end_ms = event.get("item_id", ""), event.get("audio_end_ms", -1)
        self._probe.truncated(item_id, audio_end_ms)
        if not 0 <= audio_end_ms <= self._generated_ms.get(item_id, -1):
            self._refuse(event, "invalid_value")
        else:
            self._emit("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)

    def _refuse(self, event: dict[str, Any], code: str) -> None:
        if code != "response_cancel_not_active":  # a cancel that crosses the end of generation is nobody's fault
            self._probe.refused += 1
        error = {"type": "invalid_request_error", "code": code, "message": code, "param": None}
        self._emit("error", error={**error, "event_id": event.get("event_id")})

    # the script

    def begin(self, at_s: float) -> None:
        """Start the conversation at ``at_s``: the caller speaks first."""
        self._hub.call_at(at_s, self._speech_started)

    def _speech_started(self) -> None:
        if self.closed:
            return
        self._user_item = self._next_item()
        heard_ms = round(self._probe.uplink.appended_bytes / 8)
        message = self._event("input_audio_buffer.speech_started", audio_start_ms=heard_ms, item_id=self._user_item)
        now_s = monotonic()
        self._probe.barged(now_s)
        self.send(message)
        response = self._response
        if (
            response is not None
            and response.cancelled is None
            and self._turn_detection().get("interrupt_response", True)
        ):
            self._cancel(response, "turn_detected")
        self._hub.call_at(now_s + SPEECH_S, self._speech_stopped)

    def _speech_stopped(self) -> None:
        if self.closed:
            return
        heard_ms = round(self._probe.uplink.appended_bytes / 8)
        item_id = self._user_item
        self._emit("input_audio_buffer.speech_stopped", audio_end_ms=heard_ms, item_id=item_id)
        self._emit("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}
        self._emit("conversation.item.added", item=item, previous_item_id=None)
        self._emit("conversation.item.done", item=item, previous_item_id=None)
        if self._session["audio"]["input"].get("transcription"):
            self._emit(
                "conversation.item.input_audio_transcription.completed",
                item_id=item_id,
                content_index=0,
                transcript="my order number is four two seven, can you tell me where it is",
                usage={"type": "duration", "seconds": 1},
            )
        if self._turn_detection().get("create_response", True):
            self._hub.call_at(monotonic() + THINK_S, self._create_response)

    def _create_response(self) -> None:
        if self.closed:
            return
        if self._response is not None:  # never cancelled: a real endpoint would refuse; the script goes on
            self._finish(self._response)
        response = Response(f"resp_{self._probe.call:06d}_{self._turns:05d}", self._next_item())
        self._turns += 1
        self._response = response
        self._generated_ms = {response.item_id: 0}
        self._emit("response.created", response=self._response_object(response, "in_progress"))
        item = self._assistant(response, "in_progress", [])
        self._emit("response.output_item.added", response_id=response.response_id, output_index=0, item=item)
        self._emit("conversation.item.added", item=item, previous_item_id=self._user_item)
        self._emit("response.content_part.added", **_at(response), part={"type": "audio", "transcript": ""})
        self._transcript_delta(response)
        self._hub.call_at(monotonic() + FIRST_DELTA_S, lambda: self._generate(response))

    def _generate(self, response: Response) -> None:
        if self.closed or self._response is not response or response.cancelled:
            return
        self._audio_delta(response)
        if response.deltas == 1:
            early = (self._turns + self._probe.call) % 3 == 0
            wait_s = self._random.uniform(*(EARLY_BARGE_S if early else BARGE_S))
            self._hub.call_at(monotonic() + wait_s, self._speech_started)
        if response.deltas == RESPONSE_DELTAS:
            self._finish(response)
        else:
            self._transcript_delta(response)
            self._hub.call_at(monotonic() + DELTA_EVERY_S, lambda: self._generate(response))

    def _audio_delta(self, response: Response) -> None:
        self._events += 1
        message = (
            b'{"type":"response.output_audio.delta","event_id":"event_%d","response_id":"%s","item_id":"%s",'
            b'"output_index":0,"content_index":0,"delta":"%s"}'
            % (self._events, response.response_id.encode(), response.item_id.encode(), self._delta_text)
        )
        frame = self._frame(message)
        response.deltas += 1
        self._generated_ms[response.item_id] += DELTA_MS
        if response.deltas == 1:
            self._probe.spoke(response.item_id, monotonic())
        self.write(frame)

    def _transcript_delta(self, response: Response) -> None:
        self._emit("response.output_audio_transcript.delta", **_at(response), delta=" and so on,")

    def _cancel(self, response: Response, reason: str) -> None:
        response.cancelled = reason
        self._audio_delta(response)
        self._hub.call_at(monotonic() + LATE_S, lambda: self._cancelled(response))

    def _cancelled(self, response: Response) -> None:
        if not self.closed and self._response is response:
            self._audio_delta(response)
            self._finish(response)

    def _finish(self, response: Response) -> None:
        self._response = None
        status = "cancelled" if response.cancelled else "completed"
        transcript = " and so on," * response.deltas
        part = {"type": "audio", "transcript": transcript}
        self._emit("response.output_audio.done", **_at(response))
        self._emit("response.output_audio_transcript.done", **_at(response), transcript=transcript)
        self._emit("response.content_part.done", **_at(response), part=part)
        content = [{"type": "output_audio", "transcript": transcript}]
        item = self._assistant(response, "incomplete" if response.cancelled else "completed", content)
        self._emit("conversation.item.done", item=item, previous_item_id=self._user_item)
        self._emit("response.output_item.done", response_id=response.response_id, output_index=0, item=item)
        self._emit("response.done", response=self._response_object(response, status, [item]))
        self._emit("rate_limits.updated", rate_limits=[])

    # the wire

    def _turn_detection(self) -> dict[str, Any]:
        return self._session["audio"]["input"].get("turn_detection") or {"create_response": False}

    def _response_object(self, response: Response, status: str, output: list[Any] | None = None) -> dict[str, Any]:
        details = {"type": "cancelled", "reason": response.cancelled} if response.cancelled else None
        done = status != "in_progress"
        return {
            "object": "realtime.response",
            "id": response.response_id,
            "status": status,
            "status_details": details,
            "output": output or [],
            "conversation_id": f"conv_{self._probe.call:06d}",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "usage": {"total_tokens": 100, "input_tokens": 60, "output_tokens": 40} if done else None,
            "metadata": None,
        }

    @staticmethod
    def _assistant(response: Response, status: str, content: list[Any]) -> dict[str, Any]:
        return {"id": response.item_id, "type": "message", "role": "assistant", "status": status, "content": content}

    def _next_item(self) -> str:
        self._items += 1
        return f"item_{self._probe.call:06d}_{self._items:05d}"

    def _event(self, type_: str, **fields: Any) -> bytes:
        self._events += 1
        return json.dumps({"type": type_, "event_id": f"event_{self._events}", **fields}).encode()

    def _emit(self, type_: str, **fields: Any) -> None:
        self.send(self._event(type_, **fields))


def _at(response: Response) -> dict[str, Any]:
    return {"response_id": response.response_id, "item_id": response.item_id, "output_index": 0, "content_index": 0}


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        old = base.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and key not in ("format", "turn_detection"):
            _merge(old, value)
        else:
            base[key] = value
