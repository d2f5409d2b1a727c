"""``gateway flow lint`` against the settings, the prompt store and the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.flows.lint.service import FILES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "flows"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def config(tmp_path: Path, **sections: Any) -> Path:
    path = tmp_path / "gateway.yaml"
    plain = {
        "data_dir": str(tmp_path / "data"),
        "endpoints": {"local": {"type": "local"}},
        "endpoint": "local",
        "persona": "clerk",
        "personas": {"clerk": {"instructions": "Help."}},
        **sections,
    }
    path.write_text(yaml.safe_dump(plain))
    return path


def found(*arguments: object) -> dict[str, list[str]]:
    done = CliRunner().invoke(app, ["flow", "lint", *map(str, arguments), "--format", "json"])
    rules: dict[str, list[str]] = {}
    for finding in json.loads(done.stdout):
        rules.setdefault(finding["rule"], []).append(finding["message"])
    return rules


def test_names_are_looked_for_in_the_settings(folder: Path, tmp_path: Path) -> None:
    assert found(folder) == {}
    unknown = found(folder, "--config", config(tmp_path))["F103"]
    assert any("there is no queue" in message for message in unknown)
    assert any("there is no payment" in message for message in unknown)
    queues = {message.split("'")[1]: "tel:+441134960000" for message in unknown if "queue" in message}
    payments = {message.split("'")[1]: {"type": "test"} for message in unknown if "payment" in message}
    known = config(tmp_path, flows={"queues": queues, "payments": payments})
    assert "F103" not in found(folder, "--config", known)


def test_a_warm_transfer_wants_a_carrier_that_can(folder: Path, tmp_path: Path) -> None:
    assert any("warm" in message for message in found(folder, "--config", config(tmp_path))["F508"])
    twilio = {"twilio": {"account_sid": "AC" + "1" * 32, "auth_token": "token"}}
    assert "F508" not in found(folder, "--config", config(tmp_path, carriers=twilio))


def test_a_payment_wants_a_recording_that_can_be_paused(folder: Path, tmp_path: Path) -> None:
    assert "F407" not in found(folder, "--config", config(tmp_path))
    assert "F407" in found(folder, "--config", config(tmp_path, records={"recording": False}))


def test_prompts_are_looked_for_in_the_store(folder: Path, tmp_path: Path) -> None:
    assert "F607" in found(folder, "--config", config(tmp_path))


def test_what_the_tests_leave_out_is_told_on_demand(folder: Path) -> None:
    assert "F701" not in found(folder)
    assert any(message.startswith("no test reaches step") for message in found(folder, "--tests")["F701"])
