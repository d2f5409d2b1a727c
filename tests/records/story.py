"""A made-up call, as records: what journal, summary and timeline are tried on."""

from __future__ import annotations

from gateway.contracts import record
from gateway.contracts.mint import mint
from gateway.contracts.record import AnyRecord
from gateway.contracts.text import Label

CALL: list[AnyRecord] = [
    record.CallStarted(
        at_ms=0, call_id=Label("c-7f3a"), leg=Label("twilio"), leg_id=mint("CA…9f2c"), started_at_s=1_795_208_400.0,
        caller_number=mint("…1234"), dialed_number=mint("…9876"), persona=Label("receptionist"),
        endpoint=Label("local"), from_caller=Label("pcmu/8000"), to_model=Label("pcm16/24k"), passthrough=False,
    ),
    record.ModelConnected(at_ms=120, took_ms=118, session_id=mint("sess_a")),
    record.DisclosureHeard(at_ms=2300, heard_ms=1900, of_ms=1900),
    record.AgentSpoke(
        at_ms=400, turn=0, text=mint("This call is recorded."), generated_ms=1900, heard_ms=1900, interrupted=False,
        latency_ms=None, purpose=Label("disclosure"),
    ),
    record.AgentSpoke(
        at_ms=2400, turn=0, text=mint("Hello! How can I help you?"), generated_ms=1700, heard_ms=1700,
        interrupted=False, latency_ms=None, purpose=Label("greeting"),
    ),
    record.AgentSpoke(
        at_ms=7900, turn=1, text=mint("Certainly. We have a table by the"), generated_ms=5200, heard_ms=2100,
        interrupted=True, latency_ms=640, purpose=Label("answer"),
    ),
    record.CallerSpoke(at_ms=4700, turn=1, stopped_ms=7260, text=mint("I'd like a table for two & a <view>.")),
    record.BargeIn(at_ms=10000, turn=1, heard_ms=2100, sent_ms=5200, action=Label("truncated")),
    record.ClearConfirmed(at_ms=10040, took_ms=40, repeats=0),
    record.CallerSpoke(at_ms=9800, turn=2, stopped_ms=11600, text=mint("No wait, make it three.")),
    record.ToolCalled(at_ms=12050, name=Label("check_table"), arguments=mint('{"guests": 3}')),
    record.ToolReturned(at_ms=12950, name=Label("check_table"), ok=True, took_ms=900, output=mint('{"free": true}')),
    record.AgentSpoke(
        at_ms=13500, turn=2, text=mint("Three it is. Anything else?"), generated_ms=2000, heard_ms=2000,
        interrupted=False, latency_ms=1900, purpose=Label("answer"),
    ),
    record.KeyCount(at_ms=16000, count=2),
    record.CallerSpoke(at_ms=16500, turn=3, stopped_ms=17300, text=None, failed=True),
    record.ToolCalled(at_ms=17900, name=Label("end_call"), arguments=mint("{}")),
    record.Fault(at_ms=18000, kind=Label("tool_slow"), message=mint("end_call took its time")),
    record.AgentSpoke(
        at_ms=18200, turn=3, text=mint("Goodbye!"), generated_ms=800, heard_ms=800, interrupted=False, latency_ms=900,
        purpose=Label("goodbye"),
    ),
    record.CallEnded(
        at_ms=19300, who=Label("agent"), reason=Label("goodbye"), ok=True, duration_ms=19300, turns=3, barge_ins=1,
        tools=2, latency_p50_ms=900, latency_max_ms=1900, heard_ms=8500, sent_ms=11600, caller_audio_dropped_ms=0,
    ),
]  # fmt: skip
"""In the order in which a journal would hold it: texts come late."""
