"""``config/README.md`` says what is: every setting, every variable, the exact words of errors, and sums that add up."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.settings.reference import GUIDE, placed

ROOT = Path(__file__).parents[2]
TEXT = GUIDE.read_text("utf-8")


def test_the_table_of_settings_is_the_schemas() -> None:
    assert placed(TEXT) == TEXT, "run: python -m tests.settings.reference"


def test_every_variable_of_the_example_environment_is_explained() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    names = re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)
    assert [name for name in names if f"`{name}`" not in TEXT] == []


@cache
def spoken() -> str:
    """Return every text that stands in the gateway's code, each on a line."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "gateway").rglob("*.py")]
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n".join(" ".join(node.value.split()) for node in nodes if isinstance(node.value, str))


def symptoms() -> list[str]:
    """Return the texts that the first column of the table of symptoms quotes."""
    part = TEXT.partition("## Symptom, cause, fix")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| `")]
    return [quoted for row in rows for quoted in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("text", symptoms())
def test_every_quoted_symptom_is_said_word_for_word(text: str) -> None:
    made = {
        "endpoints.openai.api_key: missing": ["missing", "set the variable"],  # the path is put before it
        "failed: DeploymentNotFound": [" failed: ", "DeploymentNotFound"],
        "Unknown parameter: 'session.type'": ["Unknown parameter: '", "session.type"],
    }
    assert [part for part in made.get(text, [text]) if part not in spoken()] == []


def test_there_are_symptoms() -> None:
    assert len(symptoms()) > 30


@pytest.mark.parametrize(("model", "total"), [("gpt-realtime-2.1", 69856), ("gpt-realtime-2.1-mini", 20960)])
def test_what_a_minute_costs_adds_up_by_the_table_of_prices(model: str, total: int) -> None:
    price = yaml.safe_load((ROOT / "config" / "prices.yaml").read_text("utf-8"))["models"][model]
    caller, agent, text, instructions = 6 * 10, 8 * 20, 25, 600
    cost = 0.0
    heard_before, answer_before = 0, 0
    for turn in range(4):
        kind = "input_text" if turn == 0 else "cached_text"
        cost += instructions * price[kind]
        cost += heard_before * price["cached_audio"]
        cost += (answer_before + caller) * price["input_audio"]
        cost += agent * price["output_audio"] + text * price["output_text"]
        heard_before, answer_before = heard_before + answer_before + caller, agent
    assert round(cost) == total
    assert f"{total:,} = **${total / 1e6:.4f}**" in TEXT


def test_every_link_within_the_guide_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in TEXT.splitlines()
        if line.startswith("#")
    }
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", TEXT) if link not in headings] == []
    files = [link.partition("#")[0] for link in re.findall(r"\]\((\.\.?/[^)]+)\)", TEXT)]
    assert [link for link in files if not (GUIDE.parent / link).exists()] == []
