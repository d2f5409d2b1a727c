"""Where calls are kept, who may look, and for how long."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.errors import ConfigurationError
from gateway.records.retention import DataDir, prepare_data_dir, sweep

STARTED_S = datetime(2026, 11, 20, 23, 59, 30, tzinfo=UTC).timestamp()
DAY_S = 86_400


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def leave_a_call(data_dir: DataDir, call_id: str, started_at_s: float) -> list[Path]:
    paths = data_dir.call_paths(call_id, started_at_s)
    files = [paths.journal, paths.recording, paths.timeline, paths.transcript]
    for file in files:
        file.write_text("x")
    return files


def test_a_fresh_directory_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        data_dir = prepare_data_dir(tmp_path / "new" / ".gateway")
        folder = data_dir.call_paths("c1", STARTED_S).journal.parent
    finally:
        os.umask(before)
    assert {mode(path) for path in (data_dir.root, data_dir.calls, data_dir.cache, folder)} == {0o700}
    assert prepare_data_dir(tmp_path / "new" / ".gateway") == data_dir


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare_data_dir(Path(".gateway")).root == tmp_path / ".gateway"


@pytest.mark.parametrize("bits", [0o750, 0o701, 0o777])
def test_a_directory_that_others_may_enter_is_refused_with_the_cure(tmp_path: Path, bits: int) -> None:
    root = tmp_path / "open"
    root.mkdir()
    root.chmod(bits)
    with pytest.raises(ConfigurationError, match=rf"has mode {bits:04o}.*wanted 0700: `chmod 700 {root}`"):
        prepare_data_dir(root)


def test_an_open_folder_inside_is_refused_too(tmp_path: Path) -> None:
    data_dir = prepare_data_dir(tmp_path / "d")
    data_dir.calls.chmod(0o755)
    with pytest.raises(ConfigurationError, match=r"d/calls has mode 0755"):
        prepare_data_dir(tmp_path / "d")


def test_somebody_elses_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "theirs"
    root.mkdir(mode=0o700)
    owner = root.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(ConfigurationError, match=f"belongs to user {owner}, the gateway runs as {owner + 1}"):
        prepare_data_dir(root)


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="is not a directory; move it away"):
        prepare_data_dir(tmp_path / "file")
    with pytest.raises(ConfigurationError, match="can't be used: Not a directory"):
        prepare_data_dir(tmp_path / "file" / "below")


def test_a_call_lies_in_the_folder_of_its_day(tmp_path: Path) -> None:
    data_dir = prepare_data_dir(tmp_path / "d")
    paths = data_dir.call_paths("c-1", STARTED_S)
    day = tmp_path / "d" / "calls" / "2026-11-20"
    assert (paths.journal, paths.recording) == (day / "c-1.jsonl", day / "c-1.wav")
    assert (paths.timeline, paths.transcript) == (day / "c-1.svg", day / "c-1.txt")


@pytest.mark.parametrize("call_id", ["", "../../etc/passwd", "a/b", ".hidden", "a.b", "x" * 129, "a\n"])
def test_a_call_id_that_is_no_file_name_is_refused(tmp_path: Path, call_id: str) -> None:
    data_dir = prepare_data_dir(tmp_path / "d")
    with pytest.raises(ValueError, match="is no file name"):
        data_dir.call_paths(call_id, STARTED_S)


def test_only_expired_calls_are_deleted(tmp_path: Path) -> None:
    data_dir = prepare_data_dir(tmp_path / "d")
    expired = leave_a_call(data_dir, "old-1", STARTED_S) + leave_a_call(data_dir, "old-2", STARTED_S)
    kept = leave_a_call(data_dir, "new", STARTED_S + DAY_S)
    assert sweep(data_dir, retention_days=30, now_s=STARTED_S + 31 * DAY_S) == 2
    assert not any(file.exists() for file in expired)
    assert not expired[0].parent.exists()
    assert all(file.exists() for file in kept)


def test_a_call_is_kept_for_whole_days(tmp_path: Path) -> None:
    data_dir = prepare_data_dir(tmp_path / "d")
    kept = leave_a_call(data_dir, "late-at-night", STARTED_S)
    assert sweep(data_dir, retention_days=1, now_s=STARTED_S + DAY_S) == 0
    assert all(file.exists() for file in kept)


def test_what_is_not_recognised_stays(tmp_path: Path) -> None:
    data_dir = prepare_data_dir(tmp_path / "d")
    leave_a_call(data_dir, "old", STARTED_S)
    day = data_dir.calls / "2026-11-20"
    strange = [
        day / "notes.md", day / "odd name.wav", day / "x.wav.part",
        data_dir.calls / "2020-01-01-backup", data_dir.calls / "2020-13-77", data_dir.cache / "old.wav",
    ]  # fmt: skip
    for path in strange:
        path.write_text("mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "call.wav").write_text("mine")
    (data_dir.calls / "2020-02-02").symlink_to(outside)
    (day / "link.wav").symlink_to(outside / "call.wav")
    (day / "folder.wav").mkdir()
    assert sweep(data_dir, retention_days=1, now_s=STARTED_S + 900 * DAY_S) == 1
    assert all(path.exists() for path in strange)
    assert (outside / "call.wav").exists()
    assert (day / "link.wav").is_symlink()
    assert (day / "folder.wav").is_dir()


def test_what_cannot_be_deleted_is_logged_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = prepare_data_dir(tmp_path / "d")
    leave_a_call(data_dir, "old", STARTED_S)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", refuse)
    with capture_logs() as logs:
        assert sweep(data_dir, retention_days=1, now_s=STARTED_S + 900 * DAY_S) == 0
    assert [(line["event"], line["why"]) for line in logs] == [("sweep_failed", "Operation not permitted")] * 4
