"""The shipped flows as whole calls over sockets: the bank in both of its languages, a payment, and the clinic."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.contracts.model import ResponseRequest
from gateway.contracts.record import AgentSpoke, CallerSpoke
from gateway.simulator.script import Agent, HangUp, Press, Say, WaitForAgent
from tests.calls.flows import events_of, service, shipped, steps_of
from tests.calls.rig import Call, hears, says, script
from tests.calls.sounds import find, sound

pytestmark = pytest.mark.usefixtures("leaves_nothing")

BANK = {
    "/callers/verify": (200, {"id": "c1", "last4": "1234", "balance": 250, "name": "Ana"}),
    "/cards/*": (200, {"amount": 120.5, "due": "2026-12-03"}),
    "/cases/*": (200, {}),
}
HEARD_OUT = WaitForAgent(Agent.TO_FINISH)
IDENTIFIED = (Press("1234"), HEARD_OUT, Press("04051980"), HEARD_OUT, Press("739182#"), HEARD_OUT)
BALANCE = {
    "es-ES": "Su saldo es de ciento veinte euros y cincuenta céntimos y su próximo recibo vence el tres de diciembre de "
    "dos mil veintiséis.",
    "en-GB": "Your balance is one hundred and twenty euros and fifty cents and payment is due on the third of December "
    "twenty twenty-six.",
}
ASKS = {"es-ES": "Dígame, o marque, los cuatro últimos números de su tarjeta.", "en-GB": "Please key in"}
STEPS = ["ask_card", "ask_birth", "ask_pin", "verify", "mark_verified", "main", "balance", "say_balance", "main"]


@pytest.mark.parametrize("language", ["es-ES", "en-GB"])
async def test_a_bank_customer_hears_the_balance_in_either_language(tmp_path: Path, language: str) -> None:
    asked: list[ResponseRequest] = []
    english = language == "en-GB"
    async with service(BANK) as bank:
        flows = {"secrets": {"core_api": bank.url, "core_token": "t0ken"}, "payments": {"payments": {"type": "test"}}}
        model = script(says(BALANCE[language], out_of_band=True))
        async with shipped(
            tmp_path, "card_member_services", model, flows=flows, asked=asked, records=True
        ) as house:
            first = Press("9") if english else HEARD_OUT
            call = await house.call(*([first] if english else []), HEARD_OUT, *IDENTIFIED, Press("1"), HEARD_OUT, HangUp(), limit_ms=120_000)
            assert steps_of(call) == ["greet", *(["to_english"] if english else []), *STEPS]
            assert {spoken.purpose for spoken in call.all(AgentSpoke)} == {"prompt"}
            assert [request.metadata["step"] for request in asked] == ["say_balance"], "keys need no model"
            print(asked[0].instructions, [(str(s.text), s.interrupted, s.heard_ms) for s in call.all(AgentSpoke)], [(e.name,dict(e.facts)) for e in call.records if hasattr(e,"facts") and e.name=="prompt_misread"])
            assert find(sound(BALANCE[language]), call.heard).likeness > 0.98
            verified = next(json.loads(one.body) for one in bank.requests if one.path == "/callers/verify")
            assert verified == {"last4": "1234", "dob": "1980-05-04", "pin": "739182"}
            assert call.session is not None
            assert not any("739182" in item.text for item in house.model.memory(call.session))
            assert "739182" not in call.papers[".jsonl"].read_text()
            assert "739182" not in str(house.log)
