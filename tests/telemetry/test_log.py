"""Logs: one road, one form, and a last wall that nothing passes."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.audio.format import PCMU_8K, AudioFrame
from gateway.privacy.redactor import Redactor
from gateway.settings.schema import LogSettings
from gateway.telemetry import wire
from gateway.telemetry.log import MAX_ITEMS, MAX_VALUE_CHARS, Redaction, bind_call, configure_logging

pytestmark = pytest.mark.usefixtures("fresh_logging")

CARD = "4242 4242 4242 4242"
KEY = "canary-key-0123456789"

Lines = Callable[[], list[dict[str, Any]]]


class Terminal(io.StringIO):
    """A stream that calls itself a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def lines() -> Lines:
    """Configure JSON logging and return what was written so far, as data."""
    stream = io.StringIO()
    configure_logging(LogSettings(form="json"), secrets=[SecretStr(KEY)], stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_its_facts(lines: Lines) -> None:
    structlog.get_logger().info("barge_in", heard_ms=1234, ok=True, ratio=0.5, nothing=None)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "barge_in",
        "level": "info",
        "heard_ms": 1234,
        "ok": True,
        "ratio": 0.5,
        "nothing": None,
    }


def test_the_calls_id_is_bound_once_and_stands_on_every_line(lines: Lines) -> None:
    bind_call("c-1")
    structlog.get_logger().info("one")
    logging.getLogger("uvicorn.error").warning("two")
    assert [(line["event"], line["call_id"]) for line in lines()] == [("one", "c-1"), ("two", "c-1")]


def test_libraries_take_the_same_road(lines: Lines) -> None:
    logging.getLogger("websockets.client").warning("peer said %s", f"Authorization: Bearer {KEY}")
    logging.getLogger("some.library").error("card %s", CARD)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"odd {CARD}", UserWarning, stacklevel=1)
    first, second, third = lines()
    assert (first["logger"], first["level"], first["event"]) == (
        "websockets.client",
        "warning",
        "peer said Authorization: Bearer **********",
    )
    assert second["event"] == "card [CARD]"
    assert "odd [CARD]" in third["event"]


@pytest.mark.parametrize("name", ["websockets.client", "websockets.server", "httpx", "uvicorn.error", "asyncio"])
def test_debug_lines_of_libraries_never_show(name: str) -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(level="debug", form="json"), trace_wire=True, stream=stream)
    logging.getLogger(name).debug("> Authorization: Bearer something")
    structlog.get_logger().debug("ours")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["ours"]


def test_levels_hold(lines: Lines) -> None:
    configure_logging(LogSettings(level="warning", form="json"), stream=(stream := io.StringIO()))
    structlog.get_logger().info("not shown")
    logging.getLogger("x").info("not shown")
    structlog.get_logger().warning("shown")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["shown"]
    assert lines() == []


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", io.StringIO(), True),
        ("auto", Terminal(), False),
        ("json", Terminal(), True),
        ("text", io.StringIO(), False),
    ],
)
def test_text_on_a_terminal_and_json_elsewhere(form: Any, stream: io.StringIO, is_json: bool) -> None:
    configure_logging(LogSettings(form=form), stream=stream)
    structlog.get_logger().info("call_started", number=CARD)
    written = stream.getvalue()
    assert "call_started" in written
    assert "[CARD]" in written
    assert written.startswith("{") is is_json


@dataclass
class Unknown:
    """A thing of nobody's making."""

    words: str


@pytest.mark.parametrize(
    "value",
    [
        CARD,
        4242424242424242,
        {"deep": [{"er": (CARD,)}]},
        {CARD: 1},
        {CARD},
        ValueError(CARD),
        Unknown(CARD),
        f"x {KEY} y",
        SecretStr("hidden-anyway"),
        {"api_key": "hidden-anyway", "Authorization": "hidden-anyway", "stream_token": "hidden-anyway"},
        "https://h/?token=hidden-anyway&x=1",
        "client_secret: hidden-anyway",
        '{"api_key": "hidden-anyway"}',
        "Authorization: Basic hidden-anyway",
        "key sk-proj-hiddenanyway0123456789",
        "+442079460958",
        "call +44 20 7946 0958",
        b"hidden-anyway",
        bytearray(b"hidden-anyway"),
        AudioFrame(PCMU_8K, raw=b"hidden-anyway"),
    ],
)
def test_nothing_forbidden_passes_the_last_wall(value: Any, lines: Lines) -> None:
    structlog.get_logger().info("event", value=value, again=[value])
    told = json.dumps(lines())
    for forbidden in ("4242 4242", "42424242", KEY, "hidden", "7946 0958", "442079460958"):
        assert forbidden not in told


def test_an_exception_is_told_redacted_and_without_local_variables(lines: Lines) -> None:
    words = "".join(["raw", "-", "transcript"])
    try:
        raise RuntimeError(f"peer sent {CARD} and {KEY}")
    except RuntimeError:
        structlog.get_logger().exception("failed")
        logging.getLogger("x").exception("failed there")
    ours, theirs = (line["exception"] for line in lines())
    for told in (ours, theirs):
        assert told.startswith("Traceback")
        assert told.endswith("RuntimeError: peer sent [CARD] and **********")
        assert words not in told


def test_a_traceback_on_a_terminal_shows_no_local_variables() -> None:
    stream = Terminal()
    configure_logging(LogSettings(), stream=stream)
    words = "".join(["raw", "-", "transcript"])
    try:
        raise RuntimeError("failed")
    except RuntimeError:
        structlog.get_logger().exception("failed")
    assert "RuntimeError: failed" in stream.getvalue()
    assert words not in stream.getvalue()


def test_redacted_text_is_written_as_it_is(lines: Lines) -> None:
    structlog.get_logger().info("said", text=Redactor().whole("caller", f"hello {CARD}"))
    assert lines()[0]["text"] == "hello [CARD]"


def test_long_values_lose_their_middle_and_long_lists_their_end(lines: Lines) -> None:
    structlog.get_logger().info("x", text="a" * 10_000, many=list(range(100)), pairs={str(n): n for n in range(30)})
    line = lines()[0]
    assert len(line["text"]) < MAX_VALUE_CHARS + 50
    assert "characters" in line["text"]
    assert line["many"][MAX_ITEMS:] == ["… 80 more"]
    assert line["pairs"]["…"] == "10 more"


def test_a_number_at_the_cut_of_a_huge_value_leaves_no_digits(lines: Lines) -> None:
    for at in range(5990, 6002):
        structlog.get_logger().info("x", text="a" * at + VISA_TWICE + "b" * 20_000)
    assert "4242" not in json.dumps(lines())


VISA_TWICE = f"{CARD} {CARD} "


def test_a_thing_inside_itself_ends(lines: Lines) -> None:
    loop: list[Any] = []
    loop.append(loop)
    structlog.get_logger().info("x", loop=loop)
    assert "items" in json.dumps(lines())


@pytest.mark.parametrize("text", ["a\x1b[31mred", "line\nbreak\x00", "\ud800 alone", "naïve 🙂 …"])
def test_no_character_breaks_a_line_or_a_terminal(text: str, lines: Lines) -> None:
    stream = io.StringIO()
    structlog.get_logger().info("x", text=text)
    assert len(lines()) == 1
    configure_logging(LogSettings(form="text"), stream=stream)
    structlog.get_logger().info(text, text=text)
    stream.getvalue().encode()
    assert "\x1b[31m" not in stream.getvalue()
    assert "\x00" not in stream.getvalue()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_whatever_is_logged_becomes_json(value: Any) -> None:
    clean = Redaction()(None, "info", {"event": "x", "value": value})
    json.dumps(clean).encode()


def test_configuring_again_starts_afresh_and_doubles_nothing() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging(LogSettings(form="json"), stream=first)
    configure_logging(LogSettings(form="json"), stream=second)
    logging.getLogger("x").warning("once")
    structlog.get_logger().info("twice")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 2


# --- the wire ---


def test_a_traced_message_shows_audio_as_bytes_and_no_digits_of_what_was_said() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(level="error", form="json"), trace_wire=True, stream=stream)
    assert wire.wire_shown()
    for message in (
        b'{"event":"media","streamSid":"MZ0123456789","media":{"payload":"AAAAAAAA","timestamp":"20"}}',
        '{"type":"response.output_audio.delta","item_id":"item_12345","delta":"AAAAAAAA"}',
        '{"type":"response.output_audio_transcript.delta","delta":"my card is 4242"}',
        '{"event":"start","start":{"customParameters":{"token":"hidden","account":"987654"},"from":"+442079460958"}}',
        '{"event":"dtmf","dtmf":{"digit":"7"}}',
        b"\xff not json",
        b"[1,",
    ):
        wire.trace("twilio", "in", message)
    told = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert json.loads(told[0]) == {
        "event": "media",
        "streamSid": "MZ0123456789",
        "media": {"payload": "<6 bytes of audio>", "timestamp": "20"},
    }
    assert json.loads(told[1])["delta"] == "<6 bytes of audio>"
    assert json.loads(told[2])["delta"] == "my card is ••••"
    assert json.loads(told[3])["start"]["customParameters"]["account"] == "<6 characters>"
    assert "hidden" not in told[3]
    assert "7946" not in told[3]
    assert json.loads(told[4])["dtmf"]["digit"] == "•"
    assert told[5:] == ["<10 bytes, not JSON>", "<3 bytes, not JSON>"]


def test_nothing_is_traced_unless_asked_for(lines: Lines) -> None:
    assert not wire.wire_shown()
    wire.trace("twilio", "out", b"{}")
    assert lines() == []
