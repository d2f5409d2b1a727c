"""A long conversation: what is folded into a summary, and what is never dropped without a word."""

from __future__ import annotations

from typing import Any

from gateway.bridge.commands import AddMessage, AnswerTool, Command, DeleteItem, Respond, UseSession
from gateway.bridge.context import EARLIER
from gateway.bridge.memory import LEFT_OUT
from gateway.bridge.plan import WINDOW_TOKENS, ContextPlan, plan_call
from gateway.contracts.model import (
    CallerTranscript,
    ItemDone,
    ModelFault,
    ResponseDone,
    ResponseRequest,
    ResponseStatus,
    ToolAsked,
    Usage,
    UtteranceCommitted,
)
from gateway.contracts.record import ContextFolded, Fault
from gateway.settings.schema import EndpointSettings, PersonaSettings
from tests.bridge.banks import FakeLeg
from tests.bridge.scene import Scene
from tests.bridge.test_conversation import replaced

KEEP_TWO = ContextPlan(keep_turns=2)


def turn(scene: Scene, number: int, *, usage: Usage | None = None, words: str = "") -> None:
    """The caller says something and is answered, all of it heard."""
    scene.caller_speaks(f"u{number}")
    scene.line(200)
    scene.caller_stops(f"u{number}")
    scene.event(UtteranceCommitted(f"u{number}", None))
    scene.event(CallerTranscript(f"u{number}", f"question {number} {words}".strip(), final=True))
    scene.response(f"r{number}")
    scene.speech(f"r{number}", f"i{number}", 300, f"answer {number} {words}".strip(), done=True)
    scene.hear(400)
    scene.event(ResponseDone(f"r{number}", ResponseStatus.COMPLETED, usage=usage))


def summary_requests(scene: Scene) -> list[ResponseRequest]:
    return [command.request for command in scene.wanted(Respond) if command.request.tag.startswith("summary")]


def summarised(scene: Scene, text: str = "They asked, and were answered.") -> list[Command]:
    """The model writes the summary that was asked for."""
    scene.response("s1", summary_requests(scene)[-1].tag, out_of_band=True)
    commands = scene.event(ItemDone("s1", "si1", text))
    scene.response_done("s1")
    return commands


def replayed(scene: Scene) -> list[Any]:
    scene.lost()
    (use,) = [command for command in scene.another_session() if isinstance(command, UseSession)]
    return list(use.said)


def test_twice_the_turns_that_are_kept_ask_for_a_summary_of_the_older_half() -> None:
    scene = Scene(context=KEEP_TWO)
    for number in (1, 2, 3):
        turn(scene, number)
    assert summary_requests(scene) == []
    turn(scene, 4)
    (request,) = summary_requests(scene)
    assert request.out_of_band
    assert request.text_only
    assert request.without_history
    assert request.instructions is not None
    assert request.instructions.endswith("caller: question 1\nagent: answer 1\ncaller: question 2\nagent: answer 2")


def test_what_the_summary_stands_for_is_deleted_once_it_is_in() -> None:
    scene = Scene(context=KEEP_TWO)
    for number in (1, 2, 3, 4):
        turn(scene, number)
    assert scene.wanted(DeleteItem) == []
    commands = [command for command in summarised(scene) if isinstance(command, AddMessage | DeleteItem)]
    assert commands == [
        AddMessage("system", EARLIER + "They asked, and were answered."),
        DeleteItem("u1"),
        DeleteItem("i1"),
        DeleteItem("u2"),
        DeleteItem("i2"),
    ]
    assert scene.records(ContextFolded)[0].items == 4


def test_another_session_is_told_the_summary_first_and_then_the_latest_turns() -> None:
    scene = Scene(context=KEEP_TWO)
    for number in (1, 2, 3, 4):
        turn(scene, number)
    summarised(scene)
    assert [said.text for said in replayed(scene)] == [
        EARLIER + "They asked, and were answered.",
        "question 3",
        "answer 3",
        "question 4",
        "answer 4",
    ]


def test_the_next_summary_has_the_one_before_it_in_it() -> None:
    scene = Scene(context=KEEP_TWO)
    for number in (1, 2, 3, 4):
        turn(scene, number)
    summarised(scene)
    for number in (5, 6):
        turn(scene, number)
    request = summary_requests(scene)[-1]
    assert request.instructions is not None
    assert f"note: {EARLIER}They asked, and were answered.\ncaller: question 3\n" in request.instructions
    deleted = [command.item_id for command in summarised(scene, "More.") if isinstance(command, DeleteItem)]
    assert deleted[1:] == ["u3", "i3", "u4", "i4"]


def test_a_tool_goes_with_its_result() -> None:
    scene = Scene(context=KEEP_TWO, tools=["look"])
    turn(scene, 1)
    scene.response("rt")
    scene.event(ToolAsked("rt", "f1", "call_1", "look", "{}"))
    scene.response_done("rt")
    answered = scene._take(scene.conversation.tool_finished("call_1", '{"at": "sea"}', scene.now_ms, ok=True))
    (output,) = [command for command in answered if isinstance(command, AnswerTool)]
    scene.answer(300, "At sea.", response_id="ra", item_id="ia", tag=scene.tag("answer"))
    scene.hear(400)
    for number in (2, 3, 4):
        turn(scene, number)
    request = summary_requests(scene)[0]
    assert request.instructions is not None
    assert 'tool: look({}) = {"at": "sea"}\n' in request.instructions
    deleted = [command.item_id for command in summarised(scene) if isinstance(command, DeleteItem)]
    assert deleted == ["u1", "i1", "f1", output.item_id, "ia", "u2", "i2"]


def test_a_tool_that_still_runs_is_not_folded() -> None:
    scene = Scene(context=KEEP_TWO, tools=["look"])
    turn(scene, 1)
    scene.response("rt")
    scene.event(ToolAsked("rt", "f1", "call_1", "look", "{}"))
    scene.response_done("rt")
    for number in (2, 3, 4):
        turn(scene, number)
    request = summary_requests(scene)[0]
    assert request.instructions is not None
    assert request.instructions.endswith("caller: question 1\nagent: answer 1")


def test_a_full_window_folds_ahead_of_time() -> None:
    scene = Scene(context=ContextPlan(keep_turns=2, window_tokens=10_000))
    turn(scene, 1)
    turn(scene, 2)
    turn(scene, 3, usage=Usage(input_text=1000, input_audio=7500))
    assert len(summary_requests(scene)) == 1


def test_a_caller_who_speaks_does_not_stop_the_summary() -> None:
    scene = Scene(context=KEEP_TWO)
    for number in (1, 2, 3, 4):
        turn(scene, number)
    scene.caller_speaks("u5")
    assert [command for command in summarised(scene) if isinstance(command, DeleteItem)]


def test_nobody_waits_for_a_summary() -> None:
    scene = Scene(context=KEEP_TWO, idle=Scene.quiet())
    for number in (1, 2, 3, 4):
        turn(scene, number)
    scene.wait(20_000)
    assert [str(fault.kind) for fault in scene.records(Fault)] == []


def test_a_summary_that_fails_drops_nothing_and_is_asked_for_again() -> None:
    scene = Scene(context=KEEP_TWO)
    for number in (1, 2, 3, 4):
        turn(scene, number)
    scene.response("s1", summary_requests(scene)[0].tag, out_of_band=True)
    scene.response_done("s1", ResponseStatus.FAILED)
    assert scene.wanted(DeleteItem) == []
    assert "summary_failed" in [fault.kind for fault in scene.records(Fault)]
    turn(scene, 5)
    assert len(summary_requests(scene)) == 2


def test_a_summary_that_is_refused_is_asked_for_again() -> None:
    scene = Scene(context=KEEP_TWO)
    for number in (1, 2, 3, 4):
        turn(scene, number)
    scene.event(ModelFault("invalid_value", "no", "respond", summary_requests(scene)[0].tag))
    turn(scene, 5)
    assert len(summary_requests(scene)) == 2


def test_an_empty_summary_stands_for_nothing() -> None:
    scene = Scene(context=KEEP_TWO)
    for number in (1, 2, 3, 4):
        turn(scene, number)
    assert [command for command in summarised(scene, "  ") if isinstance(command, DeleteItem)] == []


def test_an_endpoint_that_writes_nothing_beside_is_told_of_once() -> None:
    scene = Scene(context=KEEP_TWO, model=replaced(out_of_band=False))
    for number in range(1, 7):
        turn(scene, number)
    assert summary_requests(scene) == []
    assert [str(fault.kind) for fault in scene.records(Fault)] == ["context_unsummarised"]


def test_an_endpoint_that_deletes_nothing_is_told_the_summary_and_that_is_said() -> None:
    scene = Scene(context=KEEP_TWO, model=replaced(deletes_items=False))
    for number in (1, 2, 3, 4):
        turn(scene, number)
    commands = summarised(scene)
    assert [command for command in commands if isinstance(command, DeleteItem)] == []
    assert [str(fault.kind) for fault in scene.records(Fault)] == ["context_undeleted"]


def test_without_kept_turns_only_what_another_session_is_told_is_folded() -> None:
    scene = Scene(context=ContextPlan(window_tokens=400))
    for number in range(1, 6):
        turn(scene, number, words="and some more words to fill the window with")
    assert summary_requests(scene)
    commands = summarised(scene)
    assert [command for command in commands if isinstance(command, AddMessage | DeleteItem)] == []
    told = [said.text for said in replayed(scene)]
    assert told[0] == EARLIER + "They asked, and were answered."
    assert told[-1].startswith("answer 5")


def test_a_replay_that_is_too_long_says_what_it_leaves_out_and_has_it_summarised() -> None:
    scene = Scene(context=ContextPlan(window_tokens=300))
    for number in range(1, 13):
        turn(scene, number, words="and some more words to fill the window with")
    before = len(summary_requests(scene))
    told = [said.text for said in replayed(scene)]
    assert told[0] == LEFT_OUT
    assert told[-1].startswith("answer 12")
    (fault,) = [fault for fault in scene.records(Fault) if fault.kind == "context_left_out"]
    assert str(fault.message).startswith(f"{24 - (len(told) - 1)} oldest items")
    assert len(summary_requests(scene)) == before + 1
    commands = summarised(scene, "The beginning.")
    assert [command for command in commands if isinstance(command, AddMessage)] == [
        AddMessage("system", EARLIER + "The beginning.")
    ]


def test_the_plan_takes_the_window_and_the_limits_from_the_settings() -> None:
    persona = PersonaSettings.model_validate({"instructions": "Help.", "context": {"keep_turns": 12}})
    known = {"type": "openai", "model": "m", "session_limit_s": 900, "capabilities": {"window_tokens": 32_000}}
    plan = plan_call(
        "clerk",
        persona,
        FakeLeg().started,
        endpoint=EndpointSettings.model_validate(known),
        endpoint_name="main",
        call_s=60,
    )
    assert plan.context == ContextPlan(keep_turns=12, window_tokens=32_000)
    assert (plan.session_limit_ms, plan.reconnect_within_ms) == (900_000, 8000)
    unknown = EndpointSettings.model_validate({"type": "openai", "model": "m"})
    plan = plan_call("clerk", persona, FakeLeg().started, endpoint=unknown, endpoint_name="main", call_s=60)
    assert (plan.context.window_tokens, plan.session_limit_ms) == (WINDOW_TOKENS, None)
