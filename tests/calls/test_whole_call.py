"""A call from ring to hang-up, and everything that it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.audio.wav import read_wav
from gateway.contracts.record import AgentSpoke, CallerSpoke, CallStarted
from gateway.records.journal import encode_record
from gateway.simulator.script import Agent, EndedBy, Say, WaitForAgent
from tests.calls.rig import Answering, Call, calls_tool, hears, rig, says, script
from tests.calls.sounds import find, sound, words

pytestmark = pytest.mark.usefixtures("leaves_nothing")

GREETING, ANSWER, GOODBYE = words(3), words(4, 4), words(3, 10)
QUESTION, THANKS = "what is new", "thank you"
MODEL = script(
    says(GREETING, trigger="client", instructions="Say hello."),
    hears(QUESTION),
    says(ANSWER, trigger="turn"),
    hears(THANKS),
    calls_tool("end_call", first=GOODBYE),
    pace=4.0,
)


@pytest.mark.parametrize("audio", ["auto", "pcm24"])
async def test_a_call_is_greeted_answered_ended_and_written_down(tmp_path: Path, audio: str) -> None:
    async with rig(tmp_path, Answering(MODEL, endpoint={"audio": audio}), records=True) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH, settle_ms=200),
            Say(QUESTION),
            WaitForAgent(Agent.TO_FINISH, settle_ms=200),
            Say(THANKS),
            target={"status_callback_url": f"{house.base}/twilio/status"},
        )
        assert (call.outcome.ended_by, call.outcome.why) == (EndedBy.GATEWAY, "hung up by the REST API")
        assert [(one.method, dict(one.form)) for one in house.rest.requests] == [("POST", {"Status": "completed"})]
        assert len(house.model.sessions) == 1, "the session that was opened while it rang is the call's own"
        assert call.one(CallStarted).passthrough == (audio == "auto")
        the_records_tell_it(call)
        the_ear_heard_every_word(call)
        await house.until(lambda: b"carrier_status" in call.papers[".jsonl"].read_bytes())
        the_journal_holds_the_records(call)
        the_recording_holds_both_sides(call)
        the_papers_are_readable(call)


def the_records_tell_it(call: Call) -> None:
    assert call.why == "agent/goodbye"
    assert [str(spoke.text) for spoke in call.all(CallerSpoke)] == [QUESTION, THANKS]
    spoken = call.all(AgentSpoke)
    assert [(str(spoke.text), spoke.purpose, spoke.interrupted) for spoke in spoken] == [
        (GREETING, "greeting", False),
        (ANSWER, "answer", False),
        (GOODBYE, "answer", False),
    ]
    assert [spoke.heard_ms for spoke in spoken] == [spoke.generated_ms for spoke in spoken]
    assert (call.ending.ok, call.ending.turns, call.ending.barge_ins, call.ending.tools) == (True, 2, 0, 1)
    assert call.ending.caller_audio_dropped_ms == 0
    # What the gateway says an answer took is what the caller's ear says it took, the way through this machine aside.
    truth = [response.latency_ms for response in call.outcome.responses]
    assert [spoke.latency_ms for spoke in spoken[1:]] == pytest.approx(truth, abs=60)


def the_ear_heard_every_word(call: Call) -> None:
    places = [find(sound(text), call.heard) for text in (GREETING, ANSWER, GOODBYE)]
    assert [place.likeness > 0.99 for place in places] == [True] * 3, places
    assert places == sorted(places, key=lambda place: place.at_ms)
    assert call.outcome.truth.underruns == []
    assert call.outcome.warnings == []


def the_journal_holds_the_records(call: Call) -> None:
    *lines, last = call.papers[".jsonl"].read_bytes().splitlines()
    assert lines == [encode_record(record) for record in call.records]
    status = json.loads(last)
    assert (status["event"], status["status"]) == ("carrier_status", "completed")


def the_recording_holds_both_sides(call: Call) -> None:
    """Left is the caller, right what the ear got; all of it, in its place."""
    (left, right), rate_hz = read_wav(call.papers[".wav"])
    assert rate_hz == 8000
    for recorded, truth in ((left, call.outcome.caller_pcm), (right, call.heard)):
        match = find(truth, recorded)
        assert match.likeness > 0.99, match
        assert abs(match.at_ms) <= 30, match


def the_papers_are_readable(call: Call) -> None:
    transcript = call.papers[".txt"].read_text()
    assert [transcript.index(text) for text in (GREETING, QUESTION, ANSWER, THANKS, GOODBYE)] == sorted(
        transcript.index(text) for text in (GREETING, QUESTION, ANSWER, THANKS, GOODBYE)
    )
    picture = call.papers[".svg"].read_text()
    assert picture.startswith("<svg")
    assert "end_call" in picture
    for paper in call.papers.values():
        assert paper.stat().st_mode & 0o077 == 0, f"{paper.name} can be read by others"
