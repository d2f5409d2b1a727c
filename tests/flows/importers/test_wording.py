"""The small languages inside the sources: conditions of Rasa, Liquid, and the YAML that comes out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.flows.document import MapNode, TextNode, read_source
from gateway.flows.expressions.parser import parse_expression
from gateway.flows.importers.draft import private_slot, word
from gateway.flows.importers.liquid import template
from gateway.flows.importers.rasa_conditions import CannotSay, rewritten
from gateway.flows.importers.yaml_text import lines_of
from gateway.flows.issues import Findings
from gateway.flows.shapes import NAME


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("slots.amount > 5", "amount > 5"),
        ('slots.kind = "gold"', 'kind == "gold"'),
        ("slots.kind != 'gold'", "kind != 'gold'"),
        ("slots.done is true", "done == true"),
        ("slots.done is not true", "done != true"),
        ("slots.name is null", "not known(name)"),
        ("slots.name is not null", "known(name)"),
        ("slots.name != null", "known(name)"),
        ("not slots.done", "not done"),
        ("slots.a and (slots.b or not slots.c)", "a and (b or not c)"),
        ('{"x", "y"} contains slots.kind', 'kind in ["x", "y"]'),
        ("slots.list contains 'x'", "'x' in list"),
        ("slots.a <= -1.5", "a <= -1.5"),
    ],
)
def test_conditions_are_rewritten_and_can_be_read(theirs: str, ours: str):
    assert rewritten(theirs) == ours
    assert parse_expression(ours).source == ours


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ('slots.a matches "^x$"', "'matches' has no counterpart"),
        ("context.x", "known to Rasa alone"),
        ("slots.a > ", "a value is missing"),
        ("(slots.a", "never closed"),
        ("slots.a ~ 3", "is not understood"),
        ("slots.a slots.b", "is not understood"),
    ],
)
def test_what_cannot_be_said_says_why(theirs: str, words: str):
    with pytest.raises(CannotSay, match=words):
        rewritten(theirs)


@given(st.text())
def test_any_condition_is_rewritten_or_refused(text: str):
    with suppress(CannotSay):
        assert rewritten(text)


@pytest.mark.parametrize(
    ("theirs", "ours", "problems"),
    [
        ("Hello {{flow.variables.name}}.", "Hello ${name}.", 0),
        ("{{ flow.variables.name | default: 'you' | upcase }}", "${name|or('you')|upper}", 0),
        ("{{flow.variables.n | plus: 1}}", "${n + 1}", 0),
        ("{{widgets.x.y}} is {{flow.data.z}}", "… is …", 2),
        ("{{flow.variables.d | date: '%Y'}}", "${d}", 1),
        ("{% if a %}Hi{% endif %}", "Hi", 1),
        ("Pay ${5}", "Pay $5}", 0),
    ],
)
def test_liquid_is_rewritten_or_told(theirs: str, ours: str, problems: int):
    def name_of(source: str) -> str | None:
        return source.removeprefix("flow.variables.") if source.startswith("flow.variables.") else None

    said, found = template(theirs, name_of)
    assert (said, len(found)) == (ours, problems)


@given(st.text(min_size=1))
@example("0?")
def test_any_text_survives_being_written(text: str):
    written = "\n".join([*lines_of("block", text, 0), *lines_of("inline", {"a": text, "b": [text]}, 0)])
    findings = Findings()
    root = read_source(written + "\n", "x.yaml", findings).root
    wanted = " ".join("".join(mark for mark in text if mark.isprintable() or mark.isspace()).split())
    inline = root.get("inline")
    assert isinstance(inline, MapNode)
    for node in (root.get("block"), inline.get("a")):
        assert isinstance(node, TextNode)
        assert node.value == wanted


@given(st.text())
def test_any_text_makes_a_name(text: str):
    assert NAME.fullmatch(word(text))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Main Menu #2", "main_menu_2"),
        ("orderStatus", "order_status"),
        ("9 lives", "step_9_lives"),
        ("return", "return_step"),
    ],
)
def test_names_read_like_what_they_were(text: str, name: str):
    assert word(text) == name


@pytest.mark.parametrize("name", ["pin", "telephone_pin", "card_number", "cvv"])
def test_what_sounds_secret_is_private(name: str):
    slot = private_slot(name)
    assert slot is not None
    assert slot["input"] == "keys_only"


@pytest.mark.parametrize("name", ["pinboard", "spin", "panel", "cardigan"])
def test_what_only_looks_like_it_is_not(name: str):
    assert private_slot(name) is None
