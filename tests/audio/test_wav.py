"""WAV files in and out, whole and cut short."""

from __future__ import annotations

import stat
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from gateway.audio import g711
from gateway.audio.tones import noise, tone
from gateway.audio.wav import WavWriter, interleave, read_wav, write_wav
from gateway.errors import ConfigurationError

LEFT = tone(500, 50, 8000, -6.0)
RIGHT = noise(50, 8000, -20.0, seed=1)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def layout(tag: int, channels: int, rate_hz: int, bits: int) -> bytes:
    step = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * step, step, bits)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_wav(tmp_path / "stereo.wav", [LEFT, RIGHT], 8000)
    assert read_wav(tmp_path / "stereo.wav") == ([LEFT, RIGHT], 8000)
    write_wav(tmp_path / "mono.wav", [LEFT], 24000)
    assert read_wav(tmp_path / "mono.wav") == ([LEFT], 24000)


def test_another_reader_agrees(tmp_path: Path) -> None:
    write_wav(tmp_path / "call.wav", [LEFT, RIGHT], 8000)
    with wave.open(str(tmp_path / "call.wav")) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (2, 2, 8000)
        assert reader.readframes(reader.getnframes()) == interleave([LEFT, RIGHT])


def test_channels_of_different_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"channels of one even length wanted; got \[2, 4\] bytes"):
        write_wav(tmp_path / "x.wav", [b"\0\0", b"\0\0\0\0"], 8000)


@pytest.mark.parametrize(("tag", "decode"), [(7, g711.decode_ulaw), (6, g711.decode_alaw)])
def test_companded_files_are_read_past_chunks_unknown(tmp_path: Path, tag: int, decode) -> None:  # type: ignore[no-untyped-def]
    raw = bytes(range(256))
    path = tmp_path / "g711.wav"
    path.write_bytes(riff((b"fmt ", layout(tag, 1, 8000, 8) + b"\0\0"), (b"LIST", b"odd"), (b"data", raw)))
    assert read_wav(path) == ([decode(raw)], 8000)


def test_the_extensible_form_is_read(tmp_path: Path) -> None:
    path = tmp_path / "extensible.wav"
    guid_tail = bytes.fromhex("000000001000800000aa00389b71")
    extension = struct.pack("<HHIH", 22, 16, 3, 1) + guid_tail
    path.write_bytes(riff((b"fmt ", layout(0xFFFE, 1, 16000, 16) + extension), (b"data", LEFT)))
    assert read_wav(path) == ([LEFT], 16000)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 10_000])
def test_a_file_whose_writer_died_gives_what_is_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.wav"
    content = bytearray(riff((b"fmt ", layout(1, 2, 8000, 16)), (b"data", interleave([LEFT, RIGHT]))))
    struct.pack_into("<I", content, 40, size)
    path.write_bytes(bytes(content) + b"\1\2\3")
    assert read_wav(path) == ([LEFT, RIGHT], 8000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a WAV file: starts with nothing, wanted RIFF … WAVE"),
        (b"RIFF", "not a WAV file: starts with a cut header"),
        (b"ID3\x04" + bytes(40), "not a WAV file: starts with b'ID3\\x04'"),
        (riff((b"data", LEFT)), "without a whole 'fmt ' chunk"),
        (riff((b"fmt ", layout(1, 1, 8000, 16))), "without a 'data' chunk"),
        (riff((b"fmt ", layout(1, 1, 8000, 24)), (b"data", b"")), "24-bit PCM, wanted 16-bit PCM"),
        (riff((b"fmt ", layout(3, 1, 8000, 32)), (b"data", b"")), "32-bit float, wanted 16-bit PCM"),
        (riff((b"fmt ", layout(0x55, 1, 8000, 0)), (b"data", b"")), "0-bit format 0x0055, wanted"),
        (riff((b"fmt ", layout(1, 0, 8000, 16)), (b"data", b"")), "0 channels at 8000 Hz, wanted at least one"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        read_wav(path)
    assert str(path) in str(refused.value)
    assert message in str(refused.value)


def test_a_growing_file_is_valid_after_every_append(tmp_path: Path) -> None:
    path = tmp_path / "live.wav"
    writer = WavWriter(path, 8000, 2)
    together = interleave([LEFT, RIGHT])
    assert read_wav(path) == ([b"", b""], 8000)
    for start in range(0, len(together), 320):
        writer.append(together[start : start + 320])
        channels, _ = read_wav(path)
        assert interleave(channels) == together[: start + 320]
        with wave.open(str(path)) as reader:
            assert reader.getnframes() == writer.frames == (start + 320) // 4
    writer.close()
    writer.close()
    assert path.stat().st_size == 44 + len(together)


def test_a_recording_is_for_its_owners_eyes_also_over_an_old_file(tmp_path: Path) -> None:
    path = tmp_path / "private.wav"
    path.write_bytes(b"an older, longer file" * 10)
    path.chmod(0o644)
    WavWriter(path, 8000, 2).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_wav(path) == ([b"", b""], 8000)


def test_what_was_written_can_be_replaced_but_not_prolonged(tmp_path: Path) -> None:
    path = tmp_path / "patched.wav"
    writer = WavWriter(path, 8000, 1)
    writer.append(np.arange(10, dtype="<i2").tobytes())
    writer.overwrite(8, bytes(8))
    writer.overwrite(40, bytes(8))
    writer.append(np.array([99], "<i2").tobytes())
    writer.close()
    assert np.frombuffer(read_wav(path)[0][0], "<i2").tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 99]


def test_a_writer_takes_whole_samples_only(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "x.wav", 8000, 2)
    with pytest.raises(ValueError, match="6 bytes are not whole samples of 2 PCM16 channels"):
        writer.append(bytes(6))
    with pytest.raises(ValueError, match="the first frame is 0; got -1"):
        writer.overwrite(-1, b"")
    writer.close()
