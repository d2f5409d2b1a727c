"""``gateway flow bundles``, ``rollout`` and ``pin``: what they write is what the next call gets."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.flows.bundle import SHORT, Shelf, load_bundle

FLOWS = Path(__file__).parents[2] / "ivr_flows"
DESK = "la_parra_front_desk"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    plain = {
        "data_dir": str(tmp_path / "data"),
        "endpoints": {"local": {"type": "local"}},
        "endpoint": "local",
        "persona": "clerk",
        "personas": {"clerk": {"instructions": "Help."}},
    }
    path.write_text(yaml.safe_dump(plain))
    return path


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Two bundles: the flows as shipped, and with another goodbye."""
    folder, shelf = Path(shutil.copytree(FLOWS, tmp_path / "flows")), Shelf(tmp_path / "data")
    shelf.keep(load_bundle(folder))
    (old,) = shelf.kept()
    os.utime(tmp_path / "data" / "flows" / "bundles" / old, (1, 1))
    file = folder / "la_parra.yaml"
    file.write_text(file.read_text().replace("Is there anything else?", "Anything else?"))
    shelf.keep(load_bundle(folder))
    return shelf


def run(config: Path, *arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["flow", *map(str, arguments), "--config", str(config)])


def test_a_rollout_shares_calls_between_two_bundles_and_ends(config: Path, shelf: Shelf) -> None:
    new, old = shelf.kept()
    done = run(config, "rollout", DESK, "--percent", 25)
    assert done.exit_code == 0, done.output
    drawn = [shelf.routing().bundle_for(DESK, "+44", f"call-{number}") for number in range(400)]
    assert set(drawn) == {new, old}
    assert 60 <= drawn.count(new) <= 140
    listed = run(config, "bundles").stdout.splitlines()
    assert listed == [f"{new[:SHORT]}  25 % of {DESK}", f"{old[:SHORT]}  the rest of {DESK}"]
    assert run(config, "rollout", DESK, "--percent", 0).exit_code == 0
    assert shelf.routing().bundle_for(DESK, "+44", "call-1") == old, "taken back: the stable one has all calls"
    assert run(config, "rollout", DESK, "--percent", 100).exit_code == 0
    assert shelf.routing().bundle_for(DESK, "+44", "call-1") is None, "the newest has all calls"


def test_a_number_is_pinned_and_let_go(config: Path, shelf: Shelf) -> None:
    old = shelf.kept()[1]
    assert run(config, "pin", "+44111", old[:8]).stdout == f"+44111: pinned to {old[:SHORT]}\n"
    assert shelf.routing().bundle_for(DESK, "+44111", "call") == old
    assert f"{old[:SHORT]}  pinned for +44111" in run(config, "bundles").stdout
    assert run(config, "pin", "+44111", "none").exit_code == 0
    assert shelf.routing().pins == {}


def test_what_is_not_kept_is_refused_in_words(config: Path, shelf: Shelf) -> None:
    done = run(config, "pin", "+44111", "zzzz")
    assert done.exit_code == 2
    assert "'zzzz': no bundle begin" in done.stderr
    done = run(config, "rollout", "nowhere", "--percent", 10)
    assert done.exit_code == 2
    assert "has no flow 'nowhere'" in done.stderr
    assert shelf.routing().rollouts == {}
