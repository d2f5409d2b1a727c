"""A whole call on a plug-in: Gemini Live, unlike OpenAI in everything, over Twilio's wire and the bridge as it is."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from gateway.contracts.model import ToolSpec
from gateway.contracts.record import AgentSpoke, BargeIn, CallerSpoke, Fault, ToolCalled, ToolReturned
from gateway.contracts.tool import ToolOutcome
from gateway.settings.schema import Settings
from gateway.simulator.rest import TwilioRest
from gateway.simulator.script import Agent, EndedBy, InterruptAfter, Say, WaitForAgent
from tests.calls.rig import CREDENTIALS, Rig, ToolOfTest, WatchedExchange, gateway
from tests.calls.sounds import find, sound, words
from tests.plugins.fake_gemini import KEY, THOUGHT, Calls, FakeGemini, Hears, Says, fake_gemini

pytestmark = pytest.mark.usefixtures("leaves_nothing")

GREETING, STORY, ANSWER, WEATHER, GOODBYE = (
    words(3),
    words(12, 3),
    words(4, 14),
    words(4, 18),
    "thank you for calling goodbye",
)
DIALLED = "+15550002222"
LOOK_UP = ToolSpec(name="look_up", description="the weather", parameters={"type": "object", "properties": {}})


async def looked_up(arguments: str) -> ToolOutcome:
    return ToolOutcome(f"sunny, asked with {arguments}")


def settings_of(tmp_path: Path, model_url: str, rest_url: str, **persona: Any) -> Settings:
    """Return settings whose only endpoint is the plug-in."""
    endpoint = {
        "type": "tests.plugins.gemini_live:GeminiLive",
        "url": model_url,
        "model": "a-live-model",
        "api_key": KEY,
        "voice": "Puck",
        "vad": {"type": "server_vad", "silence_duration_ms": 200, "prefix_padding_ms": 60},
        "transcription": {"model": "its-own"},
        "session": {"temperature": 0.7, "speed": 1.2},
        "options": {"language_code": "en-GB"},
    }
    return Settings.model_validate(
        {
            "data_dir": str(tmp_path / "data"),
            "endpoint": "gemini",
            "endpoints": {"gemini": endpoint},
            "persona": "clerk",
            "personas": {
                "clerk": {
                    "instructions": "Help.",
                    "greeting": "This is what other numbers hear.",
                    "goodbye": GOODBYE,
                    "tools": ["end_call"],
                    **persona,
                }
            },
            "numbers": {DIALLED: {"persona": "clerk", "voice": "Kore", "greeting": "Say hello."}},
            "carriers": {
                "twilio": {
                    "account_sid": CREDENTIALS.account_sid,
                    "auth_token": CREDENTIALS.auth_token,
                    "api_base": rest_url,
                    "api_timeout_ms": 2000,
                }
            },
            "records": {"journal": False, "recording": False, "timeline": False},
        }
    )


@contextlib.asynccontextmanager
async def house_on(tmp_path: Path, fake: FakeGemini, *tools: ToolOfTest, **persona: Any) -> AsyncIterator[Rig]:
    """Run the fake, the carrier and the gateway; nothing may have gone wrong unasked."""
    with structlog.testing.capture_logs() as log:
        async with fake_gemini(fake), TwilioRest(CREDENTIALS) as rest:
            settings = settings_of(tmp_path, fake.url, rest.base_url, **persona)
            exchange = WatchedExchange(settings, tools=tools)
            async with gateway(exchange) as server:
                house = Rig(exchange, server, {}, rest, log)
                yield house
            await house.until(lambda: fake.open_sessions == 0)
        assert house.errors() == []
    assert fake.broken == []


async def test_a_whole_call_on_gemini_live(tmp_path: Path) -> None:
    fake = FakeGemini(
        [
            Says(GREETING),
            Hears("tell me a story"),
            Says(STORY),
            Hears("stop it now"),
            Says(ANSWER),
            Hears("what about the weather"),
            Calls("look_up", {"place": "here"}),
            Says(WEATHER),
            Hears("thank you bye"),
            Calls("end_call"),
            Says(GOODBYE),
        ],
        sound=lambda text: sound(text, 24000),
    )
    async with house_on(tmp_path, fake, (LOOK_UP, looked_up)) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say("tell me a story"),
            InterruptAfter(700),
            Say("stop it now"),
            WaitForAgent(Agent.TO_FINISH),
            Say("what about the weather"),
            WaitForAgent(Agent.TO_FINISH),
            Say("thank you bye"),
            target={"dialed_number": DIALLED},
        )

    # It was set up in its own words, as the number has it, and without what it has not.
    assert fake.setup["model"] == "models/a-live-model"
    assert fake.setup["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {
            "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
            "languageCode": "en-GB",
        },
        "temperature": 0.7,
    }
    assert [tool["name"] for tool in fake.setup["tools"][0]["functionDeclarations"]] == ["end_call", "look_up"]
    (told,) = [line["warning"] for line in house.logged("startup") if "session.speed" in line["warning"]]
    assert told == (
        "endpoints.gemini.session.speed: endpoint 'gemini' has no such setting, so it is not sent; "
        "say in the instructions how fast to speak"
    )

    # The caller heard the greeting, the beginning of the story, and both answers and the goodbye whole.
    assert call.outcome.ended_by is EndedBy.GATEWAY
    assert call.why == "agent/goodbye"
    for text in (GREETING, ANSWER, WEATHER, GOODBYE):
        assert find(sound(text), call.heard).likeness > 0.98, text
    (cut,) = call.cuts
    assert 500 < call.heard_at(cut) < 1500, "the story stopped when the caller spoke"
    assert fake.interrupted == [STORY]

    # Without truncation, and without items to delete, the record says so, and shows what was heard.
    (barge_in,) = call.all(BargeIn)
    assert barge_in.action == "impossible"
    assert barge_in.heard_ms == pytest.approx(call.heard_at(cut), abs=60)
    spoken = [(str(spoke.text), spoke.purpose, spoke.interrupted) for spoke in call.all(AgentSpoke)]
    assert [line[1:] for line in spoken] == [
        ("greeting", False),
        ("answer", True),
        ("answer", False),
        ("answer", False),
        ("goodbye", False),
    ]
    assert [spoken[at][0] for at in (0, 2, 3, 4)] == [GREETING, ANSWER, WEATHER, GOODBYE]
    assert STORY.startswith(spoken[1][0])
    assert 2 <= len(spoken[1][0].split()) <= 6

    # What the caller said is whole, though its end came after the answer had begun.
    assert [str(spoke.text) for spoke in call.all(CallerSpoke)] == [
        "tell me a story",
        "stop it now",
        "what about the weather",
        "thank you bye",
    ]

    # The tools ran; each result was answered once, with the words that the bridge wanted.
    assert [str(tool.name) for tool in call.all(ToolCalled)] == ["look_up", "end_call"]
    assert [tool.ok for tool in call.all(ToolReturned)] == [True, True]
    looked, ended = fake.results
    assert (looked["name"], looked["response"]) == ("look_up", {"output": 'sunny, asked with {"place": "here"}'})
    assert ended["name"] == "end_call"
    assert GOODBYE in ended["response"]["instructions"]
    assert len(fake.asked) == 1, "only the greeting was asked for in words"
    assert "Say hello." in fake.asked[0]

    assert call.all(Fault) == []
    assert not any(THOUGHT in str(record) for record in call.records)
    assert call.ending.input_audio_tokens > 0
