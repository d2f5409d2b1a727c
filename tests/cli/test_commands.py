"""The command line as people meet it: its help, its checks, and errors that say what to do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import gateway
from gateway.cli.main import app
from gateway.settings.load import shipped_directory
from gateway.simulator import catalogue
from tests.cli.schema_rules import breaches

Run = Callable[..., Result]

HELP = {
    (): ["demo", "serve", "call", "doctor", "local-model", "config", "version"],
    ("demo",): ["--caller", "--config", "--endpoint", "--network-ms", "--to", "--trace-wire"],
    ("serve",): ["--config", "--host", "--port", "--endpoint", "--trace-wire"],
    ("call",): ["--caller", "--network-ms", "--account-sid", "--auth-token", "--wav", "--list", "TWILIO_AUTH_TOKEN"],
    ("doctor",): ["--config", "--endpoint", "--live", "--json"],
    ("config",): ["schema", "check"],
    ("config", "check"): ["--config"],
    ("config", "schema"): [],
    ("version",): [],
}
PERSONA = "personas: {clerk: {instructions: Help.}}\npersona: clerk\n"
FAULTY = {
    "endpoint: lokal\n" + PERSONA: ["endpoint: 'lokal'", "line 1", "'local'"],
    PERSONA + "server:\n  prot: 8000\n": ["server: 'prot'", "line 4 column 3", "nearest: 'port'"],
    PERSONA + "server: {port: many}\n": ["server.port: 'many'", "line 3"],
    PERSONA + "server: {host: 0.0.0.0}\n": ["server.public_url", "https://voice.example.net"],
    PERSONA + "carriers:\n  twilio:\n    auth_token: ${NO_SUCH_NAME}\n": ["NO_SUCH_NAME", "carriers.twilio.auth_token"],
    "personas: [": ["YAML"],
    "persona: nobody\npersonas: {clerk: {instructions: Help.}}\n": ["persona: 'nobody'"],
    PERSONA + "persona: clerk\n": ["persona: given again", "line 3", "first in line 2"],
    PERSONA + "privacy: {redactor: '[bold]x[/nothing]'}\n": ["privacy.redactor: '[bold]x[/nothing]'"],
}
"""A settings file, and what the message about it has to say."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs a command in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, arguments)


def plain(text: str) -> str:
    """Return a text without colours and frames, its spaces made one."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("command", HELP, ids=lambda command: " ".join(command) or "gateway")
def test_every_command_says_what_it_is_for(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    said = plain(result.stdout)
    assert [word for word in HELP[command] if word not in said] == []
    assert len(said) > 60


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    result = run()
    assert result.exit_code in {0, 2}
    assert "Commands" in plain(result.output)


def test_the_local_models_help_is_its_own() -> None:
    command = [sys.executable, "-m", "gateway", "local-model", "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert [word for word in ("--script", "--faults", "--token-env", "--pace") if word not in ran.stdout] == []
    assert ran.stderr == ""


def test_a_command_that_is_none_is_an_error_of_usage(run: Run) -> None:
    result = run("serv")
    assert result.exit_code == 2
    assert "serv" in plain(result.stderr)


def test_the_version_is_the_packages(run: Run) -> None:
    result = run("version")
    assert (result.exit_code, result.stdout.strip()) == (0, gateway.__version__)


def test_the_shipped_settings_are_right(run: Run) -> None:
    result = run("config", "check")
    assert result.exit_code == 0, result.output
    said = plain(result.stdout)
    assert said.startswith(f"ok {shipped_directory() / 'gateway.yaml'}")
    assert "'local', the embedded server, because neither AZURE_OPENAI_ENDPOINT nor OPENAI_API_KEY is set" in said


def test_the_check_shows_what_the_endpoints_in_use_can_do_and_what_they_have_not(run: Run) -> None:
    Path("mine.yaml").write_text(
        PERSONA
        + "endpoints: {local: {type: local, capabilities: {truncates: false, lacks: [speed]}}, unused: {type: local}}\n"
        "numbers: {+441: {persona: clerk, session: {speed: 1.2}}}\n"
    )
    result = run("config", "check", "-c", "mine.yaml")
    assert result.exit_code == 0, result.output
    said = plain(result.stdout)
    assert "endpoint local takes pcm16/24000, pcmu/8000, pcma/8000" in said
    assert "truncates no deletes items yes" in said
    assert "has not speed, temperature" in said
    assert "numbers.'+441'.session.speed: endpoint 'local' has no such setting" in plain(result.stderr)


def test_settings_of_the_working_directory_are_taken_before_the_shipped_ones(run: Run) -> None:
    Path("config").mkdir()
    Path("config/gateway.yaml").write_text(PERSONA)
    result = run("config", "check")
    assert result.exit_code == 0, result.output
    assert "ok config/gateway.yaml" in plain(result.stdout)


def test_where_the_key_lies_is_said_and_the_key_is_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-indeed")
    result = run("config", "check")
    assert result.exit_code == 0, result.output
    assert "'openai', because OPENAI_API_KEY is set" in plain(result.stdout)
    assert "sk-very" not in result.output


@pytest.mark.parametrize("content", FAULTY, ids=range(len(FAULTY)))
def test_a_fault_in_the_settings_is_named_with_its_place_and_its_cure(run: Run, content: str) -> None:
    Path("broken.yaml").write_text(content)
    result = run("config", "check", "-c", "broken.yaml")
    assert result.exit_code == 2, result.output
    said = plain(result.stderr)
    assert [words for words in FAULTY[content] if words not in said] == [], said
    assert said.startswith("error ")
    assert result.stdout == ""


def test_all_faults_are_told_at_once(run: Run) -> None:
    Path("broken.yaml").write_text(
        "endpoint: lokal\nserver: {prot: 1, host: 127.0.0.1}\nlimits: {calls: 0}\n" + PERSONA
    )
    result = run("config", "check", "-c", "broken.yaml")
    assert result.exit_code == 2
    assert plain(result.stderr).count("error ") == 3


def test_settings_that_are_not_there_are_an_error_and_no_traceback(run: Run) -> None:
    for command in (("config", "check"), ("serve", "--port", "0"), ("demo",)):
        result = run(*command, "--config", "nowhere.yaml")
        assert result.exit_code == 2, command
        assert "nowhere.yaml" in plain(result.stderr)
        assert result.exception is None or isinstance(result.exception, SystemExit)


def test_the_schema_is_a_schema_and_the_one_that_is_shipped(run: Run) -> None:
    result = run("config", "schema")
    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert breaches(schema) == []
    assert {"endpoints", "personas", "carriers", "server", "limits"} <= schema["properties"].keys()
    assert schema == json.loads((shipped_directory() / "gateway.schema.json").read_text())


def test_the_catalogue_of_callers_is_listed_with_what_each_does(run: Run) -> None:
    result = run("call", "--list")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue.names())
    assert all(len(line.split()) > 2 for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("127.0.0.1:8000",), ["127.0.0.1:8000", "http(s)://"]),
        (("http://127.0.0.1:9/twilio/voice", "--caller", "polit"), ["polit"]),
        (("http://127.0.0.1:9/twilio/voice", "--caller", "nowhere.yaml"), ["nowhere.yaml"]),
        ((), ["call"]),
    ],
    ids=["no scheme", "no such caller", "no such file", "no address"],
)
def test_a_call_that_can_not_be_placed_says_why(run: Run, arguments: tuple[str, ...], words: list[str]) -> None:
    result = run("call", *arguments)
    assert result.exit_code == 2, result.output
    assert [word for word in words if word not in plain(result.stderr)] == []
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_call_that_nobody_answers_has_failed(run: Run, tmp_path: Path) -> None:
    Path("silent.yaml").write_text("name: silent\nsteps:\n  - hang_up\n")
    result = run("call", "http://127.0.0.1:9/twilio/voice", "--caller", "silent.yaml")
    assert result.exit_code == 1, result.output
    assert "FAILED" in result.stdout
