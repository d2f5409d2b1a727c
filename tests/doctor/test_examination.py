"""Each thing that can keep a call from working is told apart from the others, with its fix."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.doctor.examination import examine
from gateway.doctor.finding import Mark
from tests.doctor.patients import AZURE, OPENAI, examined, failures, finding, hospital, origin, settings_file

pytestmark = pytest.mark.usefixtures("leaves_nothing")

REFUSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "openai_no_key": (
        OPENAI,
        "basic authentication in header",
        "no key was shown; set api_key (variable OPENAI_API_KEY",
    ),
    "openai_wrong_key": (OPENAI, "invalid_api_key", "check api_key, and that it belongs to this endpoint"),
    "openai_no_model": (OPENAI, "missing_model", "name a realtime model as model"),
    "openai_unknown_model": (OPENAI, "invalid_model", "check model: there is none of that name for this key"),
    "openai_transcription_model": (OPENAI, "invalid_model", "this model can't hold a conversation"),
    "openai_beta": (OPENAI, "beta_api_shape_disabled", "set protocol: ga"),
    "openai_quota": (OPENAI, "insufficient_quota", "the account has no credit or quota left"),
    "openai_quota_http": (OPENAI, "HTTP 429", "the account has no credit or quota left"),
    "azure_wrong_key": (AZURE, "HTTP 401", "check api_key and url: the key must be one of this very resource's"),
    "azure_keys_off": (AZURE, "AuthenticationTypeDisabled", "set auth: entra"),
    "azure_no_role": (AZURE, "PermissionDenied", "give this identity the role 'Cognitive Services OpenAI User'"),
    "azure_wrong_audience": (AZURE, "audience is incorrect", "try entra_scope: https://cognitiveservices.azure.com"),
    "azure_firewall": (AZURE, "Virtual Network/Firewall", "let its address in"),
    "azure_unknown_deployment": (AZURE, "DeploymentNotFound", "check deployment: it is the name given at deploying"),
    "azure_api_version": (AZURE, "API version not supported", "check api_version: GA takes none"),
    "azure_resource_not_found": (
        {**AZURE, "api_version": "2024-02-30-preview", "protocol": "beta"},
        "Resource not found",
        "check api_version: GA takes none",
    ),
    "azure_transcription_model": (AZURE, "OpperationNotSupported", "this model can't hold a conversation"),
    "azure_quota": (AZURE, "HTTP 429", "wait, or raise the rate limit of this account"),
    "azure_volume_quota": (AZURE, "Out of call volume quota", "the account has no credit or quota left"),
    "proxy_200": (OPENAI, "HTTP 200", "does not pass WebSocket upgrades"),
    "proxy_400": (OPENAI, "HTTP 400", "does not pass WebSocket upgrades"),
    "proxy_426": (OPENAI, "HTTP 426", "does not pass WebSocket upgrades"),
    "proxy_502": (OPENAI, "HTTP 502", "does not pass WebSocket upgrades"),
}
"""How an endpoint says no → the endpoint's settings, what is quoted, and the fix."""


def url_of(endpoint: dict[str, Any], base: str) -> str:
    return base if endpoint["type"] == "azure" else f"{base}/v1"


async def test_where_all_is_well_every_check_says_so_and_times_are_measured(tmp_path: Path) -> None:
    async with hospital() as server:
        report = await examined(tmp_path, {**OPENAI, "url": f"{origin(server)}/v1"})
    assert failures(report) == []
    assert report.is_well
    assert [one.check for one in report.findings if one.check.startswith("main")] == [
        "main: key",
        "main: name",
        "main: tcp",
        "main: clock",
        "main: session",
        "main: set-up",
        "main: transcription",
    ]
    assert {"main.tcp_ms", "main.connect_ms", "main.round_trip_ms", "main.clock_skew_s"} <= report.figures.keys()
    assert all(value >= 0 for name, value in report.figures.items() if name.endswith("_ms"))
    assert re.search(r"opened in \d+ ms at ws://127\.0\.0\.1", finding(report, "main: session").said)
    assert re.search(r"round trip \d+ ms", finding(report, "main: set-up").said)
    assert finding(report, "main: transcription").said == "my-whisper writes down what is said"


@pytest.mark.parametrize("name", REFUSALS)
async def test_every_refusal_has_its_own_fix(tmp_path: Path, name: str) -> None:
    endpoint, quoted, fix = REFUSALS[name]
    async with hospital(hosted=name) as server:
        report = await examined(tmp_path, {**endpoint, "url": url_of(endpoint, origin(server))})
    (failure,) = failures(report)
    assert failure.check == "main: session"
    assert quoted in failure.said
    assert fix in failure.fix
    assert endpoint["api_key"] not in str(report.findings)


async def test_an_unknown_model_is_told_together_with_those_that_there_are(tmp_path: Path) -> None:
    models = "gpt-realtime-2.1|gpt-realtime-2.1-mini|gpt-5|gpt-live-transcribe"
    async with hospital(hosted="openai_unknown_model", models=models) as server:
        report = await examined(tmp_path, {**OPENAI, "model": "gpt-realtime-21", "url": f"{origin(server)}/v1"})
    (failure,) = failures(report)
    assert failure.fix == (
        "check model: there is none of that name for this key; "
        "its realtime models: gpt-realtime-2.1, gpt-realtime-2.1-mini; nearest: 'gpt-realtime-2.1'"
    )


async def test_an_unknown_deployment_is_told_together_with_those_that_there_are(tmp_path: Path) -> None:
    async with hospital(hosted="azure_unknown_deployment", models="voice-chat|realtime-eu|whisper") as server:
        report = await examined(tmp_path, {**AZURE, "deployment": "realtime-ue", "url": origin(server)})
    (failure,) = failures(report)
    assert "its realtime deployments: realtime-eu, voice-chat; nearest: 'realtime-eu'" in failure.fix


async def test_where_azure_lists_no_deployments_the_command_that_does_is_told(tmp_path: Path) -> None:
    async with hospital(hosted="azure_unknown_deployment") as server:
        report = await examined(tmp_path, {**AZURE, "url": origin(server)})
    (failure,) = failures(report)
    assert "az cognitiveservices account deployment list -g GROUP -n" in failure.fix


async def test_a_transcription_deployment_that_is_missing_shows_with_the_first_words(tmp_path: Path) -> None:
    faults = {"fail_transcription": 1, "transcription_code": "DeploymentNotFound", "models": "chat|eu-transcribe"}
    async with hospital(**faults) as server:
        report = await examined(tmp_path, {**AZURE, "url": origin(server)})
    (failure,) = failures(report)
    assert (failure.check, failure.said) == ("main: transcription", "my-whisper failed: DeploymentNotFound")
    assert failure.fix == (
        "check transcription.model: it must name a transcription deployment of this resource; deploy one; "
        "its transcription deployments: eu-transcribe"
    )


@pytest.mark.parametrize(
    ("param", "fix"),
    [
        ("session.type", "set protocol: beta, since this endpoint does not know GA sessions"),
        ("session.audio.input.transcription.model", "check transcription.model: it must name a transcriber"),
        ("session.reasoning", "check the model and the session fields that this endpoint takes"),
    ],
)
async def test_a_set_up_that_is_refused_says_which_setting_is_meant(tmp_path: Path, param: str, fix: str) -> None:
    async with hospital(refuse_setup=param) as server:
        report = await examined(tmp_path, {**OPENAI, "url": f"{origin(server)}/v1"})
    (failure,) = failures(report)
    assert failure.check == "main: set-up"
    assert param in failure.said
    assert failure.fix.startswith(fix)


async def test_a_clock_that_is_wrong_is_told_by_how_much(tmp_path: Path) -> None:
    async with hospital(clock_skew_s=600, models="gpt-realtime-2.1") as server:
        report = await examined(tmp_path, {**OPENAI, "url": f"{origin(server)}/v1"})
    (failure,) = failures(report)
    assert failure.check == "main: clock"
    assert re.fullmatch(r"this machine's clock is (599|600|601) s behind the endpoint's", failure.said)
    assert "timedatectl" in failure.fix


async def test_an_endpoint_that_nobody_serves_is_told_before_a_session_is_tried(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        report = await examined(tmp_path, {**OPENAI, "url": url})
    (failure,) = failures(report)
    assert (failure.check, report.findings[-1]) == ("main: tcp", failure)
    assert "connect" in failure.said
    assert failure.fix.startswith("let this machine reach 127.0.0.1:")


async def test_a_host_without_an_address_is_told(tmp_path: Path) -> None:
    report = await examined(tmp_path, {**OPENAI, "url": "https://nowhere.invalid/v1"})
    (failure,) = failures(report)
    assert (failure.check, failure.said) == ("main: name", "no address for nowhere.invalid")


async def test_https_towards_a_plain_server_fails_at_tls(tmp_path: Path) -> None:
    async with hospital() as server:
        report = await examined(tmp_path, {**OPENAI, "url": f"{origin(server)}/v1".replace("http:", "https:")})
    (failure,) = failures(report)
    assert failure.check == "main: tls"


async def test_a_proxy_in_the_environment_is_said_not_to_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with hospital() as server:
        report = await examined(tmp_path, {**OPENAI, "url": f"{origin(server)}/v1"})
    found = finding(report, "main: proxy")
    assert found.mark is Mark.NOTE
    assert found.said == "HTTP_PROXY is set; sessions are dialled directly and do not use it"


async def test_a_proxy_that_drops_the_upgrade_is_found_out_before_a_real_server(tmp_path: Path) -> None:
    """The proxy forwards to the local server, which answers the plain request that is left with 426."""
    async with hospital() as server:
        port = int(origin(server).rpartition(":")[2])

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            lines = request.split(b"\r\n")
            plain = b"\r\n".join(line for line in lines if not line.lower().startswith((b"upgrade:", b"connection:")))
            upstream, to_server = await asyncio.open_connection("127.0.0.1", port)
            to_server.write(plain)
            writer.write(await upstream.read())
            for one in (to_server, writer):
                one.close()
                await one.wait_closed()

        proxy = await asyncio.start_server(forward, "127.0.0.1", 0)
        async with proxy:
            at = proxy.sockets[0].getsockname()[1]
            report = await examined(tmp_path, {**OPENAI, "url": f"http://127.0.0.1:{at}/v1"})
    failure = finding(report, "main: session")
    assert failure.mark is Mark.FAILED
    assert "does not pass WebSocket upgrades" in failure.fix


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ({"type": "openai"}, "endpoints.main.api_key: missing"),
        ({"type": "compatible", "model": "m"}, "endpoints.main.url: missing"),
        ({"type": "compatible", "url": "wss://h.test/v1"}, "endpoints.main.model: missing"),
        ({"type": "azure", "api_key": "k", "deployment": "chat"}, "endpoints.main.url: missing"),
        ({"type": "azure", "api_key": "k", "url": "https://h.test"}, "endpoints.main.deployment: missing"),
    ],
)
async def test_an_endpoint_key_or_deployment_that_is_missing_is_a_fault_of_the_settings(
    tmp_path: Path, endpoint: dict[str, Any], says: str
) -> None:
    report = await examined(tmp_path, endpoint)
    assert any(failure.check == "settings" and failure.said.startswith(says) for failure in failures(report)), (
        report.findings
    )
    assert not report.is_well


async def test_all_faults_of_the_settings_are_told_and_nothing_else_is_asked(tmp_path: Path) -> None:
    path = settings_file(tmp_path, OPENAI, server={"prot": 1}, limits={"calls": 0})
    report, loaded = await examine(path, environ={})
    assert loaded is None
    assert [one.check for one in report.findings] == ["settings"] * 2


async def test_one_endpoint_alone_can_be_examined(tmp_path: Path) -> None:
    async with hospital() as server:
        path = settings_file(tmp_path, {**OPENAI, "url": "http://127.0.0.1:9/v1"})
        other = {"other": {**OPENAI, "url": f"{origin(server)}/v1"}}
        content = path.read_text().replace('"endpoints": {', f'"endpoints": {{"other": {_json(other["other"])}, ')
        path.write_text(content)
        report, _ = await examine(path, endpoint="other", environ={})
    assert failures(report) == []
    assert {one.check.partition(":")[0] for one in report.findings if ":" in one.check} == {"other"}


def _json(value: object) -> str:
    import json

    return json.dumps(value)
