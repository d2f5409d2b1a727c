"""A call's tokens, money and metrics, against what the model says that it used."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.contracts.record import TokensUsed
from gateway.simulator.script import Agent, HangUp, Say, WaitForAgent
from tests.calls.rig import Answering, Call, Rig, hears, rig, says, script
from tests.calls.sounds import words

pytestmark = pytest.mark.usefixtures("leaves_nothing")

MODEL = script(says(words(3)), hears("what is new"), says(words(4, 4)), pace=4.0)
PRICES = {
    "models": {
        "a-model": {
            "currency": "EUR",
            "as_of": "2026-11-20",
            "source": "made up",
            "input_text": "4",
            "cached_text": "0.4",
            "output_text": "24",
            "input_audio": "32",
            "cached_audio": "0.4",
            "output_audio": "64",
        }
    }
}


async def a_call(house: Rig) -> Call:
    return await house.call(
        WaitForAgent(Agent.TO_FINISH, settle_ms=200),
        Say("what is new"),
        WaitForAgent(Agent.TO_FINISH, settle_ms=200),
        HangUp(),
    )


async def figures(house: Rig) -> dict[tuple[str, ...], float]:
    """Return the page of ``/metrics``, each sample by its name and its labels' values."""
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(f"{house.base}/metrics")
    assert response.status_code == 200
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def by_hand(used: TokensUsed) -> Decimal:
    millionths = (
        4 * (used.input_text - used.cached_text)
        + 32 * (used.input_audio - used.cached_audio)
        + Decimal("0.4") * (used.cached_text + used.cached_audio)
        + 24 * used.output_text
        + 64 * used.output_audio
    )
    return millionths / 1_000_000


async def test_a_call_is_paid_turn_by_turn_and_counted(tmp_path: Path) -> None:
    async with rig(tmp_path, Answering(MODEL, endpoint={"model": "a-model"}), prices=PRICES) as house:
        call = await a_call(house)
        used = call.all(TokensUsed)
        assert [one.turn for one in used] == [0, 1], "the greeting is before the first turn, the answer in it"
        assert all(one.output_audio > 0 for one in used)
        assert used[1].input_audio > 0
        assert [one.cost for one in used] == [by_hand(one) for one in used]
        assert (call.ending.cost, call.ending.currency) == (by_hand(used[0]) + by_hand(used[1]), "EUR")
        assert call.ending.responses_unreported == 0

        page = await figures(house)
        assert page["gateway_calls_live",] == 0
        assert page["gateway_cost_total", "EUR", "a-model"] == pytest.approx(float(call.ending.cost or 0))
        assert page["gateway_turns_total",] == 1
        assert page["gateway_model_connects_total", "clerk", "ok"] == 1
        assert page["gateway_answer_seconds_count", "clerk"] == 1


async def test_a_model_without_a_price_costs_unknown(tmp_path: Path) -> None:
    async with rig(tmp_path, Answering(MODEL, endpoint={"model": "nobody-knows"})) as house:
        call = await a_call(house)
        assert [one.cost for one in call.all(TokensUsed)] == [None, None]
        assert (call.ending.cost, call.ending.currency) == (None, None)
        assert call.ending.output_audio_tokens > 0
        page = await figures(house)
        assert page["gateway_unpriced_responses_total", "nobody-knows"] == 2
        assert not [key for key in page if key[0] == "gateway_cost_total"]
