"""What of a call's sound is kept: nothing of it before its words are known, and nothing that was masked."""

from __future__ import annotations

from gateway.bridge.commands import (
    AddMessage,
    DeleteItem,
    HoldRecording,
    LetRecordingGo,
    RunTool,
    SilenceRecording,
    Write,
)
from gateway.bridge.keeping import ASKED, BESIDE_MS, FORGOTTEN, HELD_AT_MOST_MS, WORDS_WITHIN_MS
from gateway.contracts.model import CallerTranscript, CallerTranscriptFailed, ToolAsked, UtteranceCommitted
from gateway.contracts.record import RecordingSilenced
from gateway.errors import Ending, Party
from tests.bridge.scene import Scene

CARD = "4111 1111 1111 1111"


def scene(**plan: object) -> Scene:
    made = Scene(**plan)  # type: ignore[arg-type]
    made.conversation.protect_recording()
    return made


def said(scene: Scene, text: str | None, item_id: str = "u1", *, ms: int = 2000) -> None:
    """The caller says something, which is written down as ``text``."""
    scene.caller_speaks(item_id)
    scene.line(ms)
    scene.caller_stops(item_id)
    scene.event(UtteranceCommitted(item_id, None))
    if text is not None:
        scene.event(CallerTranscript(item_id, text, final=True))


def silences(scene: Scene) -> list[SilenceRecording]:
    return [command for command in scene.commands if isinstance(command, SilenceRecording)]


def reasons(scene: Scene) -> list[str]:
    writes = [command.record for command in scene.commands if isinstance(command, Write)]
    return [str(record.why) for record in writes if isinstance(record, RecordingSilenced)]


def held(scene: Scene) -> set[str]:
    """Return the names of what is still held back."""
    names: set[str] = set()
    for command in scene.commands:
        if isinstance(command, HoldRecording):
            names.add(command.name)
        elif isinstance(command, LetRecordingGo):
            names.discard(command.name)
    return names


def test_plain_words_are_held_until_they_are_known_and_then_let_go() -> None:
    call = scene()
    call.line(1000)
    said(call, None)
    (hold,) = [command for command in call.commands if isinstance(command, HoldRecording)]
    assert (hold.name, hold.from_ms) == ("u1", 1000 - BESIDE_MS)
    assert held(call) == {"u1"}
    call.event(CallerTranscript("u1", "a table for two, please", final=True))
    assert held(call) == set()
    assert silences(call) == []


def test_a_card_number_is_silent_from_before_its_first_word_to_after_its_last() -> None:
    call = scene()
    call.line(1000)
    said(call, f"it is {CARD}", ms=3000)
    (silence,) = silences(call)
    assert silence.start_ms == 1000 - BESIDE_MS
    assert silence.end_ms == 1000 + 3000 - 500 + BESIDE_MS  # less the silence that ended the turn
    assert reasons(call) == ["card_data"]
    order = [type(command) for command in call.commands if isinstance(command, SilenceRecording | LetRecordingGo)]
    assert order == [SilenceRecording, LetRecordingGo], "silenced before it may be written"


def test_digits_that_only_the_next_turn_makes_a_card_number_are_held_till_then() -> None:
    call = scene()
    said(call, "my card number is four one one one one one one one", "u1")
    said(call, "one one one one one one one one", "u2")
    assert held(call) == set()
    assert len(silences(call)) == 2
    assert set(reasons(call)) == {"card_data"}


def test_speech_without_words_is_silent_after_ten_seconds_or_when_they_fail() -> None:
    call = scene()
    said(call, None, "late")
    call.wait(WORDS_WITHIN_MS - 1)
    assert silences(call) == []
    call.wait(1)
    said(call, None, "failed")
    call.event(CallerTranscriptFailed("failed", "too_noisy"))
    assert reasons(call) == ["words_late", "no_words"]
    assert held(call) == set()


def test_words_that_come_too_late_are_still_looked_at() -> None:
    call = scene()
    said(call, None)
    call.wait(WORDS_WITHIN_MS)
    call.event(CallerTranscript("u1", CARD, final=True))
    assert reasons(call) == ["words_late", "card_data"]


def test_speech_without_end_does_not_fill_the_memory() -> None:
    call = scene()
    call.caller_speaks()
    call.wait(HELD_AT_MOST_MS)
    (silence,) = silences(call)
    assert silence.end_ms == HELD_AT_MOST_MS + BESIDE_MS
    assert held(call) == {"u1"}


def test_what_is_undecided_when_the_call_ends_is_silent() -> None:
    call = scene()
    said(call, None)
    call.caller_speaks("u2")
    ended = call.conversation.ended(Ending(Party.CALLER, "hung_up"), call.now_ms, dropped_ms=0)
    call.commands += ended
    assert len(silences(call)) == 2
    assert reasons(call) == ["no_words", "no_words"]
    assert held(call) == set()


def test_what_the_agent_reads_back_is_silent_too() -> None:
    call = scene()
    said(call, f"my card is {CARD}")
    call.answer(3000, f"So that is {CARD}, right?")
    call.hear(4000)
    assert reasons(call) == ["card_data", "card_data"]
    assert held(call) == set()


def test_speech_that_the_next_session_hears_again_is_judged_by_what_that_one_writes_down() -> None:
    call = scene()
    call.line(1000)
    call.caller_speaks("u1")
    call.line(1000)
    call.lost()
    call.another_session()
    assert held(call) == {"u1"}
    call.caller_speaks("u2")
    call.line(500)
    call.caller_stops("u2")
    call.event(CallerTranscript("u2", "nothing secret at all", final=True))
    assert held(call) == set()
    assert silences(call) == []


def test_speech_that_no_session_hears_again_is_silent() -> None:
    call = scene()
    call.caller_speaks("u1")
    call.line(1000)
    call.lost()
    call.another_session()
    call.line(WORDS_WITHIN_MS + 100)
    assert reasons(call) == ["no_words"]
    assert held(call) == set()


def test_without_a_recording_nothing_is_said_of_one() -> None:
    call = Scene()
    said(call, CARD)
    assert silences(call) == []
    assert reasons(call) == []
    assert held(call) == set()


# --- what the model is told ------------------------------------------------------------------------------------------


def test_an_item_with_a_card_number_leaves_the_models_memory_once() -> None:
    call = Scene()
    said(call, f"my card is {CARD}, expiry twelve twenty nine, code 123")
    assert [command.item_id for command in call.commands if isinstance(command, DeleteItem)] == ["u1"]
    assert [command.text for command in call.commands if isinstance(command, AddMessage)] == [FORGOTTEN]
    said(call, "thank you", "u2")
    assert len([command for command in call.commands if isinstance(command, DeleteItem)]) == 1


def test_no_session_that_follows_is_told_of_a_card_number() -> None:
    call = Scene()
    said(call, "hello there")
    said(call, f"my card is {CARD}", "u2")
    call.answer(1000, "Thank you.")
    call.hear(2000)
    call.lost()
    told = repr(
        [getattr(one, "text", "") for command in call.another_session() for one in getattr(command, "said", ())]
    )
    assert "hello there" in told
    assert "4111" not in told


def test_no_tool_is_asked_and_no_answer_given_with_a_card_number_in_it() -> None:
    call = Scene(tools=["lookup"])
    said(call, "look it up")
    call.response("r1")
    call.event(ToolAsked("r1", "i9", "t1", "lookup", '{"card": "4111111111111111", "order": "12345678"}'))
    (run,) = [command for command in call.commands if isinstance(command, RunTool)]
    assert "4111" not in run.arguments
    assert '"order": "12345678"' in run.arguments
    out = call.conversation.tool_finished("t1", '{"pan": "4111 1111 1111 1111", "ok": true}', call.now_ms, ok=True)
    assert "4111" not in "".join(getattr(command, "output", "") for command in out if hasattr(command, "output"))


# --- while card data is asked for ------------------------------------------------------------------------------------


def asks(call: Scene, text: str, number: int = 1, *, ms: int = 1000) -> float:
    """The agent says something, and is heard out; return when."""
    call.answer(ms, text, response_id=f"r{number}", item_id=f"i{number}")
    call.hear(ms + 100)
    return call.now_ms


def test_nothing_is_kept_from_the_question_for_a_card_until_the_talk_has_moved_on() -> None:
    call = scene(idle=Scene.quiet())
    call.line(500)
    asks(call, "Please tell me your card number.")
    assert held(call) == {ASKED}
    call.line(1500)
    said(call, CARD, "u1")
    asks(call, "Thank you. Which day would you like to come?", 2)
    assert held(call) == set()
    asked = [one for one in call.records(RecordingSilenced) if one.why == ASKED]
    assert len(asked) == 1
    assert 1500 - BESIDE_MS <= asked[0].at_ms <= 1700, "from the question's end"
    assert asked[0].until_ms >= 500 + 1100 + 1500 + 2000 - 500


def test_a_question_that_is_never_answered_mutes_for_two_minutes_and_no_longer() -> None:
    call = scene(idle=Scene.quiet(), deadline_ms=600_000)
    asks(call, "Please tell me your card number.")
    call.wait(HELD_AT_MOST_MS + 10_000)
    assert held(call) == {ASKED}
    call.wait(HELD_AT_MOST_MS + 10_000)
    assert held(call) == set()
    assert set(reasons(call)) == {ASKED}


def test_an_ordinary_question_mutes_nothing() -> None:
    call = scene(idle=Scene.quiet())
    asks(call, "Which day would you like to come?")
    said(call, "on the fourth of may", "u1")
    assert held(call) == set()
    assert silences(call) == []


def test_the_keypad_is_offered_once_in_a_call() -> None:
    call = Scene()
    said(call, f"my card is {CARD}", "u1")
    said(call, "I said 5555 5555 5555 4444", "u2")
    assert [command.item_id for command in call.commands if isinstance(command, DeleteItem)] == ["u1", "u2"]
    assert [command.text for command in call.commands if isinstance(command, AddMessage)] == [FORGOTTEN]
