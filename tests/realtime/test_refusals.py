from __future__ import annotations

import json

import pytest

from gateway.contracts.model import SessionLost
from gateway.realtime.credentials import Secret, SecretKind
from gateway.realtime.refusals import lost_by_close, refusal

WHERE = "endpoint 'main' (wss://h.test/v1/realtime)"


def body(code: str | None, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "type": "some_error"}}).encode()


@pytest.mark.parametrize(
    ("status", "answer", "retryable", "sentence"),
    [
        (
            401,
            body("invalid_api_key", "Incorrect API key provided: sk-****abcd."),
            False,
            (
                " refused the session with HTTP 401 (invalid_api_key: Incorrect API key provided: ••••);"
                " check api_key, and that it belongs to this endpoint"
            ),
        ),
        (
            403,
            b"",
            False,
            " refused the session with HTTP 403; check that this key's project may use Realtime and this model",
        ),
        (
            404,
            b"<html>not\n found</html>",
            False,
            " refused the session with HTTP 404 (<html>not found</html>); check model and url",
        ),
        (
            429,
            body("rate_limit_exceeded", "slow down"),
            True,
            (
                " refused the session with HTTP 429 (rate_limit_exceeded: slow down);"
                " wait, or raise the rate limit of this account"
            ),
        ),
        (
            429,
            body("insufficient_quota", "pay"),
            False,
            (
                " refused the session with HTTP 429 (insufficient_quota: pay);"
                " the account has no credit or quota left; top it up or use another key"
            ),
        ),
        (
            400,
            body("OpperationNotSupported", "no realtime"),
            False,
            (
                " refused the session with HTTP 400 (OpperationNotSupported: no realtime);"
                " this deployment can't do Realtime sessions; give the name of a realtime deployment as model"
            ),
        ),
        (
            400,
            b"",
            False,
            " refused the session with HTTP 400; check the model and the session fields that this endpoint takes",
        ),
        (
            503,
            b"busy",
            True,
            " refused the session with HTTP 503 (busy); the endpoint has trouble of its own; try again",
        ),
        (418, b"[]", False, " refused the session with HTTP 418 ([]); check url, model and api_key"),
    ],
)
def test_a_refusal_is_a_sentence_with_a_remedy(status: int, answer: bytes, retryable: bool, sentence: str) -> None:
    refused = refusal(WHERE, status, answer)
    assert str(refused) == WHERE + sentence
    assert (refused.status, refused.retryable) == (status, retryable)


def test_a_redirect_says_where_it_leads_without_its_query() -> None:
    assert str(refusal(WHERE, 308, b"", location="https://eu.h.test/v1?key=geheim")).endswith(
        "set url to https://eu.h.test/v1"
    )


def test_a_long_body_is_cut_and_our_secret_is_not_quoted() -> None:
    refused = refusal(WHERE, 401, b"key tok3n-value is bad " * 99, secret=Secret(SecretKind.TOKEN, "tok3n-value"))
    assert "tok3n-value" not in str(refused)
    assert len(str(refused)) < 500


@pytest.mark.parametrize(
    ("code", "reason", "lost"),
    [
        (1000, "", SessionLost("closed_1000", True)),
        (1001, "Your session hit the maximum duration of 60 minutes.", SessionLost("session_expired", True)),
        (1001, "", SessionLost("closed_1001", True)),
        (1005, "", SessionLost("closed_1005", True)),
        (1006, "", SessionLost("connection_lost", True)),
        (1008, "policy", SessionLost("closed_1008", False)),
        (1011, "internal", SessionLost("closed_1011", True)),
        (1012, "", SessionLost("closed_1012", True)),
        (1013, "", SessionLost("closed_1013", True)),
        (3000, "invalid_request_error.invalid_api_key", SessionLost("invalid_api_key", False)),
        (3000, "invalid_request_error.model_not_found", SessionLost("model_not_found", False)),
        (3000, "something, in words", SessionLost("closed_3000", False)),
        (4000, "session_expired", SessionLost("session_expired", True)),
        (4000, "whatever", SessionLost("closed_4000", True)),
    ],
)
def test_a_close_code_says_whether_another_try_can_help(code: int, reason: str, lost: SessionLost) -> None:
    assert lost_by_close(code, reason) == lost
