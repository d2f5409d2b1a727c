"""The papers of a call, made in a process of their own."""

from __future__ import annotations

import stat
from pathlib import Path

from structlog.testing import capture_logs

from gateway.records.journal import JournalSink
from gateway.records.papers import PaperDesk
from gateway.records.retention import CallPaths, prepare_data_dir
from tests.records.story import CALL


async def _journal(folder: Path, call_id: str) -> CallPaths:
    paths = prepare_data_dir(folder).call_paths(call_id, 1_800_000_000)
    sink = JournalSink(paths.journal)
    for record in CALL:
        sink.accept(record)
    await sink.close()
    return paths


async def test_transcript_and_timeline_are_made_of_journals_in_the_background(tmp_path: Path) -> None:
    desk = PaperDesk()
    calls = [await _journal(tmp_path / "data", name) for name in ("one", "two", "three")]
    for paths in calls:
        desk.order(paths, timeline=paths is not calls[2])
        assert not paths.transcript.exists()
    await desk.close()
    for paths in calls:
        assert paths.transcript.read_text(encoding="utf-8").startswith("call ")
        assert stat.S_IMODE(paths.transcript.stat().st_mode) == 0o600
        assert paths.timeline.exists() is (paths is not calls[2])


async def test_a_damaged_journal_is_told_and_the_next_call_has_its_papers(tmp_path: Path) -> None:
    desk = PaperDesk()
    bad, good = await _journal(tmp_path / "data", "bad"), await _journal(tmp_path / "data", "good")
    bad.journal.write_text("{}\n{}\n", encoding="utf-8")
    with capture_logs() as logs:
        desk.order(bad, timeline=False)
        desk.order(good, timeline=False)
        await desk.close()
    assert [line["event"] for line in logs] == ["call_papers_failed"]
    assert good.transcript.exists()
    assert not bad.transcript.exists()
