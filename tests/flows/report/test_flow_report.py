"""A flow over many calls: who stayed in it, where callers left, what they were asked again, what it cost."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.contracts import record
from gateway.contracts.mint import mint
from gateway.contracts.record import AnyRecord
from gateway.contracts.text import Label
from gateway.errors import ConfigurationError
from gateway.flows.issues import Findings
from gateway.flows.load import load_folder
from gateway.flows.rehearsal.given import GivenCall
from gateway.flows.rehearsal.reading import read_script
from gateway.records.flow_report import FlowReport, as_data, journals_between, report_flow
from gateway.records.journal import JournalEntry, encode_record, journal_entry

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def told(at_ms: int, name: str, step: str, *, flow: str = "desk", visit: int = 1, **facts: str | int) -> AnyRecord:
    return record.FlowEvent(
        at_ms=at_ms, flow=Label(flow), bundle=Label("b1"), step=Label(step), visit=visit, name=Label(name), facts=facts
    )


def used(at_ms: int, cost: str | None) -> AnyRecord:
    return record.TokensUsed(
        at_ms=at_ms, turn=1, input_text=10, input_audio=0, cached_text=0, cached_audio=0, output_text=5, output_audio=0,
        cost=None if cost is None else Decimal(cost), currency=None if cost is None else Label("USD"),
    )  # fmt: skip


def started(began: dt.datetime) -> AnyRecord:
    return record.CallStarted(
        at_ms=0, call_id=Label("c"), leg=Label("twilio"), leg_id=mint("CA…"), started_at_s=began.timestamp(),
        caller_number=mint("…1"), dialed_number=mint("…2"), persona=Label("p"), endpoint=Label("local"),
        from_caller=Label("pcmu"), to_model=Label("pcm"), passthrough=False,
    )  # fmt: skip


CONTAINED = [
    told(0, "call_started", "welcome"),
    told(0, "step_entered", "welcome", verb="say"),
    told(2000, "prompt_played", "welcome", cut_at_ms=800),
    told(2000, "exit_taken", "welcome", exit="next"),
    told(2000, "step_entered", "main", verb="menu"),
    told(9000, "no_input", "main", attempt=1),
    told(16000, "no_match", "main", attempt=2),
    used(17000, "0.0030"),
    told(18000, "exit_taken", "main", exit="hours"),
    told(18000, "step_entered", "hours", verb="say"),
    told(18000, "hours_told", "hours"),
    used(19000, "0.0012"),
    told(21000, "call_ended", "hours", reason="goodbye", containment="contained"),
    used(21500, "0.0001"),
]
LEFT = [
    told(0, "step_entered", "welcome", verb="say"),
    told(1000, "prompt_played", "welcome", cut_at_ms=400),
    told(1000, "step_entered", "main", verb="menu"),
    told(5000, "call_ended", "main", reason="hung_up", containment="abandoned"),
]
HANDED_OVER = [
    told(0, "step_entered", "welcome", verb="say"),
    told(3000, "step_entered", "main", verb="menu"),
    told(6000, "guard_denied", "main"),
    told(6000, "step_entered", "main", visit=2, verb="menu"),
    told(8000, "call_ended", "main", reason="handed_over", containment="handed_over"),
]
BROKEN_OFF = [told(0, "step_entered", "welcome", verb="say")]
ELSEWHERE = [told(0, "step_entered", "main", flow="other", verb="menu")]


def entries(records: Sequence[AnyRecord]) -> list[JournalEntry]:
    return [journal_entry(one) for one in records]


@pytest.fixture
def report() -> FlowReport:
    return report_flow("desk", [entries(one) for one in (CONTAINED, LEFT, HANDED_OVER, BROKEN_OFF, ELSEWHERE)])


def test_containment_counts_finished_calls_only(report: FlowReport):
    assert report.calls == 4
    assert report.endings == {"contained": 1, "abandoned": 1, "handed_over": 1, "unfinished": 1}
    assert report.containment == pytest.approx(1 / 3)


def test_callers_drop_off_on_the_step_where_they_left(report: FlowReport):
    main = report.steps["main"]
    assert (main.calls, main.visits, main.dropped) == (3, 4, 1)
    assert main.drop_off == pytest.approx(1 / 3)
    assert report.steps["welcome"].dropped == 0


def test_a_call_that_broke_was_not_dropped_by_its_caller():
    broke = [*LEFT[:-1], told(5000, "call_ended", "main", reason="fault", containment="abandoned")]
    main = report_flow("desk", [entries(broke)]).steps["main"]
    assert (main.dropped, main.broken) == (0, 1)


def test_retries_are_told_by_kind_and_per_visit(report: FlowReport):
    main = report.steps["main"]
    assert main.unusable == {"no_input": 1, "no_match": 1}
    assert main.retries_per_visit == pytest.approx(2 / 4)


def test_the_barge_in_point_is_the_middle_of_what_was_heard(report: FlowReport):
    assert report.steps["welcome"].barge_in_ms == 600
    assert report.steps["main"].barge_in_ms is None


def test_cost_belongs_to_the_step_that_the_call_stood_on(report: FlowReport):
    assert report.steps["main"].cost.sum == Decimal("0.0030")
    assert report.steps["hours"].cost.sum == Decimal("0.0012")
    assert report.cost.sum == Decimal("0.0043"), "what came after the end is the call's, and no step's"
    assert report.currency == "USD"


def test_an_unknown_price_makes_the_sum_unknown():
    report = report_flow("desk", [entries([*CONTAINED[:-1], used(19500, None)])])
    assert report.cost.sum is None
    assert as_data(report)["cost"] is None
    assert report.steps["main"].cost.sum == Decimal("0.0030")


def test_reasons_are_counted(report: FlowReport):
    assert report.reasons == {"goodbye": 1, "hung_up": 1, "handed_over": 1}


def test_exits_guards_events_and_versions_are_counted(report: FlowReport):
    assert report.steps["main"].exits == {"hours": 1}
    assert report.steps["main"].denied == 1
    assert report.events == {"hours_told": 1}
    assert report.bundles == {"b1": 4}


def test_a_visit_lasts_until_the_next_step_or_the_end(report: FlowReport):
    assert report.steps["hours"].typical_ms == 3000
    assert report.steps["main"].typical_ms == 3500, "16, 4, 3 and 2 seconds"


def test_without_calls_nothing_is_claimed():
    report = report_flow("desk", [entries(ELSEWHERE)])
    assert (report.calls, report.containment, report.steps) == (0, None, {})


def test_a_report_for_programs_is_json(report: FlowReport):
    data = json.loads(json.dumps(as_data(report)))
    assert [step["step"] for step in data["steps"]] == ["welcome", "main", "hours"]
    assert data["cost"] == "0.0043"


def keep(data_dir: Path, began: dt.datetime, name: str, records: Sequence[AnyRecord] = CONTAINED) -> Path:
    day = data_dir / "calls" / began.date().isoformat()
    day.mkdir(parents=True, exist_ok=True)
    journal = day / f"{name}.jsonl"
    journal.write_bytes(b"".join(encode_record(one) + b"\n" for one in (started(began), *records)))
    return journal


def test_only_calls_that_began_in_the_span_are_read(tmp_path: Path):
    for hours in (-30, -1, 0, 1, 30):
        keep(tmp_path, NOON + dt.timedelta(hours=hours), f"call{hours + 50}")
    assert len(list(journals_between(tmp_path))) == 5
    assert len(list(journals_between(tmp_path, since=NOON))) == 3
    assert len(list(journals_between(tmp_path, since=NOON - dt.timedelta(hours=1), until=NOON))) == 1


def test_folders_that_are_no_days_and_journals_without_a_start_are_left_alone(tmp_path: Path):
    keep(tmp_path, NOON, "call")
    odd = tmp_path / "calls" / "notes"
    odd.mkdir()
    (odd / "x.jsonl").write_text("not a journal\n", encoding="utf-8")
    journal = keep(tmp_path, NOON, "other")
    journal.write_bytes(b"")
    assert len(list(journals_between(tmp_path))) == 1


def test_a_data_dir_without_calls_is_told(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="there are no calls in"):
        list(journals_between(tmp_path))


def test_what_an_engine_tells_of_a_whole_call_is_understood():
    """The names that are counted are those that the engine uses."""
    folder = load_folder(Path(__file__).parents[3] / "ivr_flows")
    flow = folder.flows["la_parra_front_desk"]
    findings = Findings()
    script = read_script(folder.tests["la_parra.test.yaml"], folder.flows, findings)
    assert script is not None, findings
    call = GivenCall(flow, script.cases[0])
    call.start()
    for _ in range(3):
        call.silent(10_000)
        call.settle()
    call.hangs_up()
    journal = [
        told(at, tell.name, tell.step, flow=flow.id, visit=tell.visit, **tell.facts)
        for at, tell in enumerate(call.trace.tells)
    ]
    report = report_flow(flow.id, [entries(journal)])
    assert report.calls == 1
    assert report.endings.total() - report.endings["unfinished"] == 1
    assert report.steps.keys() <= flow.steps.keys()
    assert sum(step.retries for step in report.steps.values()) > 0
    assert sum(step.exits.total() for step in report.steps.values()) > 0
    assert not report.events.keys() - {"caller_left"}
