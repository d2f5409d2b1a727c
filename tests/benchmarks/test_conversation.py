"""Carrier and model of the harness in a whole conversation, through a gateway of forty lines on the same hub."""

from __future__ import annotations

import json
import socket
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest

from tests.benchmarks import mock_model
from tests.benchmarks.carrier_load import CarrierCall
from tests.benchmarks.figures import Figures
from tests.benchmarks.hub import Hub, Listener, Peer
from tests.benchmarks.mock_model import ModelSession
from tests.benchmarks.probe import CallProbe

WAIT_S = 20.0


@dataclass
class Gateway:
    """A relay that does what its flags say, right or wrong."""

    hub: Hub
    model_port: int
    drops_late_audio: bool = True
    interrupts: str = "gateway"
    stream: str = ""
    item: str = ""
    response: str = ""
    dead: str = ""
    marks: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def accept(self, sock: socket.socket) -> Peer:
        self.caller = CallerSide(self.hub, sock, self)
        self.model = ModelSide(self.hub, Peer.dial(self.hub, self.model_port), self)
        self.model.open(self.model_port)
        return self.caller


class CallerSide(Peer):
    path = "/twilio/media"

    def __init__(self, hub: Hub, sock: socket.socket, gateway: Gateway) -> None:
        super().__init__(hub, sock, server=True)
        self.gateway = gateway

    def tell(self, event: str, **fields: Any) -> None:
        self.send(json.dumps({"event": event, "streamSid": self.gateway.stream, **fields}).encode())

    def text(self, payload: bytes, at_s: float) -> None:
        message = json.loads(payload)
        match message["event"]:
            case "start":
                self.gateway.stream = message["streamSid"]
            case "media":
                self.gateway.model.tell("input_audio_buffer.append", audio=message["media"]["payload"])
            case "mark":
                self.gateway.marks.append(message["mark"]["name"])


class ModelSide(Peer):
    path = "/v1/realtime?model=bench"

    def __init__(self, hub: Hub, sock: socket.socket, gateway: Gateway) -> None:
        super().__init__(hub, sock, server=False)
        self.gateway = gateway

    def tell(self, type_: str, **fields: Any) -> None:
        self.send(json.dumps({"type": type_, **fields}).encode())

    def opened(self, at_s: float) -> None:
        detection = {"type": "server_vad", "interrupt_response": self.gateway.interrupts == "server"}
        wire = {"format": {"type": "audio/pcmu"}}
        audio = {"input": {**wire, "turn_detection": detection}, "output": wire}
        self.tell("session.update", session={"type": "realtime", "audio": audio})

    def text(self, payload: bytes, at_s: float) -> None:
        gateway, event = self.gateway, json.loads(payload)
        match event["type"]:
            case "response.output_audio.delta":
                if gateway.drops_late_audio and event["item_id"] == gateway.dead:
                    return
                gateway.item, gateway.response = event["item_id"], event["response_id"]
                gateway.caller.tell("media", media={"payload": event["delta"]})
                gateway.caller.tell("mark", mark={"name": f"end of {gateway.item}"})
            case "input_audio_buffer.speech_started" if gateway.item:
                gateway.caller.tell("clear")
                gateway.dead = gateway.item
                if gateway.interrupts == "gateway":
                    self.tell("response.cancel", response_id=gateway.response)
                self.tell("conversation.item.truncate", item_id=gateway.item, content_index=0, audio_end_ms=40)
            case "error":
                gateway.errors.append(event["error"]["code"])


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


@pytest.fixture(autouse=True)
def quick_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns of tenths of a second, and a barge-in into half-generated answers only."""
    for name, value in {"SPEECH_S": 0.05, "THINK_S": 0.02, "FIRST_DELTA_S": 0.01, "LATE_S": 0.005}.items():
        monkeypatch.setattr(mock_model, name, value)
    monkeypatch.setattr(mock_model, "DELTA_EVERY_S", 0.2)
    for name in ("BARGE_S", "EARLY_BARGE_S"):
        monkeypatch.setattr(mock_model, name, (0.22, 0.22))


def converse(hub: Hub, probe: CallProbe, **flags: Any) -> Gateway:
    """Talk until two barge-ins were answered by a further response, then hang up."""
    sessions: list[ModelSession] = []

    def open_session(sock: socket.socket) -> ModelSession:
        sessions.append(ModelSession(hub, sock, probe))
        return sessions[-1]

    models = Listener(hub, open_session)
    gateway = Gateway(hub, models.port, **flags)
    callers = Listener(hub, gateway.accept)
    carrier = CarrierCall(hub, callers.port, probe, array("d"))
    assert hub.run(monotonic() + WAIT_S, lambda: bool(sessions) and sessions[0].ready)
    carrier.talk(monotonic())
    sessions[0].begin(monotonic())
    assert hub.run(monotonic() + WAIT_S, lambda: len(probe.turns) == 3)
    carrier.stop_talking()
    sent = carrier.frames
    assert hub.run(monotonic() + WAIT_S, lambda: probe.uplink.appends >= sent)
    carrier.hang_up()
    sessions[0].close()
    assert hub.run(monotonic() + WAIT_S, lambda: gateway.caller.closed and gateway.model.closed)
    for listener in (models, callers):
        listener.close()
    return gateway


def test_every_frame_barge_in_and_truncation_is_seen_at_both_ends(hub: Hub) -> None:
    probe = CallProbe(call=3)
    gateway = converse(hub, probe)
    figures = Figures()
    figures.add_call(probe, 0.0, monotonic())
    assert (figures.barge_ins, figures.uncleared, figures.untruncated) == (2, 0, 0)
    assert (figures.frames_lost, figures.frames_altered, figures.faults) == (0, 0, 0)
    assert len(figures.uplink_ms) == probe.uplink.appends
    assert figures.leak_ms == [0, 0]
    assert [turn.truncated_ms for turn in probe.turns[:2]] == [40, 40]
    assert gateway.errors == []


def test_marks_come_back_once_each_and_in_order_also_by_a_clear(hub: Hub) -> None:
    probe = CallProbe(call=0)
    gateway = converse(hub, probe)
    items = [turn.item_id for turn in probe.turns[:2]]
    told = [f"end of {item}" for item in items for _ in range(probe_deltas(probe, item))]
    assert gateway.marks[: len(told)] == told


def probe_deltas(probe: CallProbe, item: str) -> int:
    return next(turn.media_bytes // 1600 for turn in probe.turns if turn.item_id == item)


@pytest.mark.parametrize("interrupts", ["gateway", "server"])
def test_two_deltas_are_on_their_way_when_a_response_is_cancelled(hub: Hub, interrupts: str) -> None:
    probe = CallProbe(call=3)
    converse(hub, probe, interrupts=interrupts, drops_late_audio=False)
    figures = Figures()
    figures.add_call(probe, 0.0, monotonic())
    assert figures.leak_ms == [400, 400]


def test_a_truncation_beyond_what_was_generated_is_refused(hub: Hub) -> None:
    probe = CallProbe(call=0)
    models = Listener(hub, lambda sock: ModelSession(hub, sock, probe))
    gateway = Gateway(hub, models.port)
    side = ModelSide(hub, Peer.dial(hub, models.port), gateway)
    side.open(models.port)
    side.tell("conversation.item.truncate", item_id="item_9", content_index=0, audio_end_ms=1)
    side.tell("response.cancel")
    side.tell("no.such.event")
    assert hub.run(monotonic() + WAIT_S, lambda: len(gateway.errors) == 3)
    assert gateway.errors == ["invalid_value", "response_cancel_not_active", "unknown_event"]
    assert probe.refused == 2
    side.close()
    models.close()
    hub.run(monotonic() + 0.05)
