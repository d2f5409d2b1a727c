"""Streams that speak no language: each is closed with a word for what was wrong, and no other call hears of it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from gateway.simulator.carriers.twilio import TwilioStream
from gateway.simulator.faults import Faults
from gateway.simulator.script import Agent, HangUp, Say, WaitForAgent
from tests.calls.rig import PATIENCE_S, Rig, rig, talk
from tests.calls.sounds import find, sound, words
from tests.calls.stranger import Stranger, closing_code

pytestmark = pytest.mark.usefixtures("leaves_nothing")

GREETING, ANSWER = words(6), words(6, 8)
FRAME = bytes(160)
STREAMS = 60


def cut_short(dice: random.Random, message: str) -> str | bytes:
    return message[: dice.randrange(1, len(message))]


def garbled(dice: random.Random, message: str) -> str | bytes:
    at = dice.randrange(len(message))
    return message[:at] + chr(dice.randrange(1, 0x2FF)) + message[at + 1 :]


def binary(dice: random.Random, message: str) -> str | bytes:
    return dice.randbytes(dice.randrange(0, 400))


def of_wrong_types(dice: random.Random, message: str) -> str | bytes:
    """Replace one value somewhere with one of another kind."""
    tree = json.loads(message)
    at, key = tree, dice.choice(list(tree))
    while isinstance(at[key], dict) and at[key] and dice.random() < 0.8:
        at = at[key]
        key = dice.choice(list(at))
    at[key] = dice.choice([None, 1, -1, 1.5, True, [], {}, "", "x", [[]], {"a": {}}, 10**30, "\u0000", "🦉" * 20])
    return json.dumps(tree)


def missing_a_part(dice: random.Random, message: str) -> str | bytes:
    tree = json.loads(message)
    at = dice.choice([tree, *[part for part in tree.values() if isinstance(part, dict) and part]])
    del at[dice.choice(list(at))]
    return json.dumps(tree)


def huge(dice: random.Random, message: str) -> str | bytes:
    return message[:-1] + ',"more":"' + "x" * dice.choice([70_000, 200_000]) + '"}'


def deep(dice: random.Random, message: str) -> str | bytes:
    return "[" * 30_000 + "]" * 30_000


def unknown(dice: random.Random, message: str) -> str | bytes:
    return json.dumps({"event": dice.choice(["news", "media2", "", "🦉"]), "streamSid": "MZ0"})


BREAKS: tuple[Callable[[random.Random, str], str | bytes], ...] = (
    cut_short,
    garbled,
    binary,
    of_wrong_types,
    missing_a_part,
    huge,
    deep,
    unknown,
)


def messages(stream: TwilioStream) -> list[str]:
    """Return what a short stream says."""
    frames = [stream.media(FRAME, 20 * number) for number in range(4)]
    return [stream.connected(), stream.start(), *frames, stream.dtmf("5"), stream.mark("1:0"), stream.stop()]


async def broken_stream(house: Rig, dice: random.Random) -> int | None:
    """Open a stream, break one or two of its messages, and return how it ended."""
    stranger = Stranger(house)
    said: list[str | bytes] = list(messages(stranger.words({})))
    for _ in range(dice.choice([1, 1, 2])):
        at = dice.randrange(len(said))
        whole = said[at]
        if isinstance(whole, str):
            try:
                said[at] = dice.choice(BREAKS)(dice, whole)
            except (ValueError, KeyError, IndexError, TypeError, RecursionError):
                said[at] = b"\xff"
    if dice.random() < 0.2:
        dice.shuffle(said)
    try:
        async with stranger.stream(signature=None) as socket:
            for message in said:
                await socket.send(message)
            if dice.random() < 0.5:
                await socket.close()
            return await asyncio.wait_for(closing_code(socket), PATIENCE_S)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None
    finally:
        await house.over(stranger.call_sid)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nonsense_ends_its_own_stream_and_disturbs_no_other_call(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with rig(tmp_path, talk(GREETING, ANSWER), server={"auth": "off"}, strict=False) as house:
        calling = asyncio.create_task(
            house.call(WaitForAgent(Agent.TO_FINISH), Say("hello there"), WaitForAgent(Agent.TO_FINISH), HangUp())
        )
        await house.until(lambda: len(house.exchange.registry.live) == 1)
        codes = await asyncio.gather(*(broken_stream(house, dice) for _ in range(STREAMS)))
        assert {code for code in codes if code not in {None, 1000}} <= {1002, 1003, 1007, 1008, 1009}, set(codes)
        assert len({code for code in codes if code is not None}) > 2, "the dice broke more than one thing"
        call = await calling
        assert call.why == "caller/hung_up"
        for text in (GREETING, ANSWER):
            assert find(sound(text), call.heard).likeness > 0.99
        assert call.outcome.truth.underruns == []
        warned = [line for line in house.log if line["event"] in {"media_stream_broken", "media_stream_refused"}]
        assert len(warned) <= STREAMS, "one line for each stream at most"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"event":"media","media":', 1007),
        ("[]", 1007),
        (b"\x00\x01", 1003),
        ('{"event":"start","start":{}}', 1007),
        ("x" * 80_000, 1009),
    ],
    ids=["cut short", "no object", "binary", "empty start", "too long"],
)
async def test_each_kind_of_nonsense_has_its_close_code(tmp_path: Path, message: str | bytes, code: int) -> None:
    async with rig(tmp_path, talk(GREETING), server={"auth": "off"}) as house:
        stranger = Stranger(house)
        async with stranger.stream(signature=None) as socket:
            await socket.send(stranger.words({}).connected())
            await socket.send(message)
            assert await closing_code(socket) == code


async def test_nonsense_in_the_middle_of_a_call_ends_it_and_the_carrier_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(GREETING)) as house:
        call = await house.call(faults=Faults(malformed_at_ms=700), finished=False)
        assert call.why == "carrier/protocol"
        assert call.outcome.close_code == 1007
        assert [request.form.get("Status") for request in house.rest.requests] == ["completed"]
