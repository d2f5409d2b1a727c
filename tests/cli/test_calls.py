"""``gateway calls``: what an operator is shown, and told when something is wrong."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from gateway.audio.format import PCMU_8K
from gateway.audio.wav import read_wav
from gateway.cli.main import app
from gateway.contracts.text import Label
from gateway.records.encryption import SUFFIX, Key
from gateway.records.journal import encode_record
from gateway.records.recording import Recorder
from gateway.records.spool import Batch
from gateway.records.store.database import CallStore
from tests.records.story import CALL

CALL_ID = "c-7f3a"
KEY = bytes(range(32))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings, and a call that has left its journal and its sealed recording."""
    folder = tmp_path / "data" / "calls" / "2026-11-21"
    folder.mkdir(parents=True)
    (folder / f"{CALL_ID}.jsonl").write_bytes(b"".join(encode_record(one) + b"\n" for one in CALL))

    async def record() -> None:
        await Recorder(folder / f"{CALL_ID}{SUFFIX}", PCMU_8K, PCMU_8K, key=Key(KEY)).close(500)

    asyncio.run(record())
    path = tmp_path / "gateway.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "data_dir": str(tmp_path / "data"),
                "endpoints": {"local": {"type": "local"}},
                "endpoint": "local",
                "personas": {"receptionist": {"instructions": "Help."}},
                "records": {"encryption": {"key": base64.b64encode(KEY).decode()}},
            }
        )
    )
    return path


def gateway(*arguments: str, config: Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["calls", *arguments, "--config", str(config)])


def test_calls_are_listed_from_the_journals_and_from_the_store(config: Path) -> None:
    from_journals = gateway("list", config=config)
    assert from_journals.exit_code == 0
    assert CALL_ID in from_journals.stdout
    assert "agent/goodbye" in from_journals.stdout

    async def store() -> None:
        database = CallStore(f"sqlite:///{config.parent / 'data' / 'calls.sqlite'}")
        await database.deliver([Batch(Path("none"), Label(CALL_ID), 0, tuple(CALL))])
        await database.close()

    asyncio.run(store())
    from_store = gateway("list", config=config)
    assert from_store.stdout == from_journals.stdout


def test_a_call_is_shown_with_its_talk_and_its_recording_is_unsealed(config: Path, tmp_path: Path) -> None:
    shown = gateway("show", CALL_ID, "--recording", str(tmp_path / "out.wav"), config=config)
    assert shown.exit_code == 0, shown.output
    assert "No wait, make it three." in shown.stdout
    channels, _ = read_wav(tmp_path / "out.wav")
    assert channels == [bytes(8000), bytes(8000)]
    assert (tmp_path / "out.wav").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("call", ["nobody", "../../etc/passwd", "*"])
def test_a_call_that_is_not_there_is_said_so(config: Path, call: str) -> None:
    shown = gateway("show", call, config=config)
    assert shown.exit_code == 1
    assert "no journal of a call" in shown.stderr


def test_a_clean_house_is_clean_and_a_leak_ends_with_status_one(config: Path) -> None:
    clean = gateway("sweep", "--no-listen", config=config)
    assert clean.exit_code == 0, clean.output
    assert "0 findings" in clean.stdout
    assert "1 recordings" in clean.stdout
    (config.parent / "data" / "notes.txt").write_text("call back about 4111 1111 1111 1111")
    leak = gateway("sweep", "--no-listen", config=config)
    assert leak.exit_code == 1
    assert "pan notes.txt line 1" in leak.stdout
    assert "4111" not in leak.output
