"""Keys that reach the gateway as tones alone, or as tones beside the carrier's events: whole calls, lossy lines."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gateway.audio.dtmf import DtmfDetector
from gateway.audio.format import PCM16_8K, AudioFrame
from gateway.audio.tones import dtmf
from gateway.audio.transcode import Transcoder
from gateway.audio.wav import read_wav, write_wav
from gateway.contracts.record import KeyCount
from gateway.realtime.session import RealtimeSession
from gateway.simulator.line import Line
from gateway.simulator.script import Agent, PlayFile, Press, StaySilent, Step, WaitForAgent
from tests.calls.flows import flow_rig, service
from tests.calls.rig import Call, Rig, script
from tests.calls.test_flows import HEAD, MENU, PIN_TOOL, SHARED, steps_of

pytestmark = pytest.mark.usefixtures("leaves_nothing")

LENGTH = 16
NUMBER = (
    HEAD.replace("use: [shared/everyday.yaml]", "use: [shared/everyday.yaml, shared/tools.yaml]")
    + f"""
    recording: {{mode: on}}
    slots:
      pin: {{type: digits, length: {LENGTH}, input: keys_only, privacy: secret}}
    start: ask_pin
    steps:
      ask_pin:
        ask: pin
        prompt: {{text: "key in", exact: true}}
        then: {{filled: check, failed: bye}}
      check:
        call: check_pin
        with: {{pin: "${{pin}}"}}
        then: {{ok: bye, wrong: bye, failed: bye}}
      bye:
        hangup: {{text: "koala lemon", exact: true}}
"""
)
FILES = {**SHARED, "shared/tools.yaml": PIN_TOOL}


def tones(folder: Path, keys: str, on_ms: int = 100, off_ms: int = 100) -> PlayFile:
    """Return the step of a telephone that sounds its keys, and has no other word for them."""
    path = folder / f"{keys}.wav"
    pcm = b"".join(dtmf(key, on_ms, 8000, -10.0) + bytes(16 * off_ms) for key in keys)
    write_wav(path, [pcm], 8000)
    return PlayFile(path)


def keys_in(pcm: bytes) -> str:
    detector = DtmfDetector()
    return "".join(key.key for key in [*detector.push(pcm), *detector.flush()])


@pytest.fixture
def to_model(monkeypatch: pytest.MonkeyPatch) -> list[AudioFrame]:
    """Everything of the caller that leaves for the model."""
    sent: list[AudioFrame] = []
    append = RealtimeSession.append

    def noted(session: RealtimeSession, frame: AudioFrame) -> None:
        sent.append(frame)
        append(session, frame)

    monkeypatch.setattr(RealtimeSession, "append", noted)
    return sent


async def entries(tmp_path: Path, numbers: Sequence[str], line: Line, *, at_once: int = 8) -> list[str]:
    """Have each number keyed in as tones in a call of its own; return what the tool was given."""
    gate = asyncio.Semaphore(at_once)
    async with service({"/check": (200, {})}) as bank:
        settings = {"secrets": {"core": bank.url, "token": "t0ken"}}
        async with flow_rig(tmp_path, NUMBER, script(), FILES, flows=settings, strict=False) as house:

            async def one(at: int, number: str) -> None:
                async with gate:
                    steps: list[Step] = [WaitForAgent(Agent.TO_FINISH), tones(tmp_path, number), StaySilent(1500)]
                    lossy = Line(loss_percent=line.loss_percent, noise_dbfs=line.noise_dbfs, seed=at + 1)
                    await house.call(*steps, line=lossy, limit_ms=20_000, finished=False)

            await asyncio.gather(*(one(at, number) for at, number in enumerate(numbers)))
        return [json.loads(request.body)["pin"] for request in bank.requests]


async def test_with_five_percent_of_the_frames_lost_ninety_nine_of_a_hundred_entries_arrive_whole(
    tmp_path: Path,
) -> None:
    rng = random.Random(5)
    numbers = ["".join(rng.choices("0123456789", k=LENGTH)) for _ in range(100)]
    got = await entries(tmp_path, numbers, Line(loss_percent=5, noise_dbfs=-45))
    whole = len(set(numbers) & set(got))
    print(f"{whole} of {len(numbers)} entries of {LENGTH} keys arrived whole")
    assert whole >= 99


async def test_tones_of_a_secret_reach_the_tool_and_no_fork(tmp_path: Path, to_model: list[AudioFrame]) -> None:
    number = "7391058264739105"
    async with service({"/check": (200, {})}) as bank:
        settings = {"secrets": {"core": bank.url, "token": "t0ken"}}
        async with flow_rig(tmp_path, NUMBER, script(), FILES, flows=settings, records=True) as house:
            call = await house.call(WaitForAgent(Agent.TO_FINISH), tones(tmp_path, number), finished=False)
            assert [json.loads(request.body) for request in bank.requests] == [{"pin": number}]
            assert keys_in(call.outcome.caller_pcm) == number, "the tones were on the line"
            linear = Transcoder(to_model[0].format, PCM16_8K)
            assert keys_in(b"".join(linear.push(frame.raw) for frame in to_model)) == ""
            channels, _ = read_wav(call.papers[".wav"])
            assert keys_in(channels[0]) == keys_in(channels[1]) == ""
            assert not np.frombuffer(channels[0], "<i2").any(), "nothing of the caller is kept"
            assert number not in str(house.log)


async def test_a_last_key_told_of_before_its_tone_has_ended_does_not_sound_on(
    tmp_path: Path, to_model: list[AudioFrame]
) -> None:
    """The window closes with the carrier's word of the last key; its tone goes on behind it."""
    flow = NUMBER.replace(f"length: {LENGTH}", "length: 1")
    async with service({"/check": (200, {})}) as bank:
        settings = {"secrets": {"core": bank.url, "token": "t0ken"}}
        async with flow_rig(tmp_path, flow, script(), FILES, flows=settings, records=True) as house:
            call = await house.call(
                WaitForAgent(Agent.TO_FINISH), Press("7"), tones(tmp_path, "7", on_ms=900), finished=False
            )
            assert [json.loads(request.body) for request in bank.requests] == [{"pin": "7"}]
            assert "7" in keys_in(call.outcome.caller_pcm)
            linear = Transcoder(to_model[0].format, PCM16_8K)
            assert keys_in(b"".join(linear.push(frame.raw) for frame in to_model)) == ""


async def _menu(house: Rig, *steps: Step) -> Call:
    return await house.call(WaitForAgent(Agent.TO_FINISH), *steps, finished=False)


async def test_a_tone_chooses_in_a_menu(tmp_path: Path) -> None:
    async with flow_rig(tmp_path, MENU, script(), SHARED, strict=False) as house:
        call = await _menu(house, tones(tmp_path, "1", 200))
        assert steps_of(call) == ["hello", "main", "hours", "bye"]
        assert call.one(KeyCount).count == 1


async def test_a_key_that_the_carrier_tells_of_and_that_sounds_too_is_one_press(tmp_path: Path) -> None:
    async with flow_rig(tmp_path, MENU, script(), SHARED, strict=False) as house:
        call = await _menu(house, Press("1"), tones(tmp_path, "1", 120))
        assert steps_of(call) == ["hello", "main", "hours", "bye"]
        assert call.one(KeyCount).count == 1
