"""Items: adding, showing, cutting and deleting them, and what is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gateway.offline.report import session_report
from tests.offline.rig import Event, Rig, hears

TWELVE = "SAY: one two three four five six seven eight nine ten eleven twelve"


def user(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **more}


def spoken(rig: Rig, instructions: str = TWELVE) -> str:
    """Have something said to its end; return its item's id."""
    rig.send("response.create", response={"instructions": instructions})
    rig.run_out()
    return str(rig.last("response.done")["response"]["output"][0]["id"])


def remembered(rig: Rig, item_id: str) -> Any:
    report = session_report(rig.session, is_open=True, violations=[])
    return next(item for item in report.items if item.id == item_id)


def error_of(came: list[Event]) -> tuple[Any, Any]:
    assert [event["type"] for event in came] == ["error"]
    return came[0]["error"]["code"], came[0]["error"]["param"]


def test_truncation_cuts_the_sound_and_forgets_the_whole_transcript() -> None:
    rig = Rig()
    item_id = spoken(rig)
    came = rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1000)
    assert came[0] == {
        "type": "conversation.item.truncated",
        "event_id": came[0]["event_id"],
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": 1000,
    }
    shown = rig.send("conversation.item.retrieve", item_id=item_id)[0]["item"]["content"][0]
    assert "transcript" not in shown
    assert len(base64.b64decode(shown["audio"])) == 1000 * 48
    item = remembered(rig, item_id)
    assert (item.audio_ms, item.truncated_at_ms, item.text) == (1000.0, 1000, "one two three four")


def test_no_word_that_begins_after_the_cut_is_remembered() -> None:
    rig = Rig()
    item_id = spoken(rig)
    for heard_ms, words in ((900, "one two three"), (300, "one"), (299, "one"), (0, "")):
        rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=heard_ms)
        assert remembered(rig, item_id).text == words


def test_truncation_up_to_the_exact_end_is_taken_and_one_more_millisecond_is_not() -> None:
    rig = Rig()
    item_id = spoken(rig)
    came = rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=3601, event_id="e")
    assert error_of(came) == ("invalid_value", "audio_end_ms")
    assert came[0]["error"]["message"] == "audio content of 3600ms is already shorter than 3601ms"
    assert rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=3600)[0][
        "type"
    ].endswith("truncated")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"item_id": "item_none", "content_index": 0, "audio_end_ms": 0}, "item_truncate_invalid_item_id", "item_id"),
        ({"item_id": "written", "content_index": 0, "audio_end_ms": 0}, "unsupported_content_type", "item_id"),
        ({"item_id": "answer", "content_index": 0, "audio_end_ms": 0}, "unsupported_content_type", "item_id"),
        ({"item_id": "SPOKEN", "content_index": 1, "audio_end_ms": 0}, "invalid_value", "content_index"),
    ],
)
def test_what_may_not_be_truncated(fields: dict[str, Any], code: str, param: str) -> None:
    rig = Rig()
    rig.send("conversation.item.create", item=user(id="written"))
    answer = {
        "type": "message", "role": "assistant", "id": "answer", "content": [{"type": "output_text", "text": "Yes"}],
    }  # fmt: skip
    rig.send("conversation.item.create", item=answer)
    item_id = spoken(rig)
    fields = {**fields, "item_id": item_id if fields["item_id"] == "SPOKEN" else fields["item_id"]}
    came = rig.send("conversation.item.truncate", event_id="cut", **fields)
    assert error_of(came) == (code, param)
    assert came[0]["error"]["event_id"] == "cut"
    assert rig.session.ledger.truncations[-1]["refused"] == code


def test_an_item_can_be_cut_while_it_is_still_being_said() -> None:
    rig = Rig()
    rig.send("response.create", response={"instructions": TWELVE})
    rig.run(100)
    item_id = rig.last("response.output_item.added")["item"]["id"]
    rig.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=500)
    rig.run_out()
    item = remembered(rig, item_id)
    assert (item.audio_ms, item.text) == (500.0, "one two")
    shown = rig.send("conversation.item.retrieve", item_id=item_id)[0]["item"]["content"][0]
    assert "transcript" not in shown


def test_a_cancelled_item_remembers_what_was_sent_and_no_more() -> None:
    rig = Rig()
    rig.send("response.create", response={"instructions": TWELVE})
    rig.run(60)
    response_id = rig.last("response.created")["response"]["id"]
    rig.send("response.cancel", response_id=response_id)
    item_id = rig.last("response.done")["response"]["output"][0]["id"]
    sent = sum(len(base64.b64decode(event["delta"])) for event in rig.of("response.output_audio.delta")) / 48
    assert remembered(rig, item_id).audio_ms == sent
    assert rig.last("response.done")["response"]["status_details"]["reason"] == "client_cancelled"


def test_deleting_takes_an_item_out_of_memory() -> None:
    rig = Rig()
    item_id = spoken(rig)
    assert rig.send("conversation.item.delete", item_id=item_id)[0]["type"] == "conversation.item.deleted"
    assert len(rig.session.conversation) == 0
    assert error_of(rig.send("conversation.item.delete", item_id=item_id)) == (
        "item_delete_invalid_item_id",
        "item_id",
    )
    assert error_of(rig.send("conversation.item.retrieve", item_id=item_id)) == (
        "item_retrieve_invalid_item_id",
        "item_id",
    )


def test_an_item_deleted_while_it_is_said_ends_without_conversation_events() -> None:
    rig = Rig()
    rig.send("response.create", response={"instructions": TWELVE})
    rig.run(100)
    rig.send("conversation.item.delete", item_id=rig.last("response.output_item.added")["item"]["id"])
    rig.run_out()
    assert not rig.of("conversation.item.done")
    assert rig.last("response.done")["response"]["status"] == "completed"


def test_items_go_where_the_client_wants_them() -> None:
    rig = Rig()
    rig.send("conversation.item.create", item=user(id="b"))
    assert (
        rig.send("conversation.item.create", item=user(id="a"), previous_item_id="root")[0]["previous_item_id"] is None
    )
    assert rig.send("conversation.item.create", item=user(id="d"))[0]["previous_item_id"] == "b"
    assert rig.send("conversation.item.create", item=user(id="c"), previous_item_id="b")[0]["previous_item_id"] == "b"
    assert [entry.item.id for entry in rig.session.conversation.entries] == ["a", "b", "c", "d"]
    assert error_of(rig.send("conversation.item.create", item=user(), previous_item_id="none")) == (
        "invalid_value",
        "previous_item_id",
    )


def test_an_id_is_used_once() -> None:
    rig = Rig()
    rig.send("conversation.item.create", item=user(id="mine"))
    assert error_of(rig.send("conversation.item.create", item=user(id="mine"))) == ("invalid_value", "item.id")


def test_history_can_be_replayed_with_calls_and_their_outputs() -> None:
    rig = Rig()
    rig.send("conversation.item.create", item={"type": "message", "role": "system", "content": [
        {"type": "input_text", "text": "The caller is Ann."}]})  # fmt: skip
    rig.send("conversation.item.create", item=user("hello"))
    rig.send("conversation.item.create", item={"type": "message", "role": "assistant", "content": [
        {"type": "output_text", "text": "Hi"}]})  # fmt: skip
    rig.send(
        "conversation.item.create", item={"type": "function_call", "name": "f", "call_id": "call_1", "arguments": "{}"}
    )
    came = rig.send(
        "conversation.item.create", item={"type": "function_call_output", "call_id": "call_1", "output": ""}
    )
    assert [event["type"] for event in came] == ["conversation.item.added", "conversation.item.done"]
    assert "status" not in came[0]["item"]
    assert len(rig.session.conversation) == 5


def test_recorded_audio_can_be_put_in_as_an_item_and_is_heard() -> None:
    rig = Rig(do=hears("parking"))
    rig.update(instructions="FACTS: parking = Yes.")
    sound = base64.b64encode(b"\x11\x22" * 24 * 300).decode()
    item = {"type": "message", "role": "user", "id": "rec", "content": [{"type": "input_audio", "audio": sound}]}
    came = rig.send("conversation.item.create", item=item)
    assert "audio" not in came[0]["item"]["content"][0]
    rig.send("response.create")
    rig.run_out()
    assert rig.said() == "Yes."
    assert rig.send("conversation.item.retrieve", item_id="rec")[0]["item"]["content"][0]["audio"] == sound


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        ({"type": "message", "content": []}, "missing_required_parameter", "item.role"),
        ({"type": "poem"}, "invalid_value", "item.type"),
        ({"type": "message", "role": "user", "content": [{"type": "input_text"}]}, "missing_required_parameter",
         "item.content[0].text"),
        ({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "text"}]},
         "invalid_value", "item.content[1].type"),
        ({"type": "message", "role": "user", "content": [{"type": "output_text", "text": "a"}]}, "invalid_value",
         "item.content[0].type"),
        ({"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "a"}]},
         "invalid_value", "item.content[0].type"),
        ({"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "%%"}]}, "invalid_value",
         "item.content[0].audio"),
        ({"type": "message", "role": "user", "content": [], "mood": "good"}, "unknown_parameter", "item.mood"),
        ({"type": "message", "role": "user", "content": [], "name": "x"}, "unknown_parameter", "item.name"),
        ({"type": "function_call", "name": "f"}, "missing_required_parameter", "item.arguments"),
        ({"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c" * 33}, "invalid_value",
         "item.call_id"),
        ({"type": "function_call_output", "call_id": "none", "output": ""}, "invalid_tool_call_id", "item.call_id"),
        ({"type": "item_reference", "id": "x"}, "invalid_value", "item.type"),
    ],
)  # fmt: skip
def test_items_that_are_refused(item: dict[str, Any], code: str, param: str) -> None:
    rig = Rig()
    came = rig.send_raw({"type": "conversation.item.create", "item": item, "event_id": "mine"})
    assert error_of(came) == (code, param)
    assert came[0]["error"]["event_id"] == "mine"
    assert len(rig.session.conversation) == 0
