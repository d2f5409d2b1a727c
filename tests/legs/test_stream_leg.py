"""How a stream leg drives its socket: the writer, the bounds, and every way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from gateway.clock import HandClock
from gateway.contracts.leg import FramesLost, KeyPressed, TransferTarget
from gateway.errors import CarrierError, Ending, Party, Unsupported
from gateway.legs import carrier_http, stream_leg
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.carriers.base import CloseCode
from gateway.legs.carriers.twilio import TwilioStream
from gateway.legs.carriers.twilio_calls import TwilioCalls
from gateway.legs.pending_transfers import PendingTransfers
from gateway.legs.stream_leg import StreamLeg
from gateway.settings.schema import CarriersSettings, TwilioSettings
from tests.legs.fakes import CONNECTED, FakeSocket, Remembering, dtmf, media, settle, start, stop, tone

TARGET = TransferTarget("tel:+15550003333", caller_id="+15550002222")
Answer = Callable[[httpx.Request], httpx.Response]


class Bench:
    """A leg with everything around it in the test's hands."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.pending = PendingTransfers(self.clock)
        self.socket = FakeSocket()
        self.asked: list[str] = []
        self.answer: Answer = lambda _: httpx.Response(200, json={})
        self.before_answer: Callable[[], Any] = lambda: None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.heard = Remembering()
        self._running: asyncio.Task[None] | None = None
        settings = CarriersSettings(
            twilio=TwilioSettings(account_sid="AC77", auth_token=SecretStr("t" * 32), api_retries=0, api_timeout_ms=500)
        )
        self.http = CarrierHttp(settings, transport=httpx.MockTransport(self._api))

    async def _api(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(next(iter(httpx.QueryParams(request.content.decode()))))
        self.before_answer()
        await settle()
        await self.may_answer.wait()
        return self.answer(request)

    async def new_leg(self, *, with_credentials: bool = True, **bounds: int) -> StreamLeg:
        await self.socket.accept()
        return StreamLeg(
            self.socket.socket,
            TwilioStream(**{"message_bytes": 65536, "parameter_bytes": 4096, **bounds}),
            clock=self.clock,
            control=TwilioCalls(account_sid="AC77", api_base="https://api.example.net") if with_credentials else None,
            http=self.http,
            pending=self.pending,
        )

    async def running_leg(self, *, listens: bool = True, with_credentials: bool = True) -> StreamLeg:
        leg = await self.new_leg(with_credentials=with_credentials)
        self.socket.says(CONNECTED)
        self.socket.says(start())
        assert await leg.open(1.0)
        if listens:
            leg.listen(self.heard)
        self._running = asyncio.create_task(leg.run())
        await settle()
        return leg

    async def over(self) -> None:
        """Wait until the leg has let go of everything."""
        assert self._running is not None
        await self._running

    async def finish(self) -> None:
        if self._running is not None and not self._running.done():
            self.socket.read_on()
            self.socket.vanish()
            await self._running
        await self.http.close()


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(stream_leg, "CLOSE_LIMIT_S", 0.05)
    monkeypatch.setattr(stream_leg, "TRANSFER_LIMIT_S", 0.05)
    monkeypatch.setattr(carrier_http, "FIRST_PAUSE_S", 0.0)
    bench = Bench()
    yield bench
    await bench.finish()


# --- until it has started ---------------------------------------------------------------------------------------------


async def test_a_stream_that_does_not_start_in_time_is_closed(bench: Bench) -> None:
    leg = await bench.new_leg()
    bench.socket.says(CONNECTED)
    with structlog.testing.capture_logs() as logs:
        assert not await leg.open(0.01)
    assert bench.socket.close_code == CloseCode.POLICY
    assert [line["event"] for line in logs] == ["media_stream_refused"]


async def test_a_stream_that_goes_away_before_its_start_is_no_leg(bench: Bench) -> None:
    leg = await bench.new_leg()
    bench.socket.vanish()
    assert not await leg.open(1.0)
    assert bench.socket.close_code is None


async def test_a_stream_that_is_broken_before_its_start_is_closed_with_its_code(bench: Bench) -> None:
    leg = await bench.new_leg()
    bench.socket.says(b"\x00")
    with structlog.testing.capture_logs() as logs:
        assert not await leg.open(1.0)
    assert bench.socket.close_code == CloseCode.UNACCEPTABLE
    assert [(line["event"], line["log_level"]) for line in logs] == [("media_stream_broken", "warning")]


async def test_a_stream_is_turned_away_with_a_code_and_no_word(bench: Bench) -> None:
    leg = await bench.new_leg()
    bench.socket.says(start())
    assert await leg.open(1.0)
    await leg.turn_away(CloseCode.POLICY)
    assert bench.socket.close_code == CloseCode.POLICY
    assert bench.socket.sent == []


async def test_a_peer_that_does_not_let_itself_be_turned_away_is_left_to_the_server(bench: Bench) -> None:
    leg = await bench.new_leg()
    bench.socket.says(start())
    assert await leg.open(1.0)
    bench.socket.stall()
    await leg.turn_away(CloseCode.POLICY)
    assert leg.ended == Ending(Party.GATEWAY, "refused", ok=False)


# --- broken, flooded, stuck -------------------------------------------------------------------------------------------


async def test_a_broken_message_ends_this_stream_with_its_code_and_one_log_line(bench: Bench) -> None:
    await bench.running_leg()
    with structlog.testing.capture_logs() as logs:
        bench.socket.says(dtmf("4242"))
        bench.socket.says("more rubbish")
        await bench.over()
    assert bench.socket.close_code == CloseCode.MALFORMED
    assert bench.heard.endings == [Ending(Party.CARRIER, "protocol", ok=False)]
    (line,) = [line for line in logs if line["log_level"] != "debug"]
    assert line["event"] == "media_stream_broken"
    assert line["leg_id"] == "CA90"
    assert "4242" not in str(line)


async def test_audio_far_ahead_of_the_clock_ends_the_stream(bench: Bench) -> None:
    await bench.running_leg()
    for chunk in range(1, 60):
        bench.socket.says(media(tone(chunk, 8000), chunk, timestamp_ms=chunk * 1000))
    await bench.over()
    assert bench.heard.endings == [Ending(Party.CARRIER, "protocol", ok=False)]
    assert bench.socket.close_code == CloseCode.POLICY
    assert 30_000 <= len(bench.heard.audio) / 8 <= 32_000


async def test_audio_as_fast_as_the_clock_goes_on_for_ever(bench: Bench) -> None:
    await bench.running_leg()
    for chunk in range(1, 100):
        bench.clock.advance(1000)
        bench.socket.says(media(tone(chunk, 8000), chunk, timestamp_ms=chunk * 1000))
        await settle()
    assert bench.heard.endings == []
    assert len(bench.heard.audio) == 99 * 8000


async def test_a_carrier_that_does_not_read_ends_the_call_and_nothing_grows(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.socket.stall()
    for index in range(200):
        leg.send_audio(tone(index, 8000))
    await bench.over()
    assert bench.heard.endings == [Ending(Party.CARRIER, "protocol", ok=False)]


async def test_marks_that_nobody_reads_end_the_call_too(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.socket.stall()
    for index in range(6000):
        leg.send_mark(f"{index}")
    await bench.over()
    assert bench.heard.endings == [Ending(Party.CARRIER, "protocol", ok=False)]


async def test_an_end_that_a_command_brings_about_is_not_told_from_within_the_command(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.socket.stall()
    for index in range(200):
        leg.send_audio(tone(index, 8000))
    assert leg.ended is not None
    assert bench.heard.endings == []
    await settle()
    assert len(bench.heard.endings) == 1


async def test_a_minute_that_is_sent_again_at_once_is_no_fault_of_the_carriers(bench: Bench) -> None:
    leg = await bench.running_leg()
    leg.send_audio(tone(1, 60 * 8000))
    leg.send_audio(tone(2, 10 * 8000))
    await settle()
    assert bench.heard.endings == []
    assert len(bench.socket.sent) == 70


async def test_a_carrier_that_neither_reads_nor_closes_is_left_within_the_limit(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.socket.stall()
    leg.send_audio(tone(1))
    await settle()
    await leg.close()
    await bench.over()
    assert bench.socket.close_code is None
    assert bench.heard.endings == [Ending(Party.GATEWAY, "closed")]


async def test_a_carrier_that_never_answers_our_close_is_left_within_the_limit(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.socket.closes_when_told = False
    await leg.close()
    await bench.over()
    assert bench.socket.close_code == CloseCode.NORMAL


async def test_what_nobody_listens_to_is_kept_within_its_bound(bench: Bench) -> None:
    leg = await bench.running_leg(listens=False)
    bench.socket.says(dtmf("1"))
    for chunk in range(1, 601):
        bench.socket.says(media(tone(chunk), chunk))
        await asyncio.sleep(0)
    bench.socket.says(dtmf("2"))
    await settle()
    leg.listen(bench.heard)
    assert bench.heard.events[1:3] == [KeyPressed("1"), FramesLost(2000)]
    assert bench.heard.events[-1] == KeyPressed("2")
    assert bench.heard.audio == b"".join(tone(chunk).raw for chunk in range(101, 601))


async def test_a_listener_that_fails_does_not_leave_the_socket_open(bench: Bench) -> None:
    leg = await bench.running_leg(listens=False)

    class Failing(Remembering):
        def on_audio(self, frame: object) -> None:
            raise ZeroDivisionError

    leg.listen(Failing())
    bench.socket.says(media(tone(1), 1))
    with pytest.raises(ZeroDivisionError):
        await bench.over()
    assert bench.socket.close_code == CloseCode.INTERNAL
    assert leg.ended == Ending(Party.GATEWAY, "fault", ok=False)


# --- ways out ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (1000, Ending(Party.CALLER, "hung_up")),
        (1001, Ending(Party.CARRIER, "stream_lost", ok=False)),
        (1005, Ending(Party.CARRIER, "stream_lost", ok=False)),
        (1006, Ending(Party.CARRIER, "stream_lost", ok=False)),
    ],
)
async def test_a_close_without_stop_is_judged_by_its_code(bench: Bench, code: int, ending: Ending) -> None:
    await bench.running_leg()
    bench.socket.vanish(code)
    await bench.over()
    assert bench.heard.endings == [ending]


async def test_stop_then_close_is_one_end(bench: Bench) -> None:
    await bench.running_leg()
    bench.socket.says(stop())
    bench.socket.vanish(1006)
    await bench.over()
    assert bench.heard.endings == [Ending(Party.CALLER, "hung_up")]


async def test_hanging_up_asks_once_and_closes_once_confirmed(bench: Bench) -> None:
    leg = await bench.running_leg()
    open_while_asked: list[bool] = []
    bench.before_answer = lambda: open_while_asked.append(bench.socket.close_code is None)
    await leg.hang_up()
    await leg.hang_up()
    assert bench.asked == ["Status"]
    assert open_while_asked == [True]
    assert bench.socket.close_code == CloseCode.NORMAL
    assert bench.heard.endings == [Ending(Party.GATEWAY, "hung_up")]


async def test_a_stop_that_our_hang_up_brought_is_not_the_callers(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.before_answer = lambda: bench.socket.says(stop())
    await leg.hang_up()
    assert bench.heard.endings == [Ending(Party.GATEWAY, "hung_up")]


async def test_a_call_that_is_gone_already_is_hung_up(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.answer = lambda _: httpx.Response(404, json={"code": 20404})
    await leg.hang_up()
    assert bench.heard.endings == [Ending(Party.GATEWAY, "hung_up")]


async def test_a_hang_up_that_is_not_confirmed_says_so_and_closes_all_the_same(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.answer = lambda _: httpx.Response(500)
    with pytest.raises(CarrierError, match="hang_up got 500"):
        await leg.hang_up()
    assert bench.socket.close_code == CloseCode.NORMAL
    bench.answer = lambda _: httpx.Response(200)
    await leg.hang_up()  # it may be tried again
    assert bench.asked == ["Status", "Status"]
    assert len(bench.heard.endings) == 1


async def test_a_hang_up_that_is_cancelled_still_closes(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.may_answer.clear()
    hanging_up = asyncio.create_task(leg.hang_up())
    await settle()
    hanging_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging_up
    await bench.over()
    assert bench.asked == ["Status"]
    assert bench.socket.close_code == CloseCode.NORMAL


async def test_after_a_lost_stream_the_call_is_still_hung_up_at_the_carrier(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.socket.vanish(1006)
    await bench.over()
    await leg.hang_up()
    assert bench.asked == ["Status"]
    assert bench.heard.endings == [Ending(Party.CARRIER, "stream_lost", ok=False)]


async def test_without_credentials_closing_the_socket_is_the_hang_up(bench: Bench) -> None:
    leg = await bench.running_leg(with_credentials=False)
    await leg.hang_up()
    assert bench.asked == []
    assert bench.socket.close_code == CloseCode.NORMAL
    assert bench.heard.endings == [Ending(Party.GATEWAY, "hung_up")]
    assert not leg.capabilities.transfers
    with pytest.raises(Unsupported, match="credentials"):
        await leg.transfer(TARGET)


# --- transfers --------------------------------------------------------------------------------------------------------


async def test_a_stop_after_a_transfer_hangs_nothing_up(bench: Bench) -> None:
    leg = await bench.running_leg()
    await leg.transfer(TARGET)
    bench.socket.says(stop())
    await bench.over()
    await leg.hang_up()
    assert bench.asked == ["Twiml"]
    assert bench.heard.endings == [Ending(Party.AGENT, "transferred")]
    assert bench.pending.get("CA90") == TARGET


async def test_a_stop_that_overtakes_the_carriers_yes_is_the_transfer(bench: Bench) -> None:
    leg = await bench.running_leg()
    pending_when_asked: list[object] = []

    def stop_at_once() -> None:
        pending_when_asked.append(bench.pending.get("CA90"))
        bench.socket.says(stop())

    bench.before_answer = stop_at_once
    await leg.transfer(TARGET)
    await bench.over()
    assert pending_when_asked == [TARGET]
    assert bench.heard.endings == [Ending(Party.AGENT, "transferred")]


async def test_a_socket_that_closes_after_a_transfer_is_the_transfer_too(bench: Bench) -> None:
    leg = await bench.running_leg()
    await leg.transfer(TARGET)
    bench.socket.vanish(1006)
    await bench.over()
    assert bench.heard.endings == [Ending(Party.AGENT, "transferred")]


async def test_a_carrier_that_forgets_to_stop_after_a_transfer_is_closed_by_us(bench: Bench) -> None:
    leg = await bench.running_leg()
    await leg.transfer(TARGET)
    await bench.over()
    assert bench.socket.close_code == CloseCode.NORMAL
    assert bench.heard.endings == [Ending(Party.AGENT, "transferred")]


async def test_a_refused_transfer_leaves_the_call_as_it_was(bench: Bench) -> None:
    leg = await bench.running_leg()
    bench.answer = lambda _: httpx.Response(400, json={"code": 21220})
    with pytest.raises(CarrierError, match=r"transfer got 400 \(code 21220\)"):
        await leg.transfer(TARGET)
    assert bench.pending.get("CA90") is None
    bench.socket.says(media(tone(1), 1))
    bench.socket.says(stop())
    await bench.over()
    assert bench.heard.audio == tone(1).raw
    assert bench.heard.endings == [Ending(Party.CALLER, "hung_up")]


async def test_a_target_that_cannot_be_dialled_is_not_even_asked_for(bench: Bench) -> None:
    leg = await bench.running_leg()
    with pytest.raises(Unsupported):
        await leg.transfer(TransferTarget("mailto:someone@example.net"))
    assert bench.asked == []
    assert bench.pending.get("CA90") is None


async def test_a_second_transfer_does_not_break_off_the_first(bench: Bench) -> None:
    leg = await bench.running_leg()
    await leg.transfer(TARGET)
    await leg.transfer(TransferTarget("tel:+15550004444"))
    assert bench.asked == ["Twiml"]


async def test_nothing_is_left_running(bench: Bench) -> None:
    before = asyncio.all_tasks()
    leg = await bench.running_leg()
    leg.send_audio(tone(1))
    await leg.transfer(TARGET)
    bench.socket.says(stop())
    await bench.over()
    await settle()
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}
