"""Alerts and dashboard ask for metrics and labels that there are, in PromQL that Prometheus understands."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.clock import HandClock
from gateway.contracts import record
from gateway.contracts.mint import mint
from gateway.contracts.text import Label
from gateway.telemetry.call_metrics import CallMetrics
from gateway.telemetry.connects import CountedConnector
from tests.records.story import CALL
from tests.telemetry.figures import call_ended, call_started, families, some_metrics
from tests.telemetry.test_connects import Connector

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PROMTOOL = pytest.mark.peer("promtool", install="apt-get install prometheus")

ASKED = re.compile(r"\b((?:gateway|process)_[a-z_]+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on|ignoring) \(([^)]*)\)")
ADDED_BY_PROMETHEUS = {"instance", "job"}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])


def samples() -> dict[str, set[str]]:
    """Return the labels of every sample that the gateway can show, after everything has happened once."""
    metrics = some_metrics()
    sink = CallMetrics(metrics, endpoint="main", model="m")
    for one in [*CALL, call_started(), call_ended(unreported=1)]:
        sink.accept(one)
    kinds = ("input_text", "input_audio", "cached_text", "cached_audio", "output_text", "output_audio")
    for cost in (Decimal(1), None):
        currency = None if cost is None else Label("USD")
        sink.accept(record.TokensUsed(at_ms=1, turn=1, cost=cost, currency=currency, **dict.fromkeys(kinds, 1)))
    sink.accept(record.Transferred(at_ms=1, target=mint("tel:…1234"), ok=True))
    sink.accept(record.IdlePrompt(at_ms=1, step=1))
    metrics.early_session("opened")
    CountedConnector(Connector(HandClock(), None), metrics, HandClock())
    metrics.connect_seconds.labels("main").observe(1)
    return {sample.name: set(sample.labels) for family in families(metrics) for sample in family.samples}


SAMPLES = samples()


@pytest.mark.parametrize("expression", list(expressions()))
def test_every_metric_and_label_that_is_asked_for_exists(expression: str) -> None:
    asked = ASKED.findall(expression)
    known: set[str] = set(ADDED_BY_PROMETHEUS)
    for name, selector in asked:
        assert name in SAMPLES, f"{name} is no sample of ours"
        known |= SAMPLES[name]
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector):
            assert label in SAMPLES[name] | ADDED_BY_PROMETHEUS, f"{name} has no label {label}"
    for labels in GROUPED.findall(expression):
        assert {label.strip() for label in labels.split(",")} <= known, labels
    assert asked or expression.startswith("up{"), expression


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name, _ in ASKED.findall(target["expr"])}
    plain = {name.removesuffix("_bucket") for name in shown}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for name in SAMPLES
        if name.startswith("gateway_") and not name.endswith("_created")
    }
    variable = DASHBOARD["templating"]["list"][1]["query"]["query"]
    assert variable == "label_values(gateway_build_info, instance)"
    assert ours - plain == {"gateway_build_info"}


def test_the_readme_names_every_metric() -> None:
    text = (DEPLOY / "README.md").read_text()
    for name in SAMPLES:
        if name.startswith("gateway_") and not name.endswith("_created"):
            assert f"`{re.sub(r'_(bucket|sum|count)$', '', name)}`" in text, name


def test_panels_have_titles_of_their_own_and_do_not_lie_on_one_another() -> None:
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not mine & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= mine


def test_every_legend_names_labels_that_its_expression_keeps() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = {label.strip() for labels in GROUPED.findall(target["expr"]) for label in labels.split(",")}
            assert wanted <= kept, (panel["title"], wanted - kept)


def test_every_alert_says_what_is_wrong_and_whom_to_wake() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket", "info"}
        assert rule["annotations"]["summary"]


@PROMTOOL
def test_prometheus_understands_the_alerts_and_they_fire_when_they_should() -> None:
    promtool("check", "rules", ALERTS.name)
    promtool("test", "rules", "alerts_test.yml")
    promtool("check", "config", "prometheus.yml")


@PROMTOOL
def test_prometheus_understands_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    plain = [
        target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
        for panel in PANELS
        for target in panel["targets"]
    ]
    records = [{"record": f"panel_{number}", "expr": expression} for number, expression in enumerate(plain)]
    rules_file = tmp_path / "dashboard.yml"
    rules_file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}))
    told = promtool("check", "rules", "--lint=none", str(rules_file))
    assert f"{len(records)} rules found" in told


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    """The bad hour counts the alerts that fire; as many as there are."""
    tests = yaml.safe_load((ALERTS.parent / "alerts_test.yml").read_text())["tests"]
    (count,) = [case for test in tests for case in test.get("promql_expr_test", [])]
    assert count["exp_samples"][0]["value"] == len(rules())


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        ["promtool", *arguments], cwd=ALERTS.parent, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
