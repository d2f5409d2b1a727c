"""Every leg, and every kind of capability, against the one suite."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateway.audio.format import AudioFrame
from gateway.clock import SystemClock
from gateway.contracts.leg import HeardSignal, KeyPressed, LegCapabilities, LegEnded, MarkReturned, MarksOnClear
from gateway.errors import Ending, Party
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.carriers.twilio import TwilioStream
from gateway.legs.carriers.twilio_calls import TwilioCalls
from gateway.legs.pending_transfers import PendingTransfers
from gateway.legs.stream_leg import StreamLeg
from gateway.settings.schema import CarriersSettings, TwilioSettings
from tests.legs.conformance import LegConformance, Rig
from tests.legs.fakes import (
    CONNECTED,
    FakeLeg,
    FakeSocket,
    PlainCore,
    Remembering,
    dtmf,
    mark,
    media,
    settle,
    start,
    stop,
)


class StreamRig:
    """A :class:`StreamLeg` over a fake socket; the subclass speaks the carrier's language."""

    def __init__(self, socket: FakeSocket, leg: StreamLeg) -> None:
        self.socket = socket
        self.leg = leg
        self._running = asyncio.create_task(leg.run())

    async def says(self, message: Any) -> None:
        self.socket.says(message)
        await settle()

    async def carrier_vanishes(self) -> None:
        self.socket.vanish()
        await settle()

    async def carrier_stalls(self) -> None:
        self.socket.stall()

    async def carrier_reads_on(self) -> None:
        self.socket.read_on()
        await settle()

    async def settle(self) -> None:
        await settle()

    def socket_is_open(self) -> bool:
        return self.socket.close_code is None

    async def finish(self) -> None:
        self.socket.read_on()
        await self.leg.close()
        await self._running


class TwilioRig(StreamRig):
    """Twilio: JSON, named marks that a clear echoes, and a REST API."""

    def __init__(self, socket: FakeSocket, leg: StreamLeg, api: list[httpx.Request]) -> None:
        super().__init__(socket, leg)
        self._api = api
        self._chunk = 0

    async def caller_speaks(self, frame: AudioFrame) -> None:
        self._chunk += 1
        await self.says(media(frame, self._chunk))

    async def caller_presses(self, key: str) -> None:
        await self.says(dtmf(key))

    async def caller_hangs_up(self) -> None:
        await self.says(stop())

    async def carrier_returns(self, name: str) -> None:
        await self.says(mark(name))

    def wire(self) -> list[tuple[str, Any]]:
        return [
            ("audio", base64.b64decode(message["media"]["payload"]))
            if message["event"] == "media"
            else (message["event"], message.get("mark", {}).get("name"))
            for message in self.socket.told
        ]

    def call_is_up(self) -> bool:
        return not any(b"Status=completed" in request.content for request in self._api)

    def transferred_to(self) -> str | None:
        return next((httpx.QueryParams(r.content.decode())["Twiml"] for r in self._api if b"Twiml" in r.content), None)


class PlainRig(StreamRig):
    """The test's own carrier, without a REST API: closing the socket is its hang-up."""

    async def caller_speaks(self, frame: AudioFrame) -> None:
        await self.says(frame.raw)

    async def caller_presses(self, key: str) -> None:
        await self.says(f"key {key}")

    async def caller_hangs_up(self) -> None:
        await self.says("stop")

    async def carrier_returns(self, name: str) -> None:
        await self.says(f"mark {name}")

    def wire(self) -> list[tuple[str, Any]]:
        wire: list[tuple[str, Any]] = []
        for message in self.socket.sent:
            if isinstance(message, bytes):
                wire.append(("audio", message))
            else:
                word, _, rest = message.partition(" ")
                wire.append((word, rest or None))
        return wire

    def call_is_up(self) -> bool | None:
        return None

    def transferred_to(self) -> str | None:
        return None


class FakeLegRig:
    """The leg without a wire."""

    def __init__(self, leg: FakeLeg) -> None:
        self.leg = leg

    async def caller_speaks(self, frame: AudioFrame) -> None:
        self.leg.tells([frame])

    async def caller_presses(self, key: str) -> None:
        self.leg.tells([KeyPressed(key)])

    async def caller_hangs_up(self) -> None:
        self.leg.tells([LegEnded(Ending(Party.CALLER, "hung_up"))])

    async def carrier_returns(self, name: str) -> None:
        self.leg.tells([MarkReturned(name)])

    async def carrier_vanishes(self) -> None:
        self.leg.tells([LegEnded(Ending(Party.CARRIER, "stream_lost", ok=False))])

    async def carrier_stalls(self) -> None:
        self.leg.stalled = True

    async def carrier_reads_on(self) -> None:
        self.leg.stalled = False
        self.leg.flush()

    async def settle(self) -> None:
        await settle()

    def wire(self) -> list[tuple[str, Any]]:
        return list(self.leg.wire)

    def call_is_up(self) -> bool:
        return self.leg.call_is_up

    def socket_is_open(self) -> bool:
        return self.leg.socket_is_open

    def transferred_to(self) -> str | None:
        return self.leg.transferred_to


class TestTwilio(LegConformance):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        api: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            api.append(request)
            return httpx.Response(200, json={})

        settings = CarriersSettings(twilio=TwilioSettings(account_sid="AC77", auth_token=SecretStr("t" * 32)))
        http = CarrierHttp(settings, transport=httpx.MockTransport(answer))
        socket = await FakeSocket().accept()
        clock = SystemClock()
        leg = StreamLeg(
            socket.socket,
            TwilioStream(message_bytes=65536, parameter_bytes=4096),
            clock=clock,
            control=TwilioCalls(account_sid="AC77", api_base="https://api.example.net"),
            http=http,
            pending=PendingTransfers(clock),
        )
        socket.says(CONNECTED)
        socket.says(start())
        assert await leg.open(1.0)
        rig = TwilioRig(socket, leg, api)
        yield rig
        await rig.finish()
        await http.close()


PLAIN = [
    LegCapabilities(heard=HeardSignal.NAMED_MARKS, marks_on_clear=MarksOnClear.ECHOED),
    LegCapabilities(heard=HeardSignal.NAMED_MARKS, marks_on_clear=MarksOnClear.DROPPED),
    LegCapabilities(heard=HeardSignal.NONE, hangs_up=False),
    LegCapabilities(heard=HeardSignal.SELF_PACED, lead_ms=40),
]


def _name(capabilities: LegCapabilities) -> str:
    return f"{capabilities.heard}-{capabilities.marks_on_clear}"


class TestPlainCarriers(LegConformance):
    @pytest.fixture(params=PLAIN, ids=_name)
    async def rig(self, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
        socket = await FakeSocket().accept()
        leg = StreamLeg(socket.socket, PlainCore(request.param), clock=SystemClock())
        socket.says("start CA90")
        assert await leg.open(1.0)
        rig = PlainRig(socket, leg)
        yield rig
        await rig.finish()

    async def test_the_legs_capabilities_are_its_carriers(self, rig: Rig) -> None:
        assert rig.leg.capabilities in PLAIN
        assert not rig.leg.capabilities.transfers


class TestFakeLeg(LegConformance):
    @pytest.fixture(
        params=[
            LegCapabilities(heard=HeardSignal.NAMED_MARKS, transfers=True),
            LegCapabilities(heard=HeardSignal.NAMED_MARKS, marks_on_clear=MarksOnClear.DROPPED),
            LegCapabilities(heard=HeardSignal.SELF_PACED, lead_ms=40, transfers=True),
        ],
        ids=_name,
    )
    def rig(self, request: pytest.FixtureRequest) -> Rig:
        return FakeLegRig(FakeLeg(request.param))


async def test_a_remembering_listener_hears_nothing_from_a_leg_it_does_not_listen_to() -> None:
    leg = FakeLeg(PLAIN[0])
    heard = Remembering()
    leg.tells([KeyPressed("1")])
    assert heard.events == []
