from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.format import PCM16_24K, AudioFrame
from gateway.contracts.leg import CallerWrote, FloorTaken, ImageShown, KeyPressed, MarkFate, MarkReturned, TurnEnded
from gateway.errors import Forbidden, StreamProtocolError
from gateway.legs.browser_leg import BrowserLeg
from gateway.legs.browser_resume import WRITTEN_MS, Cloakroom, Outbox
from gateway.legs.browser_wire import MISTAKES, BadMessage, BrowserWire, Ended, Limits, Sent


def says(wire: BrowserWire, **message: Any) -> Any:
    return wire.receive(json.dumps(message))


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def speech(ms: int, fill: int = 1) -> AudioFrame:
    return AudioFrame(PCM16_24K, raw=bytes([fill]) * (48 * ms))


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_audio_is_the_same_however_it_was_cut_but_for_a_last_odd_byte(raw: bytes, cuts: list[int]) -> None:
    wire = BrowserWire(16_000)
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[start:end] for start, end in itertools.pairwise(places)]
    frames = [says(wire, type="audio", audio=b64(piece)) for piece in pieces]
    assert b"".join(frame.raw for frame in frames if frame is not None) == raw[: len(raw) & ~1]
    assert all(frame.size_bytes % 2 == 0 for frame in frames if frame is not None)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "text", "text": "hello"}, CallerWrote("hello")),
        ({"type": "interrupt"}, FloorTaken()),
        ({"type": "commit"}, TurnEnded()),
        ({"type": "end"}, Ended()),
        ({"type": "key", "key": "#"}, KeyPressed("#")),
        ({"type": "image", "image": "data:image/png;base64,AAAA"}, ImageShown("data:image/png;base64,AAAA")),
    ],
)
def test_each_message_means_one_thing(message: dict[str, Any], event: object) -> None:
    assert says(BrowserWire(), **message) == event


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("[]", "not_json"),
        ("{", "not_json"),
        ("{}", "no_type"),
        ('{"type": 3}', "no_type"),
        ('{"type": "dance"}', "unknown_type"),
        ('{"type": "audio"}', "bad_audio"),
        ('{"type": "audio", "audio": "???"}', "bad_audio"),
        ('{"type": "text", "text": "  "}', "no_text"),
        ('{"type": "text", "text": "' + "x" * 41 + '"}', "text_too_long"),
        ('{"type": "key", "key": "12"}', "bad_key"),
        ('{"type": "heard", "at_ms": -1}', "bad_position"),
        ('{"type": "heard", "at_ms": true}', "bad_position"),
        ('{"type": "heard", "at_ms": "3"}', "bad_position"),
        ('{"type": "image", "image": "https://example.com/x.png"}', "bad_image"),
        ('{"type": "image", "image": "data:image/svg+xml;base64,AAAA"}', "bad_image"),
        ('{"type": "image", "image": "data:image/png;base64,' + "A" * 400 + '"}', "image_too_large"),
        ('{"type": "text", "text": "' + "x" * 900 + '"}', "message_too_large"),
        ('{"type": "start"}', "started"),
        ('{"type": "resume", "token": "x"}', "started"),
    ],
)
def test_what_can_not_be_taken_is_told_by_a_fixed_word(message: str, code: str) -> None:
    wire = BrowserWire(limits=Limits(message_bytes=800, image_bytes=100, text_characters=40))
    with pytest.raises(BadMessage) as bad:
        wire.receive(message)
    assert bad.value.code == code
    assert bad.value.message.endswith(".")


def test_a_page_that_makes_only_mistakes_is_closed() -> None:
    wire = BrowserWire()
    for _ in range(MISTAKES):
        with pytest.raises(BadMessage):
            wire.receive("{}")
    with pytest.raises(StreamProtocolError):
        wire.receive("{}")


def test_a_rate_that_no_page_has_is_refused() -> None:
    with pytest.raises(BadMessage):
        BrowserWire(8000)


def test_positions_count_all_that_was_ever_sent() -> None:
    wire = BrowserWire()
    first, second = wire.send_audio(speech(100)), wire.send_audio(speech(50))
    wire.clear()
    third = wire.send_audio(speech(20))
    assert [(one.from_ms, one.to_ms) for one in (first, second, third)] == [(0, 100), (100, 150), (150, 170)]
    told = json.loads(third.text)
    assert (told["type"], told["at_ms"], base64.b64decode(told["audio"])) == ("audio_delta", 150, speech(20).raw)


def test_a_report_passes_marks_and_says_how_far_past_the_latest_the_ear_is() -> None:
    wire = BrowserWire()
    wire.send_mark("1:0")
    wire.send_audio(speech(180))
    wire.send_mark("1:180")
    wire.send_audio(speech(180))
    assert says(wire, type="heard", at_ms=60) == MarkReturned("1:0", MarkFate.PLAYED, 60)
    assert says(wire, type="heard", at_ms=200) == MarkReturned("1:180", MarkFate.PLAYED, 20)
    assert says(wire, type="heard", at_ms=250) == MarkReturned("1:180", MarkFate.PLAYED, 70)
    assert says(wire, type="heard", at_ms=9999) == MarkReturned("1:180", MarkFate.PLAYED, 180)


def test_a_report_that_crossed_a_clear_on_the_way_proves_nothing() -> None:
    wire = BrowserWire()
    wire.send_mark("1:0")
    wire.send_audio(speech(500))
    wire.clear()
    wire.send_mark("2:0")
    wire.send_audio(speech(500))
    assert says(wire, type="heard", at_ms=300) is None
    assert says(wire, type="heard", at_ms=540) == MarkReturned("2:0", MarkFate.PLAYED, 40)


# --- coming back -----------------------------------------------------------------------------------------------------


def piece(start: int, end: int) -> Sent:
    return Sent(f"{start}-{end}", start, end)


def all_of(box: Outbox) -> list[str]:
    out = []
    while (text := box.next()) is not None:
        out.append(text)
    return out


def test_another_socket_gets_what_the_page_lacks_once_and_in_order() -> None:
    box = Outbox()
    for start in (0, 100, 200):
        box.put(piece(start, start + 100))
    assert all_of(box) == ["0-100", "100-200", "200-300"]
    box.put(Sent("words"))
    box.put(piece(300, 400))
    box.go_on_from(150)
    assert all_of(box) == ["100-200", "200-300", "words", "300-400"]


def test_a_page_that_does_not_say_what_it_has_gets_only_what_was_never_written() -> None:
    box = Outbox()
    box.put(piece(0, 100))
    all_of(box)
    box.put(piece(100, 200))
    box.go_on_from(None)
    assert all_of(box) == ["100-200"]


def test_a_clear_drops_audio_and_keeps_words() -> None:
    box = Outbox()
    box.put(piece(0, 100))
    all_of(box)
    box.put(piece(100, 200))
    box.put(Sent("words"))
    box.drop_audio()
    box.go_on_from(0)
    assert all_of(box) == ["words"]


def test_what_was_written_is_not_kept_for_ever() -> None:
    box = Outbox()
    for start in range(0, 3 * WRITTEN_MS, 1000):
        box.put(piece(start, start + 1000))
        box.next()
    box.go_on_from(0)
    assert len(box) == WRITTEN_MS // 1000


def test_a_token_opens_one_conversation_once_for_whom_it_was_made() -> None:
    room, leg = Cloakroom(), object.__new__(BrowserLeg)
    with pytest.raises(Forbidden):
        room.claim(room.ticket(leg, "anna"), "bert")
    token = room.ticket(leg, "anna")
    newer = room.ticket(leg, "anna")
    with pytest.raises(Forbidden):
        room.claim(token, "anna")
    assert room.claim(newer, "anna") is leg
    with pytest.raises(Forbidden):
        room.claim(newer, "anna")
