"""Callers in virtual time, against a gateway that answers at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio import g711, level, tones
from gateway.simulator.carriers.twilio import TwilioStream
from gateway.simulator.faults import Farewell, Faults
from gateway.simulator.handset import CATCH_UP_FRAMES, CloseSocket, Handset, LetGo, ResetSocket, Write
from gateway.simulator.line import Line, LineConditions
from gateway.simulator.outcome import responses
from gateway.simulator.script import (
    Agent,
    EndedBy,
    HangUp,
    InterruptAfter,
    Press,
    Say,
    Script,
    StaySilent,
    WaitForAgent,
)
from gateway.simulator.voices import render

from .fakes import ToneVoice, clear, mark, messages, play_out, speech


def handset(*steps, events=None, line=None, network_ms=(0.0, 0.0), faults=None, limit_ms=10_000) -> Handset:
    script = Script(steps=steps, limit_ms=limit_ms)
    stream = TwilioStream("CA1", "AC1", "MZ1")
    rendered = render(script, Line(), ToneVoice())
    conditions = LineConditions(line or Line(), rendered.second_voice)
    emit = (lambda event: None) if events is None else events.append
    return Handset(stream, script, rendered, conditions, network_ms=network_ms, faults=faults, emit=emit)


def deaf(message, now_ms):
    return []


def greeting(ms=1000):
    """A gateway that speaks an item at start and nothing else."""
    return lambda message, now_ms: speech("MZ1", 1, ms) if message["event"] == "start" else []


# --- the wire -----------------------------------------------------------------------------------------------------


def test_a_frame_leaves_every_20_ms_with_its_number_and_time():
    written = play_out(handset(StaySilent(200), HangUp()), deaf)
    media = messages(written, "media")
    assert [at for at, _ in media] == [20.0 * number for number in range(1, 11)]
    assert [message["media"]["chunk"] for _, message in media] == [str(number) for number in range(1, 11)]
    assert [message["media"]["timestamp"] for _, message in media] == [str(20 * number) for number in range(1, 11)]
    assert [json.loads(action.frame)["event"] for _, action in written[:2]] == ["connected", "start"]
    assert json.loads(written[-2][1].frame)["event"] == "stop"
    assert written[-1][1] == CloseSocket(1000)


def test_sequence_numbers_have_no_hole_whatever_is_sent():
    written = play_out(handset(Press("12"), WaitForAgent(Agent.TO_FINISH), HangUp()), greeting())
    numbers = [json.loads(action.frame).get("sequenceNumber") for _, action in written[1:-1]]
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]


def test_keys_are_pressed_with_their_gap():
    written = play_out(handset(StaySilent(100), Press("1#", gap_ms=300), HangUp()), deaf)
    assert [(at, message["dtmf"]["digit"]) for at, message in messages(written, "dtmf")] == [(100.0, "1"), (400.0, "#")]
    assert messages(written, "stop")[0][0] == 700.0


def test_marks_come_back_when_they_were_played():
    written = play_out(handset(StaySilent(1500), HangUp()), greeting(600))
    assert [(at, message["mark"]["name"]) for at, message in messages(written, "mark")] == [
        (0.0, "1:0"),
        (200.0, "1:200"),
        (400.0, "1:400"),
        (600.0, "1:600"),
    ]


def test_a_clear_brings_the_pending_marks_back_at_once():
    def answer(message, now_ms):
        if message["event"] == "start":
            return speech("MZ1", 1, 1000)
        return [clear("MZ1")] if message["event"] == "dtmf" else []

    phone = handset(StaySilent(500), Press("1"), StaySilent(500), HangUp())
    written = play_out(phone, answer)
    assert [(at, message["mark"]["name"]) for at, message in messages(written, "mark")][3:] == [
        (500.0, "1:600"),
        (500.0, "1:800"),
        (500.0, "1:1000"),
    ]
    assert phone.playout.truth.clears[0].heard == {1: 500.0}


def test_the_network_delays_both_ways():
    phone = handset(StaySilent(1500), HangUp(), network_ms=(60.0, 40.0))
    written = play_out(phone, greeting(400))
    assert messages(written, "start")[0][0] == 60.0
    assert messages(written, "media")[0][0] == 80.0
    # the greeting is sent at 60 ms, begins to sound at 100 ms; its last mark is played at 500 ms and is back at 560 ms
    assert phone.playout.truth.onsets_ms == [100.0]
    assert messages(written, "mark")[-1][0] == 560.0


def test_a_gateway_that_closes_ends_the_call_after_the_networks_delay():
    phone = handset(network_ms=(0.0, 40.0))
    phone.open(0.0)
    phone.wake(100.0)
    for frame in speech("MZ1", 1, 1000):
        phone.receive(frame, 100.0)
    phone.wake(200.0)
    phone.lost(1000, 200.0)
    phone.wake(239.0)
    assert not phone.over
    assert phone.wake(240.0)[-1:] != [CloseSocket()]
    assert (phone.over, phone.ended_by, phone.ended_ms, phone.close_code) == (True, EndedBy.GATEWAY, 240.0, 1000)
    assert phone.playout.truth.heard_ms(1) == 100.0  # the rest of the goodbye was cut off
    assert phone.next_wake_ms() is None


def test_messages_for_another_stream_are_warned_of_and_not_played():
    events = []
    phone = handset(StaySilent(100), HangUp(), events=events)
    play_out(phone, lambda message, now_ms: speech("MZ2", 1, 100) if message["event"] == "start" else [])
    assert [warning.code for warning in phone.warnings] == [31951] * 3
    assert phone.playout.truth.sent_bytes == 0
    assert [event.kind for event in events].count("warning") == 3


# --- the caller ---------------------------------------------------------------------------------------------------


def test_a_polite_caller_speaks_once_the_agent_has_finished():
    phone = handset(WaitForAgent(Agent.TO_FINISH, settle_ms=600), Say("hello"), HangUp())
    play_out(phone, greeting(1000))
    (span,) = phone.performer.spans
    assert span.start_ms == pytest.approx(1600.0, abs=20)
    assert span.stop_ms - span.start_ms == pytest.approx(300.0, abs=1)
    assert phone.ended_by is EndedBy.CALLER
    assert phone.performer.failures == []


def test_a_pause_inside_the_agents_speech_is_not_its_end():
    def answer(message, now_ms):
        if message["event"] != "start":
            return []
        silence = [json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": "/" * 4 * 2000}})]
        return speech("MZ1", 1, 400) + silence + speech("MZ1", 2, 400)

    phone = handset(WaitForAgent(Agent.TO_FINISH, settle_ms=300), Say("hi"), HangUp())
    play_out(phone, answer)
    assert phone.performer.spans[0].start_ms == pytest.approx(400 + 750 + 400 + 300, abs=20)


def test_an_interrupter_cuts_in_after_what_it_has_heard():
    events = []
    phone = handset(InterruptAfter(700), Say("stop"), HangUp(), events=events, network_ms=(50.0, 50.0))
    play_out(phone, greeting(3000))
    started = phone.playout.truth.onsets_ms[0]
    assert started == 100.0
    assert phone.performer.spans[0].start_ms == pytest.approx(started + 700, abs=20)
    (interrupting,) = [event for event in events if event.kind == "interrupting"]
    assert 700 <= interrupting.facts["heard_ms"] <= 720


def test_what_was_heard_before_the_caller_spoke_does_not_count_for_the_next_interruption():
    def answer(message, now_ms):
        if message["event"] == "start":
            return speech("MZ1", 1, 1000)
        if message["event"] == "dtmf":
            return speech("MZ1", 2, 2000)
        return []

    phone = handset(WaitForAgent(Agent.TO_FINISH), Say("hi"), Press("1"), InterruptAfter(500), Say("no"), HangUp())
    play_out(phone, answer)
    second = phone.playout.truth.onsets_ms[1]
    assert phone.performer.spans[1].start_ms == pytest.approx(second + 500, abs=40)


def test_a_clear_begins_a_new_turn_of_the_agent():
    """The tail of an interrupted answer must not pass for the next answer."""

    def answer(message, now_ms):
        if message["event"] == "start":
            return speech("MZ1", 1, 4000)
        if message["event"] == "media" and message["media"]["timestamp"] == "1400":
            return [clear("MZ1")]
        if message["event"] == "media" and message["media"]["timestamp"] == "3000":
            return speech("MZ1", 2, 500)
        return []

    # "stop" is over at about 1.2 s, the clear comes at 1.4 s, the answer at 3 s
    phone = handset(InterruptAfter(1000), Say("stop"), WaitForAgent(Agent.TO_FINISH), HangUp())
    play_out(phone, answer)
    assert phone.ended_ms == pytest.approx(3000 + 500 + 600, abs=20)


def test_a_caller_loses_patience_and_the_step_fails():
    events = []
    phone = handset(WaitForAgent(Agent.TO_START, within_ms=500, line=7), HangUp(), events=events)
    play_out(phone, deaf)
    assert phone.performer.failures == ["waited for the agent to start within 500 ms, in vain (step 1, line 7)"]
    assert phone.ended_ms == pytest.approx(500, abs=20)
    assert [event.kind for event in events] == ["step_failed", "hung_up", "stream_ended"]


def test_a_caller_without_more_steps_stays_until_the_limit():
    phone = handset(limit_ms=400)
    play_out(phone, deaf)
    assert (phone.ended_by, phone.ended_ms) == (EndedBy.LIMIT, 400.0)


def test_latency_is_from_the_callers_last_sample_to_the_agents_first():
    def answer(message, now_ms):
        if message["event"] == "media" and message["media"]["timestamp"] == "1000":
            return speech("MZ1", 1, 500)
        return []

    phone = handset(StaySilent(200), Say("hello"), WaitForAgent(Agent.TO_FINISH), HangUp(), network_ms=(30.0, 30.0))
    play_out(phone, answer)
    (response,) = responses(phone.performer.spans, phone.playout.truth.onsets_ms)
    assert response.stop_ms == pytest.approx(500.0, abs=0.5)
    assert response.heard_ms == 1060.0
    assert response.latency_ms == pytest.approx(560.0, abs=0.5)


def test_the_agent_is_noticed_by_its_sound():
    events = []
    play_out(handset(StaySilent(2000), HangUp(), events=events), greeting(500))
    told = [(event.kind, event.at_ms) for event in events if event.kind.startswith("agent")]
    assert told == [("agent_started", 0.0), ("agent_stopped", pytest.approx(500.0, abs=20))]


def test_what_is_sent_is_the_caller_on_its_line_with_the_agents_echo():
    phone = handset(StaySilent(1000), HangUp(), line=Line(echo_loss_db=10, echo_delay_ms=100))
    play_out(phone, greeting(500))
    sent = phone.caller_pcm
    assert level.dbfs(sent[100 * 16 : 500 * 16]) == pytest.approx(-12 - 10, abs=0.5)
    assert level.dbfs(sent[640 * 16 :]) < -60


# --- a machine that is late ---------------------------------------------------------------------------------------


def test_a_late_caller_catches_up_without_a_burst_and_without_drift():
    phone = handset(Say("hello there"))
    phone.open(0.0)
    phone.wake(20.0)
    bursts, now_ms = [], 320.0  # 300 ms late: 15 frames are due
    while (due := phone.next_wake_ms()) is not None and now_ms < 340.0:
        now_ms = max(now_ms, due)
        bursts.append((now_ms, sum(isinstance(action, Write) for action in phone.wake(now_ms))))
    assert bursts[:3] == [(320.0, CATCH_UP_FRAMES), (325.0, CATCH_UP_FRAMES), (330.0, CATCH_UP_FRAMES)]
    assert phone.next_wake_ms() == 360.0  # 340 was sent by the loop: back on the old deadlines
    assert max(phone.late_ms) == 280.0


def test_speech_that_left_late_is_known_to_have_been_late():
    phone = handset(Say("hello"))
    phone.open(0.0)
    for now_ms in range(20, 300, 20):
        phone.wake(float(now_ms))
    phone.wake(350.0)  # the last frame of 300 ms was due at 300
    assert phone.performer.spans[0].stop_ms == pytest.approx(350.0, abs=1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 90.0), min_size=5, max_size=60))
def test_whenever_it_is_woken_the_same_audio_is_sent_in_the_same_order(pauses):
    phone = handset(Say("hello there"), HangUp(), line=Line(noise_dbfs=-30))
    punctual = handset(Say("hello there"), HangUp(), line=Line(noise_dbfs=-30))
    expected = [action for _, action in play_out(punctual, deaf)]
    got, now_ms = [], 0.0
    phone.open(0.0)
    for pause in [*pauses, *[50.0] * 400]:
        now_ms += pause
        got += phone.wake(now_ms)
        if phone.over:
            break
    assert got == expected


# --- faults -------------------------------------------------------------------------------------------------------


def faulty(*steps, answer=deaf, **faults):
    phone = handset(*(steps or (StaySilent(200), HangUp())), faults=Faults(**faults))
    return phone, play_out(phone, answer)


def test_dropped_frames_leave_holes_in_chunk_and_timestamp():
    phone, written = faulty(drop_pattern=(True, False, False))
    chunks = [message["media"]["chunk"] for _, message in messages(written, "media")]
    assert chunks == ["1", "4", "7", "10"]
    assert len(phone.caller_pcm) == 10 * 320


def test_a_stall_ends_in_one_burst():
    _, written = faulty(stall_at_ms=60.0, stall_ms=80.0)
    times = [at for at, _ in messages(written, "media")]
    assert times == [20.0, 40.0, 60.0] + [140.0] * 4 + [160.0, 180.0, 200.0]


def test_a_reset_comes_without_stop():
    phone, written = faulty(reset_at_ms=100.0)
    assert written[-1] == (100.0, ResetSocket())
    assert messages(written, "stop") == []
    assert phone.ended_by is EndedBy.CARRIER


def test_a_frozen_carrier_sends_and_hears_nothing_more():
    phone = handset(StaySilent(5000), faults=Faults(freeze_at_ms=100.0), limit_ms=500)
    written = play_out(phone, greeting(1000))
    assert messages(written, "media")[-1][0] == 100.0
    assert messages(written, "mark") == [(0.0, messages(written, "mark")[0][1])]
    assert written[-1] == (500.0, ResetSocket())
    assert phone.ended_by is EndedBy.CARRIER


@pytest.mark.parametrize(
    ("farewell", "stops", "last"),
    [
        (Farewell.STOP_THEN_CLOSE, 1, CloseSocket()),
        (Farewell.CLOSE_WITHOUT_STOP, 0, CloseSocket()),
        (Farewell.STOP_ONLY, 1, LetGo()),
        (Farewell.RESET, 0, ResetSocket()),
    ],
)
def test_each_farewell_is_said_its_own_way(farewell, stops, last):
    _, written = faulty(farewell=farewell)
    assert len(messages(written, "stop")) == stops
    assert written[-1][1] == last


def test_media_can_come_before_start_and_start_twice_or_never():
    _, written = faulty(media_before_start=2, starts=2)
    events = [json.loads(action.frame)["event"] for _, action in written[:6]]
    assert events == ["connected", "media", "media", "start", "start", "media"]
    _, written = faulty(starts=0)
    assert messages(written, "start") == []


def test_a_malformed_frame_is_sent_once_and_the_call_goes_on():
    _, written = faulty(malformed_at_ms=100.0, malformed=b"\x00\xff")
    assert [at for at, action in written if isinstance(action, Write) and action.frame == b"\x00\xff"] == [100.0]
    assert written[-1][1] == CloseSocket()


def test_marks_can_be_lost_doubled_or_late():
    steps = (StaySilent(1000), HangUp())
    _, written = faulty(*steps, answer=greeting(200), marks_lost=True)
    assert messages(written, "mark") == []
    _, written = faulty(*steps, answer=greeting(200), marks_twice=True)
    assert [message["mark"]["name"] for _, message in messages(written, "mark")] == ["1:0", "1:0", "1:200", "1:200"]
    _, written = faulty(*steps, answer=greeting(200), marks_late_ms=150.0)
    assert [at for at, _ in messages(written, "mark")] == [150.0, 350.0]


def test_faults_in_the_past_are_refused_by_name():
    with pytest.raises(ValueError, match=r"faults: marks_late_ms is -1.0"):
        Faults(marks_late_ms=-1.0)


def test_the_ear_hears_the_agent_as_it_was_sent():
    phone = handset(StaySilent(400), HangUp())
    audio = g711.encode_ulaw(tones.tone(600, 200, 8000))

    def answer(message, now_ms):
        if message["event"] != "start":
            return []
        frame = {
            "event": "media",
            "streamSid": "MZ1",
            "media": {"payload": __import__("base64").b64encode(audio).decode()},
        }
        return [json.dumps(frame), mark("MZ1", "end")]

    play_out(phone, answer)
    assert phone.playout.truth.heard_pcm[: 200 * 16] == g711.decode_ulaw(audio)
    assert not any(phone.playout.truth.heard_pcm[200 * 16 :])
