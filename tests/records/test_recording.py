"""The recording of a call: where its sounds stand, what is cut and silenced, and what the disk sees."""

from __future__ import annotations

import asyncio
import math
import os
import stat
import tempfile
import wave
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.audio.format import PCM16_8K, PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat, AudioFrame
from gateway.audio.g711 import decode_ulaw
from gateway.audio.level import dbfs
from gateway.audio.tones import tone
from gateway.audio.wav import read_wav
from gateway.records.recording import WRITE_EVERY_MS, Recorder

FRAME = 160
"""Samples of a frame of 20 ms."""


def ramp(samples: int, start: int = 0) -> bytes:
    """Mu-law codes that do not repeat for 126 samples and are never silent: order and place can be seen."""
    return bytes((start + index) % 126 + 1 for index in range(samples))


def speak(recorder: Recorder, raw: bytes, arrivals_ms: Sequence[float]) -> None:
    """Let the caller's frames arrive."""
    for index, at_ms in enumerate(arrivals_ms):
        recorder.from_caller(AudioFrame(PCMU_8K, raw=raw[index * FRAME : (index + 1) * FRAME]), at_ms)


def left(path: Path) -> bytes:
    return read_wav(path)[0][0]


def right(path: Path) -> bytes:
    return read_wav(path)[0][1]


def silent_ms(pcm: bytes, start_ms: float, end_ms: float) -> bool:
    return not any(pcm[int(start_ms * 16) : int(end_ms * 16)])


def sounding(pcm: bytes) -> npt.NDArray[np.intp]:
    """Return the samples that are not silent."""
    return np.flatnonzero(np.frombuffer(pcm, "<i2"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call.wav"


async def test_both_sides_stand_where_they_were_said_and_heard(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    recorder.from_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), 100)
    recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(800)), 300)
    await recorder.close(500)
    channels, rate_hz = read_wav(path)
    assert rate_hz == 8000
    assert [len(channel) for channel in channels] == [8000, 8000]
    assert channels[0] == bytes(1600) + decode_ulaw(ramp(FRAME)) + bytes(8000 - 1600 - 320)
    assert channels[1] == bytes(4800) + decode_ulaw(ramp(800)) + bytes(1600)


async def test_jitter_makes_neither_gaps_nor_clicks(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    jitter = np.random.default_rng(4).uniform(0, 55, 100)
    speak(recorder, ramp(100 * FRAME), [index * 20 + late for index, late in enumerate(jitter)])
    await recorder.close(2100)
    start = int(sounding(left(path))[0])
    assert left(path)[2 * start : 2 * (start + 100 * FRAME)] == decode_ulaw(ramp(100 * FRAME))


async def test_what_is_lost_is_silence_and_speech_goes_on_in_its_place(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    speak(recorder, ramp(5 * FRAME), [0, 20, 40, 60, 80])
    speak(recorder, ramp(5 * FRAME), [300, 320, 340, 360, 380])
    await recorder.close(400)
    assert left(path) == decode_ulaw(ramp(5 * FRAME)) + bytes(16 * 200) + decode_ulaw(ramp(5 * FRAME))


async def test_what_was_late_and_not_lost_moves_back_into_the_silence(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    whole = ramp(30 * FRAME)
    on_time = [index * 20 for index in range(10)]
    stalled = [500.0] * 16  # the network stood still for 300 ms and then gave everything at once
    after = [520 + index * 20 for index in range(4)]
    speak(recorder, whole, [*on_time, *stalled, *after])
    await recorder.close(600)
    heard = left(path)
    assert heard[:9600] == decode_ulaw(whole)
    assert recorder.dropped_ms == 0


async def test_audio_that_runs_far_ahead_of_time_is_bounded(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    speak(recorder, ramp(100 * FRAME), [0.0] * 100)
    assert recorder.dropped_ms == 2000 - 520
    speak(recorder, ramp(FRAME), [3000])
    await recorder.close(3020)
    assert left(path)[16 * 3000 :] == decode_ulaw(ramp(FRAME))


async def test_what_was_cleared_was_not_heard(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(8000)), 100)
    recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(8000)), 1100)
    recorder.cut(700)
    recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(800, start=40)), 900)
    await recorder.close(1100)
    assert right(path) == (
        bytes(1600) + decode_ulaw(ramp(4800)) + bytes(16 * 200) + decode_ulaw(ramp(800, start=40)) + bytes(1600)
    )


async def test_roundings_of_the_playout_clock_do_not_tear_speech(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    whole = ramp(50 * FRAME)
    for index in range(50):
        wobble = (-3.3, 0.0, 4.7, 11.0)[index % 4] if index else 0.0
        frame = AudioFrame(PCMU_8K, raw=whole[index * FRAME : (index + 1) * FRAME])
        recorder.to_caller(frame, 200 + index * 20 + wobble)
    await recorder.close(1300)
    assert right(path) == bytes(3200) + decode_ulaw(whole) + bytes(1600)


async def test_an_open_end_is_trimmed_on_both_sides(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    recorder.from_caller(AudioFrame(PCMU_8K, raw=ramp(1600)), 0)
    recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(8000)), 50)
    await recorder.close(123)
    assert [len(channel) for channel in read_wav(path)[0]] == [2 * 984, 2 * 984]


async def test_a_call_without_audio_is_silence_of_its_length(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCM16_24K)
    await recorder.close(1000)
    assert read_wav(path)[0] == [bytes(16000), bytes(16000)]


async def test_silencing_reaches_memory_and_disk_and_both_sides(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K, write_behind_ms=1000)
    for index in range(400):
        at_ms = index * 20.0
        recorder.from_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), at_ms)
        recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), at_ms)
    recorder.silence(500.5, 800)  # on the disk
    recorder.silence(4000, 7200)  # the boundary between disk and memory lies within
    recorder.silence(7500, 7600)  # in memory
    await recorder.close(8000)
    for channel in read_wav(path)[0]:
        assert len(channel) == 8000 * 16
        for start_ms, end_ms in ((500.5, 800), (4000, 7200), (7500, 7600)):
            assert silent_ms(channel, start_ms, end_ms)
        silent_samples = 64_000 - len(sounding(channel))
        assert silent_samples == math.ceil(299.5 * 8) + 3200 * 8 + 800


async def test_a_cut_that_comes_very_late_is_taken_from_the_disk_on_the_right_only(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K, write_behind_ms=0)
    for index in range(200):
        recorder.from_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), index * 20.0)
        recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), index * 20.0)
    recorder.cut(1000)
    await recorder.close(4000)
    assert len(sounding(left(path))) == 32_000
    assert sounding(right(path))[-1] == 7999


@pytest.mark.parametrize("format", [PCMA_8K, PCM16_8K, PCM16_24K], ids=str)
async def test_every_format_is_recorded_in_time(path: Path, format: AudioFormat) -> None:
    from gateway.audio.transcode import Transcoder

    sound = tone(500, 400, format.rate_hz, -6.0)
    raw = Transcoder(AudioFormat(PCM16_8K.encoding, format.rate_hz), format).push(sound)
    recorder = Recorder(path, format, format)
    recorder.from_caller(AudioFrame(format, raw=raw), 100)
    recorder.to_caller(AudioFrame(format, raw=raw), 250)
    await recorder.close(700)
    channels, _ = read_wav(path)
    wanted = np.frombuffer(tone(500, 400, 8000, -6.0), "<i2").astype(int)
    for channel, start_ms in zip(channels, (100, 250), strict=True):
        assert len(channel) == 700 * 16
        heard = np.frombuffer(channel, "<i2").astype(int)[start_ms * 8 : start_ms * 8 + 3200]
        assert np.abs(heard - wanted)[80:-80].max() < 600  # A-law's steps at this level
        assert dbfs(channel[: start_ms * 16 - 64]) < -60


async def test_memory_stays_bounded_and_the_file_is_valid_while_it_grows(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    most = 0
    for index in range(3000):  # a minute
        recorder.from_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), index * 20.0)
        recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), index * 20.0)
        most = max(most, recorder.held_bytes)
    assert most <= 2 * 8 * (10_000 + WRITE_EVERY_MS + 40)
    assert await recorder._backlog.drained(5)
    with wave.open(str(path)) as reader:
        assert reader.getnframes() >= 8 * (60_000 - 10_000 - WRITE_EVERY_MS - 100)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    await recorder.close(60_000)
    assert left(path) == right(path) == decode_ulaw(ramp(FRAME)) * 3000


async def test_memory_stays_bounded_when_the_caller_sends_nothing(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    most = 0
    for index in range(400):
        recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(8 * 1000)), index * 1000.0)
        most = max(most, recorder.held_bytes)
    assert most <= 8 * 75_000
    await recorder.close(400_000)
    assert len(right(path)) == 400_000 * 16


async def test_a_long_pause_costs_no_memory_and_no_time_is_lost(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    speak(recorder, ramp(FRAME), [0])
    speak(recorder, ramp(FRAME), [600_000])
    await recorder.close(600_020)
    assert len(left(path)) == 600_020 * 16
    assert sounding(left(path)).tolist() == [*range(FRAME), *range(600_000 * 8, 600_000 * 8 + FRAME)]


async def test_a_failing_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "missing" / "call.wav", PCMU_8K, PCMU_8K)
    with capture_logs() as logs:
        for index in range(1500):
            recorder.from_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), index * 20.0)
        await recorder.close(30_000)
    assert recorder.failures == 1
    assert recorder.held_bytes == 0
    assert [(line["event"], line["backlog"], line["why"]) for line in logs] == [
        ("backlog_failed", "recording", "No such file or directory")
    ]


async def test_a_disk_that_fills_up_leaves_a_valid_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.audio.wav import WavWriter

    append = WavWriter.append

    def fill_up(writer: WavWriter, interleaved: bytes) -> None:
        if writer.frames >= 16_000:
            raise OSError(28, "No space left on device")
        append(writer, interleaved)

    monkeypatch.setattr(WavWriter, "append", fill_up)
    recorder = Recorder(path, PCMU_8K, PCMU_8K, write_behind_ms=0)
    for index in range(500):
        recorder.from_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), index * 20.0)
    await recorder.close(10_000)
    assert recorder.failures == 1
    assert left(path) == decode_ulaw(ramp(FRAME)) * 122  # the guard against tones holds 60 ms back


async def test_frames_that_cannot_be_recorded_are_counted(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    recorder.from_caller(AudioFrame(PCMA_8K, raw=bytes(160)), 0)
    recorder.to_caller(AudioFrame(PCMU_8K, base64=b"@@not base64@@"), 0)
    await recorder.close(20)
    assert recorder.refused_frames == 2
    assert read_wav(path)[0] == [bytes(320), bytes(320)]


async def test_nothing_is_taken_after_the_end(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K)
    await recorder.close(20)
    recorder.from_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), 20)
    recorder.to_caller(AudioFrame(PCMU_8K, raw=ramp(FRAME)), 20)
    recorder.cut(0)
    recorder.silence(0, 10)
    await recorder.close(100)
    assert read_wav(path)[0] == [bytes(320), bytes(320)]


Cut = list[int]


def record(format: AudioFormat, caller: bytes, agent: bytes, cuts: tuple[Cut, Cut], behind_ms: int) -> bytes:
    """Record two seconds from each side, cut into frames anywhere, with a clear and a silenced span."""
    width = format.bytes_per_sample
    events: list[tuple[float, int, bytes]] = []
    for side, (raw, points) in enumerate(zip((caller, agent), cuts, strict=True)):
        edges = [0, *sorted(point * width for point in points if point * width < len(raw)), len(raw)]
        events += [(format.duration_ms(start), side, raw[start:end]) for start, end in pairwise(edges)]

    async def run(path: Path) -> None:
        recorder = Recorder(path, format, format, write_behind_ms=behind_ms)
        for at_ms, side, raw in sorted(events, key=lambda event: event[0]):
            frame = AudioFrame(format, raw=raw)
            if side == 0:
                recorder.from_caller(frame, at_ms)
            else:
                recorder.to_caller(frame, at_ms + 100)
        recorder.cut(1700)
        recorder.silence(400, 600)
        await recorder.close(2000)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.wav"
        asyncio.run(run(path))
        return path.read_bytes()


@settings(max_examples=25, deadline=None)
@given(
    format=st.sampled_from([PCMU_8K, PCM16_24K]),
    seed=st.integers(0, 2**16),
    cuts=st.tuples(*[st.lists(st.integers(1, 47_999), max_size=30)] * 2),
    behind_ms=st.sampled_from([0, 300, 10_000]),
)
def test_any_cutting_of_frames_gives_the_same_file(
    format: AudioFormat, seed: int, cuts: tuple[Cut, Cut], behind_ms: int
) -> None:
    random = np.random.default_rng(seed)
    caller, agent = (random.bytes(format.size_bytes(2000)) for _ in range(2))
    expected = record(format, caller, agent, ([], []), 10_000)
    assert record(format, caller, agent, cuts, behind_ms) == expected
    assert len(expected) == 44 + 2000 * 8 * 4


async def test_what_is_held_is_not_on_the_disk_however_long_it_takes(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K, write_behind_ms=0, card_protection=False)
    speak(recorder, ramp(200 * FRAME), [index * 20 for index in range(200)])
    recorder.hold("u1", 4000)
    speak(recorder, ramp(1500 * FRAME), [4000 + index * 20 for index in range(1500)])
    assert await recorder._backlog.drained(5)
    with wave.open(str(path)) as reader:
        assert 0 < reader.getnframes() <= 4000 * 8, "half a minute later, nothing of what is held was written"
    recorder.silence(4000, 34_000)
    recorder.let_go("u1")
    await recorder.close(34_000)
    assert silent_ms(left(path), 4000, 34_000)
    assert left(path)[: 4000 * 16] == decode_ulaw(ramp(200 * FRAME))


async def test_a_hold_that_is_let_go_is_written_as_it_was(path: Path) -> None:
    recorder = Recorder(path, PCMU_8K, PCMU_8K, write_behind_ms=0)
    recorder.hold("u1", 500)
    speak(recorder, ramp(400 * FRAME), [index * 20 for index in range(400)])
    recorder.let_go("u1")
    await recorder.close(8000)
    assert left(path) == decode_ulaw(ramp(400 * FRAME))


@pytest.mark.parametrize("format", [PCMU_8K, PCM16_24K], ids=str)
async def test_no_key_that_was_pressed_can_be_heard_in_a_recording(path: Path, format: AudioFormat) -> None:
    from gateway.audio.dtmf import DtmfDetector
    from gateway.audio.tones import dtmf
    from gateway.audio.transcode import Transcoder

    card = "4111111111111111"
    rate = format.rate_hz
    keys = b"".join(dtmf(key, 90, rate, -9.0) + bytes(2 * rate * 90 // 1000) for key in card)
    raw = Transcoder(AudioFormat(PCM16_8K.encoding, rate), format).push(keys)
    recorder = Recorder(path, format, format)
    speech = tone(500, 1000, 8000, -12.0)
    for at_ms in range(0, 16 * 180, 20):
        size = format.size_bytes(20)
        recorder.from_caller(AudioFrame(format, raw=raw[at_ms // 20 * size : (at_ms // 20 + 1) * size]), float(at_ms))
    recorder.to_caller(AudioFrame(format, raw=Transcoder(PCM16_8K, format).push(speech)), 0)
    await recorder.close(16 * 180)
    detector = DtmfDetector()
    assert [*detector.push(left(path)), *detector.flush()] == []
    assert dbfs(right(path)[:16_000]) == pytest.approx(-12.0, abs=1)
