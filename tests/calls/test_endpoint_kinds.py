"""Whole calls over real sockets on each kind of endpoint, answered by the embedded server in that kind's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from gateway.contracts.record import AgentSpoke, BargeIn, CallerSpoke
from gateway.realtime import entra
from gateway.simulator.script import Agent, InterruptAfter, Say, WaitForAgent
from tests.calls.rig import MODEL_TOKEN, Answering, calls_tool, hears, rig, says, script
from tests.calls.sounds import words

pytestmark = pytest.mark.usefixtures("leaves_nothing")

GREETING, ANSWER, LONG, GOODBYE = words(3), words(4), words(30), words(3)
MODEL = script(
    says(GREETING, trigger="client", instructions="Say hello."),
    hears("what is new"),
    says(LONG, trigger="turn"),
    hears("stop"),
    says(ANSWER, trigger="turn"),
    hears("thank you"),
    calls_tool("end_call", first=GOODBYE),
    pace=4.0,
)
CHAT = script(says(GREETING, trigger="client"), hears("thank you"), calls_tool("end_call", first=GOODBYE), pace=4.0)
KINDS: dict[str, dict[str, Any]] = {
    "compatible, beta": {"type": "compatible", "model": "m", "protocol": "beta"},
    "azure": {"type": "azure", "deployment": "rt"},
    "azure, preview": {"type": "azure", "deployment": "rt", "protocol": "beta"},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_caller_is_greeted_interrupts_is_answered_and_says_goodbye(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, Answering(MODEL, endpoint={"audio": "auto", **KINDS[kind]}), records=True) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH, settle_ms=200),
            Say("what is new"),
            InterruptAfter(600),
            Say("stop"),
            WaitForAgent(Agent.TO_FINISH, settle_ms=200),
            Say("thank you"),
        )
        assert call.why == "agent/goodbye"
        assert [str(spoke.text) for spoke in call.all(CallerSpoke)] == ["what is new", "stop", "thank you"]
        greeting, cut, answer, goodbye = call.all(AgentSpoke)
        assert [str(spoke.text) for spoke in (greeting, answer, goodbye)] == [GREETING, ANSWER, GOODBYE]
        assert cut.interrupted
        assert call.one(BargeIn).action == "truncated"
        (memory,) = [item for item in house.model.memory() if item.truncated_at_ms is not None]
        assert memory.truncated_at_ms == cut.heard_ms


class Tokens:
    """Stands for azure-identity: a token for each that asks, counted, and closed in the end."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = 0

    async def get_token(self, *scopes: str) -> AccessToken:
        self.asked.extend(scopes)
        return AccessToken(MODEL_TOKEN, 0)

    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("protocol", ["ga", "beta"])
async def test_calls_by_entra_id_ask_for_a_token_each_and_close_the_credential_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    tokens = Tokens()
    monkeypatch.setattr(entra, "azure_source", lambda settings: tokens)
    cloud = {"type": "azure", "deployment": "rt", "protocol": protocol, "api_key": None}
    async with rig(tmp_path, Answering(CHAT, endpoint=cloud)) as house:
        for _ in range(2):
            call = await house.call(WaitForAgent(Agent.TO_FINISH, settle_ms=200), Say("thank you"))
            assert call.why == "agent/goodbye"
        assert len(tokens.asked) == len(house.model.sessions) == 2
        assert tokens.closed == 0
    assert set(tokens.asked) == {entra.GA_SCOPE if protocol == "ga" else entra.PREVIEW_SCOPE}
    assert tokens.closed == 1
