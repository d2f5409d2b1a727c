"""The shipped flows as whole calls over sockets: the bank in both of its languages, a payment, and the clinic."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.contracts.model import ResponseRequest
from gateway.contracts.record import AgentSpoke, CallerSpoke
from gateway.simulator.script import Agent, HangUp, Press, Say, WaitForAgent
from tests.calls.flows import events_of, service, shipped, steps_of
from tests.calls.rig import Call, Rig, hears, says, script
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
    "es-ES": "Su saldo es de ciento veinte euros con cincuenta céntimos y su próximo recibo vence el tres de "
    "diciembre de dos mil veintiséis.",
    "en-GB": "Your balance is one hundred and twenty euros and fifty cents and payment is due on the third of December "
    "twenty twenty-six.",
}
NAME = "card_member_services"
ASKS = {
    "es-ES": "Dígame, o marque, los cuatro últimos números de su tarjeta.",
    "en-GB": "Tell me, or key in, the last four digits of your card.",
}
MAIN = {
    "es-ES": "Puedo darle el saldo, bloquear la tarjeta o cobrar un pago. ¿Qué necesita?",
    "en-GB": "I can give your balance, block the card or take a payment. What do you need?",
}
STEPS = ["ask_card", "ask_birth", "ask_pin", "verify", "mark_verified", "main", "balance", "say_balance", "main"]


def flows_of(core: str) -> dict[str, Any]:
    return {"secrets": {"core_api": core, "core_token": "t0ken"}, "payments": {"payments": {"type": "test"}}}


def unseen(house: Rig, call: Call, *secrets: str) -> None:
    """Nothing that was keyed in is in the model's memory, the journal or the log."""
    assert call.session is not None
    for secret in secrets:
        assert not any(secret in item.text for item in house.model.memory(call.session))
        assert secret not in call.papers[".jsonl"].read_text()
        assert secret not in str(house.log)


@pytest.mark.parametrize("language", ["es-ES", "en-GB"])
async def test_a_bank_customer_hears_the_balance_in_either_language(tmp_path: Path, language: str) -> None:
    asked: list[ResponseRequest] = []
    to_english = [WaitForAgent(Agent.TO_START), Press("9")] if language == "en-GB" else []
    model = script(says(BALANCE[language], out_of_band=True))
    async with service(BANK) as bank:
        flows = flows_of(bank.url)
        async with shipped(tmp_path, NAME, model, flows=flows, asked=asked, records=True) as house:
            call = await house.call(
                *to_english, HEARD_OUT, *IDENTIFIED, Press("1"), HEARD_OUT, HEARD_OUT, HangUp(), limit_ms=120_000
            )
            assert steps_of(call) == ["greet", *(["to_english"] if to_english else []), *STEPS]
            spoken = [str(one.text) for one in call.all(AgentSpoke)]
            assert ASKS[language] in spoken
            assert MAIN[language] in spoken
            assert [request.metadata["step"] for request in asked] == ["say_balance"], "keys need no model"
            assert find(sound(BALANCE[language]), call.heard).likeness > 0.98
            assert BALANCE[language] not in spoken, "it is personal: the record does not show it"
            assert not any(BALANCE[language] in item.text for item in house.model.memory(call.session))
            verified = next(json.loads(one.body) for one in bank.requests if one.path == "/callers/verify")
            assert verified == {"last4": "1234", "dob": "1980-05-04", "pin": "739182"}
            unseen(house, call, "739182")


CARD, EXPIRY, CODE = "4111111111111111", "1230", "737"


async def test_a_payment_is_taken_by_keys_and_the_model_hears_none_of_it(tmp_path: Path) -> None:
    async with service(BANK) as bank:
        flows = flows_of(bank.url)
        async with shipped(tmp_path, NAME, script(), flows=flows, records=True, strict=False) as house:
            to_english = (WaitForAgent(Agent.TO_START), Press("9"), HEARD_OUT)
            amount = (Press("3"), HEARD_OUT, Press("42#"), HEARD_OUT, Press("1"), HEARD_OUT)
            paying = (
                Say("my card is four one one one"),
                Press(f"{CARD}#"),
                HEARD_OUT,
                Press(f"{EXPIRY}#"),
                HEARD_OUT,
                Press(f"{CODE}#"),
                HEARD_OUT,
            )
            call = await house.call(*to_english, *IDENTIFIED, *amount, *paying, HEARD_OUT, HangUp(), limit_ms=180_000)
            assert steps_of(call)[-4:] == ["pay_how_much", "take_payment", "paid_ok", "main"]
            assert [event.facts["outcome"] for event in events_of(call, "payment_result")] == ["paid"]
            assert not call.all(CallerSpoke), "what was said while the model was deaf was heard by nobody"
            assert not [item for item in house.model.memory(call.session) if item.role == "user"]
            assert [event.facts["stretch"] for event in events_of(call, "secure")][-2:] == ["begins", "ends"]
            unseen(house, call, CARD, CODE, "739182")


def answers(step: str, **arguments: str) -> dict[str, Any]:
    """Return the step of a closed question that is answered so."""
    name = f"answer_{step}"
    return {
        "expect": {"response": {"out_of_band": True, "tool_choice": name}},
        "then": [{"call": {"name": name, "arguments": arguments}}],
    }


CLINIC = {
    "/services": (200, [{"id": "checkup", "name": "check-up"}, {"id": "vaccine", "name": "vaccination"}]),
    "/patients/*": (200, {"id": "p1", "name": "Ann Miller"}),
    "/slots": (
        200,
        [
            {"id": "s1", "start": "2026-12-03T09:00:00", "clinician": "Doctor Lee"},
            {"id": "s2", "start": "2026-12-03T10:30:00", "clinician": "Doctor Shah"},
        ],
    ),
    "/appointments": (201, {"reference": "AB12"}),
}


BOOKING = [
    *("welcome", "open_now", "main", "identify", "identify_patient.name", "identify_patient.find", "by_request"),
    *("booking_details", "look_up", "offer", "offer_slots.choose", "offer_slots.give_chosen", "ask_mobile"),
    *("book_sure", "book_it", "booked", "after_booking", "anything_else", "bye"),
]


class OpenHours(SystemClock):
    """A Thursday morning, whatever day it is."""

    def __init__(self) -> None:
        self._ahead_s = datetime(2026, 11, 26, 10, tzinfo=UTC).timestamp() - super().wall_s()

    def wall_s(self) -> float:
        return super().wall_s() + self._ahead_s


async def test_a_patient_books_an_appointment_through_the_clinics_subflows(tmp_path: Path) -> None:
    asked: list[ResponseRequest] = []
    model = script(
        hears("Ann Miller, fourth of May nineteen eighty"),
        answers("name", raw="Ann Miller, 4 May 1980", full_name="Ann Miller", birth_date="1980-05-04"),
        hears("a check-up on the third of December in the morning"),
        answers(
            "booking_details",
            raw="a check-up on the third of December in the morning",
            service="checkup",
            wanted_day="2026-12-03",
            part_of_day="morning",
        ),
    )
    async with service(CLINIC) as clinic:
        flows = {"secrets": {"clinic_api": clinic.url, "clinic_token": "t0ken"}}
        async with shipped(
            tmp_path, "clinic_reception", model, flows=flows, asked=asked, records=True, strict=False, clock=OpenHours()
        ) as house:
            call = await house.call(
                HEARD_OUT, Press("1"), HEARD_OUT, Say("Ann Miller, fourth of May nineteen eighty"), HEARD_OUT,
                Press("1"), HEARD_OUT, Say("a check-up on the third of December in the morning"), HEARD_OUT, Press("2"),
                HEARD_OUT, Press("07911123456#"), HEARD_OUT, Press("1"), HEARD_OUT, Press("1"), HEARD_OUT, Press("2"),
                limit_ms=240_000,
            )  # fmt: skip
            assert steps_of(call) == BOOKING
            assert call.why == "agent/goodbye"
            closed = [request.tool_choice for request in asked if request.tool_choice not in {None, "none"}]
            assert closed == ["answer_name", "answer_booking_details"], "two questions to the model, keys for the rest"
            told = {one.path: json.loads(one.body) for one in clinic.requests if one.method == "POST"}
            assert told["/patients/search"] == {"name": "Ann Miller", "dob": "1980-05-04", "postcode": ""}
            booked = told["/appointments"]
            assert (booked["patient"], booked["slot"], booked["mobile"]) == ("p1", "s2", "+447911123456")
            assert {str(one.text) for one in call.all(CallerSpoke)} == {"[private]"}
            unseen(house, call, "7911123456")
