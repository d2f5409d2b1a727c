"""How clean and how quick the resampler is, beside ``audioop.ratecv`` on the same machine at the same moment.

    python -m tests.benchmarks.resampler [--seconds 0.3]

Quality is measured with tones pushed in 20 ms frames. *ripple* is the spread of gain over 300 to 3400 Hz; *image* and
*alias* are the strongest thing that does not belong there: images of 300 to 3400 Hz going up, and what is left of 4.6
to 11.9 kHz going down. Times are the best of several rounds, a 20 ms frame each; read the ratio, not the microseconds.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import numpy as np

from gateway.audio.format import PCM16_24K, PCMU_8K
from gateway.audio.g711 import audioop, encode_ulaw  # type: ignore[attr-defined]
from gateway.audio.level import dbfs
from gateway.audio.resample import Resampler
from gateway.audio.tones import noise, tone
from gateway.audio.transcode import Transcoder

Push = Callable[[bytes], bytes]

RATES = [
    (8000, 24000), (24000, 8000), (8000, 16000), (16000, 8000), (16000, 24000), (24000, 16000), (48000, 24000),
    (22050, 24000),
]  # fmt: skip
ROUNDS = 9


def ours(from_hz: int, to_hz: int) -> Push:
    """Return a fresh stream of ours."""
    return Resampler(from_hz, to_hz).push


def ratecv(from_hz: int, to_hz: int) -> Push:
    """Return a fresh stream of the standard library's linear interpolation."""
    state = None

    def push(pcm: bytes) -> bytes:
        nonlocal state
        out, state = audioop.ratecv(pcm, 2, 1, from_hz, to_hz, state)
        return bytes(out)

    return push


def streamed(push: Push, pcm: bytes, from_hz: int) -> bytes:
    """Push a signal in frames of 20 ms."""
    size = from_hz // 50 * 2
    return b"".join(push(pcm[start : start + size]) for start in range(0, len(pcm), size))


def gain_db(push: Push, from_hz: int, to_hz: int, freq_hz: float) -> float:
    """Return what becomes of a tone's level, after it has settled."""
    out = streamed(push, tone(freq_hz, 300, from_hz, -3.0), from_hz)
    return dbfs(out[to_hz // 20 * 2 :]) + 3.0


def image_db(push: Push, from_hz: int, to_hz: int, freq_hz: float) -> float:
    """Return the strongest component that is not the tone, relative to the tone."""
    out = streamed(push, tone(freq_hz, 500, from_hz, -3.0), from_hz)[to_hz // 20 * 2 :]
    samples = np.frombuffer(out, "<i2").astype(float)
    magnitudes = np.abs(np.fft.rfft(samples * np.blackman(len(samples))))
    at = round(freq_hz * len(samples) / to_hz)
    near = slice(max(0, at - 6), at + 7)
    strongest = magnitudes[near].max()
    magnitudes[near] = 0
    return 20 * math.log10(magnitudes.max() / strongest + 1e-9)


def quality(make: Callable[[int, int], Push], from_hz: int, to_hz: int) -> tuple[float, float]:
    """Return the ripple and the worst image or alias, both in dB."""
    speech = [*range(300, 3400, 200), 3400]
    gains = [gain_db(make(from_hz, to_hz), from_hz, to_hz, freq_hz) for freq_hz in speech]
    if to_hz == 8000:
        above = range(4600, min(from_hz // 2, 12000), 300)
        worst = max(gain_db(make(from_hz, to_hz), from_hz, to_hz, freq_hz) for freq_hz in above)
    else:
        worst = max(image_db(make(from_hz, to_hz), from_hz, to_hz, freq_hz) for freq_hz in speech)
    return max(gains) - min(gains), worst


def microseconds(push: Push, frame: bytes, seconds: float) -> float:
    """Return the best time that one frame takes."""
    started = time.perf_counter()
    for _ in range(20):
        push(frame)
    count = max(20, int(seconds / ROUNDS / ((time.perf_counter() - started) / 20)))
    best = math.inf
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(count):
            push(frame)
        best = min(best, (time.perf_counter() - started) / count)
    return best * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3, help="time spent on each speed figure")
    seconds = parser.parse_args().seconds

    print(
        "| from → to Hz | ripple dB | image/alias dB | delay ms | µs/frame "
        "| ratecv: ripple | image/alias | µs | time ×ratecv |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for from_hz, to_hz in RATES:
        frame = noise(20, from_hz, -12.0, seed=1)
        ripple, worst = quality(ours, from_hz, to_hz)
        their_ripple, their_worst = quality(ratecv, from_hz, to_hz)
        our_us = microseconds(ours(from_hz, to_hz), frame, seconds)
        their_us = microseconds(ratecv(from_hz, to_hz), frame, seconds)
        delay_ms = Resampler(from_hz, to_hz).delay_ms
        print(
            f"| {from_hz} → {to_hz} | {ripple:.2f} | {worst:.1f} | {delay_ms:.2f} | {our_us:.1f} "
            f"| {their_ripple:.2f} | {their_worst:.1f} | {their_us:.1f} | {our_us / their_us:.1f} |"
        )

    up, down = Transcoder(PCMU_8K, PCM16_24K), Transcoder(PCM16_24K, PCMU_8K)
    frame = noise(20, 24000, -12.0, seed=1)
    delta = noise(200, 24000, -12.0, seed=1)
    print()
    print("| whole path, from bytes to bytes | µs |")
    print("|---|---|")
    print(f"| mu-law 8 kHz → PCM16 24 kHz, 20 ms | {microseconds(up.push, encode_ulaw(frame[:320]), seconds):.1f} |")
    print(f"| PCM16 24 kHz → mu-law 8 kHz, 20 ms | {microseconds(down.push, frame, seconds):.1f} |")
    print(f"| PCM16 24 kHz → mu-law 8 kHz, a delta of 200 ms | {microseconds(down.push, delta, seconds):.1f} |")


if __name__ == "__main__":
    main()
