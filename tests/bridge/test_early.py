"""Sessions that are opened while the phone rings."""

from __future__ import annotations

import asyncio

from gateway.bridge.early import EarlySessions
from gateway.bridge.registry import CallRegistry
from tests.bridge.banks import FakeConnector, FakeSession


async def test_a_session_waits_for_its_own_call_only() -> None:
    session, early = FakeSession(), EarlySessions(5)
    assert early.open("CA1", FakeConnector(session))
    assert early.redeem("CA2") is None
    waiting = early.redeem("CA1")
    assert waiting is not None
    assert await waiting is session
    assert early.redeem("CA1") is None
    assert not session.closed


async def test_no_more_are_opened_than_the_limit() -> None:
    early = EarlySessions(2)
    opened = [early.open(f"CA{n}", FakeConnector(FakeSession())) for n in range(4)]
    assert opened == [True, True, False, False]
    await early.close()


async def test_one_that_nobody_redeems_is_closed() -> None:
    session, early = FakeSession(), EarlySessions(5, unredeemed_s=0.02)
    early.open("CA1", FakeConnector(session))
    async with asyncio.timeout(2):
        while not session.closed:
            await asyncio.sleep(0.005)
    assert early.redeem("CA1") is None
    assert len(early) == 0


async def test_one_that_never_connects_is_given_up() -> None:
    early = EarlySessions(5)
    early.open("CA1", FakeConnector(FakeSession(), waits=asyncio.Event()))
    early.drop("CA1")
    await early.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_limit_of_calls_holds_and_slots_come_back() -> None:
    registry = CallRegistry(1)
    assert registry.refusal() is None
    with registry.slot("a", 0):
        assert registry.refusal() == "busy"
    assert registry.refusal() is None


async def test_a_drain_waits_for_live_calls_and_takes_no_more() -> None:
    registry = CallRegistry(5)
    with registry.slot("a", 0):
        draining = asyncio.create_task(registry.drain(5))
        await asyncio.sleep(0)
        assert registry.refusal() == "draining"
        assert not draining.done()
    assert await draining == 0
