"""The checkers themselves: that they catch what they are there for."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.conformance import snapshot
from tests.conformance.official import CLIENT, SERVER, NotOfficial, check
from tests.conformance.order import OrderChecker, OutOfOrder
from tests.conformance.ranges import OutOfRange, check_ranges
from tests.conformance.tap import Tap
from tests.offline.rig import Rig, hears

Event = dict[str, Any]


def test_the_official_unions_have_the_known_sizes() -> None:
    assert (len(SERVER), len(CLIENT)) == (46, 11)


@pytest.mark.parametrize(
    ("side", "event", "message"),
    [
        ("server", {"type": "session.sung", "event_id": "e"}, "is not one of the official"),
        ("server", {"type": "response.cancelled", "event_id": "e"}, "is not one of the official"),
        ("server", {"type": "conversation.item.deleted", "event_id": "e"}, "item_id: Field required"),
        ("server", {"type": "conversation.item.deleted", "event_id": "e", "item_id": 4}, "valid string"),
        ("server", {"type": "conversation.item.deleted", "event_id": "e", "item_id": "i", "x": 1}, "undeclared"),
        (
            "server",
            {
                "type": "response.content_part.added", "event_id": "e", "response_id": "r", "item_id": "i",
                "output_index": 0, "content_index": 0, "part": {"type": "output_audio"},
            },
            "part.type",
        ),
        ("client", {"type": "session.update", "session": {"instructions": "x"}}, "type: Field required"),
        ("client", {"type": "session.update", "session": {"type": "realtime", "temperature": 1}}, "temperature"),
        ("client", {"type": "input_audio_buffer.append", "audio": "", "obfuscation": "x"}, "undeclared"),
        ("client", {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1.5},
         "audio_end_ms"),
        ("client", {"type": "response.create", "response": {"input": [{"type": "item_reference"}]}}, "id: Field"),
        ("client", {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "i", "n": 1}]}},
         "undeclared"),
    ],
)  # fmt: skip
def test_what_is_not_official_is_caught(side: Any, event: Event, message: str) -> None:
    with pytest.raises(NotOfficial, match=message):
        check(event, side)


def test_what_was_let_through_undeclared_is_named() -> None:
    event = Rig().events[0]
    assert set(check(event, "server").undeclared) == {"session.id", "session.object", "session.expires_at"}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"type": "input_audio_buffer.append", "audio": "%%"}, "not base64"),
        ({"type": "session.update", "session": {"output_modalities": ["text", "audio"]}}, "exactly one"),
        ({"type": "session.update", "session": {"audio": {"output": {"speed": 2}}}}, "speed is 2"),
        (
            {"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"idle_timeout_ms": 10}}}}},
            "idle_timeout_ms is 10",
        ),
        ({"type": "session.update", "session": {"tools": [{"type": "function"}]}}, "needs a name"),
        ({"type": "conversation.item.create", "item": {"id": "i" * 33}}, "33 characters"),
        ({"type": "response.create", "response": {"max_output_tokens": 9000}}, "max_output_tokens"),
        ({"type": "response.create", "response": {"metadata": {"k": "v" * 600}}}, "at most 16"),
        ({"type": "conversation.item.truncate", "audio_end_ms": -1}, "audio_end_ms is -1"),
    ],
)
def test_what_the_types_let_through_is_caught_by_the_ranges(event: Event, message: str) -> None:
    with pytest.raises(OutOfRange, match=message):
        check_ranges(event)


# --- order: take a good session and spoil it ------------------------------------------------------------------------


def good_session() -> list[tuple[str, Event]]:
    """Return a turn with a transcript and a spoken answer, then a tool call, as (side, event)."""
    log: list[tuple[str, Event]] = []

    class Recorder(OrderChecker):
        def client(self, event: Any) -> None:
            log.append(("client", copy.deepcopy(event)))

        def server(self, event: Any) -> None:
            log.append(("server", copy.deepcopy(event)))

    rig = Rig(do=hears("parking"))
    rig.order = Recorder()
    log.append(("server", rig.events[0]))
    tools = [{"type": "function", "name": "end_call", "parameters": {"type": "object", "properties": {}}}]
    rig.update(
        instructions="FACTS: parking = We have forty spaces.",
        tools=tools,
        audio={"input": {"transcription": {"model": "m"}}},
    )
    rig.speak_turn()
    rig.run_out()
    rig.do = hears("end call")
    rig.speak_turn()
    rig.run_out()
    return log


GOOD = good_session()


def replay(log: list[tuple[str, Event]]) -> None:
    order = OrderChecker()
    for side, event in log:
        order.server(event) if side == "server" else order.client(event)
    order.finish()


def index_of(kind: str, number: int = 0) -> int:
    return [index for index, (_, event) in enumerate(GOOD) if event["type"] == kind][number]


def test_a_good_session_passes() -> None:
    replay(GOOD)


NEEDED = [
    "session.created",
    "session.updated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
]


@pytest.mark.parametrize("kind", NEEDED)
def test_an_event_that_is_lost_is_noticed(kind: str) -> None:
    at = index_of(kind)
    with pytest.raises(OutOfOrder):
        replay(GOOD[:at] + GOOD[at + 1 :])


ONCE = [kind for kind in NEEDED if not kind.endswith(".delta") and kind != "rate_limits.updated"]


@pytest.mark.parametrize("kind", ONCE)
def test_an_event_that_comes_twice_is_noticed(kind: str) -> None:
    at = index_of(kind)
    again = {**GOOD[at][1], "event_id": "event_again"}
    with pytest.raises(OutOfOrder):
        replay([*GOOD[: at + 1], ("server", again), *GOOD[at + 1 :]])


@pytest.mark.parametrize(
    "kind",
    [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ],
)
def test_events_that_change_places_are_noticed(kind: str) -> None:
    at = index_of(kind)
    swapped = [*GOOD]
    swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
    with pytest.raises(OutOfOrder):
        replay(swapped)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("input_audio_buffer.speech_stopped", "item_id", "item_other"),
        ("input_audio_buffer.speech_stopped", "audio_end_ms", 0),
        ("conversation.item.done", "previous_item_id", "item_other"),
        ("response.output_item.added", "output_index", 1),
        ("response.content_part.added", "content_index", 1),
        ("response.output_audio.delta", "item_id", "item_other"),
        ("response.output_audio.delta", "delta", "AAAA"),
        ("response.output_audio_transcript.done", "transcript", "other words"),
        ("response.function_call_arguments.done", "arguments", "{ }"),
        ("response.function_call_arguments.done", "call_id", "call_other"),
    ],
)
def test_an_event_that_does_not_fit_the_others_is_noticed(kind: str, field: str, value: object) -> None:
    at = index_of(kind)
    spoilt = {**GOOD[at][1], field: value}
    if kind == "input_audio_buffer.speech_stopped" and field == "audio_end_ms":
        at = index_of(kind, 1)
        spoilt = {**GOOD[at][1], field: value}
    with pytest.raises(OutOfOrder):
        replay([*GOOD[:at], ("server", spoilt), *GOOD[at + 1 :]])


def test_an_answer_that_nobody_asked_for_is_noticed() -> None:
    with pytest.raises(OutOfOrder, match="nobody asked"):
        replay([GOOD[0], ("server", {"type": "input_audio_buffer.cleared", "event_id": "e"})])


def test_an_unanswered_client_event_is_noticed_unless_an_error_names_it() -> None:
    asked = ("client", {"type": "input_audio_buffer.commit", "event_id": "mine"})
    with pytest.raises(OutOfOrder, match="never answered"):
        replay([GOOD[0], asked])
    replay([GOOD[0], asked, ("server", {"type": "error", "event_id": "e", "error": {"event_id": "mine"}})])


# --- the snapshot ---------------------------------------------------------------------------------------------------


def test_the_stored_snapshot_is_the_installed_package_if_the_versions_agree() -> None:
    installed, reference = snapshot.take(), snapshot.stored()
    if installed["openai"] == reference["openai"]:
        assert snapshot.changes(reference, installed) == []
    assert reference["server"].keys() >= {"session.created", "response.done", "error"}


def test_a_newer_package_is_told_apart() -> None:
    old = snapshot.stored()
    new = copy.deepcopy(old)
    del new["server"]["error"]
    new["server"]["response.sung"] = {"event_id": "required | string"}
    new["client"]["response.cancel"]["why"] = "string"
    del new["client"]["response.cancel"]["response_id"]
    new["client"]["input_audio_buffer.append"]["audio"] = "number"
    assert snapshot.changes(old, new) == [
        "server event added: response.sung",
        "server event removed: error",
        "client input_audio_buffer.append: field changed: audio: required | string -> number",
        "client response.cancel: field removed: response_id",
        "client response.cancel: field added: why (string)",
    ]


# --- the tap --------------------------------------------------------------------------------------------------------


async def test_the_tap_passes_everything_and_keeps_what_is_wrong() -> None:
    async def answer(socket: ServerConnection) -> None:
        await socket.send(json.dumps(GOOD[0][1]))
        await socket.recv()
        await socket.send(json.dumps({"type": "response.sung", "event_id": "e1"}))
        await socket.close(3000, "enough")

    async with serve(answer, "127.0.0.1", 0) as upstream:
        port = upstream.sockets[0].getsockname()[1]
        tap = Tap(f"ws://127.0.0.1:{port}/v1/realtime")
        async with tap, connect(f"{tap.url}?model=m", proxy=None) as client:
            await client.recv()
            await client.send(json.dumps({"type": "input_audio_buffer.clear"}))
            assert json.loads(await client.recv())["type"] == "response.sung"
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 3000
    assert tap.sessions[0].types("client") == ["input_audio_buffer.clear"]
    assert tap.problems == ["server: server event 'response.sung' is not one of the official 46"]
    with pytest.raises(AssertionError):
        tap.assert_clean()


async def test_the_tap_hands_a_refusal_on() -> None:
    async def refuse(socket: ServerConnection, request: object) -> Any:
        return socket.respond(429, "later")

    async def never(socket: ServerConnection) -> None:
        await asyncio.Event().wait()

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as upstream:
        port = upstream.sockets[0].getsockname()[1]
        async with Tap(f"ws://127.0.0.1:{port}/v1/realtime") as tap:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"{tap.url}?model=m", proxy=None):
                    pass
    assert refused.value.response.status_code == 429
