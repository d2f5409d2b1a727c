"""A call's journal: written off the loop, read back by our own tools."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.contracts.record import KeyCount, ToolCalled
from gateway.contracts.text import Label
from gateway.errors import ConfigurationError
from gateway.records.journal import JournalSink, encode_record, journal_entry, read_journal
from tests.records.story import CALL


async def test_a_call_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    sink = JournalSink(path)
    for record in CALL:
        sink.accept(record)
    await sink.close()
    assert read_journal(path) == [journal_entry(record) for record in CALL]
    assert sink.lost == 0


async def test_each_line_is_json_with_its_event_and_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    sink = JournalSink(path)
    sink.accept(CALL[0])
    await sink.close()
    line = json.loads(path.read_text())
    assert line["event"] == "call_started"
    assert line["caller_number"] == "…1234"
    assert line["persona"] == "receptionist"


async def test_a_journal_is_for_its_owners_eyes(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    sink = JournalSink(path)
    sink.accept(CALL[0])
    await sink.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_slow_disk_does_not_hold_the_call_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    real = os.open

    def slow(*arguments: object, **named: object) -> int:
        assert gate.wait(5)
        return real(*arguments, **named)  # type: ignore[arg-type]

    path = tmp_path / "call.jsonl"
    sink = JournalSink(path)
    with monkeypatch.context() as patch:
        patch.setattr("gateway.records.journal.os.open", slow)
        for record in CALL:  # returns, although the disk does not
            sink.accept(record)
        assert not path.exists()
        gate.set()
        await sink.close()
    assert len(read_journal(path)) == len(CALL)


async def test_a_failing_disk_is_counted_and_logged_once(tmp_path: Path) -> None:
    sink = JournalSink(tmp_path / "missing" / "call.jsonl")
    with capture_logs() as logs:
        for record in CALL:
            sink.accept(record)
        await sink.close()
    assert sink.lost >= 1
    assert [(line["event"], line["why"]) for line in logs] == [("backlog_failed", "No such file or directory")]


async def test_what_comes_after_the_end_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    sink = JournalSink(path)
    sink.accept(CALL[0])
    await sink.close()
    sink.accept(CALL[1])
    await sink.close()
    assert len(read_journal(path)) == 1


async def test_nothing_to_say_makes_no_file(tmp_path: Path) -> None:
    sink = JournalSink(tmp_path / "call.jsonl")
    await sink.close()
    assert os.listdir(tmp_path) == []


def test_a_last_line_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    path.write_bytes(encode_record(CALL[0]) + b"\n" + encode_record(CALL[1])[:-5])
    assert read_journal(path) == [journal_entry(CALL[0])]


@pytest.mark.parametrize("line", [b"not json", b"[1]", b'{"event":"x"}', b'{"event":1,"at_ms":2}', b""])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "call.jsonl"
    path.write_bytes(b'{"event":"x","at_ms":1}\n' + line + b"\n")
    with pytest.raises(ConfigurationError, match=r"call\.jsonl line 2: not a journal line"):
        read_journal(path)


def test_raw_text_cannot_be_written() -> None:
    smuggled = ToolCalled(at_ms=0, name=Label("x"), arguments=b"raw")  # type: ignore[arg-type]
    assert b"raw" not in encode_record(smuggled)

    class Odd: ...

    with pytest.raises(NotImplementedError, match="got Odd"):
        encode_record(ToolCalled(at_ms=0, name=Label("x"), arguments=Odd()))  # type: ignore[arg-type]


def test_fields_are_read_by_kind() -> None:
    entry = journal_entry(KeyCount(at_ms=5, count=2))
    assert (entry.number("count"), entry.count("absent"), entry.text("count"), entry.flag("count")) == (2, 0, "", False)
    assert entry.number("absent") is None
