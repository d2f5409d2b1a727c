from __future__ import annotations

import json

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from gateway.simulator.carriers.twilio import ClearQueue, Play, SetMark, TwilioStream, Warned
from gateway.simulator.carriers.twilio_webhook import CallForm, TwilioCredentials, sign

from .fakes import clear, mark, media

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def stream() -> TwilioStream:
    return TwilioStream("CA90", "AC77", "MZ51", {"leg_token": "q7"})


def test_connected_names_no_stream(stream):
    assert json.loads(stream.connected()) == {"event": "connected", "protocol": "Call", "version": "1.0.0"}


def test_start_describes_the_stream(stream):
    assert json.loads(stream.start()) == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ51",
        "start": {
            "streamSid": "MZ51",
            "accountSid": "AC77",
            "callSid": "CA90",
            "tracks": ["inbound"],
            "customParameters": {"leg_token": "q7"},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        },
    }


def test_numbers_run_through_all_messages_and_are_strings(stream):
    wire = [stream.start(), stream.media(b"\xff" * 160, 20), stream.dtmf("4"), stream.mark("1:0"), stream.stop()]
    parsed = [json.loads(frame) for frame in wire]
    assert [message["sequenceNumber"] for message in parsed] == ["1", "2", "3", "4", "5"]
    payload = pybase64.b64encode(b"\xff" * 160).decode()
    assert parsed[1]["media"] == {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": payload}
    assert len(payload) == 216
    assert parsed[2]["dtmf"] == {"track": "inbound_track", "digit": "4"}
    assert parsed[3]["mark"] == {"name": "1:0"}
    assert parsed[4]["stop"] == {"accountSid": "AC77", "callSid": "CA90"}


def test_a_frame_that_is_lost_leaves_a_hole_in_the_chunks_only(stream):
    stream.media(b"\xff" * 160, 20)
    stream.skip()
    third = json.loads(stream.media(b"\xff" * 160, 60))
    assert (third["media"]["chunk"], third["sequenceNumber"]) == ("3", "2")


def test_a_key_that_no_telephone_has_is_refused(stream):
    with pytest.raises(ValueError, match="key 'x' is on no telephone"):
        stream.dtmf("x")


def test_the_three_messages_are_understood(stream):
    assert stream.receive(media("MZ51", b"abc")) == Play(b"abc")
    assert stream.receive(mark("MZ51", "2:400")) == SetMark("2:400")
    assert stream.receive(clear("MZ51")) == ClearQueue()


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"\x00\x01", "binary frame of 2 bytes"),
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"event":"stop","streamSid":"MZ51"}', "event 'stop'"),
        ('{"event":["media"],"streamSid":"MZ51"}', "event"),
        ('{"streamSid":"MZ51"}', "event None"),
        (media("MZ99", b"abc"), "media for stream 'MZ99', this one is MZ51"),
        ('{"event":"clear"}', "clear for stream None"),
        ('{"event":"media","streamSid":"MZ51"}', "media without a payload"),
        ('{"event":"media","streamSid":"MZ51","media":{"payload":7}}', "media without a payload"),
        ('{"event":"media","streamSid":"MZ51","media":{"payload":"***"}}', "not base64"),
        ('{"event":"mark","streamSid":"MZ51","mark":{}}', "mark without a name"),
    ],
)
def test_everything_else_is_warning_31951(stream, frame, why):
    warned = stream.receive(frame)
    assert isinstance(warned, Warned)
    assert warned.code == 31951
    assert why in warned.why


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["event", "streamSid", "media", "payload", "mark", "name"]), inner, max_size=4
        )
        | st.fixed_dictionaries(
            {"event": st.sampled_from(["media", "mark", "clear"]), "streamSid": st.just("MZ51"), "media": inner}
        )
    ),
    max_leaves=12,
)


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_no_frame_whatsoever_upsets_the_carrier(frame):
    assert isinstance(TwilioStream("CA90", "AC77", "MZ51").receive(frame), Play | SetMark | ClearQueue | Warned)


def test_a_frame_of_endless_brackets_is_a_warning(stream):
    assert isinstance(stream.receive("[" * 100_000), Warned)


# --- signatures ---------------------------------------------------------------------------------------------------

FORM = {"CallSid": "CA1", "From": "+15550001111", "To": "+15550002222", "CallStatus": "ringing"}


def test_signatures_are_those_of_the_known_vectors():
    assert sign("wss://gw.example.net/twilio/media", {}, TOKEN) == "FF9qYGu/1akvMUQ8DbRuiZJ49H0="
    assert sign("https://gw.example.net/twilio/voice?tenant=7", FORM, TOKEN) == "XJlt99tEc7MH0X01kc1x/cNpuR4="


def test_signatures_are_those_of_twilios_own_package():
    form = CallForm("AC1").voice()
    url = "https://gw.example.net/twilio/voice"
    assert sign(url, form, TOKEN) == RequestValidator(TOKEN).compute_signature(url, form)


def test_a_name_with_several_values_is_signed_once_for_each():
    url = "https://gw.example.net/x"
    assert sign(url, [("b", "2"), ("a", "1"), ("b", "1"), ("b", "2")], TOKEN) == sign(
        url, [("a", "1"), ("b", "1"), ("b", "2")], TOKEN
    )


def test_credentials_do_not_print_their_token():
    assert TOKEN not in repr(TwilioCredentials("AC1", TOKEN))


def test_the_forms_name_the_call_and_its_stream():
    form = CallForm("AC1", "+1555", "+1666", "CA5")
    assert form.ended("completed", 61)["CallDuration"] == "61"
    assert form.ended("completed", 61)["Duration"] == "2"
    told = form.stream("stream-error", "MZ1", "leg", "31920: no", wall_s=0.0)
    assert told["StreamError"] == "31920: no"
    assert told["Timestamp"] == "1970-01-01T00:00:00.000+00:00"
