"""Tools of flows: what is sent, which status means what, and where secrets go."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx
import pytest
from pydantic import SecretStr

from gateway.flows.engine.commands import RunTool
from gateway.flows.engine.state import CallFacts
from gateway.flows.expressions.values import Secret
from gateway.flows.load import load_texts
from gateway.flows.model import Tool
from gateway.toolbox.flow_tools import FlowTools, Secrets
from gateway.toolbox.http_tool import HttpClient

TOOLS = """
format: 1
kind: tools
tools:
  verify:
    description: Checks who is calling
    http: POST ${secret.core_api}/callers/verify
    auth: bearer ${secret.core_token}
    send: {last4: digits, pin: secret}
    outcomes: {ok: 200, no_match: 404, locked: 423}
    returns: {id: text}
    idempotent: yes
  block:
    description: Blocks a card
    http: POST ${secret.core_api}/cards/${card_id}/block
    send: {card_id: text, reason: text}
    outcomes: {ok: 2xx}
    changes_data: yes
    idempotency_key: ${call.id}-block
  movements:
    description: Lists movements
    http: GET ${secret.core_api}/cards/${card_id}/movements?limit=10
    send: {card_id: text, since: text}
    outcomes: {ok: 200}
    idempotent: yes
"""
FLOW = """
flow: desk
title: A desk
format: 1
version: 1
owner: desk@example.com
languages: [en-GB]
use: [shared/tools.yaml]
agent_exit: bye
start: bye
steps:
  bye:
    hangup: Goodbye.
"""
FACTS = CallFacts(id="cllr", caller="+441")


@pytest.fixture(scope="module")
def tools() -> dict[str, Tool]:
    folder = load_texts({"desk.yaml": FLOW, "shared/tools.yaml": TOOLS})
    assert not folder.findings.errors, folder.findings
    return dict(folder.flows["desk"].tools)


class Bank:
    """Answers as it is told, and remembers."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def run(tool: Tool, arguments: dict[str, object], bank: Bank, *, retries: int = 0, key: str | None = None):  # type: ignore[no-untyped-def]
    http = HttpClient(transport=httpx.MockTransport(bank))
    secrets = Secrets({"core_api": SecretStr("https://core.example"), "core_token": SecretStr("t0ken")})
    desk = FlowTools(secrets, http)
    command = RunTool(
        run=7, epoch=1, step="s", tool=tool, arguments=arguments, timeout_ms=2000, retries=retries, idempotency_key=key
    )
    try:
        return await desk.run(command, FACTS)
    finally:
        await desk.close()
        await http.close()


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "ok"), (404, "no_match"), (423, "locked"), (500, "failed"), (302, "failed")]
)
async def test_the_status_is_the_outcome_by_the_contract(tools: dict[str, Tool], status: int, outcome: str) -> None:
    bank = Bank(httpx.Response(status, json={"id": "c1"}))
    returned = await run(tools["verify"], {"last4": "4242", "pin": Secret("739105")}, bank)
    assert (returned.run, returned.outcome) == (7, outcome)
    (request,) = bank.requests
    assert str(request.url) == "https://core.example/callers/verify"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert json.loads(request.content) == {"last4": "4242", "pin": "739105"}


async def test_values_in_the_path_can_not_climb_out_of_it(tools: dict[str, Tool]) -> None:
    bank = Bank(httpx.Response(200))
    await run(tools["block"], {"card_id": "a/../b?c", "reason": "lost"}, bank, key="cllr-block")
    (request,) = bank.requests
    assert request.url.raw_path == b"/cards/a%2F..%2Fb%3Fc/block"
    assert json.loads(request.content) == {"reason": "lost"}
    assert request.headers["idempotency-key"] == "cllr-block"
    assert (await run(tools["block"], {"card_id": "..", "reason": "lost"}, Bank())).outcome == "failed"


async def test_a_get_has_the_rest_of_its_arguments_in_the_query(tools: dict[str, Tool]) -> None:
    bank = Bank(httpx.Response(200, json=[]))
    await run(tools["movements"], {"card_id": "c1", "since": Decimal(3)}, bank)
    assert str(bank.requests[0].url) == "https://core.example/cards/c1/movements?limit=10&since=3"


async def test_it_is_tried_again_only_as_often_as_the_flow_allows(tools: dict[str, Tool]) -> None:
    broken = httpx.ConnectError("no route")
    bank = Bank(broken, httpx.Response(503), httpx.Response(200, json={"id": "c1"}))
    assert (await run(tools["verify"], {"last4": "1", "pin": Secret("2")}, bank, retries=2)).outcome == "ok"
    once = Bank(broken)
    assert (await run(tools["verify"], {"last4": "1", "pin": Secret("2")}, once)).outcome == "failed"
    assert len(once.requests) == 1


async def test_a_secret_that_nobody_set_fails_the_tool_and_sends_nothing(
    tools: dict[str, Tool], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, http = Bank(httpx.Response(200)), HttpClient(transport=httpx.MockTransport(Bank()))
    desk = FlowTools(Secrets({}), http)
    command = RunTool(
        run=1, epoch=1, step="s", tool=tools["block"], arguments={"card_id": "c", "reason": "r"}, timeout_ms=500,
        retries=0, idempotency_key=None,
    )  # fmt: skip
    assert (await desk.run(command, FACTS)).outcome == "failed"
    assert not bank.requests
    monkeypatch.setenv("FLOW_SECRET_CORE_API", "https://elsewhere.example")
    assert Secrets({}).value("core_api") == "https://elsewhere.example"
    await desk.close()
    await http.close()
