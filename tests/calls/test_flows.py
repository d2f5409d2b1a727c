"""Whole calls on flows: over the carrier's and the model's real sockets."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from gateway.audio.wav import read_wav
from gateway.cli.flow_calls import tokens_by_step
from gateway.contracts.model import InputText, ResponseRequest, SemanticVad, SessionSetup
from gateway.contracts.record import AgentSpoke, CallerSpoke, FlowEvent, TokensUsed, Transferred
from gateway.realtime.session import RealtimeSession
from gateway.records.journal import read_journal
from gateway.simulator.script import Agent, EndedBy, HangUp, InterruptAfter, Press, Say, StaySilent, WaitForAgent
from tests.calls.flows import colleague, events_of, flow_rig, service, steps_of, tell_gateway
from tests.calls.rig import Answering, ModelFaults, calls_tool, hears, says, script
from tests.calls.sounds import find, sound

pytestmark = pytest.mark.usefixtures("leaves_nothing")

HEAD = """
    flow: desk
    title: A desk
    format: 1
    version: 1
    owner: desk@example.com
    languages: [en-GB]
    use: [shared/everyday.yaml]
    persona: A clerk.
    agent_exit: bye
"""
EVERYDAY = (Path(__file__).parents[2] / "ivr_flows" / "shared" / "everyday.yaml").read_text()
SHARED = {"shared/everyday.yaml": EVERYDAY}

MENU = (
    HEAD
    + """
    start: hello
    steps:
      hello:
        say: {text: "amber birch cedar", exact: true}
        next: main
      main:
        menu:
          prompt: {text: "delta ember fjord grove", exact: true}
          choices:
            hours: {press: "1", means: "asks when we are open", go: hours}
            leave: {press: "2", means: "wants to leave", go: bye}
        then: {failed: bye}
      hours:
        say: {text: "haven ivory jolly", exact: true}
        next: bye
      bye:
        hangup: {text: "koala lemon", exact: true}
"""
)


async def test_a_key_leads_through_the_menu_without_a_question_to_the_model(tmp_path: Path) -> None:
    async with flow_rig(tmp_path, MENU, script(), SHARED) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Press("1"))
        assert call.outcome.ended_by is EndedBy.GATEWAY
        assert call.why == "agent/goodbye"
        assert steps_of(call) == ["hello", "main", "hours", "bye"]
        assert call.session is not None
        assert "response.create" not in call.session.received
        for text in ("amber birch cedar", "delta ember fjord grove", "haven ivory jolly", "koala lemon"):
            assert find(sound(text), call.heard).likeness > 0.98, text
        spoken = call.all(AgentSpoke)
        assert [(str(one.text), one.purpose, one.interrupted) for one in spoken] == [
            ("amber birch cedar", "prompt", False),
            ("delta ember fjord grove", "prompt", False),
            ("haven ivory jolly", "prompt", False),
            ("koala lemon", "prompt", False),
        ]


async def test_words_are_read_by_one_forced_call_beside_the_conversation(tmp_path: Path) -> None:
    model = script(
        hears("when do you open"),
        {
            "expect": {"response": {"out_of_band": True, "tool_choice": "answer_main", "trigger": "client"}},
            "then": [{"call": {"name": "answer_main", "arguments": {"kind": "hours"}}}],
        },
    )
    async with flow_rig(tmp_path, MENU, model, SHARED) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("when do you open"))
        assert call.why == "agent/goodbye"
        assert steps_of(call) == ["hello", "main", "hours", "bye"]
        assert call.session is not None
        assert call.session.received["response.create"] == 1


LIVE = (
    HEAD
    + """
    start: main
    steps:
      main:
        menu:
          prompt: "delta ember fjord grove haven ivory jolly koala"
          choices:
            hours: {press: "1", means: "asks when we are open", go: bye}
            leave: {press: "2", means: "wants to leave", go: bye}
        then: {failed: bye}
      bye:
        hangup: {text: "koala lemon", exact: true}
"""
)
ANSWERS_HOURS = {
    "expect": {"response": {"out_of_band": True, "tool_choice": "answer_main"}},
    "then": [{"call": {"name": "answer_main", "arguments": {"kind": "hours"}}}],
}


async def test_a_prompt_that_the_model_says_is_cut_where_the_caller_answers_into_it(tmp_path: Path) -> None:
    model = script(
        says("delta ember fjord grove haven ivory jolly koala", out_of_band=True),
        hears("when do you open"),
        ANSWERS_HOURS,
    )
    async with flow_rig(tmp_path, LIVE, model, SHARED) as house:
        call = await house.call(InterruptAfter(600), Say("when do you open please"))
        assert call.why == "agent/goodbye"
        prompt, goodbye = call.all(AgentSpoke)
        assert prompt.interrupted
        assert 600 <= prompt.heard_ms < 1200
        assert str(goodbye.text) == "koala lemon"
        assert [event.facts["kind"] for event in events_of(call, "heard")] == ["hours"]
        remembered = [item.text for item in house.model.memory() if item.role == "assistant"]
        assert remembered[0].startswith("delta ember")
        assert "koala" not in remembered[0], "what was not heard is not in the model's memory"


async def test_a_prompt_that_the_model_says_in_other_words_is_said_by_the_voice_that_reads(tmp_path: Path) -> None:
    model = script(says("delta ember fjord grove haven ivory jolly zebra", out_of_band=True))
    async with flow_rig(tmp_path, LIVE, model, SHARED) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Press("1"))
        assert call.why == "agent/goodbye"
        assert events_of(call, "prompt_misread")
        assert find(sound("delta ember fjord grove haven ivory jolly koala"), call.heard).likeness > 0.98
        assert find(sound("delta ember fjord grove haven ivory jolly zebra"), call.heard).likeness < 0.9


async def test_nobody_talks_over_a_prompt_that_is_blocked(tmp_path: Path) -> None:
    blocked = MENU.replace("next: main", "interrupt: blocked\n        next: main", 1)
    async with flow_rig(tmp_path, blocked, script(hears("yes")), SHARED) as house:
        call = await house.call(InterruptAfter(100), Say("yes"), WaitForAgent(Agent.TO_FINISH), Press("2"))
        assert steps_of(call) == ["hello", "main", "bye"]
        assert not call.cuts, "the one word fell into the blocked prompt"
        assert call.session is not None
        assert "response.create" not in call.session.received, "and was no answer to the next question"


TALK = (
    HEAD
    + """
    start: questions
    steps:
      questions:
        talk:
          goal: Answer what is asked.
          max_turns: 3
        exits:
          done: {when: "caller has no more questions", go: bye}
        then: {gave_up: bye}
      bye:
        hangup: {text: "koala lemon", exact: true}
"""
)


async def test_inside_a_talk_the_endpoint_answers_by_itself_until_it_asks_to_leave(tmp_path: Path) -> None:
    model = script(
        says("amber birch", trigger="client"),
        hears("a question"),
        says("cedar delta ember", trigger="turn"),
        hears("that is all"),
        {
            "expect": {"response": {"trigger": "turn"}},
            "then": [{"call": {"name": "leave", "arguments": {"exit": "done"}}}],
        },
    )
    async with flow_rig(tmp_path, TALK, model, SHARED) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH), Say("a question"), WaitForAgent(Agent.TO_FINISH), Say("that is all")
        )
        assert call.why == "agent/goodbye"
        assert steps_of(call) == ["questions", "bye"]
        assert [str(one.text) for one in call.all(AgentSpoke)] == ["amber birch", "cedar delta ember", "koala lemon"]
        assert call.session is not None
        assert call.session.received["session.update"] >= 3, "set up, told of the talk, and told of its end"


async def test_a_talk_at_its_limit_is_made_to_leave(tmp_path: Path) -> None:
    model = script(
        says("amber birch", trigger="client"),
        hears("a question"),
        says("cedar delta", trigger="turn"),
        {
            "expect": {"response": {"trigger": "client", "tool_choice": "leave"}},
            "then": [{"call": {"name": "leave", "arguments": {"exit": "done"}}}],
        },
    )
    async with flow_rig(tmp_path, TALK.replace("max_turns: 3", "max_turns: 2"), model, SHARED) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("a question"))
        assert call.why == "agent/goodbye"
        assert [event.facts.get("exit") for event in events_of(call, "exit_taken")] == ["done"]


PIN = (
    HEAD
    + """
    slots:
      pin: {type: digits, length: 4, input: keys_only, privacy: secret}
    start: ask_pin
    steps:
      ask_pin:
        ask: pin
        prompt: {text: "key in your birch cedar", exact: true}
        then: {filled: check, failed: bye}
      check:
        call: check_pin
        with: {pin: "${pin}"}
        filler: {text: "delta", exact: true}
        then: {ok: welcome, wrong: bye, failed: bye}
      welcome:
        say: {text: "ember fjord", exact: true}
        next: bye
      bye:
        hangup: {text: "koala lemon", exact: true}
"""
)
PIN_TOOL = """
    format: 1
    kind: tools
    tools:
      check_pin:
        description: Checks a PIN
        http: POST ${secret.core}/check
        auth: bearer ${secret.token}
        send: {pin: secret}
        outcomes: {ok: 200, wrong: 404}
        idempotent: yes
"""


async def test_a_pin_goes_to_its_tool_and_nothing_of_it_to_the_model(tmp_path: Path) -> None:
    flow = PIN.replace("use: [shared/everyday.yaml]", "use: [shared/everyday.yaml, shared/tools.yaml]")
    async with service({"/check": (200, {})}) as bank:
        secrets = {"core": bank.url, "token": "t0ken"}
        files = {**SHARED, "shared/tools.yaml": PIN_TOOL}
        async with flow_rig(tmp_path, flow, script(), files, flows={"secrets": secrets}, records=True) as house:
            wire = house.model.server
            call = await house.call(
                WaitForAgent(Agent.TO_FINISH), Say("my secret is four two four two"), Press("7391", gap_ms=300)
            )
            assert call.why == "agent/goodbye"
            assert steps_of(call) == ["ask_pin", "check", "welcome", "bye"]
            assert [json.loads(request.body) for request in bank.requests] == [{"pin": "7391"}]
            assert bank.requests[0].headers["authorization"] == "Bearer t0ken"
            assert wire is not None
            assert call.session is not None
            assert "response.create" not in call.session.received
            assert not [item for item in house.model.memory() if item.role == "user"], "the model heard silence"
            assert not call.all(CallerSpoke)
            journal = call.papers[".jsonl"].read_text()
            assert "7391" not in journal
            assert "[secret]" in journal
            assert "7391" not in str(house.log)


VOICEMAIL = (
    HEAD
    + """
    start: leave
    steps:
      leave:
        voicemail:
          prompt: {text: "amber birch cedar", exact: true}
          max_time: 60s
          send_to: desk@example.com
          silence: 3s
          end_key: "#"
        then: {recorded: thanks, empty: nothing, failed: nothing}
      thanks:
        hangup: {text: "koala lemon", exact: true}
      nothing:
        hangup: {text: "zebra", exact: true}
      bye:
        hangup: {text: "zebra", exact: true}
"""
)
WORDS = "delta ember fjord grove haven"


@pytest.mark.parametrize("ending", ["key", "silence", "hang-up"])
async def test_a_message_is_kept_however_it_ends(tmp_path: Path, ending: str) -> None:
    last = {"key": [Press("#")], "silence": [], "hang-up": [HangUp()]}[ending]
    async with flow_rig(tmp_path, VOICEMAIL, script(hears(WORDS)), SHARED) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say(WORDS), *last)
        steps = ["leave"] if ending == "hang-up" else ["leave", "thanks"]
        assert steps_of(call) == steps
        folder = tmp_path / "data" / "messages"
        await house.until(lambda: bool(list(folder.rglob("*.wav"))))
        (path,) = folder.rglob("*.wav")
        (pcm,), rate_hz = read_wav(path)
        assert rate_hz == 8000
        assert find(sound(WORDS), pcm).likeness > 0.98
        assert path.stat().st_mode & 0o077 == 0


async def test_a_message_without_a_word_is_empty(tmp_path: Path) -> None:
    async with flow_rig(tmp_path, VOICEMAIL, script(), SHARED) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH))
        assert steps_of(call) == ["leave", "nothing"]


async def test_a_change_goes_live_for_the_next_call_and_a_broken_one_does_not(tmp_path: Path) -> None:
    async with flow_rig(tmp_path, MENU, script(), SHARED) as house:
        flows, file = house.exchange.flows, tmp_path / "flows" / "desk.yaml"
        assert flows is not None
        pinned: list[str] = []

        async def change_meanwhile() -> None:
            file.write_text(file.read_text().replace("koala lemon", "maple night"))
            await flows.look()
            pinned.append("changed")

        changing = asyncio.create_task(change_meanwhile())
        first = await house.call(WaitForAgent(Agent.TO_FINISH), Press("2"))
        await changing
        assert pinned
        second = await house.call(WaitForAgent(Agent.TO_FINISH), Press("2"))
        file.write_text(file.read_text().replace("go: hours", "go: nowhere"))
        await flows.look()
        house.expected_errors.add("flows_not_live")
        told = house.logged("flows_not_live")
        assert any("nowhere" in line["why"] and "desk.yaml" in line["why"] for line in told)
        await flows.look()
        assert len(house.logged("flows_not_live")) == len(told), "the same fault is told once"
        third = await house.call(WaitForAgent(Agent.TO_FINISH), Press("2"))
        said = [str(call.all(AgentSpoke)[-1].text) for call in (second, third)]
        assert said == ["maple night", "maple night"]
        assert str(first.all(AgentSpoke)[-1].text) in {"koala lemon", "maple night"}
        assert first.all(FlowEvent)[0].bundle != third.all(FlowEvent)[0].bundle or said[0] == "maple night"


HAND_OVER = (
    HEAD.replace("agent_exit: bye", "agent_exit: ring")
    + """
    start: ring
    steps:
      ring:
        transfer:
          to: "tel:+441134960000"
          mode: MODE
          WHISPER
          ring_for: 20s
          say: {text: "amber birch", exact: true}
        then: {answered: end_call, busy: sorry, no_answer: sorry, failed: sorry}
      sorry:
        hangup: {text: "koala lemon", exact: true}
"""
)
COLD = HAND_OVER.replace("MODE", "cold").replace("WHISPER\n", "\n")
WARM = HAND_OVER.replace("MODE", "warm").replace("WHISPER", 'whisper: "A caller about cards"')


@pytest.mark.parametrize(("status", "outcome"), [("busy", "busy"), ("no-answer", "no_answer"), ("failed", "failed")])
async def test_a_colleague_who_is_not_there_leaves_the_caller_with_the_flow(
    tmp_path: Path, status: str, outcome: str
) -> None:
    async with flow_rig(tmp_path, COLD, script(), SHARED) as house:
        calling = asyncio.create_task(house.call(StaySilent(1500), finished=False))
        rung = await colleague(house)
        assert (rung["To"], rung["Timeout"]) == ("+441134960000", "20")
        await tell_gateway(house, rung["StatusCallback"], CallSid=rung["CallSid"], CallStatus=status)
        call = await calling
        assert steps_of(call) == ["ring", "sorry"]
        assert [event.facts["outcome"] for event in events_of(call, "transfer_result")] == [outcome]
        assert call.outcome.transferred_to is None


async def test_a_cold_hand_over_joins_both_as_soon_as_somebody_answers(tmp_path: Path) -> None:
    async with flow_rig(tmp_path, COLD, script(), SHARED) as house:
        calling = asyncio.create_task(house.call(StaySilent(1500), finished=False))
        rung = await colleague(house)
        document = await tell_gateway(house, rung["Url"], CallSid=rung["CallSid"])
        call = await calling
        assert call.outcome.transferred_to is not None
        assert f">{call.outcome.transferred_to}</Conference>" in document, "both are in the same room"
        assert call.why == "agent/transferred"
        assert call.one(Transferred).ok


@pytest.mark.parametrize("takes", [True, False])
async def test_a_warm_hand_over_tells_the_colleague_and_waits_for_a_key(tmp_path: Path, takes: bool) -> None:
    async with flow_rig(tmp_path, WARM, script(), SHARED) as house:
        calling = asyncio.create_task(house.call(StaySilent(1500), finished=False))
        rung = await colleague(house)
        whisper = await tell_gateway(house, rung["Url"], CallSid=rung["CallSid"])
        assert "A caller about cards" in whisper
        assert "Conference" not in whisper, "a voicemail that answers gets nobody"
        (action,) = re.findall(r'action="([^"]+)"', whisper)
        after = await tell_gateway(
            house, urljoin(rung["Url"], action), CallSid=rung["CallSid"], Digits="1" if takes else ""
        )
        call = await calling
        assert ("Conference" in after) is takes
        assert (call.outcome.transferred_to is not None) is takes
        assert steps_of(call) == (["ring"] if takes else ["ring", "sorry"])


async def test_a_caller_who_hangs_up_stops_the_colleagues_phone(tmp_path: Path) -> None:
    async with flow_rig(tmp_path, COLD, script(), SHARED) as house:
        calling = asyncio.create_task(house.call(StaySilent(1500), HangUp()))
        rung = await colleague(house)
        await calling
        stopped = [one for one in house.rest.requests if one.path.endswith(f"{rung['CallSid']}.json")]
        assert [dict(one.form) for one in stopped] == [{"Status": "completed"}]


async def test_a_question_that_is_put_again_begins_as_it_did_so_that_the_endpoint_has_it_cached(tmp_path: Path) -> None:
    unclear = {
        "expect": {"response": {"out_of_band": True, "tool_choice": "answer_main"}},
        "then": [{"call": {"name": "answer_main", "arguments": {"kind": "unclear"}}}],
    }
    sorry = says("Sorry, I missed that.", out_of_band=True)
    model = script(hears("something"), unclear, sorry, hears("when do you open"), ANSWERS_HOURS)
    async with flow_rig(tmp_path, MENU, model, SHARED, records=True) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH), Say("something"), WaitForAgent(Agent.TO_FINISH), Say("when do you open")
        )
        first, _, second = call.all(TokensUsed)
        assert first.cached_text == 0
        told_apart = 60  # what was said last, and what differs from question to question
        assert second.cached_text >= second.input_text - told_apart, "instructions and tools are as before"
        by_step = tokens_by_step(read_journal(call.papers[".jsonl"]))
        assert by_step["main"].responses == 3
        assert by_step["main"].cached_share > 0.3


KNOWN = (
    HEAD
    + """
    slots:
      colour: {type: choice, of: [red, green]}
      size: {type: choice, of: [small, large]}
    start: ask_colour
    steps:
      ask_colour:
        ask: colour
        prompt: {text: "amber birch", exact: true}
        then: {filled: ask_size, refused: bye, failed: bye}
      ask_size:
        ask: size
        prompt: {text: "cedar delta", exact: true}
        then: {filled: bye, refused: bye, failed: bye}
      bye:
        hangup: {text: "koala lemon", exact: true}
"""
)


async def test_what_a_call_learns_does_not_change_how_its_questions_begin(tmp_path: Path) -> None:
    def answers(step: str, value: str) -> dict[str, Any]:
        expected = {"out_of_band": True, "tool_choice": f"answer_{step}"}
        return {
            "expect": {"response": expected},
            "then": [{"call": {"name": f"answer_{step}", "arguments": {"kind": value}}}],
        }

    model = script(hears("a"), answers("ask_colour", "red"), hears("b"), answers("ask_size", "small"))
    told: list[ResponseRequest] = []
    async with flow_rig(tmp_path, KNOWN, model, SHARED, asked=told) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("one"), WaitForAgent(Agent.TO_FINISH), Say("two"))
        assert steps_of(call) == ["ask_colour", "ask_size", "bye"]
        first, second = told
        assert first.instructions == second.instructions
        assert second.input is not None
        assert any(isinstance(one, InputText) and "red" in one.text for one in second.input), "it comes last"
        for request in told:
            assert set(request.metadata) == {"epoch", "step", "purpose"}
        assert [request.metadata["step"] for request in told] == ["ask_colour", "ask_size"]


async def test_a_keypad_call_goes_on_while_the_model_is_away(tmp_path: Path) -> None:
    answering = Answering(script(), faults=ModelFaults(close_after_ms=900))
    async with flow_rig(tmp_path, MENU, script(), SHARED, answering=answering) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Press("1"))
        assert steps_of(call) == ["hello", "main", "hours", "bye"]
        assert call.why == "agent/goodbye"


async def test_a_flow_whose_model_never_comes_takes_its_way_for_errors(tmp_path: Path) -> None:
    answering = Answering(script(), faults=ModelFaults(refuse=401))
    async with flow_rig(tmp_path, MENU, script(), SHARED, answering=answering) as house:
        house.expected_errors.add("model_unreachable")
        call = await house.call(StaySilent(12_000), finished=False)
        assert steps_of(call)[-1] == "bye"
        assert [str(spoken.text) for spoken in call.all(AgentSpoke)][-1] == "koala lemon"
        assert call.why == "agent/goodbye"


TALK_TOOLS = """
    format: 1
    kind: tools
    tools:
      movements:
        description: Lists the latest movements
        http: GET ${secret.core}/movements
        send: {since: text}
        outcomes: {ok: 200}
        returns: {list_of: {shop: text, iban: text}}
        facts: [shop]
        idempotent: yes
"""


async def test_inside_a_talk_a_tool_tells_the_model_only_its_facts(tmp_path: Path) -> None:
    flow = TALK.replace("max_turns: 3", "max_turns: 3\n          tools: [movements]")
    flow = flow.replace("use: [shared/everyday.yaml]", "use: [shared/everyday.yaml, shared/tools.yaml]")
    model = script(
        says("amber birch", trigger="client"),
        hears("my movements"),
        calls_tool("movements", {"since": "May", "pin": "1"}),
        says("cedar delta ember", trigger="client"),
    )
    async with service({"/movements": (200, [{"shop": "Books", "iban": "ES91"}])}) as bank:
        files = {**SHARED, "shared/tools.yaml": TALK_TOOLS}
        async with flow_rig(tmp_path, flow, model, files, flows={"secrets": {"core": bank.url}}) as house:
            call = await house.call(
                WaitForAgent(Agent.TO_FINISH), Say("my movements"), WaitForAgent(Agent.TO_FINISH), HangUp()
            )
            assert [request.path for request in bank.requests] == ["/movements?since=May"]
            (told,) = [item.text for item in house.model.memory() if item.type == "function_call_output"]
            assert json.loads(told) == {"outcome": "ok", "result": [{"shop": "Books"}]}
            assert call.why == "caller/hung_up"


SENSITIVE = (
    HEAD
    + """
    slots:
      reason: {type: text, privacy: sensitive, confirm: never}
      colour: {type: choice, of: [red, green]}
    start: ask_reason
    steps:
      ask_reason:
        ask: reason
        prompt: {text: "amber birch", exact: true}
        then: {filled: ask_colour, refused: bye, failed: bye}
      ask_colour:
        ask: colour
        prompt: {text: "cedar delta", exact: true}
        then: {filled: bye, refused: bye, failed: bye}
      bye:
        hangup: {text: "koala lemon", exact: true}
"""
)


@pytest.mark.parametrize("privacy", ["sensitive", "personal"])
async def test_what_was_sensitive_leaves_the_models_memory_with_its_step(tmp_path: Path, privacy: str) -> None:
    def answers(step: str, **arguments: str) -> dict[str, Any]:
        return {
            "expect": {"response": {"out_of_band": True, "tool_choice": f"answer_{step}"}},
            "then": [{"call": {"name": f"answer_{step}", "arguments": arguments}}],
        }

    model = script(
        hears("pains in my chest"),
        answers("ask_reason", raw="pains in my chest", reason="pains in my chest"),
        hears("the red one"),
        answers("ask_colour", kind="red"),
    )
    told: list[ResponseRequest] = []
    flow = SENSITIVE.replace("privacy: sensitive", f"privacy: {privacy}")
    async with flow_rig(tmp_path, flow, model, SHARED, asked=told, records=True) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH), Say("pains in my chest"), WaitForAgent(Agent.TO_FINISH), Say("the red one")
        )
        assert steps_of(call) == ["ask_reason", "ask_colour", "bye"]
        assert call.session is not None
        kept = [item.text for item in house.model.memory() if item.role == "user"]
        assert kept == (["the red one"] if privacy == "sensitive" else ["pains in my chest", "the red one"])
        assert ("conversation.item.delete" in call.session.received) is (privacy == "sensitive")
        assert not any("chest" in str(part) for part in told[1].input or ()), "no later question is told of it"
        assert [str(one.text) for one in call.all(CallerSpoke)] == ["[private]", "the red one"]
        assert "chest" not in call.papers[".jsonl"].read_text()


async def test_a_step_says_how_long_its_model_thinks_and_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setups: list[SessionSetup] = []
    configure = RealtimeSession.configure

    def noted(session: RealtimeSession, setup: SessionSetup) -> None:
        setups.append(setup)
        configure(session, setup)

    monkeypatch.setattr(RealtimeSession, "configure", noted)
    step = "model: {effort: high, wait_for_caller: patient, max_words: 25}\n        exits:"
    flow = TALK.replace("exits:", step).replace("agent_exit: bye", "agent_exit: bye\n    model: {effort: low}", 1)
    leave = {
        "expect": {"response": {"trigger": "turn"}},
        "then": [{"call": {"name": "leave", "arguments": {"exit": "done"}}}],
    }
    model = script(says("amber birch", trigger="client"), hears("that is all"), leave)
    answering = Answering(model, endpoint={"vad": {"type": "semantic_vad", "eagerness": "high"}})
    async with flow_rig(tmp_path, flow, model, SHARED, answering=answering) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("that is all"))
        assert steps_of(call) == ["questions", "bye"]
    before, inside, after = setups[0], next(one for one in setups if one.tools), setups[-1]
    assert [one.extras["reasoning"] for one in (before, inside, after)] == [
        {"effort": "low"},
        {"effort": "high"},
        {"effort": "low"},
    ]
    assert isinstance(inside.turn_detection, SemanticVad)
    assert (inside.turn_detection.eagerness, inside.turn_detection.create_response) == ("low", True)
    assert "At most 25 words" in inside.instructions
