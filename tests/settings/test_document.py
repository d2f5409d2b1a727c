"""Both ways of parsing YAML, libyaml's and Python's, read the same from every file that ships."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.settings import document
from gateway.settings.document import read_document

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "config").glob("*.yaml"), *(ROOT / "ivr_flows").rglob("*.yaml")])
ODD = """
anchored: &a 1
alias: *a
tagged: !!str 5
<<: {x: 1}
twice: 1
twice: 2
block: |
  two
    lines
quoted: "\\u00e9\\n"
empty:
list: [1, '', ~, {deep: [x, "y"]}]
ünïcode: ✓
"""


def test_libyaml_is_used_where_it_is_there() -> None:
    assert issubclass(document._FastLoader, yaml.CSafeLoader)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_both_parsers_read_the_same_from_a_shipped_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read_document(path, "x")
    monkeypatch.setattr(document, "_FastLoader", document._PythonLoader)
    assert read_document(path, "x") == fast
    assert fast[0].tree


def test_both_parsers_complain_of_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = document.parse_document(ODD, "x")
    monkeypatch.setattr(document, "_FastLoader", document._PythonLoader)
    assert document.parse_document(ODD, "x") == fast
    assert len(fast[1]) == 5


@pytest.mark.parametrize("broken", ["a: [", "a: b: c", "\ta: 1", "a: \x07", "a: 'x", "- a\nb: 1"])
def test_what_is_no_yaml_is_told_in_the_python_parsers_words(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (fast,) = document.parse_document(broken, "x")[1]
    monkeypatch.setattr(document, "_FastLoader", document._PythonLoader)
    (plain,) = document.parse_document(broken, "x")[1]
    assert fast == plain
