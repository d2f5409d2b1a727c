"""Sealed recordings: whole for whoever has the key, and for nobody else; every change is noticed."""

from __future__ import annotations

import base64
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.format import PCMU_8K, AudioFrame
from gateway.audio.wav import read_wav
from gateway.errors import ConfigurationError
from gateway.records.encryption import CHUNK, Key, SealedFile, load_key, parse_key, plain_bytes, read_sealed
from gateway.records.recording import Recorder
from gateway.settings.records import EncryptionSettings

KEY = Key(bytes(range(32)))


async def recorded(path: Path, key: Key | None) -> Path:
    recorder = Recorder(path, PCMU_8K, PCMU_8K, write_behind_ms=0, key=key)
    for index in range(400):
        frame = AudioFrame(PCMU_8K, raw=bytes((index * 7 + at) % 256 for at in range(160)))
        recorder.from_caller(frame, index * 20.0)
        recorder.to_caller(frame, index * 20.0)
    recorder.silence(1000, 2000)  # on the disk already: what is sealed is sealed anew
    await recorder.close(8000)
    return path


async def test_a_sealed_recording_is_the_same_as_a_plain_one(tmp_path: Path) -> None:
    plain = await recorded(tmp_path / "call.wav", None)
    sealed = await recorded(tmp_path / "call.sealed", KEY)
    assert read_sealed(sealed, KEY) == read_wav(plain)
    assert plain_bytes(sealed, KEY) == plain.read_bytes()
    assert stat.S_IMODE(os.stat(sealed).st_mode) == 0o600
    content = sealed.read_bytes()
    assert b"RIFF" not in content
    assert all(plain.read_bytes()[at : at + 64] not in content for at in range(44, 4000, 64))


async def test_the_wrong_key_opens_nothing_and_the_error_shows_no_key(tmp_path: Path) -> None:
    sealed = await recorded(tmp_path / "call.sealed", KEY)
    with pytest.raises(ConfigurationError, match="to the key of that time"):
        read_sealed(sealed, Key(bytes(32)))
    assert "0001020304" not in repr(KEY)


@pytest.mark.parametrize("at", [60, 32 + 12 + CHUNK + 40, -1])
async def test_a_changed_byte_is_noticed(tmp_path: Path, at: int) -> None:
    sealed = await recorded(tmp_path / "call.sealed", KEY)
    content = bytearray(sealed.read_bytes())
    content[at] ^= 1
    sealed.write_bytes(content)
    with pytest.raises(ConfigurationError, match="changed after it was written"):
        read_sealed(sealed, KEY)


async def test_chunks_that_change_places_and_files_that_are_cut_are_noticed(tmp_path: Path) -> None:
    sealed = await recorded(tmp_path / "call.sealed", KEY)
    content = sealed.read_bytes()
    slot = 12 + CHUNK + 16
    first, second = content[32 : 32 + slot], content[32 + slot : 32 + 2 * slot]
    sealed.write_bytes(content[:32] + second + first + content[32 + 2 * slot :])
    with pytest.raises(ConfigurationError, match="chunk 0"):
        read_sealed(sealed, KEY)
    sealed.write_bytes(content[: 32 + 2 * slot])
    with pytest.raises(ConfigurationError, match="cut short"):
        read_sealed(sealed, KEY)


def test_what_is_no_sealed_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sealed"
    path.write_bytes(b"RIFF")
    with pytest.raises(ConfigurationError, match="not a sealed recording"):
        read_sealed(path, KEY)


@given(writes=st.lists(st.tuples(st.integers(0, 3 * CHUNK), st.binary(min_size=1, max_size=CHUNK + 50)), max_size=8))
def test_any_writes_read_back_as_from_a_plain_file(
    writes: list[tuple[int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("sealed") / "x.sealed"
    plain = bytearray()
    with SealedFile.create(path, KEY) as file:
        for at, content in writes:
            at = min(at, len(plain))  # recordings have no holes
            file.seek(at)
            assert file.write(content) == len(content)
            plain[at : at + len(content)] = content
    assert plain_bytes(path, KEY) == plain


def test_keys_come_in_base64_in_hexadecimal_and_from_a_command(tmp_path: Path) -> None:
    text = base64.b64encode(KEY.secret).decode()
    assert parse_key(text + "\n") == parse_key(KEY.secret.hex()) == KEY
    assert load_key(EncryptionSettings.model_validate({"key": text})) == KEY
    program = tmp_path / "key.py"
    program.write_text(f"print('{text}')")
    assert load_key(EncryptionSettings(key_command=f"{sys.executable} {program}")) == KEY


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"key": "short"}, "neither base64 nor hexadecimal|32 bytes"),
        ({"key": base64.b64encode(bytes(16)).decode()}, "32 bytes; this one has 16"),
        ({"key_command": "no-such-program-here"}, "is not a program"),
        ({"key_command": f"{sys.executable} -c 'import sys; print(42); sys.exit(3)'"}, "ended with status 3"),
    ],
)
def test_a_bad_key_is_told_of_without_showing_it(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_key(EncryptionSettings.model_validate(settings))
    assert settings.get("key", "\0") not in str(caught.value)


def test_a_key_comes_from_one_place() -> None:
    with pytest.raises(ValueError, match="wants either key or key_command"):
        EncryptionSettings.model_validate({})
