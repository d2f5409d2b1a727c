"""Bundles: taken whole or not at all, kept, pinned and rolled out."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.flows.bundle import Candidate, NotLive, Routing, Shelf, digest_of, load_bundle

FLOWS = Path(__file__).parents[2] / "ivr_flows"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FLOWS, tmp_path / "flows"))


def test_every_file_that_belongs_to_the_flows_is_in_the_digest(folder: Path) -> None:
    before = digest_of(folder)
    (folder / "files" / "la_parra_facts.md").write_text("We have a terrace.")
    changed = digest_of(folder)
    assert changed != before
    (folder / ".la_parra.yaml.swp").write_text("an editor's")
    (folder / "notes.bak").write_text("an editor's")
    assert digest_of(folder) == changed


def test_a_folder_with_an_error_is_not_live_and_says_where(folder: Path) -> None:
    file = folder / "la_parra.yaml"
    file.write_text(file.read_text().replace("go: read_hours", "go: nowhere"))
    with pytest.raises(NotLive) as raised:
        load_bundle(folder)
    assert any(fault.startswith("la_parra.yaml:") and "nowhere" in fault for fault in raised.value.faults)


def test_a_kept_bundle_answers_after_the_folder_has_changed(folder: Path, tmp_path: Path) -> None:
    shelf, bundle = Shelf(tmp_path / "data"), load_bundle(folder)
    shelf.keep(bundle)
    shelf.keep(bundle)
    file = folder / "la_parra.yaml"
    file.write_text(file.read_text().replace("Is there anything else?", "Anything else?"))
    kept = shelf.load(bundle.digest)
    assert kept.digest == bundle.digest
    assert digest_of(kept.root) == bundle.digest
    assert shelf.kept() == [bundle.digest]
    assert shelf.find(bundle.digest[:6]) == bundle.digest
    now_s = time.time()
    assert shelf.sweep(frozenset(), now_s + 50, 100) == 0
    assert shelf.sweep(frozenset({bundle.digest}), now_s + 500, 100) == 0
    assert shelf.sweep(frozenset(), now_s + 590, 100) == 0, "it was in use a moment ago"
    assert shelf.sweep(frozenset(), now_s + 700, 100) == 1
    with pytest.raises(NotLive):
        shelf.load(bundle.digest)


def test_routing_is_read_as_it_was_written(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.routing() == Routing()
    routing = Routing(pins={"+44": "a" * 64}, rollouts={"desk": Candidate("b" * 64, 10)}, stable={"desk": "c" * 64})
    shelf.write_routing(routing)
    assert shelf.routing() == routing
    assert routing.used == {"a" * 64, "b" * 64, "c" * 64}


BROKEN = ["{", "[]", '{"pins": {"+44": "../../etc"}}', '{"rollouts": {"desk": {"percent": 5}}}']


@pytest.mark.parametrize("text", BROKEN)
def test_routing_that_nobody_wrote_is_refused(tmp_path: Path, text: str) -> None:
    shelf = Shelf(tmp_path)
    shelf.write_routing(Routing())
    (tmp_path / "flows" / "routing.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"routing\.json"):
        shelf.routing()


def test_a_rollout_gives_its_share_of_calls_and_the_same_call_always_the_same() -> None:
    routing = Routing(rollouts={"desk": Candidate("new", 25)}, stable={"desk": "old"}, pins={"+441": "pinned"})
    drawn = Counter(routing.bundle_for("desk", "+442", f"call-{number}") for number in range(4000))
    assert set(drawn) == {"new", "old"}
    assert 0.22 < drawn["new"] / 4000 < 0.28
    assert routing.bundle_for("desk", "+441", "call-1") == "pinned"
    assert routing.bundle_for("other", "+442", "call-1") is None
