"""A leg and a model session without wires: they note what they are told, and say what the test makes them say."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from gateway.audio.format import PCMU_8K, AudioFormat, AudioFrame
from gateway.contracts.leg import (
    HeardSignal,
    LegCapabilities,
    LegEnded,
    LegEvent,
    LegListener,
    LegStarted,
    TransferTarget,
)
from gateway.contracts.model import (
    ModelCapabilities,
    ModelEvent,
    ModelListener,
    ResponseRequest,
    SessionLost,
    SessionReady,
    SessionSetup,
)
from gateway.contracts.record import AnyRecord
from gateway.errors import CarrierError, Ending, ModelError, Party

CAPABLE = LegCapabilities(heard=HeardSignal.NAMED_MARKS, transfers=True)
MODEL = ModelCapabilities(input_formats=(PCMU_8K,), output_formats=(PCMU_8K,))


class FakeLeg:
    """A leg that never had a carrier."""

    def __init__(self, capabilities: LegCapabilities = CAPABLE, format: AudioFormat = PCMU_8K) -> None:
        self.capabilities = capabilities
        self.started = LegStarted(
            leg_id="CA1",
            stream_id="MZ1",
            caller_number="+15550001111",
            dialed_number="+15550002222",
            from_caller=format,
            to_caller=format,
            parameters={"name": "Ann"},
        )
        self.told: list[tuple[str, Any]] = []
        self.refuses = False
        self.hangs_for_s = 0.0
        self.listener: LegListener | None = None

    def hear_tones(self) -> None:
        self.hears_tones = True

    def listen(self, listener: LegListener) -> None:
        self.listener = listener

    def says(self, event: LegEvent) -> None:
        assert self.listener is not None
        self.listener.on_leg(event)

    def hears(self, frame: AudioFrame) -> None:
        assert self.listener is not None
        self.listener.on_audio(frame)

    def ends(self, reason: str = "hung_up") -> None:
        self.says(LegEnded(Ending(Party.CALLER, reason)))

    def send_audio(self, frame: AudioFrame) -> None:
        self.told.append(("audio", frame))

    def send_mark(self, name: str) -> None:
        self.told.append(("mark", name))

    def clear(self) -> None:
        self.told.append(("clear", None))

    async def send_digits(self, digits: str) -> None:
        self.told.append(("digits", digits))

    async def transfer(self, target: TransferTarget) -> None:
        self.told.append(("transfer", target))
        if self.refuses:
            raise CarrierError("transfer refused: busy")

    async def hang_up(self) -> None:
        self.told.append(("hang_up", None))
        await asyncio.sleep(self.hangs_for_s)
        if self.refuses:
            raise CarrierError("hang-up not confirmed")

    async def close(self) -> None:
        self.told.append(("close", None))

    def was_told(self, what: str) -> list[Any]:
        return [value for name, value in self.told if name == what]


class FakeSession:
    """A model session that never had an endpoint."""

    def __init__(self, capabilities: ModelCapabilities = MODEL) -> None:
        self.capabilities = capabilities
        self.dropped_ms = 0.0
        self.told: list[tuple[str, Any]] = []
        self.listener: ModelListener | None = None
        self.closed = False
        self.over = False
        self.items: list[tuple[str, ...]] = []
        """What it was told of a conversation, item by item."""
        self.answers_setup = True
        self.expires_at_s: float | None = None

    def listen(self, listener: ModelListener) -> None:
        self.listener = listener

    def says(self, event: ModelEvent) -> None:
        assert self.listener is not None
        self.over = self.over or isinstance(event, SessionLost)
        self.listener.on_model(event)

    def configure(self, setup: SessionSetup) -> None:
        self.told.append(("configure", setup))
        if self.answers_setup:
            ready = SessionReady(f"sess_{id(self)}", self.expires_at_s)
            asyncio.get_running_loop().call_soon(self._ready, ready)

    def _ready(self, ready: SessionReady) -> None:
        if self.listener is not None and not self.over:
            self.listener.on_model(ready)

    def append(self, frame: AudioFrame) -> None:
        self.told.append(("append", frame))

    def commit_input(self) -> None:
        self.told.append(("commit_input", None))

    def add_image(self, data_uri: str) -> None:
        self.told.append(("add_image", data_uri))

    def clear_input(self) -> None:
        self.told.append(("clear_input", None))

    def respond(self, request: ResponseRequest) -> None:
        self.told.append(("respond", request))

    def cancel(self, response_id: str) -> None:
        self.told.append(("cancel", response_id))

    def truncate(self, item_id: str, heard_ms: int) -> None:
        self.told.append(("truncate", (item_id, heard_ms)))

    def delete_item(self, item_id: str) -> None:
        self.told.append(("delete", item_id))

    def add_message(self, role: Literal["user", "assistant", "system"], text: str, item_id: str | None = None) -> None:
        self.told.append(("message", (role, text)))
        self.items.append((role, text))

    def add_tool_call(self, tool_call_id: str, name: str, arguments: str, item_id: str | None = None) -> None:
        self.told.append(("tool_call", (tool_call_id, name, arguments)))
        self.items.append(("call", tool_call_id, name, arguments))

    def tool_result(self, tool_call_id: str, output: str, item_id: str | None = None) -> None:
        self.told.append(("tool_result", (tool_call_id, output)))
        self.items.append(("result", tool_call_id, output))

    async def close(self) -> None:
        self.closed = self.over = True

    def was_told(self, what: str) -> list[Any]:
        return [value for name, value in self.told if name == what]


class FakeConnector:
    """Gives the session it was made with, when it is let."""

    name = "fake"

    def __init__(self, session: FakeSession, *, fails: bool = False, waits: asyncio.Event | None = None) -> None:
        self.session = session
        self.capabilities = session.capabilities
        self.fails = fails
        self.waits = waits

    async def connect(self) -> FakeSession:
        if self.waits is not None:
            await self.waits.wait()
        if self.fails:
            raise ModelError("endpoint 'fake' can't be reached")
        return self.session


class Shelf:
    """A sink that keeps the records."""

    def __init__(self) -> None:
        self.records: list[AnyRecord] = []
        self.closed = False

    def accept(self, record: AnyRecord) -> None:
        assert not self.closed, "a record after the sink was closed"
        self.records.append(record)

    async def close(self) -> None:
        self.closed = True

    def of(self, kind: type) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]
