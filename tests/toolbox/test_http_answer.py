"""What an answer means for the model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ToolError
from gateway.toolbox.http_answer import HttpAnswer, picked, result_of

ORDER = {
    "order": {"status": "sent", "card": "4111", "items": [{"name": "lamp", "cost": 3}, {"name": "rug"}]},
    "internal": {"margin": 0.4},
}


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        ([], ORDER),
        (["order.status"], {"order": {"status": "sent"}}),
        (
            ["order.items.name", "order.status"],
            {"order": {"items": [{"name": "lamp"}, {"name": "rug"}], "status": "sent"}},
        ),
        (["order.status", "order"], {"order": ORDER["order"]}),
        (["order.nothing", "nobody"], {"order": {}}),
        (["order.status.deeper"], {"order": {"status": None}}),
    ],
)
def test_only_what_is_picked_reaches_the_model(paths: list[str], kept: Any) -> None:
    assert picked(ORDER, paths) == kept


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_a_path_that_leads_nowhere_gives_nothing_away(found: Any) -> None:
    assert "secret" not in json.dumps(picked({"public": 1, "private": {"secret": found}}, ["public"]))


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (HttpAnswer(200, b'{"a": 1}', json_type=True), {"a": 1}),
        (HttpAnswer(200, b'{"a": 1}'), {"a": 1}),
        (HttpAnswer(200, "offen bis fünf".encode()), "offen bis fünf"),
        (HttpAnswer(204, b""), None),
        (HttpAnswer(200, b" \n"), None),
        (HttpAnswer(200, b"\xff\xfe"), "\ufffd\ufffd"),
    ],
)
def test_an_answer_is_read_as_what_it_is(answer: HttpAnswer, result: Any) -> None:
    assert result_of(answer, []) == result


@pytest.mark.parametrize(
    ("answer", "kind", "says", "retry"),
    [
        (HttpAnswer(200, b'{"a": ', json_type=True), "broken_answer", "the service's answer is broken JSON", False),
        (HttpAnswer(200, b"{]"), "broken_answer", "the service's answer is broken JSON", False),
        (HttpAnswer(200, b"[" * 100_000), "broken_answer", "the service's answer is broken JSON", False),
        (HttpAnswer(404, b'{"why": "no such order"}'), "not_found", "the service answered 404 Not Found", False),
        (HttpAnswer(409, b""), "conflict", "the service answered 409 Conflict", False),
        (HttpAnswer(401, b"key=k"), "refused", "the service answered 401 Unauthorized", False),
        (HttpAnswer(429, b""), "overloaded", "the service answered 429 Too Many Requests", True),
        (HttpAnswer(500, b"Traceback"), "unavailable", "the service answered 500 Internal Server Error", False),
        (HttpAnswer(503, b""), "unavailable", "the service answered 503 Service Unavailable", True),
        (HttpAnswer(599, b""), "unavailable", "the service answered 599", False),
    ],
)
def test_a_refusal_is_an_error_that_the_model_can_act_on(answer: HttpAnswer, kind: str, says: str, retry: bool) -> None:
    with pytest.raises(ToolError) as caught:
        result_of(answer, [])
    assert (caught.value.kind, str(caught.value), caught.value.retry) == (kind, says, retry)


def test_of_a_refusals_own_words_only_what_is_picked_is_told() -> None:
    answer = HttpAnswer(409, b'{"error": {"message": "the table is taken", "trace": "db7"}}')
    with pytest.raises(
        ToolError, match=r'^the service answered 409 Conflict: {"error": {"message": "the table is taken"}}$'
    ):
        result_of(answer, ["error.message"])
    with pytest.raises(ToolError, match=r"^the service answered 409 Conflict$"):
        result_of(HttpAnswer(409, b"<html>"), ["error.message"])
