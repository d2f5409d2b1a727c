"""One-time tokens: every way to cheat, and single use across processes."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.clock import HandClock, SystemClock
from gateway.errors import ConfigurationError, Forbidden
from gateway.legs.tickets import SpentStore, TicketOffice, open_ticket_office, token_secret
from gateway.settings.schema import ServerSettings, Settings

SECRET = bytes(range(32))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def office(tmp_path: Path, clock: HandClock) -> TicketOffice:
    return TicketOffice(SECRET, 30, SpentStore(tmp_path / "spent", clock), clock)


async def _why_not(office: TicketOffice, token: str, call_id: str = "CA90") -> str:
    with pytest.raises(Forbidden) as refused:
        await office.redeem(token, call_id)
    assert str(refused.value) == "forbidden"
    return refused.value.why


async def test_a_token_opens_its_call_once(office: TicketOffice) -> None:
    token = office.issue("CA90")
    await office.redeem(token, "CA90")
    assert await _why_not(office, token) == "the token was used before"


async def test_a_token_of_another_call_does_not_hold_and_stays_good_for_its_own(office: TicketOffice) -> None:
    token = office.issue("CA90")
    assert "another call's" in await _why_not(office, token, "CA91")
    await office.redeem(token, "CA90")


async def test_a_token_lives_for_its_seconds(office: TicketOffice, clock: HandClock) -> None:
    early, late = office.issue("CA90"), office.issue("CA90")
    clock.advance(29_000)
    await office.redeem(early, "CA90")
    clock.advance(2_000)
    assert await _why_not(office, late) == "the token has expired"


async def test_a_longer_life_cannot_be_written_into_a_token(office: TicketOffice, clock: HandClock) -> None:
    version, expiry, nonce, mac = office.issue("CA90").split(".")
    clock.advance(60_000)
    assert "not ours" in await _why_not(office, ".".join((version, str(int(expiry) + 600), nonce, mac)))


async def test_a_token_of_another_secret_is_not_ours(tmp_path: Path, office: TicketOffice, clock: HandClock) -> None:
    stranger = TicketOffice(bytes(32), 30, SpentStore(tmp_path, clock), clock)
    assert "not ours" in await _why_not(office, stranger.issue("CA90"))


async def test_no_token_is_told_from_a_malformed_one_in_the_log_only(office: TicketOffice) -> None:
    assert await _why_not(office, "") == "there is no token"
    for token in ("v1", "v1.1.x.y", "v2" + office.issue("CA90")[2:], office.issue("CA90") + "\n", "é" * 100):
        assert await _why_not(office, token) == "the token is malformed"


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
async def test_a_token_with_any_character_changed_does_not_hold(office: TicketOffice, data: st.DataObject) -> None:
    token = office.issue("CA90")
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda new: new != token[at]))
    assert await _why_not(office, token[:at] + other + token[at + 1 :]) != "the token was used before"


async def test_a_token_holds_on_another_worker_that_shares_secret_and_directory(
    tmp_path: Path, office: TicketOffice, clock: HandClock
) -> None:
    other = TicketOffice(SECRET, 30, SpentStore(tmp_path / "spent", clock), clock)
    token = office.issue("CA90")
    await other.redeem(token, "CA90")
    assert await _why_not(office, token) == "the token was used before"


async def test_of_many_at_once_one_gets_in(office: TicketOffice) -> None:
    token = office.issue("CA90")
    outcomes = await asyncio.gather(*(office.redeem(token, "CA90") for _ in range(20)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Forbidden] * 19


async def test_when_it_cannot_be_told_whether_a_token_was_used_it_does_not_hold(
    tmp_path: Path, clock: HandClock
) -> None:
    (tmp_path / "spent").write_text("a file where the directory should be")
    office = TicketOffice(SECRET, 30, SpentStore(tmp_path / "spent", clock), clock)
    assert "can't be told" in await _why_not(office, office.issue("CA90"))


async def test_spent_tokens_are_swept_once_they_can_do_no_harm(
    tmp_path: Path, office: TicketOffice, clock: HandClock
) -> None:
    spent = tmp_path / "spent"
    await office.redeem(office.issue("CA90"), "CA90")
    (spent / "a stranger's file").touch()
    clock.advance(300_000)
    await office.redeem(office.issue("CA91"), "CA91")
    assert len(list(spent.iterdir())) == 3
    clock.advance(301_000)
    await office.redeem(office.issue("CA92"), "CA92")
    assert len(list(spent.iterdir())) == 3  # the first is gone, the stranger's is not ours to remove


RACER = """
import asyncio, json, sys
from pathlib import Path
from gateway.clock import SystemClock
from gateway.errors import Forbidden
from gateway.legs.tickets import SpentStore, TicketOffice

async def main():
    clock = SystemClock()
    office = TicketOffice(bytes(range(32)), 60, SpentStore(Path(sys.argv[1]), clock), clock)
    print("ready", flush=True)
    won = []
    for index, token in enumerate(json.loads(sys.stdin.readline())):
        try:
            await office.redeem(token, f"CA{index}")
            won.append(index)
        except Forbidden:
            pass
    print(json.dumps(won), flush=True)

asyncio.run(main())
"""


def test_two_processes_that_race_for_the_same_tokens_redeem_each_once(tmp_path: Path) -> None:
    clock = SystemClock()
    office = TicketOffice(SECRET, 60, SpentStore(tmp_path / "unused", clock), clock)
    tokens = [office.issue(f"CA{index}") for index in range(200)]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path / "spent")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]
    won: list[list[int]] = []
    try:
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(json.dumps(tokens) + "\n")
            racer.stdin.flush()
        for racer in racers:
            out, _ = racer.communicate(timeout=30)
            won.append(json.loads(out))
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
    assert sorted(won[0] + won[1]) == list(range(200))


# --- the secret -------------------------------------------------------------------------------------------------------


def _settings(tmp_path: Path, secret: str | None = None) -> Settings:
    server = ServerSettings(token_secret=None if secret is None else SecretStr(secret))
    return Settings(data_dir=tmp_path / "data", server=server)


def test_the_secret_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    first = token_secret(settings)
    assert len(first) == 32
    assert token_secret(settings) == first
    path = settings.data_dir / "token-secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    assert list(settings.data_dir.iterdir()) == [path]


def test_of_several_processes_that_make_the_secret_the_first_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(tmp_path)
    path = settings.data_dir / "token-secret"
    link = os.link

    def overtaken(source: Path, target: Path) -> None:
        target.write_bytes(b"f" * 32)
        target.chmod(0o600)
        link(source, target)

    monkeypatch.setattr(os, "link", overtaken)
    assert token_secret(settings) == b"f" * 32
    assert list(settings.data_dir.iterdir()) == [path]


def test_a_given_secret_is_taken_and_nothing_is_written(tmp_path: Path) -> None:
    assert token_secret(_settings(tmp_path, "s" * 32)) == b"s" * 32
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_secret_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    token_secret(settings)
    (settings.data_dir / "token-secret").chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"others can read .* chmod 600"):
        token_secret(settings)


def test_a_secret_that_is_too_short_stops_the_start_and_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"server.token_secret: has 5 characters") as error:
        token_secret(_settings(tmp_path, "hunch"))
    assert "hunch" not in str(error.value)
    settings = _settings(tmp_path)
    token_secret(settings)
    (settings.data_dir / "token-secret").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="holds 1 bytes; delete it"):
        token_secret(settings)


def test_a_place_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigurationError, match="data_dir: the token secret can't be kept"):
        token_secret(_settings(tmp_path))


async def test_the_office_is_opened_as_the_settings_say(tmp_path: Path, clock: HandClock) -> None:
    settings = _settings(tmp_path, "s" * 32)
    office = open_ticket_office(settings, clock)
    await office.redeem(office.issue("CA90"), "CA90")
    assert len(list((settings.data_dir / "spent-tokens").iterdir())) == 1


def test_an_office_with_a_short_secret_is_a_mistake_of_ours(tmp_path: Path, clock: HandClock) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        TicketOffice(b"short", 30, SpentStore(tmp_path, clock), clock)
