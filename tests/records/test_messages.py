"""Messages that callers left: whole when they are there, and gone with their time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.audio.format import PCMU_8K, AudioFrame
from gateway.audio.tones import silence
from gateway.records.messages import write_message
from gateway.records.retention import prepare_data_dir, sweep

FRAMES = [AudioFrame(PCMU_8K, raw=silence(PCMU_8K, 20))] * 50
NOW_S = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400


def test_two_messages_of_a_call_stand_side_by_side_and_nothing_half_written(tmp_path: Path) -> None:
    first, long_ms = write_message(tmp_path, "call", FRAMES, NOW_S)
    second, _ = write_message(tmp_path, "call", FRAMES, NOW_S)
    assert long_ms == 1000
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["call-1.wav", "call-2.wav"]
    assert first.parent == second.parent


def test_messages_are_swept_when_their_calls_are(tmp_path: Path) -> None:
    data_dir = prepare_data_dir(tmp_path / "data")
    old, _ = write_message(data_dir.messages, "old", FRAMES, NOW_S - 31 * DAY_S)
    kept, _ = write_message(data_dir.messages, "kept", FRAMES, NOW_S - 29 * DAY_S)
    note = old.with_name("note.md")
    note.write_text("an operator's")
    sweep(data_dir, 30, NOW_S)
    assert not old.exists()
    assert kept.exists()
    assert note.exists(), "what is not ours stays"
