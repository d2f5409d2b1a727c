"""The house stands as drawn: who imports whom, what lies where, how large a room may get."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from importlinter import configuration
from importlinter.application import use_cases
from importlinter.application.ports.reporting import Report

ROOT = Path(__file__).parents[1]
LINES_IN_A_ROOM = 480
TOP_LEVEL = {
    *(".ci", ".env.example", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"),
    *("config", "deploy", "gateway", "ivr_flows", "tests"),
}
WORDS_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common", "base2"}

REASONS = {
    "the floors of the house: imports run downward only": (
        "imports run downward only, and siblings on one floor never import one another; "
        "what two of them need belongs on a floor below (contracts, audio), or they meet in app.py"
    ),
    "only the redactor makes RedactedText": "pass raw text through gateway.privacy.redactor, the only door out",
    "the bridge meets the banks in app.py only": "the bridge knows legs, models and sinks through contracts alone",
}


@pytest.fixture(scope="module")
def report() -> Report:
    """import-linter's findings on the contracts of ``pyproject.toml``."""
    configuration.configure()
    options = use_cases.read_user_options(config_filename=str(ROOT / "pyproject.toml"))
    use_cases._register_contract_types(options)
    return use_cases.create_report(options, cache_dir=None)


def test_every_import_keeps_to_the_floors(report: Report) -> None:
    assert not report.could_not_run, [str(fault) for fault in report.invalid_contract_options.values()]
    complaints = [
        f"{_file(link['importer'])} line {link['line_numbers'][0]} imports {_file(link['imported'])}: "
        f"{REASONS.get(contract.name, contract.name)}"
        for contract, check in report.get_contracts_and_checks()
        if not check.kept
        for link in _links(check.metadata)
    ]
    assert complaints == []
    assert not report.contains_failures


def test_every_contract_has_its_reason(report: Report) -> None:
    assert {contract.name for contract, _ in report.get_contracts_and_checks()} == set(REASONS)


def test_the_mint_of_redacted_text_has_one_door(report: Report) -> None:
    importers = report.graph.find_modules_that_directly_import("gateway.contracts.mint")
    assert importers == {"gateway.privacy.redactor"}


def test_every_room_stands_on_a_floor() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    floors = {name.strip("() ") for layer in layers for name in layer.replace("|", ":").split(":")}
    rooms = {
        f"gateway.{path.stem}"
        for path in (ROOT / "gateway").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    assert sorted(rooms - floors) == []


def test_no_room_grows_into_a_hall() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in _modules()}
    assert {name: size for name, size in sizes.items() if size > LINES_IN_A_ROOM} == {}


def test_no_room_has_a_name_that_says_nothing() -> None:
    names = {path: {*path.relative_to(ROOT).parts[:-1], path.stem} for path in [*_modules(), *_modules("tests")]}
    assert [str(path) for path, words in names.items() if words & WORDS_THAT_SAY_NOTHING] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in _modules() if not path.read_text("utf-8").startswith('"""')]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


def test_the_top_of_the_repository_is_tidy() -> None:
    assert sorted(set(_top_level()) - TOP_LEVEL) == []


def _top_level() -> list[str]:
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        return [name.split("/")[0] for name in listed.stdout.splitlines()]
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text("utf-8").split()]
    return [path.name for path in ROOT.iterdir() if not any(fnmatch(path.name, pattern) for pattern in ignored)]


def _modules(under: str = "gateway") -> list[Path]:
    return [path for path in sorted((ROOT / under).rglob("*.py")) if "_shipped" not in path.parts]


def _links(metadata: Any) -> Iterator[dict[str, Any]]:
    """Yield every import in a contract's findings, wherever that kind of contract keeps it."""
    if isinstance(metadata, dict):
        if {"importer", "imported", "line_numbers"} <= metadata.keys():
            yield metadata
        for value in metadata.values():
            yield from _links(value)
    elif isinstance(metadata, (list, tuple)):
        for value in metadata:
            yield from _links(value)


def _file(module: str) -> str:
    path = Path(*module.split("."))
    return str(path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py"))
