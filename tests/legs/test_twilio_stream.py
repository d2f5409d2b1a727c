"""The core of Twilio's media stream: what it makes of messages, good and bad, and what it sends."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.audio.format import PCM16_16K, PCM16_24K, PCMA_8K, PCMU_8K, AudioFrame
from gateway.contracts.leg import FramesLost, KeyPressed, LegEnded, LegStarted, MarkReturned
from gateway.errors import Ending, Party, StreamProtocolError
from gateway.legs.carriers.base import CloseCode
from gateway.legs.carriers.twilio import TwilioStream
from tests.legs.fakes import CONNECTED, dtmf, mark, media, start, stop, tone


def new_stream(**bounds: int) -> TwilioStream:
    return TwilioStream(**{"message_bytes": 65536, "parameter_bytes": 4096, **bounds})


def started_stream(**values: Any) -> TwilioStream:
    stream = new_stream()
    stream.receive(json.dumps(CONNECTED))
    stream.receive(json.dumps(start(**values)))
    return stream


def said(stream: TwilioStream, message: dict[str, Any] | str) -> list[Any]:
    return stream.receive(message if isinstance(message, str) else json.dumps(message))


# --- in ---------------------------------------------------------------------------------------------------------------


def test_start_names_the_call_and_its_audio() -> None:
    stream = new_stream()
    assert said(stream, CONNECTED) == []
    (event,) = said(stream, start(parameters={"flow": "billing"}))
    assert event == LegStarted(
        leg_id="CA90",
        stream_id="MZ51aa",
        from_caller=PCMU_8K,
        to_caller=PCMU_8K,
        parameters={"flow": "billing"},
    )
    assert stream.started is event


def test_our_own_parameters_are_taken_out_and_carry_numbers_and_token() -> None:
    stream = new_stream()
    ours = {"gateway_token": "v1.x", "gateway_caller": "+15550001111", "gateway_dialed": "+15550002222", "flow": "a"}
    (event,) = said(stream, start(parameters=ours))
    assert isinstance(event, LegStarted)
    assert (event.caller_number, event.dialed_number) == ("+15550001111", "+15550002222")
    assert event.parameters == {"flow": "a"}
    assert stream.ticket == "v1.x"


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "expected"),
    [
        ("audio/x-mulaw", 8000, PCMU_8K),
        ("audio/x-alaw", 8000, PCMA_8K),
        ("audio/l16", 16000, PCM16_16K),
        ("audio/L16", 24000, PCM16_24K),
    ],
)
def test_the_media_format_is_read_not_assumed(encoding: str, rate_hz: int, expected: object) -> None:
    stream = started_stream(encoding=encoding, rate_hz=rate_hz)
    assert stream.started is not None
    assert stream.started.from_caller == stream.started.to_caller == expected


@pytest.mark.parametrize(
    ("encoding", "rate_hz"), [("audio/opus", 48000), ("audio/x-mulaw", 16000), ("audio/l16", 11025)]
)
def test_a_media_format_that_we_lack_is_refused_with_what_is_wanted(encoding: str, rate_hz: int) -> None:
    with pytest.raises(
        StreamProtocolError, match=f"'{encoding}' at {rate_hz} Hz .* wanted one channel of audio"
    ) as error:
        said(new_stream(), start(encoding=encoding, rate_hz=rate_hz))
    assert error.value.close_code == CloseCode.UNACCEPTABLE


def test_media_keeps_the_base64_text_that_came() -> None:
    (frame,) = said(started_stream(), media(tone(1), 1))
    assert isinstance(frame, AudioFrame)
    assert frame.holds_base64
    assert frame.base64 == base64.b64encode(tone(1).raw)
    assert frame.format == PCMU_8K


def test_numbers_may_come_as_numbers_and_all_but_the_payload_may_be_missing() -> None:
    stream = started_stream()
    payload = tone(1).base64.decode()
    numbers = {"event": "media", "sequenceNumber": 2, "streamSid": "MZ51aa"}
    assert said(stream, {**numbers, "media": {"chunk": 1, "timestamp": 20, "payload": payload}}) == [tone(1)]
    assert said(stream, {"event": "media", "media": {"payload": payload}}) == [tone(1)]


def test_keys_marks_and_the_end_are_told() -> None:
    stream = started_stream()
    assert said(stream, dtmf("4")) == [KeyPressed("4")]
    assert said(stream, dtmf("a")) == [KeyPressed("A")]
    assert said(stream, {**dtmf("#"), "dtmf": {"digit": "#", "duration": "120"}}) == [KeyPressed("#", 120)]
    assert said(stream, mark("it7:1200")) == [MarkReturned("it7:1200")]
    assert said(stream, stop()) == [LegEnded(Ending(Party.CALLER, "hung_up"))]


def test_nothing_after_stop_means_anything() -> None:
    stream = started_stream()
    said(stream, stop())
    assert said(stream, media(tone(1), 1)) == []
    assert said(stream, "not even json") == []


def test_unknown_events_are_ignored_and_counted_whatever_they_hold() -> None:
    stream = started_stream()
    for message in ({"event": "speed", "media": 7}, {"event": "mood", "streamSid": 4}, {"event": "x", "dtmf": []}):
        assert said(stream, message) == []
    assert stream.counters.unknown_events == 3
    assert stream.counters.broken == 0
    assert said(stream, media(tone(1), 1)) == [tone(1)]


# --- what is missing --------------------------------------------------------------------------------------------------


def test_a_gap_in_the_numbering_is_lost_audio() -> None:
    stream = started_stream()
    said(stream, media(tone(1), 1))
    assert said(stream, media(tone(5), 5)) == [FramesLost(60), tone(5)]
    assert said(stream, media(tone(6), 6)) == [tone(6)]
    assert stream.counters.lost_ms == 60


def test_a_gap_in_the_stamps_alone_is_lost_audio_when_it_is_longer_than_a_frame() -> None:
    stream = started_stream()
    said(stream, media(tone(1), 1, timestamp_ms=20))
    assert said(stream, media(tone(2), 2, timestamp_ms=55)) == [tone(2)]
    assert said(stream, media(tone(3), 3, timestamp_ms=175)) == [FramesLost(100), tone(3)]


def test_a_burst_that_was_stamped_late_is_no_further_loss() -> None:
    stream = started_stream()
    said(stream, media(tone(1), 1, timestamp_ms=20))
    lost = [event for at in range(2, 40) for event in said(stream, media(tone(at), at, timestamp_ms=540 + at))]
    assert [event for event in lost if isinstance(event, FramesLost)] == [FramesLost(502)]


def test_a_claimed_gap_has_a_bound() -> None:
    stream = started_stream()
    said(stream, media(tone(1), 1))
    assert said(stream, media(tone(2), 10**14, timestamp_ms=10**15)) == [FramesLost(10_000), tone(2)]


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_what_arrives_and_what_is_lost_add_up_to_what_was_said(arrives: list[bool]) -> None:
    stream = started_stream()
    said(stream, media(tone(0), 1))
    events = [event for at, here in enumerate(arrives, 2) if here for event in said(stream, media(tone(at), at))]
    last = max((at for at, here in enumerate(arrives, 2) if here), default=1)
    heard_ms = sum(event.duration_ms if isinstance(event, AudioFrame) else event.lost_ms for event in events)
    assert heard_ms == (last - 1) * 20


# --- broken -----------------------------------------------------------------------------------------------------------

PAYLOAD = tone(1).base64.decode()
BEFORE_START: list[tuple[Any, CloseCode, str]] = [
    (media(tone(1), 1), CloseCode.PROTOCOL, '"media" came before "start"'),
    (dtmf("1"), CloseCode.PROTOCOL, '"dtmf" came before "start"'),
    (mark("a"), CloseCode.PROTOCOL, '"mark" came before "start"'),
    (stop(), CloseCode.PROTOCOL, '"stop" came before "start"'),
    (b"\x00\x01", CloseCode.UNACCEPTABLE, "a binary message came"),
    ("", CloseCode.MALFORMED, "no JSON object"),
    ("[]", CloseCode.MALFORMED, "no JSON object"),
    ("[" * 60_000, CloseCode.MALFORMED, "no JSON object"),
    ('{"event":7}', CloseCode.MALFORMED, "no JSON object with an event"),
    ('{"event":"start"}', CloseCode.MALFORMED, '"start" has no "start" object'),
    ('{"event":"start","start":{}}', CloseCode.MALFORMED, '"start" is malformed'),
    (start(call_sid="../Accounts"), CloseCode.MALFORMED, '"start" has no usable callSid'),
    (start(stream_sid='"'), CloseCode.MALFORMED, '"start" has no usable streamSid'),
    ({**start(), "streamSid": "MZother"}, CloseCode.PROTOCOL, '"start" names two streams'),
    (start(parameters={"a": "b" * 5000}), CloseCode.TOO_BIG, "custom parameters take more than"),
    ("x" * 65_537, CloseCode.TOO_BIG, "longer than limits.message_bytes"),
    ("é" * 32_769, CloseCode.TOO_BIG, "longer than limits.message_bytes"),
]
AFTER_START: list[tuple[Any, CloseCode, str]] = [
    (start(), CloseCode.PROTOCOL, '"start" came twice on call CA90'),
    (media(tone(1), 1, stream_sid="MZother"), CloseCode.PROTOCOL, '"media" is for another stream'),
    (mark("a", stream_sid="MZother"), CloseCode.PROTOCOL, '"mark" is for another stream'),
    ({"event": "media", "media": {"track": "outbound", "payload": PAYLOAD}}, CloseCode.PROTOCOL, "another track"),
    ({"event": "media", "media": {"payload": "AB=C"}}, CloseCode.MALFORMED, "not base64"),
    ({"event": "media", "media": {"payload": "ABC"}}, CloseCode.MALFORMED, "not base64"),
    ({"event": "media", "media": {"payload": "A==="}}, CloseCode.MALFORMED, "not base64"),
    ({"event": "media", "media": {"payload": "ABC\n"}}, CloseCode.MALFORMED, "not base64"),
    ({"event": "media", "media": {"payload": "ABCé"}}, CloseCode.MALFORMED, "not base64"),
    ({"event": "media", "media": {"payload": 5}}, CloseCode.MALFORMED, '"media" is malformed'),
    ({"event": "media", "media": {"payload": PAYLOAD, "chunk": "-1"}}, CloseCode.MALFORMED, '"media" is malformed'),
    ({"event": "media", "media": {"payload": PAYLOAD, "chunk": "9" * 30}}, CloseCode.MALFORMED, '"media" is malformed'),
    ({"event": "media"}, CloseCode.MALFORMED, '"media" has no "media" object'),
    (dtmf("12"), CloseCode.MALFORMED, "a key is none of"),
    (dtmf(""), CloseCode.MALFORMED, "a key is none of"),
    ({"event": "mark", "mark": {}}, CloseCode.MALFORMED, '"mark" is malformed'),
]


def _check_refused(stream: TwilioStream, message: Any, close_code: CloseCode, words: str) -> None:
    with pytest.raises(StreamProtocolError) as error:
        stream.receive(json.dumps(message) if isinstance(message, dict) else message)
    assert str(error.value).startswith("twilio media stream: ")
    assert words in str(error.value)
    assert error.value.close_code == close_code
    assert stream.counters.broken == 1
    assert stream.receive(json.dumps(stop())) == []  # a broken stream says nothing more


@pytest.mark.parametrize(("message", "close_code", "words"), BEFORE_START)
def test_broken_messages_before_start_close_with_their_code(message: Any, close_code: CloseCode, words: str) -> None:
    _check_refused(new_stream(), message, close_code, words)


@pytest.mark.parametrize(("message", "close_code", "words"), AFTER_START)
def test_broken_messages_after_start_close_with_their_code(message: Any, close_code: CloseCode, words: str) -> None:
    _check_refused(started_stream(), message, close_code, words)


def test_half_a_sample_is_refused() -> None:
    stream = started_stream(encoding="audio/l16", rate_hz=16000)
    odd = base64.b64encode(bytes(3)).decode()
    _check_refused(stream, {"event": "media", "media": {"payload": odd}}, CloseCode.MALFORMED, "ends within a sample")


def test_an_error_never_repeats_keys_payloads_or_parameter_values() -> None:
    for message in (dtmf("4111"), {"event": "media", "media": {"payload": "4111!"}}):
        with pytest.raises(StreamProtocolError) as error:
            said(started_stream(), message)
        assert "4111" not in str(error.value)
    with pytest.raises(StreamProtocolError) as error:
        said(new_stream(), json.dumps(start()).replace("{}", '{"card": ["4111"]}'))
    assert "4111" not in str(error.value)


def test_an_empty_payload_is_no_audio() -> None:
    assert said(started_stream(), {"event": "media", "media": {"payload": ""}}) == []


# --- however it is written --------------------------------------------------------------------------------------------


def _plain_reading(text: str) -> list[tuple[str, object]]:
    """Read a message by the plainest of means, for comparison."""
    message = json.loads(text)
    match message["event"]:
        case "media":
            return [("audio", base64.b64decode(message["media"]["payload"], validate=True))]
        case "mark":
            return [("mark", message["mark"]["name"])]
        case "dtmf":
            return [("key", message["dtmf"]["digit"])]
    return []


def _ours(event: object) -> tuple[str, object]:
    match event:
        case AudioFrame():
            return ("audio", event.raw)
        case MarkReturned(name):
            return ("mark", name)
        case KeyPressed(key):
            return ("key", key)
    raise AssertionError(event)


@st.composite
def written(draw: st.DrawFn) -> str:
    """A good message in any of the ways that JSON may be written: order of keys, spaces, escapes, strangers' fields."""
    body: dict[str, Any] = draw(
        st.one_of(
            st.builds(
                lambda raw, chunk: {
                    "event": "media",
                    "media": {
                        "track": "inbound",
                        "chunk": chunk,
                        "timestamp": "20",
                        "payload": base64.b64encode(raw).decode(),
                    },
                },
                st.binary(min_size=1, max_size=400),
                st.sampled_from(["1", 1, "170"]),
            ),
            st.builds(
                lambda name: {"event": "mark", "mark": {"name": name}},
                st.text(st.characters(exclude_categories=["Cs"])),
            ),
            st.builds(lambda key: {"event": "dtmf", "dtmf": {"digit": key}}, st.sampled_from("0123456789*#ABCD")),
        )
    )
    body["streamSid"] = "MZ51aa"
    body["sequenceNumber"] = "2"
    if draw(st.booleans()):
        body["extra"] = draw(st.recursive(st.none() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))

    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        keys = draw(st.permutations(list(value)))
        return {key: shuffled(value[key]) for key in keys}

    text = json.dumps(
        shuffled(body),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])),
    )
    if draw(st.booleans()):
        text = text.replace("/", "\\/")
    if draw(st.booleans()):
        text = text.replace("media", "\\u006dedia")
    return text


@given(written())
@settings(max_examples=300)
def test_a_message_means_the_same_however_it_is_written(text: str) -> None:
    events = [_ours(event) for event in started_stream().receive(text)]
    assert events == _plain_reading(text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["event", "streamSid", "start", "media", "dtmf", "mark", "stop", "payload", "chunk", "timestamp", "track", "digit"]
)


@given(
    st.one_of(
        st.text(max_size=60),
        st.binary(max_size=60),
        st.dictionaries(FIELDS, JSON_VALUES | st.sampled_from(["media", "start", "mark", "dtmf", "stop"])).map(
            json.dumps
        ),
        st.builds(
            lambda event, body: json.dumps({"event": event, event: body}),
            st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop"]),
            st.dictionaries(FIELDS, JSON_VALUES, max_size=4) | JSON_VALUES,
        ),
        st.builds(
            lambda at, put: media(tone(1), 1)[:at] + put + media(tone(1), 1)[at:],
            st.integers(0, 330),
            st.text(max_size=3),
        ),
        st.builds(lambda at: media(tone(1), 1)[:at], st.integers(0, 330)),
    ),
    st.booleans(),
)
@example("\ud800", True)
@example('{"event":"mark","mark":{"name":"\\ud800"}}', True)
@example('{"event":"media","media":{"payload":"\\ud800abc"}}', True)
@example('{"event":"media","streamSid":"null","media":{"payload":"AAAA"}}', True)
@settings(max_examples=400)
def test_no_message_raises_anything_but_a_protocol_error(message: str | bytes, has_started: bool) -> None:
    stream = started_stream() if has_started else new_stream()
    other = started_stream()
    events: list[Any] = []
    with contextlib.suppress(StreamProtocolError):
        events = stream.receive(message)
    for event in events:
        if isinstance(event, AudioFrame):
            assert event.size_bytes == len(event.raw)  # what was let in can be decoded
    assert other.receive(media(tone(2), 1)) == [tone(2)]


# --- out --------------------------------------------------------------------------------------------------------------


def _sent_audio(messages: list[Any]) -> list[bytes]:
    told = [json.loads(message) for message in messages]
    return [base64.b64decode(message["media"]["payload"]) for message in told if message["event"] == "media"]


def test_whole_frames_go_out_as_they_came_base64_and_all() -> None:
    frame = AudioFrame(PCMU_8K, base64=tone(1, 1600).base64)
    (message,) = started_stream().send_audio(frame)
    assert json.loads(message) == {
        "event": "media",
        "streamSid": "MZ51aa",
        "media": {"payload": tone(1, 1600).base64.decode()},
    }


def test_a_mark_and_a_clear_are_what_twilio_knows() -> None:
    stream = started_stream()
    (asked,) = stream.send_mark('it7:1200 "é"')
    (cleared,) = stream.clear()
    assert json.loads(asked) == {"event": "mark", "streamSid": "MZ51aa", "mark": {"name": 'it7:1200 "é"'}}
    assert json.loads(cleared) == {"event": "clear", "streamSid": "MZ51aa"}


def test_what_is_less_than_a_frame_waits_and_a_mark_sends_it() -> None:
    stream = started_stream()
    assert stream.send_audio(AudioFrame(PCMU_8K, b"a" * 100)) == []
    assert _sent_audio(stream.send_audio(AudioFrame(PCMU_8K, b"b" * 100))) == [b"a" * 100 + b"b" * 60]
    rest, asked = stream.send_mark("end")
    assert _sent_audio([rest]) == [b"b" * 40]
    assert json.loads(asked)["event"] == "mark"
    assert len(stream.send_mark("again")) == 1


def test_a_clear_forgets_what_waits() -> None:
    stream = started_stream()
    stream.send_audio(AudioFrame(PCMU_8K, b"a" * 100))
    stream.clear()
    assert _sent_audio(stream.send_audio(tone(1))) == [tone(1).raw]


def test_a_long_stretch_goes_out_in_messages_of_a_second() -> None:
    whole = tone(3, 20_000)
    assert [len(part) for part in _sent_audio(started_stream().send_audio(whole))] == [8000, 8000, 4000]


def test_audio_in_another_format_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="audio to the caller is pcm16/24000; this stream takes pcmu/8000"):
        started_stream().send_audio(AudioFrame(PCM16_24K, bytes(960)))


@given(st.lists(st.integers(0, 9000), max_size=8), st.booleans())
def test_no_byte_is_lost_and_messages_are_whole_frames_however_audio_is_cut(sizes: list[int], as_text: bool) -> None:
    stream = started_stream()
    whole = b""
    messages: list[Any] = []
    for index, size in enumerate(sizes):
        frame = tone(index, size)
        whole += frame.raw
        messages += stream.send_audio(AudioFrame(PCMU_8K, base64=frame.base64) if as_text else frame)
    parts = _sent_audio(messages)
    assert all(part and len(part) % 160 == 0 and len(part) <= 8000 for part in parts)
    assert b"".join(parts + _sent_audio(stream.send_mark("end"))) == whole
