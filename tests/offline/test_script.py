"""Script files: read strictly, followed exactly, and loud about every deviation."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.offline.script import UNEXPECTED, load_script, read_script
from tests.offline.rig import Rig

TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "m"}}}}


def test_a_turn_is_heard_and_answered_as_written() -> None:
    rig = Rig(
        script="""
        sessions:
          - steps:
              - expect: turn
                heard: a table for two
              - expect: {response: {trigger: turn}}
                then:
                  - say: One moment please.
                    sound: silence
                    ms: 500
                  - pause_ms: 1000
                  - call: {name: book, arguments: {people: 2}}
        """,
        pace=1,
    )
    rig.update(**TRANSCRIBED)
    rig.speak_turn()
    rig.run(700)
    assert not rig.of("response.function_call_arguments.done")
    rig.run_out()
    assert rig.last("conversation.item.input_audio_transcription.completed")["transcript"] == "a table for two"
    sound = b"".join(base64.b64decode(event["delta"]) for event in rig.of("response.output_audio.delta"))
    assert sound == bytes(48 * 500)
    assert rig.said().strip() == "One moment please."
    assert rig.called() == ("book", {"people": 2})
    assert rig.mind.leftovers() == []
    rig.order.finish()


def test_a_transcript_can_be_late_and_cut_or_failed() -> None:
    rig = Rig(
        script="""
        sessions:
          - steps:
              - expect: turn
                heard: {text: one two three four, delay_ms: 5000, deltas: 2}
              - {expect: response, then: [{say: hello}]}
              - expect: turn
                heard: {failed: audio_unintelligible}
              - {expect: response, then: [{say: hello again}]}
        """,
    )
    rig.update(**TRANSCRIBED)
    rig.speak_turn()
    rig.run_out()
    types = rig.types()
    name = "conversation.item.input_audio_transcription"
    assert types.index("response.done") < types.index(f"{name}.delta")
    assert [event["delta"] for event in rig.of(f"{name}.delta")] == ["one two", " three four"]
    rig.speak_turn()
    rig.run_out()
    assert rig.last(f"{name}.failed")["error"]["code"] == "audio_unintelligible"


def test_a_response_can_fail_by_script() -> None:
    rig = Rig(
        script="""
        sessions:
          - steps:
              - expect: response
                then:
                  - {say: one two three four five six, ms: 3000}
                  - fail: {code: overloaded, after_ms: 400}
        """,
    )
    rig.send("response.create")
    rig.run_out()
    done = rig.last("response.done")["response"]
    assert (done["status"], done["status_details"]["error"]["code"]) == ("failed", "overloaded")
    assert len(rig.of("response.output_audio.delta")) == 2
    rig.order.finish()


def test_broken_arguments_can_be_sent() -> None:
    rig = Rig(script="sessions: [{steps: [{expect: response, then: [{call: {name: f, arguments: '{oops'}}]}]}]")
    rig.send("response.create")
    rig.run_out()
    assert rig.last("response.function_call_arguments.done")["arguments"] == "{oops"


def test_a_client_event_can_be_awaited_and_can_have_consequences() -> None:
    rig = Rig(
        script="""
        sessions:
          - steps:
              - expect: {event: session.update, where: {session.audio.output.voice: cedar}}
                then: [{send: {type: rate_limits.updated, rate_limits: []}}]
              - expect: {event: conversation.item.truncate, anytime: true}
              - expect: {event: input_audio_buffer.clear}
                then: [{drop: true}]
        """,
    )
    rig.update(instructions="hello")
    assert not rig.of("rate_limits.updated")
    rig.update(audio={"output": {"voice": "cedar"}})
    assert rig.of("rate_limits.updated")
    assert rig.mind.leftovers() == [
        "step 1 (event conversation.item.truncate) was not reached",
        "step 2 (event input_audio_buffer.clear) was not reached",
    ]
    rig.send("input_audio_buffer.clear")
    assert rig.closed is not None
    assert rig.closed.abrupt


@pytest.mark.parametrize(("then", "code"), [("close: 3000", 3000), ("expire: true", 1001), ("drop: true", 1006)])
def test_a_connection_can_end_in_the_middle_of_an_answer(then: str, code: int) -> None:
    rig = Rig(script=f"sessions: [{{steps: [{{expect: response, then: [{{say: hello}}, {{{then}}}]}}]}}]")
    rig.send("response.create")
    rig.run_out()
    assert rig.closed is not None
    assert rig.closed.code == code
    ending = ["response.output_item.done", *(["error"] if code == 1001 else [])]
    assert rig.types()[-len(ending) :] == ending


def test_an_unexpected_response_fails_and_is_reported() -> None:
    rig = Rig(script="sessions: [{steps: [{expect: turn}]}]")
    rig.send("response.create")
    rig.run_out()
    assert rig.last("response.done")["response"]["status_details"]["error"]["code"] == UNEXPECTED
    assert rig.mind.leftovers() == [
        "a response (trigger client) came, but step 0 expects turn",
        "step 0 (turn) was not reached",
    ]


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        ("trigger: turn", "trigger"),
        ("out_of_band: true", "out_of_band"),
        ("instructions: ghost", "instructions"),
        ("tool_choice: required", "tool_choice"),
    ],
)
def test_a_response_that_looks_different_is_reported(wanted: str, which: str) -> None:
    rig = Rig(script=f"sessions: [{{steps: [{{expect: {{response: {{{wanted}}}}}}}]}}]")
    rig.send("response.create")
    assert rig.mind.leftovers() == [f"a response (trigger client) came, but step 0 wants another {which}"]


def test_an_unexpected_turn_is_reported() -> None:
    rig = Rig(script="sessions: [{steps: []}]")
    rig.update(audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}})
    rig.speak_turn()
    assert rig.mind.leftovers() == ["a turn came, but the script is over"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sessions: [", "not YAML"),
        ("{}", "missing required field `sessions`"),
        ("sessions: [{steps: [{expect: song}]}]", "$.sessions[0].steps[0].expect"),
        ("sessions: [{stops: []}]", "unknown field `stops`"),
        ("sessions: [{steps: [{expect: {}}]}]", "steps[0].expect: one of 'event' and 'response' is wanted"),
        ("sessions: [{steps: [{expect: {event: song.sing}}]}]", "'song.sing' is not a client event"),
        ("sessions: [{steps: [{expect: response, heard: words}]}]", "only a turn is heard"),
        ("sessions: [{steps: [{expect: turn, then: [{say: x}]}]}]", "expect a response next"),
        ("sessions: [{steps: [{expect: response, then: [{say: x, drop: true}]}]}]", "exactly one thing is wanted, 2"),
        ("sessions: [{steps: [{expect: response, then: [{}]}]}]", "exactly one thing is wanted, 0"),
        ("sessions: [{steps: [{expect: response, then: [{send: {}}]}]}]", "an event needs a 'type'"),
        ("sessions: [{steps: [{expect: {event: response.cancel}, then: [{say: x}]}]}]", "on an event only send"),
        ("sessions: [{faults: {refuse: yes please}}]", "faults.refuse"),
    ],
)
def test_what_is_wrong_with_a_script_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        read_script(text, "demo.yaml")
    assert str(wrong.value).startswith("demo.yaml: ")
    assert message.lower() in str(wrong.value).lower()


def test_scripts_come_from_files_in_yaml_or_json(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"sessions": [{"faults": {"refuse": 429}}], "pace": 0, "repeat": True}))
    script = load_script(path)
    first = script.session(0)
    assert first is not None
    assert first.faults.refuse == 429
    assert script.session(7) == first
    with pytest.raises(ConfigurationError, match="No such file"):
        load_script(tmp_path / "none.yaml")


def test_a_connection_too_many_has_no_script() -> None:
    assert read_script("sessions: [{}]").session(1) is None
