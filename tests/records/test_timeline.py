"""The picture of a call: what must be on it, and that nobody's words can break it."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.tones import noise
from gateway.audio.wav import write_wav
from gateway.contracts.mint import mint
from gateway.contracts.record import CallerSpoke
from gateway.records.drawing import ELLIPSIS, fitted, text_width, wrapped
from gateway.records.journal import JournalEntry, encode_record, journal_entry
from gateway.records.timeline import _levels, draw_timeline, timeline_svg
from tests.records.story import CALL

ENTRIES = [journal_entry(record) for record in CALL]
SOUND = [noise(19_300, 8000, -20.0, seed=1), noise(19_300, 8000, -20.0, seed=2)]
SVG = "{http://www.w3.org/2000/svg}"


def elements(svg: str, kind: str) -> list[ElementTree.Element]:
    """Return the shapes of a class."""
    return [each for each in ElementTree.fromstring(svg).iter() if each.get("class", "").split()[:1] == kind.split()[:1]
            and set(kind.split()) <= set(each.get("class", "").split())]  # fmt: skip


def written(svg: str, kind: str) -> list[str]:
    """Return what the texts of a class say, without their hints."""
    return [(each.text or "") + "".join(child.tail or "" for child in each) for each in elements(svg, kind)]


def hints(svg: str) -> str:
    return "\n".join(title.text or "" for title in ElementTree.fromstring(svg).iter(f"{SVG}title"))


def stretched(entries: Sequence[JournalEntry], by_ms: int) -> list[JournalEntry]:
    """Return the call with its end that much later."""
    last = entries[-1]
    fields = {**last.fields, "duration_ms": last.at_ms + by_ms}
    return [*entries[:-1], replace(last, at_ms=last.at_ms + by_ms, fields=fields)]


def test_everything_that_happened_is_on_the_picture() -> None:
    svg = timeline_svg(ENTRIES, SOUND, 8000)
    assert len(elements(svg, "wave caller")) == len(elements(svg, "wave agent")) == 1
    assert written(svg, "flag-text") == [
        "disclosure heard", "barge-in 2100/5200 ms", "2 keys", "tool_slow", "agent/goodbye",
    ]  # fmt: skip
    assert written(svg, "wait-text") == ["640 ms", "1900 ms", "900 ms"]
    assert written(svg, "tool-text") == ["check_table · 900 ms", "end_call · no answer"]
    assert len(elements(svg, "unheard")) == 1 + 1  # the barge-in, and the legend
    assert (
        " ".join(written(svg, "words caller"))
        == "I'd like a table for two & a <view>. No wait, make it three. no transcript"
    )
    assert "Certainly. We have a table by the —" in " ".join(written(svg, "words agent"))
    assert written(svg, "badge-text good") == ["agent/goodbye"]


def test_a_speech_stands_where_it_was_said() -> None:
    svg = timeline_svg(ENTRIES, SOUND, 8000)
    bars = [(float(bar.get("x", "")), float(bar.get("width", ""))) for bar in elements(svg, "bar caller")]
    ticks = {tick.text: float(tick.get("x", "")) for tick in elements(svg, "tick")}
    per_second = ticks["0:01"] - ticks["0:00"]
    start, width = bars[0]
    assert start == pytest.approx(ticks["0:00"] + 4.7 * per_second, abs=0.2)
    assert width == pytest.approx((7.26 - 4.7) * per_second, abs=0.2)


def test_the_unheard_rest_begins_where_hearing_ended() -> None:
    svg = timeline_svg(ENTRIES, SOUND, 8000)
    unheard = elements(svg, "unheard")[0]
    heard = elements(svg, "bar agent")[2]
    assert float(unheard.get("x", "")) == pytest.approx(
        float(heard.get("x", "")) + float(heard.get("width", "")), abs=0.2
    )
    assert "3100 ms were sent and never heard" in hints(svg)


def test_a_call_over_a_minute_wraps_into_rows_of_one_length() -> None:
    long = stretched(ENTRIES, 130_000)
    svg = timeline_svg(long, SOUND, 8000)
    assert len(elements(svg, "axis")) == 3
    assert written(svg, "tick")[0] == "0:00"
    assert written(svg, "tick")[-1] == "2:30"
    assert written(svg, "flag-text")[-1] == "agent/goodbye"
    assert len(elements(svg, "wave caller")) == 1  # the sound ends on the first row
    assert len(elements(timeline_svg(ENTRIES, SOUND, 8000), "axis")) == 1


@pytest.mark.parametrize("by_ms", [0, 700, 40_700, 100_700])
def test_the_ending_is_drawn_also_on_the_edge_of_a_row(by_ms: int) -> None:
    svg = timeline_svg(stretched(ENTRIES, by_ms), SOUND, 8000)
    assert written(svg, "flag-text")[-1] == "agent/goodbye"


def test_the_picture_needs_nothing_from_outside() -> None:
    svg = timeline_svg(ENTRIES, SOUND, 8000)
    assert re.findall(r"https?://[^\"<]*", svg) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|<image|@import|@font-face|href", svg)
    assert "prefers-color-scheme:dark" in svg


def test_words_are_escaped_and_shown_in_full_under_the_mouse() -> None:
    attack = '</text><script>alert(1)</script> \x00\x1b ]]> &amp; "quotes" \ud800 ' + "very long words " * 200
    record = CallerSpoke(at_ms=1000, turn=1, stopped_ms=3000, text=mint(attack))
    entry = replace(journal_entry(record), fields={"text": attack, "stopped_ms": 3000})
    svg = timeline_svg([entry], [], 8000)
    assert "<script" not in svg
    assert "\x00" not in svg
    assert hints(svg).count("very long words") >= 200
    assert written(svg, "words caller")[-1].endswith(ELLIPSIS)
    svg.encode()


def test_a_call_without_sound_or_end_is_drawn_all_the_same() -> None:
    svg = timeline_svg(ENTRIES[:8], [], 8000)
    assert elements(svg, "wave caller") == []
    assert written(svg, "badge-text bad") == ["no record of the end"]
    ElementTree.fromstring(timeline_svg([], [b"", b""], 8000))


def test_what_went_wrong_is_red() -> None:
    broken = replace(ENTRIES[-1], fields={**ENTRIES[-1].fields, "ok": False, "who": "model", "reason": "model_lost"})
    half = replace(ENTRIES[2], fields={"heard_ms": 900, "of_ms": 1900})
    svg = timeline_svg([*ENTRIES[:2], half, *ENTRIES[3:-1], broken], SOUND, 8000)
    assert "disclosure: 900 of 1900 ms heard" in written(svg, "flag-text bad")
    assert "model/model_lost" in written(svg, "flag-text bad")


def test_files_in_file_out(tmp_path: Path) -> None:
    journal, wav, out = tmp_path / "c.jsonl", tmp_path / "c.wav", tmp_path / "c.svg"
    journal.write_bytes(b"".join(encode_record(record) + b"\n" for record in CALL))
    write_wav(wav, SOUND, 8000)
    draw_timeline(journal, wav, out)
    assert out.read_text(encoding="utf-8") == timeline_svg(ENTRIES, SOUND, 8000)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    draw_timeline(journal, tmp_path / "none.wav", out)
    assert out.read_text(encoding="utf-8") == timeline_svg(ENTRIES, [], 8000)
    draw_timeline(journal, None, out)
    assert out.read_text(encoding="utf-8") == timeline_svg(ENTRIES, [], 8000)


@given(st.text(max_size=200), st.floats(20, 400), st.integers(1, 5))
def test_lines_fit_and_words_are_lost_only_with_an_ellipsis(text: str, width: float, lines: int) -> None:
    made = wrapped(text, width, 11.5, lines)
    assert len(made) <= lines
    assert all(text_width(line, 11.5) <= width for line in made)
    words = text.split()
    if made and not made[-1].endswith(ELLIPSIS):
        assert " ".join(made).split() == words


@given(st.text(max_size=60), st.floats(0, 300))
def test_a_fitted_text_fits(text: str, width: float) -> None:
    assert text_width(fitted(text, width, 11.5), 11.5) <= width


def test_wrapping_reads_well() -> None:
    assert wrapped("one two three", 1000, 10, 3) == ["one two three"]
    assert wrapped("", 100, 10, 3) == []
    assert wrapped("aaaa bbbb cccc", text_width("aaaa bbbb", 10), 10, 2) == ["aaaa bbbb", "cccc"]
    assert wrapped("aaaa bbbb cccc dddd eeee", text_width("aaaa bbbb", 10), 10, 2)[1].endswith(ELLIPSIS)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 80)), max_size=40))
def test_nothing_on_one_level_overlaps(spans: list[tuple[int, int]]) -> None:
    edges = [(float(left), float(left + width)) for left, width in spans]
    levels = _levels(edges)
    for level in set(levels):
        same = sorted(edge for edge, on in zip(edges, levels, strict=True) if on == level)
        assert all(before[1] < after[0] for before, after in pairwise(same))
