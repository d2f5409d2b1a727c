"""A call's figures and its transcript, from the journal."""

from __future__ import annotations

from gateway.contracts.mint import mint
from gateway.contracts.record import ToolReturned
from gateway.contracts.text import Label
from gateway.records.journal import journal_entry
from gateway.records.summary import TurnLatency, clock, render_summary, render_transcript, summarise, tool_uses
from tests.records.story import CALL

ENTRIES = [journal_entry(record) for record in CALL]


def test_the_transcript_is_in_order_of_speech_with_interruptions_marked() -> None:
    assert (
        render_transcript(ENTRIES)
        == """\
call c-7f3a, 2026-11-20 21:00:00 UTC
…1234 → …9876 by twilio, receptionist on local

  0:00.4  agent     This call is recorded. [disclosure]
  0:02.4  agent     Hello! How can I help you? [greeting]
  0:04.7  caller    I'd like a table for two & a <view>.
  0:07.9  agent     Certainly. We have a table by the — [interrupted: 2100 of 5200 ms heard]
  0:09.8  caller    No wait, make it three.
  0:12.0  tool      check_table {"guests": 3} → ok in 900 ms {"free": true}
  0:13.5  agent     Three it is. Anything else?
  0:16.0  keys      2 pressed
  0:16.5  caller    (no transcript)
  0:17.9  tool      end_call {} → no answer
  0:18.0  fault     tool_slow: end_call took its time
  0:18.2  agent     Goodbye! [goodbye]
  0:19.3  ended     agent/goodbye
"""
    )


def test_the_summary_has_every_turns_latency() -> None:
    summary = summarise(ENTRIES)
    assert summary.call_id == "c-7f3a"
    assert summary.ending == "agent/goodbye"
    assert summary.ok
    assert summary.duration_ms == 19300
    assert summary.latencies == (
        TurnLatency(1, 7900, 640), TurnLatency(2, 13500, 1900), TurnLatency(3, 18200, 900),
    )  # fmt: skip
    assert (summary.latency_p50_ms, summary.latency_max_ms) == (900, 1900)
    assert [(each.heard_ms, each.sent_ms, each.action) for each in summary.interruptions] == [(2100, 5200, "truncated")]
    assert [(tool.name, tool.took_ms, tool.ok) for tool in summary.tools] == [
        ("check_table", 900, True),
        ("end_call", None, None),
    ]
    assert (summary.caller_turns, summary.agent_turns) == (3, 5)
    assert (summary.disclosure_heard_ms, summary.disclosure_of_ms) == (1900, 1900)
    assert summary.faults == ("tool_slow",)


def test_the_figures_read_as_lines() -> None:
    assert (
        render_summary(summarise(ENTRIES))
        == """\
ending        agent/goodbye
duration      19.3 s
turns         3 of the caller, 5 of the agent
latency       p50 900 ms, max 1900 ms
  turn 1        640 ms  at 0:07.9
  turn 2       1900 ms  at 0:13.5
  turn 3        900 ms  at 0:18.2
barge-in      at 0:10.0: 2100 of 5200 ms heard, truncated
tool          check_table at 0:12.0: ok in 900 ms {"free": true}
tool          end_call at 0:17.9: no answer
disclosure    1900 of 1900 ms heard
fault         tool_slow
"""
    )


def test_a_journal_that_breaks_off_gives_what_it_holds() -> None:
    summary = summarise(ENTRIES[:8])
    assert summary.ending == ""
    assert not summary.ok
    assert summary.duration_ms == 10000
    assert "none: the journal breaks off" in render_summary(summary)
    assert summarise([]).started_at_s is None
    assert render_transcript([]).startswith("a call without a beginning")


def test_answers_of_one_tool_belong_to_its_calls_in_order() -> None:
    asked = ENTRIES[10]
    answers = [
        journal_entry(ToolReturned(at_ms=at_ms, name=Label("check_table"), ok=ok, took_ms=10, output=mint("")))
        for at_ms, ok in ((100, False), (200, True), (300, True))
    ]
    uses = tool_uses([asked, asked, *answers])
    assert [(use.at_ms, use.ok) for use in uses] == [(12050, False), (12050, True), (290, True)]


def test_a_time_reads_as_minutes_seconds_and_tenths() -> None:
    assert [clock(at_ms) for at_ms in (0, 999, 61_050, 3_600_000)] == ["0:00.0", "0:00.9", "1:01.0", "60:00.0"]


def test_a_silent_stretch_of_the_recording_is_told_with_its_reason() -> None:
    from gateway.contracts.record import RecordingSilenced
    from gateway.contracts.text import Label
    from gateway.records.journal import journal_entry
    from gateway.records.timeline_story import flags_of

    silenced = RecordingSilenced(at_ms=4400, until_ms=7560, why=Label("card_data"))
    entries = [journal_entry(one) for one in (*CALL[:-1], silenced, CALL[-1])]
    (line,) = [line for line in render_transcript(entries).splitlines() if "recording" in line and "silent" in line]
    assert "0:04.4" in line
    assert line.endswith("silent until 0:07.5: card data")
    assert "not recorded · card data" in [flag.words for flag in flags_of(entries, summarise(entries))]
