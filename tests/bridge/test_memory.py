"""What the model's conversation holds, kept beside the session."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.commands import AddMessage, AddToolCall, AnswerTool, Command, DeleteItem, TruncateItem
from gateway.bridge.memory import LEFT_OUT, Memory
from gateway.bridge.responses import Purpose
from gateway.bridge.transcript import Item

PLENTY = 100_000


def spoken(item_id: str, text: str, *, heard_ms: int | None = 1000, of_ms: float = 1000) -> Item:
    """An item of the agent's that was played to its end, or was cut."""
    item = Item(item_id, "r1", Purpose.ANSWER, 1)
    item.text, item.received_ms, item.heard_ms = text, of_ms, heard_ms
    item.interrupted = heard_ms is not None and heard_ms < of_ms
    return item


def test_an_utterance_stands_where_it_was_committed() -> None:
    memory = Memory()
    memory.caller_words("u1", "tell", final=False)
    memory.agent_speaks(spoken("i1", "Go on."))
    memory.caller_said("u1", committed=True)
    memory.caller_words("u1", "Tell me.", final=True)
    assert memory.replay(PLENTY).said == (AddMessage("assistant", "Go on."), AddMessage("user", "Tell me."))


def test_words_that_come_late_fill_the_place_of_their_utterance() -> None:
    memory = Memory()
    memory.caller_said("u1", committed=True)
    memory.agent_speaks(spoken("i1", "Yes."))
    memory.caller_words("u1", "Is it open?", final=True)
    assert memory.replay(PLENTY).said[0] == AddMessage("user", "Is it open?")


def test_a_secret_item_is_told_to_no_other_session() -> None:
    memory = Memory()
    memory.caller_words("u1", "My code is blue.", final=True)
    memory.caller_words("u2", "Thank you.", final=True)
    memory.forget("u1")
    assert memory.replay(PLENTY).said == (AddMessage("user", "Thank you."),)
    assert memory.turns == 1


def test_replayed_items_have_ids_that_fit_and_are_never_used_twice() -> None:
    memory = Memory()
    for number in range(20):
        memory.caller_words(f"u{number}", f"words {number}", final=True)
    ids = [said.item_id for _ in range(5) for said in memory.replay(PLENTY).said]
    assert len(set(ids)) == 100
    assert all(item_id is not None and len(item_id) <= 32 for item_id in ids)


def test_what_is_said_of_an_item_is_said_under_the_id_that_the_session_knows() -> None:
    memory = Memory()
    memory.caller_words("u1", "Hello.", final=True)
    (said,) = memory.replay(PLENTY).said
    assert memory.told(DeleteItem("u1")) == [DeleteItem(said.item_id or "")]
    assert memory.replay(PLENTY).said == ()


def test_an_item_of_the_session_in_use_is_cut_as_ever() -> None:
    memory = Memory()
    memory.agent_speaks(spoken("i1", "one two three four", heard_ms=500))
    assert memory.told(TruncateItem("i1", 500)) == [TruncateItem("i1", 500)]


def test_an_item_of_an_earlier_session_is_written_anew() -> None:
    memory, item = Memory(), spoken("i1", "one two three four", heard_ms=None)
    memory.agent_speaks(item)
    (said,) = memory.replay(PLENTY).said
    item.heard_ms, item.interrupted = 500, True
    delete, add = memory.told(TruncateItem("i1", 500))
    assert delete == DeleteItem(said.item_id or "")
    assert add == AddMessage("assistant", "one two")
    assert memory.replay(PLENTY).said == (AddMessage("assistant", "one two"),)


def test_what_we_tell_the_model_is_remembered_with_an_id() -> None:
    memory = Memory()
    (added,) = memory.told(AddMessage("system", "The line is bad."))
    assert isinstance(added, AddMessage)
    assert added.item_id is not None
    memory.told(added)
    assert memory.replay(PLENTY).said == (AddMessage("system", "The line is bad."),)


def test_a_result_stands_behind_its_call_whenever_it_came() -> None:
    memory = Memory()
    memory.tool_asked("f1", "call_1", "look", "{}")
    memory.agent_speaks(spoken("i1", "One moment."))
    memory.told(AnswerTool("call_1", "found"))
    assert memory.replay(PLENTY).said == (
        AddToolCall("call_1", "look", "{}", ""),
        AnswerTool("call_1", "found"),
        AddMessage("assistant", "One moment."),
    )


def test_an_answer_to_a_call_that_nobody_made_is_passed_on_and_forgotten() -> None:
    memory = Memory()
    commands: list[Command] = memory.told(AnswerTool("call_9", "found"))
    assert commands == [AnswerTool("call_9", "found")]
    assert memory.replay(PLENTY).said == ()


@given(st.lists(st.integers(min_value=1, max_value=400), max_size=40), st.integers(min_value=0, max_value=3000))
def test_a_replay_is_the_unbroken_end_of_the_talk_and_counts_what_it_leaves_out(lengths: list[int], limit: int) -> None:
    memory = Memory()
    for number, length in enumerate(lengths):
        memory.caller_words(f"u{number}", "x" * length, final=True)
    replay = memory.replay(limit)
    told = [said.text for said in replay.said if isinstance(said, AddMessage) and said.role == "user"]
    assert told == ["x" * length for length in lengths[replay.left_out :]]
    assert replay.items + replay.left_out == len(lengths)
    notes = [said for said in replay.said if isinstance(said, AddMessage) and said.role == "system"]
    assert [note.text for note in notes] == ([LEFT_OUT] if replay.left_out else [])
    assert sum(8 + length // 3 for length in lengths[replay.left_out :]) <= limit or not told
