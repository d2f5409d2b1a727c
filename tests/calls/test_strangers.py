"""Who is not who they say they are gets nothing: no call, no word why, and no model session that somebody pays for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.simulator.carriers.twilio_webhook import sign
from gateway.simulator.faults import Faults, Signing
from gateway.simulator.script import Agent, HangUp, StaySilent, WaitForAgent
from tests.calls.rig import CREDENTIALS, Rig, rig, talk
from tests.calls.sounds import find, sound, words
from tests.calls.stranger import Stranger, closing_code, upgrade_status

pytestmark = pytest.mark.usefixtures("leaves_nothing")

POLICY = 1008


class AdjustableClock(SystemClock):
    """A clock that can be put forward."""

    __slots__ = ("ahead_s",)

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def wall_s(self) -> float:
        return super().wall_s() + self.ahead_s


def nobody_paid(house: Rig, sessions: int = 0) -> None:
    assert len(house.model.sessions) == sessions
    assert house.exchange.records == {}


@pytest.mark.parametrize("signature", [None, "", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "not base64 at all"])
async def test_a_webhook_without_the_right_signature_is_403(tmp_path: Path, signature: str | None) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        stranger = Stranger(house)
        for path, form in {
            "/twilio/voice": stranger.form.voice(),
            "/twilio/after": stranger.form.voice(),
            "/twilio/status": stranger.form.ended("completed", 3),
        }.items():
            answer = await stranger.post(path, form, signature=signature)
            assert answer.status_code == 403
            assert "signature" not in answer.text
        nobody_paid(house)
        assert house.logged("carrier_status") == []


async def test_a_form_that_was_changed_on_the_way_is_403(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        stranger = Stranger(house)
        right = sign(house.webhook, stranger.form.voice(), CREDENTIALS.auth_token)
        changed = stranger.form.voice() | {"From": "+15559998888"}
        assert (await stranger.post("/twilio/voice", changed, signature=right)).status_code == 403
        nobody_paid(house)


async def test_an_upgrade_without_the_right_signature_is_403(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        stranger = Stranger(house)
        for signature in (None, "", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="):
            assert await upgrade_status(stranger, signature) == 403
        nobody_paid(house)


async def test_a_carrier_that_signs_the_webhook_only_gets_no_stream(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        for signing in (Signing.MISSING, Signing.WRONG):
            call = await house.call(faults=Faults(upgrade_signature=signing), finished=False)
            assert call.outcome.handshake_status == 403
        # What was opened early, for a webhook that was verified, is closed with the carrier's word on the call.
        await house.until(lambda: house.exchange.early == 0, within_s=15)
        assert house.exchange.records == {}


async def test_a_token_opens_one_stream_while_its_call_is_up_and_never_again(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(6))) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), HangUp(), faults=Faults(reuse_token=True))
        assert call.outcome.reuse_close_code == POLICY
        assert find(sound(words(6)), call.heard).likeness > 0.99, "the call itself heard nothing of it"
        assert len(house.model.sessions) == 1
        assert [line["why"] for line in house.logged("media_stream_refused")] == ["the token was used before"]


async def opened_with(house: Rig, stranger: Stranger, parameters: Mapping[str, str]) -> int | None:
    """Return the code that a stream with these parameters is closed with."""
    async with stranger.stream() as socket:
        stream = stranger.words(parameters)
        await socket.send(stream.connected())
        await socket.send(stream.start())
        return await closing_code(socket)


async def test_no_token_a_broken_one_and_somebody_elses_close_the_socket(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2)), limits={"early_sessions": 0}) as house:
        owner, thief = Stranger(house), Stranger(house)
        parameters = await owner.ring()
        (name,) = [key for key, value in parameters.items() if value.startswith("v1.") or value.count(".") >= 3]
        token = parameters[name]
        tries = {
            "none": {},
            "empty": {name: ""},
            "broken": {name: token[:-1]},
            "made up": {name: token[:-8] + "00000000"},
            "long": {name: "x" * 2000},
        }
        for what, given in tries.items():
            assert await opened_with(house, owner, given) == POLICY, what
        assert await opened_with(house, thief, parameters) == POLICY, "somebody else's"
        nobody_paid(house)
        # None of that has spent it.
        async with owner.stream() as socket:
            stream = owner.words(parameters)
            await socket.send(stream.connected())
            await socket.send(stream.start())
            await house.until(lambda: len(house.model.sessions) == 1)
        await house.over(owner.call_sid)


async def test_a_token_that_came_too_late_closes_the_socket(tmp_path: Path) -> None:
    clock = AdjustableClock()
    async with rig(tmp_path, talk(words(2)), clock=clock, limits={"early_sessions": 0}) as house:
        late = Stranger(house)
        parameters = await late.ring()
        clock.ahead_s += house.exchange.settings.server.token_ttl_s + 2
        assert await opened_with(house, late, parameters) == POLICY
        nobody_paid(house)
        assert [line["why"] for line in house.logged("media_stream_refused")] == ["the token has expired"]


async def test_a_socket_that_never_starts_is_closed(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        stranger = Stranger(house)
        async with stranger.stream() as socket:
            await socket.send(stranger.words({}).connected())
            assert await closing_code(socket) == POLICY
        nobody_paid(house)


async def test_with_auth_off_a_stream_may_come_straight_in(tmp_path: Path) -> None:
    server = {"auth": "off"}
    async with rig(tmp_path, talk(words(3)), server=server) as house:
        url = house.base.replace("http:", "ws:") + "/twilio/media"
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH), StaySilent(100), HangUp(), target={"stream_url": url}, credentials=None
        )
        assert find(sound(words(3)), call.heard).likeness > 0.99
        (seen,) = house.exchange.records.values()
        assert seen[-1].ok  # type: ignore[union-attr]
        assert any("auth is off" in line["warning"] for line in house.logged("startup"))
