"""Expressions: what can be written, what comes of it, and what is wrong before any call."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flows.expressions.evaluate import UNSET, CannotCompute, Values, evaluate, holds, render
from gateway.flows.expressions.infer import Names, infer
from gateway.flows.expressions.kinds import (
    AMOUNT,
    BOOLEAN,
    CARD,
    DATE,
    DIGITS,
    NUMBER,
    SECRET,
    TEXT,
    Kind,
    KindName,
    fits,
)
from gateway.flows.expressions.parser import parse_expression, parse_template
from gateway.flows.expressions.syntax import MAX_CHARS, ExpressionError
from gateway.flows.expressions.values import CardToken, Money, Secret

TODAY = dt.date(2026, 11, 21)
SCOPE = Values(
    {
        "verified": True,
        "card": {"last4": "1234", "balance": Money(Decimal("20.50"), "EUR"), "none": None},
        "day": dt.date(2026, 12, 24),
        "at": dt.datetime.fromisoformat("2026-12-24T09:30"),
        "names": ["ana", "bea"],
        "count_": Decimal(3),
        "empty": "",
        "pin": Secret("123456"),
        "pan": CardToken("4111111111111111", "visa"),
        "today": TODAY,
    },
    {("visits", "verify"): 2, ("last_choice", "main"): "move"},
)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2 * 3", Decimal(7)),
        ("(1 + 2) * 3", Decimal(9)),
        ("-count_ + 10 / 4", Decimal("-0.5")),
        ("verified and not false", True),
        ("missing", UNSET),
        ("not missing", True),
        ("missing or verified", True),
        ("missing == 'x'", UNSET),
        ("visits('verify') < 3", True),
        ("visits('other')", Decimal(0)),
        ("last_choice('main') == 'move'", True),
        ("card.last4", "1234"),
        ("card.last4 == '1234' and card.balance > 20", True),
        ("card.balance.amount", Decimal("20.50")),
        ("card.balance * 2", Money(Decimal("41.00"), "EUR")),
        ("card.none", UNSET),
        ("card.none|or('x')", "x"),
        ("empty|or('x')", "x"),
        ("missing.field|or('x')", "x"),
        ("'an' in 'ana' and 'ana' in names and 'eva' not in names", True),
        ("'x' in ['x', 'y']", True),
        ("day - today", Decimal(33)),
        ("today + 60 days", dt.date(2027, 1, 20)),
        ("2024-01-31 + 1 month", dt.date(2024, 2, 29)),
        ("2024-02-29 + 1 year", dt.date(2025, 2, 28)),
        ("at - 30 minutes", dt.datetime.fromisoformat("2026-12-24T09:00")),
        ("day >= today and at > today", True),
        ("days_until(day)", Decimal(33)),
        ("weekday(day)", "thu"),
        ("count(names)", Decimal(2)),
        ("known(missing) or known(day)", True),
        ("max(1, count_)", Decimal(3)),
        ("min(day, today)", TODAY),
        ("card.balance|money", "twenty euros and fifty cents"),
        ("card.balance|money('GBP')", "twenty pounds and fifty pence"),
        ("(today + 1 day)|date", "the twenty-second of November twenty twenty-six"),
        ("pan.last4", "1111"),
    ],
)
def test_a_value_is_computed(source: str, value: object):
    assert evaluate(parse_expression(source), SCOPE) == value


@pytest.mark.parametrize(
    ("source", "at", "message"),
    [
        ("a = b", 2, "'=' has no meaning here"),
        ("a & b", 2, "'&' has no meaning here"),
        ("a b", 2, "'b' stands after the expression"),
        ("(a", 2, "the expression ends where ')' is wanted"),
        ("a +", 3, "the expression ends where a value is wanted"),
        ("'abc", 0, "the text that begins with ' is never closed"),
        ("x|attr('y')", 2, "'attr' is not a filter"),
        ("open('f')", 0, "'open' is not a function"),
        ("a.__class__", 2, "'__class__' is no field"),
        ("__import__", 0, "'__import__' is no name"),
        ("a[0]", 1, "'[' stands after the expression"),
        ("a < b < c", 6, "two comparisons in a row"),
        ("visits(x)", 7, "'visits' wants a step's name in quotes"),
        ("visits()", 0, "'visits' takes one value in its brackets"),
        ("a if b else c", 2, "'if' stands after the expression"),
        ("{{a}}", 0, "'{' has no meaning here"),
        ("lambda: 0", 6, "':' has no meaning here"),
        ("2026-13-01", 0, "'2026-13-01' is no date"),
        ("a" * (MAX_CHARS + 1), 0, f"an expression has at most {MAX_CHARS} characters; this one has {MAX_CHARS + 1}"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_its_place(source: str, at: int, message: str):
    with pytest.raises(ExpressionError) as caught:
        parse_expression(source)
    assert (caught.value.at, caught.value.message) == (at, message)


def test_the_nearest_filter_and_function_are_named():
    with pytest.raises(ExpressionError) as caught:
        parse_expression("x|mony")
    assert caught.value.fix == "nearest: 'money'"


@given(st.text(alphabet="ab1.|()'\"[]+-*/<>=! ,_and or not", max_size=60))
def test_no_text_brings_the_parser_down(source: str):
    try:
        parsed = parse_expression(source)
    except ExpressionError as error:
        assert 0 <= error.at <= len(source)  # noqa: PT017 - it may also be right
        return
    with suppress(CannotCompute):
        evaluate(parsed, SCOPE)


def test_a_text_is_never_multiplied():
    with pytest.raises(CannotCompute):
        evaluate(parse_expression("'a' * 300000000"), SCOPE)


def test_a_condition_without_its_values_is_false():
    assert not holds(parse_expression("missing > 3"), SCOPE)
    assert not holds(parse_expression("missing"), SCOPE)
    assert holds(parse_expression("card.balance > 3"), SCOPE)


def test_a_template_keeps_dollars_and_braces_that_are_no_values():
    read = parse_template("Pay $20 for {x}, ${card.last4|digits}.")
    assert render(read, SCOPE, "en-GB") == "Pay $20 for {x}, one two three four."
    assert [part if isinstance(part, str) else part.source for part in read.parts][1] == "card.last4|digits"


def test_values_are_inserted_as_data_and_never_read_again():
    scope = Values({"name": "${pin} {{x}}", "pin": Secret("1")})
    assert render(parse_template("Hello ${name}"), scope, "en") == "Hello ${pin} {{x}}"


@pytest.mark.parametrize("source", ["${pin}", "${pan}", "${missing}", "${pin|spell}", "${pan|digits}"])
def test_secrets_and_missing_values_are_never_said(source: str):
    with pytest.raises(CannotCompute) as caught:
        render(parse_template(source), SCOPE, "en")
    assert "123456" not in str(caught.value)
    assert "4111" not in str(caught.value)


def test_a_secret_is_compared_with_nothing():
    with pytest.raises(CannotCompute):
        evaluate(parse_expression("pin == '123456'"), SCOPE)


@pytest.mark.parametrize("hidden", [Secret("123456"), CardToken("4111111111111111", "visa")])
def test_a_secret_shows_nothing_and_is_not_copied(hidden: Secret | CardToken):
    assert "1" not in f"{hidden!r} {hidden}"
    with pytest.raises(TypeError):
        pickle.dumps(hidden)
    with pytest.raises(TypeError):
        copy.copy(hidden)


NAMES = Names(
    {
        "verified": BOOLEAN,
        "account": Kind(KindName.OBJECT, {"id": TEXT, "sum": AMOUNT}),
        "free": Kind(KindName.OBJECT),
        "pin": SECRET,
        "card": CARD,
        "day": DATE,
        "digits_": DIGITS,
        "list_": Kind(KindName.LIST, item=TEXT),
    }.get,
    lambda: ["verified", "account"],
    frozenset({"desk"}),
)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("account.sum > 3", "boolean"),
        ("account.sum * 2", "amount"),
        ("free.anything", "any"),
        ("today + 3 days", "date"),
        ("day - today", "number"),
        ("call.from", "text"),
        ("calendar.desk.next_open_spoken", "text"),
        ("card.last4", "text"),
        ("day|date", "text"),
        ("'a' in list_", "boolean"),
    ],
)
def test_a_kind_is_inferred(source: str, kind: str):
    inferred, problems = infer(parse_expression(source), NAMES)
    assert (inferred.name.value, problems) == (kind, [])


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("verifed", "F301"),
        ("calendar.dsk.next_open", "F301"),
        ("account.ids", "F305"),
        ("verified < 3", "F303"),
        ("account.id + 1", "F303"),
        ("today + 3", "F303"),
        ("account.id|money", "F303"),
        ("day.year_", "F303"),
        ("pin == '1'", "F307"),
        ("card.number", "F307"),
        ("card|digits", "F307"),
        ("secret.core", "F309"),
        ("3 in list_", "F303"),
    ],
)
def test_a_mistake_is_found_before_any_call(source: str, rule: str):
    assert [problem.rule for problem in infer(parse_expression(source), NAMES)[1]] == [rule]


def test_a_secret_fits_nothing_but_a_secret():
    assert fits(SECRET, SECRET)
    assert not any(fits(SECRET, other) for other in (TEXT, DIGITS, Kind(KindName.ANY), NUMBER))
    assert fits(DIGITS, TEXT)
    assert not fits(TEXT, NUMBER)
