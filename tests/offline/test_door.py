"""Who is let in, what faults can be asked for, and in which words the others are turned away."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError
from gateway.offline.door import Admission, TurnedAway, admit
from gateway.offline.faults import NO_FAULTS, Faults, check_faults, parse_faults

GOOD = {"authorization": "Bearer secret"}


def knock(
    target: str = "/v1/realtime?model=m", headers: dict[str, str] = GOOD, *, by_header: bool = False
) -> Admission | TurnedAway:
    return admit(target, headers, token="secret", faults=NO_FAULTS, faults_by_header=by_header)


@pytest.mark.parametrize("path", ["/v1/realtime", "/openai/v1/realtime", "/realtime"])
def test_any_path_that_ends_in_realtime_is_the_endpoint(path: str) -> None:
    admission = knock(f"{path}?model=gpt-x")
    assert admission == Admission(model="gpt-x", transcription_only=False, faults=NO_FAULTS)


@pytest.mark.parametrize(
    ("target", "headers", "model", "beta"),
    [
        ("/v1/realtime?model=m", {**GOOD, "openai-beta": "realtime=v1"}, "m", True),
        ("/openai/v1/realtime?model=m", {"api-key": "secret"}, "m", False),
        ("/openai/realtime?api-version=2025-04-01-preview&deployment=d", {"api-key": "secret"}, "d", True),
        ("/openai/realtime?api-version=2024-10-01-preview&deployment=d", GOOD, "d", True),
        ("/proxy/openai/realtime?api-version=x&deployment=d", GOOD, "d", True),
    ],
)
def test_azures_two_doors_and_the_beta_header_lead_in_too(
    target: str, headers: dict[str, str], model: str, beta: bool
) -> None:
    assert knock(target, headers) == Admission(model=model, transcription_only=False, faults=NO_FAULTS, beta=beta)


def test_a_transcription_session_needs_no_model() -> None:
    admission = knock("/v1/realtime?intent=transcription")
    assert isinstance(admission, Admission)
    assert admission.transcription_only


@pytest.mark.parametrize(
    ("target", "headers", "status", "code"),
    [
        ("/v1/songs", GOOD, 404, "not_found"),
        ("/v1/realtime?model=m", {}, 401, "invalid_api_key"),
        ("/v1/realtime?model=m", {"authorization": "Bearer wrong"}, 401, "invalid_api_key"),
        ("/v1/realtime?model=m", {"authorization": "Basic secret"}, 401, "invalid_api_key"),
        ("/v1/realtime?call_id=rtc_1", GOOD, 404, "call_id_not_found"),
        ("/v1/realtime", GOOD, 400, "missing_model"),
        ("/v1/realtime?model=m", {"api-key": "secret"}, 401, "invalid_api_key"),
        ("/openai/v1/realtime?model=m", {"api-key": "wrong"}, 401, "invalid_api_key"),
        ("/openai/v1/realtime?model=m&api-version=2025-04-01-preview", GOOD, 401, "401"),
        ("/openai/v1/realtime?deployment=m", GOOD, 400, "missing_model"),
        ("/openai/realtime?deployment=m", GOOD, 404, "404"),
        ("/openai/realtime?api-version=2025-04-01-preview&model=m", GOOD, 400, "missing_model"),
        (
            "/openai/realtime?api-version=2025-04-01-preview&deployment=m&intent=transcription",
            GOOD,
            400,
            "beta_api_not_supported",
        ),
    ],
)
def test_who_is_turned_away(target: str, headers: dict[str, str], status: int, code: str) -> None:
    refusal = knock(target, headers)
    assert isinstance(refusal, TurnedAway)
    assert (refusal.status, refusal.code) == (status, code)
    assert refusal.body["error"]["code"] == code
    assert "secret" not in str(refusal.body)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503])
def test_each_refusal_can_be_asked_for(status: int) -> None:
    refusal = knock(headers={**GOOD, "x-fault": f"refuse={status}"}, by_header=True)
    assert isinstance(refusal, TurnedAway)
    assert refusal.status == status


def test_the_fault_header_is_deaf_unless_switched_on() -> None:
    assert isinstance(knock(headers={**GOOD, "x-fault": "refuse=429"}), Admission)
    refusal = knock(headers={**GOOD, "x-fault": "sing=1"}, by_header=True)
    assert isinstance(refusal, TurnedAway)
    assert refusal.code == "invalid_fault"


def test_faults_are_read_from_text() -> None:
    assert parse_faults("late_deltas_ms=120, future_event=true") == Faults(late_deltas_ms=120, future_event=True)
    assert parse_faults("") == NO_FAULTS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refuse", "has no value"),
        ("sing=1", "unknown field `sing`"),
        ("refuse=418", "is not one of"),
        ("drop_after_ms=-1", ">= 0"),
    ],
)
def test_faults_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_faults(text)


def test_faults_add_up_and_the_first_wins() -> None:
    both = check_faults({"refuse": 401}, "x").or_else(Faults(refuse=429, fail_response=2))
    assert both == Faults(refuse=401, fail_response=2)
