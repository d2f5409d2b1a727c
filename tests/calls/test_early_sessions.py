"""The model session that is opened while the phone rings: used, bounded, and closed when nobody comes for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.contracts.record import ModelConnected
from gateway.simulator.script import Agent, HangUp, WaitForAgent
from tests.calls.rig import rig, talk
from tests.calls.sounds import words
from tests.calls.stranger import Stranger

pytestmark = pytest.mark.usefixtures("leaves_nothing")


async def test_a_call_speaks_through_the_session_that_was_opened_while_it_rang(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), HangUp())
        (session,) = house.model.sessions
        assert str(call.one(ModelConnected).session_id) == session.id
        assert session.received["session.update"] == 1


async def test_a_ring_that_comes_twice_opens_one_session(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        stranger = Stranger(house)
        await stranger.ring()
        await stranger.ring()
        await house.until(lambda: house.model.open_sessions == 1)
        assert house.exchange.early == 1


async def test_no_more_sessions_wait_than_the_limit_allows_and_calls_beyond_it_go_on_without(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2)), limits={"early_sessions": 3}) as house:
        for _ in range(6):
            await Stranger(house).ring()
        await house.until(lambda: house.model.open_sessions == 3)
        call = await house.call(WaitForAgent(Agent.TO_FINISH), HangUp())
        assert call.why == "caller/hung_up"
        assert (house.exchange.early, len(house.model.sessions)) == (3, 4)


async def test_a_session_that_nobody_came_for_is_closed(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2)), unredeemed_s=0.5) as house:
        await Stranger(house).ring()
        await house.until(lambda: house.model.open_sessions == 1)
        await house.until(lambda: house.model.open_sessions == 0)
        assert house.exchange.early == 0
        assert [line["after_s"] for line in house.logged("early_session_closed")] == [0.5]


async def test_ten_seconds_are_what_a_session_waits(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        await Stranger(house).ring()
        await house.until(lambda: house.model.open_sessions == 1)
        await house.until(lambda: house.model.open_sessions == 0, within_s=11)


@pytest.mark.parametrize("status", ["canceled", "no-answer", "busy", "failed", "completed"])
async def test_a_session_is_closed_as_soon_as_the_carrier_says_that_the_call_is_over(
    tmp_path: Path, status: str
) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        stranger = Stranger(house)
        await stranger.ring()
        await house.until(lambda: house.model.open_sessions == 1)
        assert await stranger.status(status) in {200, 204}
        await house.until(lambda: house.model.open_sessions == 0, within_s=1)
        assert [line["status"] for line in house.logged("carrier_status")] == [status]
