"""``gateway doctor`` as people and programs meet it: a table or JSON, an exit status, and a call to oneself."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import surgery
from gateway.cli.main import app
from gateway.doctor.finding import Mark
from gateway.offline.script import read_script
from gateway.offline.server import LocalServerConfig, serve
from tests.calls.sounds import Ears, ModelsVoice
from tests.doctor.patients import OPENAI, settings_file

GREETS = '{"repeat": true, "sessions": [{"steps": [{"expect": "response", "then": [{"say": "Hello", "ms": 400}]}]}]}'


@pytest.fixture
def nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_logging: None) -> Path:
    """Give settings whose endpoint nobody serves."""
    monkeypatch.chdir(tmp_path)
    return settings_file(tmp_path, {**OPENAI, "url": "http://127.0.0.1:9/v1"})


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


def test_the_table_has_a_mark_for_each_check_and_a_fix_for_each_fault(nobody_there: Path) -> None:
    result = run("--config", str(nobody_there))
    assert result.exit_code == 1, result.output
    lines = result.stdout.splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("✘"))
    assert re.match(r"✘ main: tcp +no connection to 127\.0\.0\.1:9: ", lines[at])
    assert re.match(r" +→ let this machine reach 127\.0\.0\.1:9 directly", lines[at + 1])
    assert any(re.match(r"✔ port ", line) for line in lines)
    assert lines[-1] == "1 thing to mend"


def test_json_says_the_same_to_programs(nobody_there: Path) -> None:
    result = run("--config", str(nobody_there), "--json")
    assert result.exit_code == 1, result.output
    said = json.loads(result.stdout)
    assert said["ok"] is False
    (failure,) = [found for found in said["findings"] if found["status"] == "failed"]
    assert failure["check"] == "main: tcp"
    assert failure["fix"].startswith("let this machine reach")
    assert {found["status"] for found in said["findings"]} == {"ok", "note", "failed"}


def test_settings_that_are_wrong_are_told_without_a_traceback(tmp_path: Path, fresh_logging: None) -> None:
    path = settings_file(tmp_path, {"type": "openai", "model": "m"})
    result = run("--config", str(path))
    assert result.exit_code == 1
    assert "endpoints.main.api_key: missing" in result.stdout
    assert isinstance(result.exception, SystemExit)


@pytest.mark.usefixtures("fresh_logging", "leaves_nothing")
@pytest.mark.parametrize(("script", "well"), [(GREETS, True), ('{"sessions": []}', False)], ids=["greets", "is silent"])
async def test_a_call_to_oneself_is_placed_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, well: bool
) -> None:
    impatient = surgery.Script(
        name="listener",
        steps=(surgery.WaitForAgent(surgery.Agent.TO_FINISH, within_ms=4000), surgery.HangUp()),
        expect=surgery.Expect(ended_by=surgery.EndedBy.CALLER),
    )
    monkeypatch.setattr(surgery, "caller_named", lambda name: impatient)
    config = LocalServerConfig(script=read_script(script), token="t")
    server = await serve(config, desk=ModelsVoice(), make_activity=Ears)
    try:
        path = settings_file(tmp_path, {"type": "local", "url": server.url, "api_key": "t", "model": "local"})
        async with asyncio.timeout(40):
            found = await surgery.call_oneself(path, "main", "clerk", quiet=True)
    finally:
        await server.close()
    assert found.check == "live call"
    assert (found.mark is Mark.OK) is well, found
    if well:
        assert re.match(r"the caller 'listener' was served in \d+ s", found.said)
    else:
        assert "agent" in found.said
        assert found.fix.startswith("look at what was said and heard")
