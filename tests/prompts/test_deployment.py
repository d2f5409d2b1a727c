"""What keeps flows from going live: exact words that nobody was heard to say, and what the settings do not have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.audio import tones
from gateway.flows.bundle import NotLive, load_bundle
from gateway.prompts.deployment import exactness, models_of, surroundings
from gateway.prompts.store import PromptStore, Rendering, Spoken
from gateway.settings.schema import Settings

FLOW = """
flow: desk
title: A desk
format: 1
version: 1
owner: desk@example.com
languages: [en-GB]
voice: marin
agent_exit: bye
start: bye
steps:
  bye:
    hangup: {text: "We are closed.", exact: true}
"""
NUMBERS = {"+441": {"flow": "desk"}, "+442": {"flow": "desk", "persona": "night"}}


def settings(more: Mapping[str, Any] | None = None, night: Mapping[str, Any] | None = None, **flows: Any) -> Settings:
    endpoints = {"day": {"type": "local", "model": "one"}, "night": {"type": "local", "model": "two", **(night or {})}}
    personas = {name: {"instructions": "Help.", "endpoint": name} for name in endpoints}
    plain = {"endpoint": "day", "endpoints": endpoints, "persona": "day", "personas": personas, "numbers": NUMBERS}
    return Settings.model_validate({**plain, "flows": flows, **(more or {})})


def rendered(store: PromptStore, model: str) -> None:
    spoken = Spoken("We are closed.", "en-GB", "marin", model)
    paper = Rendering(
        text=spoken.text,
        language=spoken.language,
        voice=spoken.voice,
        duration_ms=1200,
        transcript=spoken.text,
        model=model,
    )
    store.add(spoken, tones.noise(1200, 24000, -20.0, 1), 24000, paper)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "desk.yaml").write_text(FLOW)
    return tmp_path / "flows"


def test_exact_words_go_live_when_every_voice_that_may_say_them_was_verified(folder: Path, tmp_path: Path) -> None:
    store, house = PromptStore(tmp_path / "prompts"), settings()
    assert models_of(house, load_bundle(folder).flows["desk"]) == {"one", "two"}
    rendered(store, "one")
    with pytest.raises(NotLive) as refused:
        load_bundle(folder, exactness(house, store))
    (fault,) = refused.value.faults
    assert "desk.yaml:13" in fault
    assert "F506" in fault
    assert "gateway flow render desk" in fault
    rendered(store, "two")
    assert load_bundle(folder, exactness(house, store)).findings == ()


def test_the_settings_may_let_the_local_voice_read_exact_words_and_the_bundle_says_so(
    folder: Path, tmp_path: Path
) -> None:
    (finding,) = load_bundle(folder, exactness(settings(exact="read"), PromptStore(tmp_path))).findings
    assert finding.rule == "F607"
    assert "the local voice reads it, as 'flows.exact: read' allows" in finding.message


def test_values_in_exact_words_are_for_the_local_voice_alone(folder: Path, tmp_path: Path) -> None:
    file = folder / "desk.yaml"
    file.write_text(FLOW.replace("We are closed.", "You called ${call.to}."))
    with pytest.raises(NotLive, match="do not go together"):
        load_bundle(folder, exactness(settings(), PromptStore(tmp_path)))
    assert load_bundle(folder, exactness(settings(exact="read"), PromptStore(tmp_path))).findings == ()


def test_the_settings_say_what_flows_may_name(tmp_path: Path) -> None:
    plain = surroundings(settings(), PromptStore(tmp_path))
    assert (plain.queues, plain.processors, plain.recording_pauses) == (frozenset(), {"test"}, True)
    assert plain.lacks == {"warm_transfer"}
    more = {
        "carriers": {"twilio": {"account_sid": "AC" + "1" * 32, "auth_token": "x"}},
        "records": {"recording": False},
    }
    night = {"protocol": "beta", "capabilities": {"semantic_vad": False}}
    house = settings(more, night, queues={"sales": "tel:+441"}, payments={"shop": {"type": "test"}})
    known = surroundings(house, PromptStore(tmp_path))
    assert (known.queues, known.processors, known.recording_pauses) == ({"sales"}, {"test", "shop"}, False)
    assert known.lacks == {"effort", "semantic_vad"}
