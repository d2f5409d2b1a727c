"""Every way of hearing "no", the cause that it has, and the sentence that an operator reads."""

from __future__ import annotations

import json

import pytest

from gateway.contracts.model import ModelFault, SessionLost
from gateway.offline.hosted import HOSTED, Answered, Ended
from gateway.realtime.credentials import Secret, SecretKind
from gateway.realtime.refusals import REMEDIES, Cause, ended_at_once, lost_by_close, refusal, setup_refused

WHERE = "endpoint 'main' (wss://h.test/v1/realtime)"
OPENAI = "wss://api.openai.com/v1/realtime?model=m"
AZURE_GA = "wss://res.openai.azure.com/openai/v1/realtime?model=chat"
AZURE_PREVIEW = "wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=chat"
KEY = Secret(SecretKind.API_KEY, "key-1")
TOKEN = Secret(SecretKind.TOKEN, "token-1")

HEARD = {
    "openai_no_key": Cause.NO_KEY,
    "openai_wrong_key": Cause.WRONG_KEY,
    "openai_no_model": Cause.NO_MODEL,
    "openai_unknown_model": Cause.UNKNOWN_MODEL,
    "openai_transcription_model": Cause.TRANSCRIPTION_ONLY,
    "openai_beta": Cause.WRONG_PROTOCOL,
    "openai_quota": Cause.QUOTA,
    "openai_quota_http": Cause.QUOTA,
    "azure_wrong_key": Cause.WRONG_KEY,
    "azure_keys_off": Cause.KEYS_OFF,
    "azure_no_role": Cause.NO_ROLE,
    "azure_wrong_audience": Cause.WRONG_TOKEN,
    "azure_firewall": Cause.FIREWALL,
    "azure_unknown_deployment": Cause.UNKNOWN_MODEL,
    "azure_api_version": Cause.API_VERSION,
    "azure_resource_not_found": Cause.API_VERSION,
    "azure_transcription_model": Cause.TRANSCRIPTION_ONLY,
    "azure_quota": Cause.RATE_LIMIT,
    "azure_volume_quota": Cause.QUOTA,
    "proxy_200": Cause.NO_UPGRADE,
    "proxy_400": Cause.NO_UPGRADE,
    "proxy_426": Cause.NO_UPGRADE,
    "proxy_502": Cause.NO_UPGRADE,
}
"""The refusals of hosted endpoints, and what each means."""


def body(code: str | None, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "type": "some_error"}}).encode()


@pytest.mark.parametrize("name", HOSTED)
def test_every_hosted_refusal_is_told_from_the_others(name: str) -> None:
    heard = HOSTED[name]
    url = AZURE_PREVIEW if name.startswith("azure") else OPENAI
    if isinstance(heard, Ended):
        lost = lost_by_close(heard.close_code, heard.reason)
        refused = ended_at_once(WHERE, lost, f"{heard.code or heard.kind}: {heard.message}", secret=KEY, url=url)
    else:
        assert isinstance(heard, Answered)
        content = heard.page.encode() or json.dumps(heard.body).encode()
        refused = refusal(WHERE, heard.status, content, secret=KEY, url=url)
    assert refused.cause == HEARD[name], str(refused)
    assert refused.retryable is (name in {"azure_quota", "proxy_502"})


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
            body("forbidden", ""),
            False,
            (
                " refused the session with HTTP 403 (forbidden); check that this key's project may use Realtime and"
                " this model"
            ),
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
                " refused the session with HTTP 400 (OpperationNotSupported: no realtime); this model can't hold a"
                " conversation: name a realtime model, and a transcriber under transcription.model"
            ),
        ),
        (
            400,
            body("invalid_value", "so not"),
            False,
            (
                " refused the session with HTTP 400 (invalid_value: so not);"
                " check the model and the session fields that this endpoint takes"
            ),
        ),
        (
            400,
            b"",
            False,
            (
                " refused the session with HTTP 400; a proxy, firewall or load balancer on the way does not pass"
                " WebSocket upgrades; let it pass 'Upgrade: websocket', or go around it"
            ),
        ),
        (
            502,
            b"Bad Gateway",
            True,
            (
                " refused the session with HTTP 502 (Bad Gateway); the endpoint may have trouble of its own, so try"
                " again; if it stays so, a proxy, firewall or load balancer on the way does not pass WebSocket"
                " upgrades; let it pass 'Upgrade: websocket', or go around it"
            ),
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


@pytest.mark.parametrize(
    ("status", "secret", "url", "cause"),
    [
        (401, None, OPENAI, Cause.NO_KEY),
        (401, KEY, OPENAI, Cause.WRONG_KEY),
        (401, TOKEN, AZURE_GA, Cause.WRONG_TOKEN),
        (401, KEY, AZURE_GA + "&api-version=2025-04-01-preview", Cause.API_VERSION),
        (403, TOKEN, AZURE_GA, Cause.NO_ROLE),
        (404, KEY, AZURE_PREVIEW, Cause.API_VERSION),
        (404, KEY, AZURE_GA, Cause.WRONG_URL),
        (404, KEY, OPENAI, Cause.WRONG_URL),
    ],
)
def test_where_an_endpoint_names_no_cause_the_status_and_what_was_shown_decide(
    status: int, secret: Secret | None, url: str, cause: Cause
) -> None:
    assert refusal(WHERE, status, body(str(status), "No"), secret=secret, url=url).cause == cause


def test_a_ga_endpoint_that_is_given_an_api_version_is_not_blamed_on_the_key() -> None:
    heard = HOSTED["azure_wrong_key"]
    assert isinstance(heard, Answered)
    url = AZURE_GA + "&api-version=2025-04-01-preview"
    refused = refusal(WHERE, 401, json.dumps(heard.body).encode(), secret=KEY, url=url)
    assert refused.cause == Cause.API_VERSION
    assert str(refused).endswith(REMEDIES[Cause.API_VERSION])


def test_azures_remedies_speak_of_deployments() -> None:
    heard = HOSTED["azure_unknown_deployment"]
    assert isinstance(heard, Answered)
    answer = json.dumps(heard.body).encode()
    assert "check deployment: it is the name given at deploying" in str(refusal(WHERE, 404, answer, url=AZURE_GA))


@pytest.mark.parametrize(
    ("code", "message", "cause", "remedy"),
    [
        ("unknown_parameter", "Unknown parameter: 'session.type'.", Cause.WRONG_PROTOCOL, "set protocol: beta"),
        ("unknown_parameter", "Unknown parameter: 'session.audio'.", Cause.WRONG_PROTOCOL, "set protocol: beta"),
        (
            "invalid_model",
            'Model "gpt-nope" is not supported in transcription mode.',
            Cause.NO_TRANSCRIPTION,
            "check transcription.model",
        ),
        ("unknown_parameter", "Unknown parameter: 'session.speed'.", Cause.OTHER, "the session fields that this"),
        ("insufficient_quota", "pay", Cause.QUOTA, "top it up"),
    ],
)
def test_a_refused_set_up_says_which_setting_is_meant(code: str, message: str, cause: Cause, remedy: str) -> None:
    refused = setup_refused(WHERE, ModelFault(code, message, "configure"), url=OPENAI)
    assert refused.cause == cause
    assert str(refused).startswith(f"{WHERE} refused the session's set-up ({code}: {message}); ")
    assert remedy in str(refused)


def test_a_session_that_ends_for_no_known_reason_may_be_tried_again() -> None:
    refused = ended_at_once(WHERE, SessionLost("closed_1011", retryable=True), "", url=OPENAI)
    assert (refused.cause, refused.retryable) == (Cause.OTHER, True)
    assert str(refused) == f"{WHERE} took the connection and ended the session at once: closed_1011; try again"


def test_every_cause_but_a_redirect_has_a_remedy() -> None:
    assert set(Cause) - set(REMEDIES) == {Cause.MOVED}
    assert [remedy for remedy in REMEDIES.values() if remedy[0].isupper() or remedy.endswith(".")] == []


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
        (4000, "invalid_request_error.invalid_model", SessionLost("invalid_model", False)),
        (4000, "whatever", SessionLost("closed_4000", True)),
    ],
)
def test_a_close_code_says_whether_another_try_can_help(code: int, reason: str, lost: SessionLost) -> None:
    assert lost_by_close(code, reason) == lost
