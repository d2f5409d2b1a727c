"""The Azure files say what a call needs. They are not compiled here: there is no Bicep compiler to be had offline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

AZURE = Path(__file__).parents[2] / "deploy" / "azure"
APPS, SITE, IDENTITY = ((AZURE / f"{name}.bicep").read_text() for name in ("container-apps", "app-service", "identity"))


def number(text: str, name: str) -> int:
    (found,) = re.findall(rf"^var {name} = (\d+)$", text, re.MULTILINE)
    return int(found)


@pytest.mark.parametrize("text", [APPS, SITE, IDENTITY], ids=["container-apps", "app-service", "identity"])
def test_brackets_close_and_every_parameter_is_used(text: str) -> None:
    code = re.sub(r"(?<!:)//.*$", "", text, flags=re.MULTILINE)
    code = re.sub(r"'(?:\\.|[^'\\])*'", lambda match: "".join(re.findall(r"\$\{[^}]*\}", match[0])) or "''", code)
    open_brackets: list[str] = []
    for letter in code:
        if letter in "({[":
            open_brackets.append(letter)
        elif letter in ")}]":
            assert open_brackets.pop() + letter in {"()", "{}", "[]"}
    assert open_brackets == []
    for name in re.findall(r"^(?:param|var) (\w+)", code, re.MULTILINE):
        assert len(re.findall(rf"\b{name}\b", code)) > 1, f"{name} is declared and not used"


def test_the_identity_may_call_models_and_no_more() -> None:
    assert "'5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'" in IDENTITY
    assert "scope: account" in IDENTITY
    for text in (APPS, SITE):
        assert "'UserAssigned'" in text
        assert "'AZURE_CLIENT_ID'" in text
        assert "AZURE_OPENAI_API_KEY" not in text
        for secret in ("twilioAuthToken", "tokenSecret"):
            assert re.search(rf"@secure\(\)\nparam {secret} string", text)


def test_the_drain_fits_into_what_the_platform_grants() -> None:
    assert number(APPS, "drainSeconds") < number(APPS, "graceSeconds") <= 600
    assert "terminationGracePeriodSeconds: graceSeconds" in APPS
    assert number(SITE, "drainSeconds") < number(SITE, "stopSeconds") <= 120
    assert "'WEBSITES_CONTAINER_STOP_TIME_LIMIT', value: string(stopSeconds)" in SITE
    for text in (APPS, SITE):
        assert "'GATEWAY_DRAIN_S', value: string(drainSeconds)" in text


def test_web_sockets_and_health_are_on() -> None:
    assert "webSocketsEnabled: true" in SITE
    assert "healthCheckPath: '/readyz'" in SITE
    assert re.search(r"type: 'Readiness'\s+httpGet: \{ path: '/readyz', port: 8000 \}", APPS)
    assert re.search(r"type: 'Liveness'\s+httpGet: \{ path: '/healthz', port: 8000 \}", APPS)


def test_it_is_said_that_they_were_never_run() -> None:
    assert "not run" in APPS
    assert "not run" in SITE
