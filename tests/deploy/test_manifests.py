"""Compose and Kubernetes files hold against the schemas of those who read them, and their times fit together."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.settings.load import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").iterdir())
LABELS = {"app.kubernetes.io/name": "voice-gateway"}
SECRETS = {
    "OPENAI_API_KEY": "sk-never-used",
    "TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
    "TWILIO_AUTH_TOKEN": "5" * 32,
    "GATEWAY_TOKEN_SECRET": "5" * 64,
    "GATEWAY_METRICS_TOKEN": "5" * 64,
}


def manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / name).read_text())
    return found


def pod() -> dict[str, Any]:
    found: dict[str, Any] = manifest("deployment.yaml")["spec"]["template"]["spec"]
    return found


def container() -> dict[str, Any]:
    (only,) = pod()["containers"]
    return dict(only)


def environment() -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container()["env"]}


def kept_settings(tmp_path: Path) -> Any:
    file = tmp_path / "gateway.yaml"
    file.write_text(manifest("settings.yaml")["data"]["gateway.yaml"])
    return load_settings(file, {**SECRETS, **environment()}).settings


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.name)
def test_kubernetes_knows_every_field(file: Path) -> None:
    import kubernetes_validate

    for document in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(document, "1.34", strict=True)


def test_the_validator_would_notice_a_slip_of_the_pen() -> None:
    import kubernetes_validate

    wrong = manifest("deployment.yaml")
    wrong["spec"]["template"]["spec"]["terminationGracePeriod"] = 5
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


def test_an_apply_of_the_folder_does_not_overwrite_the_secret() -> None:
    assert [file.name for file in KUBERNETES if "secret" in file.name] == ["secret.yaml.example"]


def test_all_parts_mean_the_same_pods() -> None:
    spec = manifest("deployment.yaml")["spec"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == LABELS
    assert manifest("service.yaml")["spec"]["selector"] == LABELS
    assert manifest("disruption.yaml")["spec"]["selector"]["matchLabels"] == LABELS
    assert (
        manifest("autoscaler.yaml")["spec"]["scaleTargetRef"]["name"] == manifest("deployment.yaml")["metadata"]["name"]
    )


def test_a_pod_has_time_for_its_longest_call(tmp_path: Path) -> None:
    settings = kept_settings(tmp_path)
    pre_stop_s = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert settings.server.drain_s >= settings.limits.call_s
    assert pod()["terminationGracePeriodSeconds"] >= pre_stop_s + settings.server.drain_s + 30
    # Out of every list before SIGTERM: a few probes, and the time until all nodes have heard.
    assert pre_stop_s >= 10


def test_probes_ask_what_they_should() -> None:
    probes = container()
    assert probes["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert probes["livenessProbe"]["httpGet"]["path"] == "/healthz", "a pod that drains must live"
    assert probes["startupProbe"]["httpGet"]["path"] == "/healthz"


def test_the_pods_settings_load_and_their_secrets_come_from_the_environment(tmp_path: Path) -> None:
    settings = kept_settings(tmp_path)
    assert settings.server.public_url == environment()["GATEWAY_PUBLIC_URL"]
    assert settings.endpoint == "openai"
    assert settings.metrics.token.get_secret_value() == SECRETS["GATEWAY_METRICS_TOKEN"]
    assert set(manifest("secret.yaml.example")["stringData"]) == set(SECRETS)
    assert container()["envFrom"] == [{"secretRef": {"name": manifest("secret.yaml.example")["metadata"]["name"]}}]


def test_the_autoscaler_counts_live_calls_and_leaves_room(tmp_path: Path) -> None:
    (metric,) = manifest("autoscaler.yaml")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "gateway_calls_live"
    assert int(metric["pods"]["target"]["averageValue"]) <= 0.7 * kept_settings(tmp_path).limits.calls


def test_nothing_runs_as_root_or_writes_beside_its_volumes() -> None:
    assert pod()["securityContext"]["runAsNonRoot"] is True
    rights = container()["securityContext"]
    assert (rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"]) == (False, True)
    assert rights["capabilities"]["drop"] == ["ALL"]


def test_the_ingress_leads_to_the_doors_of_carriers_alone() -> None:
    (rule,) = manifest("ingress.yaml")["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/twilio/"]
    annotations = manifest("ingress.yaml")["metadata"]["annotations"]
    assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) >= 3600
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"


def test_compose_holds_against_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, DEPLOY / "compose.yaml"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_waits_longer_than_the_drain() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    gateway = services["gateway"]
    grace_s = int(re.fullmatch(r"(\d+)s", gateway["stop_grace_period"]).group(1))
    assert grace_s >= int(gateway["environment"]["GATEWAY_DRAIN_S"]) + 30
    assert services["caddy"]["stop_grace_period"] == gateway["stop_grace_period"], "the proxy carries the calls, too"
    assert gateway["read_only"] is True
    assert "ports" not in gateway, "the way in is the proxy"
