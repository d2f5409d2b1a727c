"""The short way for audio: it must find exactly what a parser finds, or nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.format import PCM16_24K, PCMU_8K, AudioFrame
from gateway.contracts.model import ItemAudio
from gateway.realtime import wire
from gateway.realtime.audio_path import DeltaFinder, append_message
from gateway.realtime.ga_reader import GaReader

TYPE = "response.output_audio.delta"


def delta(payload: bytes, event: str = "event_1", **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "type": TYPE,
        "event_id": event,
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(payload).decode(),
    }
    return fields | changes


def compact(fields: dict[str, Any]) -> bytes:
    return msgspec.json.encode(fields)


def learnt(fields: dict[str, Any], write: Any = compact) -> DeltaFinder:
    finder = DeltaFinder()
    message = write(fields)
    _, event = wire.parse(message)
    assert isinstance(event, wire.AudioDelta)
    finder.learn(message, event)
    return finder


def test_nothing_is_found_before_something_was_learnt() -> None:
    assert DeltaFinder().find(compact(delta(b"abc"))) is None


def test_the_second_delta_of_an_item_is_cut_and_not_parsed() -> None:
    finder = learnt(delta(b"first"))
    payload = bytes(range(255))
    found = finder.find(compact(delta(payload, event="event_77")))
    assert found == base64.b64encode(payload)
    assert (finder.response_id, finder.item_id) == ("resp_1", "item_1")


def test_a_bytearray_is_searched_as_well() -> None:
    assert learnt(delta(b"first")).find(bytearray(compact(delta(b"next")))) == base64.b64encode(b"next")


@pytest.mark.parametrize(
    "write",
    [
        lambda fields: json.dumps(fields).encode(),
        lambda fields: json.dumps(fields, indent=2).encode(),
        lambda fields: compact(dict(sorted(fields.items(), key=lambda pair: (pair[0] == "delta", pair[0])))),
    ],
    ids=["spaces", "lines", "another order"],
)
def test_spacing_and_order_are_learnt_too(write: Any) -> None:
    finder = learnt(delta(b"first"), write)
    assert finder.find(write(delta(b"next", event="e2"))) == base64.b64encode(b"next")


@pytest.mark.parametrize(
    "other",
    [
        delta(b"x", item_id="item_2"),
        delta(b"x", response_id="resp_2"),
        delta(b"x", type="response.output_text.delta"),
        delta(b"x", output_index=1),
        delta(b"x", late="field"),
        {"type": "response.done", "response": {"id": "resp_1"}},
        delta(b"x", event='e"1'),
        delta(b"x", event="e\\1"),
        delta(b"", delta="AAAA\\AAAA"),
        delta(b"", delta='AAAA"AAAA'),
        delta(b"", delta="AAA"),
        delta(b"", delta="äää="),
    ],
)
def test_whatever_differs_is_left_to_the_parser(other: dict[str, Any]) -> None:
    assert learnt(delta(b"first")).find(compact(other)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {name: value for name, value in delta(b"first").items() if name != "event_id"} | {"note": ""},
        delta(b"first", event=""),
        delta(b"first", event="resp_1"),
        delta(b"first", event=base64.b64encode(b"first").decode()),
        delta(b"first", event="type"),
        delta(b"first", late="a\nb"),
        {"delta": base64.b64encode(b"first").decode(), **{k: v for k, v in delta(b"x").items() if k != "delta"}},
    ],
    ids=["no id", "empty id", "id twice", "id is the payload", "id is a key", "escapes", "payload first"],
)
def test_what_is_in_doubt_is_not_learnt(fields: dict[str, Any]) -> None:
    finder = learnt(fields)
    assert finder.find(compact(fields)) is None


def test_a_message_cut_short_is_not_found() -> None:
    finder = learnt(delta(b"first"))
    whole = compact(delta(b"the next one", event="e2"))
    assert finder.find(whole) is not None
    assert all(finder.find(whole[:length]) is None for length in range(len(whole)))


def test_an_append_is_one_join() -> None:
    frame = AudioFrame(PCMU_8K, raw=b"\x00\xff\x7f")
    assert append_message(frame) == b'{"type":"input_audio_buffer.append","audio":"AP9/"}'


@pytest.mark.parametrize(("written", "raw"), [("AAE=", b"\x00\x01"), ("AAE", b"\x00\x01"), ("", None)])
def test_unpadded_audio_is_padded_and_empty_audio_is_nothing(written: str, raw: bytes | None) -> None:
    told = GaReader().read(compact(delta(b"", delta=written)))
    assert told == ([] if raw is None else [ItemAudio("resp_1", "item_1", AudioFrame(PCM16_24K, raw=raw))])


def test_slashes_that_were_escaped_are_read_as_slashes() -> None:
    frame = b"\xff" * 6
    message = compact(delta(frame)).replace(b"/", rb"\/")
    assert rb"\/" in message
    reader = GaReader()
    assert (
        reader.read(message)
        == reader.read(message)
        == [ItemAudio("resp_1", "item_1", AudioFrame(PCM16_24K, raw=frame))]
    )


# --- both ways agree -----------------------------------------------------------------------------------------------

words = st.text(st.sampled_from('ab1"\\/{},: _\n\u00e4'), max_size=6)
payloads = st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode()) | words
identifiers = st.sampled_from(["resp_1", "item_1", "event_1", "a", ":", ",", "", "type", "delta", TYPE]) | words


@st.composite
def streams(draw: Any) -> list[bytes]:
    """Messages of one session that are alike in most things and differ where it hurts."""
    order = draw(st.permutations(list(delta(b""))))
    write = draw(
        st.sampled_from(
            [
                lambda fields: compact(fields),
                lambda fields: json.dumps(fields).encode(),
                lambda fields: json.dumps(fields, ensure_ascii=False, indent=1).encode(),
                lambda fields: json.dumps(fields, separators=(",", ":")).replace("/", "\\/").encode(),
            ]
        )
    )
    base = delta(b"") | {name: draw(identifiers) for name in ("response_id", "item_id")}
    nested = draw(st.sampled_from([{}, {"x": {"type": TYPE, "delta": "AAAA"}}, {"note": ""}, {"delta2": "AAAA"}]))
    messages = []
    for _ in range(draw(st.integers(2, 6))):
        changes = {"event_id": draw(identifiers), "delta": draw(payloads)}
        if draw(st.integers(0, 5)) == 0:
            changes[draw(st.sampled_from(["item_id", "response_id", "type"]))] = draw(identifiers)
        fields = {name: (base | changes)[name] for name in order} | nested
        messages.append(write(fields))
    return messages


@settings(max_examples=400, deadline=None)
@given(streams())
def test_the_short_way_and_the_parser_agree(messages: list[bytes]) -> None:
    finder = DeltaFinder()
    for message in messages:
        kind, event = wire.parse(message)
        found = finder.find(message)
        if found is not None:
            assert isinstance(event, wire.AudioDelta), f"{kind} was taken for audio"
            assert (finder.response_id, finder.item_id) == (event.response_id, event.item_id)
            assert found.decode("ascii") == event.delta
        elif isinstance(event, wire.AudioDelta):
            finder.learn(message, event)


def test_the_differential_test_does_reach_the_short_way() -> None:
    finder = learnt(delta(b"first"))
    assert all(finder.find(compact(delta(bytes([n]) * n, event=f"event_{n}"))) is not None for n in range(1, 200))
