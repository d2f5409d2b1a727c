"""The sweep: what lies about after calls is found, wherever it is and however it is written; what is fine is left."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gateway.audio.tones import dtmf
from gateway.audio.wav import write_wav
from gateway.privacy.patterns import load_patterns
from gateway.records.encryption import Key
from gateway.records.journal import encode_record
from gateway.records.recording import Recorder
from gateway.records.sweep import Swept, sweep_files, sweep_rows, utterances
from gateway.settings.privacy import PatternSettings
from tests.records.story import CALL

CARD = "4111 1111 1111 1111"


def kinds(swept: Swept) -> list[str]:
    return [finding.kind for finding in swept.findings]


def test_a_clean_journal_and_its_papers_are_clean(tmp_path: Path) -> None:
    (tmp_path / "call.jsonl").write_bytes(b"".join(encode_record(one) + b"\n" for one in CALL))
    (tmp_path / "call.txt").write_text("0:01.2 caller: my card is [CARD], thanks\n0:04.4 agent: 640 ms later, yes")
    swept = sweep_files(tmp_path, hear=False)
    assert (swept.findings, swept.files, swept.unread) == ([], 2, [])
    assert swept.texts > 30


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", f'{{"event": "caller_spoke", "text": "it is {CARD}"}}'),
        ("b.txt", "four one one one one one one one one one one one one one one one"),
        ("c.svg", f"<svg><title>caller: {CARD}</title></svg>"),
        ("d.log", "card 4111-1111-1111-1111 refused"),
        ("e.jsonl", '{"event": "tool_called", "arguments": "{\\"card\\": \\"4111111111111111\\"}"}'),
        ("f.bin", f"\0\1{CARD}\0"),
        ("g.jsonl", f'{{"event": "cut short", "text": "{CARD}'),
    ],
)
def test_a_card_number_is_found_in_any_file_and_never_told(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / name).write_text(content)
    swept = sweep_files(tmp_path, hear=False)
    assert set(kinds(swept)) == {"pan"}
    assert swept.findings[0].where.startswith(f"calls/{name}")
    assert "4111" not in repr(swept)


def test_a_database_file_is_searched_byte_by_byte_and_row_by_row(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "calls.sqlite") as database:
        database.execute("CREATE TABLE turns (text TEXT)")
        database.execute("INSERT INTO turns VALUES (?)", (f"it is {CARD} ok",))
    database.close()
    assert kinds(sweep_files(tmp_path, hear=False)) == ["pan"]
    swept = Swept()
    sweep_rows(swept, [("bcdf", "turns.text", "a table for two"), ("bcdf", "turns.text", f"it is {CARD}")])
    assert [finding.where for finding in swept.findings] == ["turns.text of call bcdf"]


def test_keys_can_be_heard_in_a_recording_that_was_made_elsewhere(tmp_path: Path) -> None:
    tones = b"".join(dtmf(key, 90, 8000, -9.0) + bytes(2 * 720) for key in "4111")
    write_wav(tmp_path / "call.wav", [bytes(16_000) + tones, bytes(16_000 + len(tones))], 8000)
    swept = sweep_files(tmp_path, hear=False)
    assert [(finding.kind, finding.where) for finding in swept.findings] == [("keys", "call.wav caller second 1")]
    assert swept.recordings == 1


async def test_a_sealed_recording_without_its_key_is_named_and_not_passed_over(tmp_path: Path) -> None:
    from gateway.audio.format import PCMU_8K

    recorder = Recorder(tmp_path / "call.sealed", PCMU_8K, PCMU_8K, key=Key(bytes(32)))
    await recorder.close(1000)
    assert sweep_files(tmp_path, hear=False).unread == [
        "call.sealed: sealed, and there is no key; set records.encryption"
    ]
    assert sweep_files(tmp_path, key=Key(bytes(32)), hear=False).recordings == 1


def test_utterances_are_long_enough_to_be_a_number_and_whole_over_short_pauses() -> None:
    loud, short = b"\x00\x10" * 8000, b"\x00\x10" * 2000
    pcm = bytes(16_000) + loud + bytes(2 * 4000) + loud + bytes(32_000) + short + bytes(32_000)
    assert utterances(pcm) == [(8000, 28_000)]


def test_a_spoken_number_is_heard_in_a_recording(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("espeakng_loader")
    from gateway.speech.voice import Voice

    voice = Voice()
    number = " ".join(["five"] * 12 + ["four"] * 4)
    said = voice.speak(number, rate_hz=8000).pcm
    talk = voice.speak("I would like to know when my parcel comes, please, it was sent on Monday.", rate_hz=8000).pcm
    length = 2 * max(len(said), len(talk)) // 2
    write_wav(tmp_path / "call.wav", [said.ljust(length, b"\0"), talk.ljust(length, b"\0")], 8000)
    swept = sweep_files(tmp_path)
    assert swept.unread == []
    assert [finding.where for finding in swept.findings if "agent" in finding.where] == [], "ordinary talk is no number"
    assert swept.recordings == 1
    assert [(finding.kind, finding.where) for finding in swept.findings] == [("pan", "call.wav caller second 0")]


def test_what_the_operator_wants_masked_is_looked_for_like_cards(tmp_path: Path) -> None:
    made = load_patterns([PatternSettings.model_validate({"name": "member", "digits": 8, "words": ["membership"]})])
    (tmp_path / "a.txt").write_text("the membership number is one two three four 5678\nan order, 12345678\n")
    assert kinds(sweep_files(tmp_path, hear=False)) == []
    swept = sweep_files(tmp_path, hear=False, patterns=made)
    assert [(one.kind, one.where) for one in swept.findings] == [("pattern", "a.txt line 1")]
    sweep_rows(swept, [("bcdf", "turns.text", "membership 8765 4321")])
    assert swept.findings[-1].kind == "pattern"
    assert "8765" not in repr(swept.findings)
