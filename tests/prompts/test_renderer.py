"""Rendering a flow's prompts on an endpoint: asked word for word, judged, kept, and tried again."""

from __future__ import annotations

from pathlib import Path

from gateway.bridge.responses import word_for_word
from gateway.clock import SystemClock
from gateway.flows.load import load_folder
from gateway.offline.script import Script
from gateway.prompts.renderer import Outcome, estimate, render, static_prompts
from gateway.prompts.store import PromptStore, Spoken
from gateway.realtime.connector import RealtimeConnector
from gateway.settings.schema import EndpointSettings
from tests.calls.rig import MODEL_TOKEN, model, says, script

TEXT = "amber birch cedar delta"
SPOKEN = Spoken(TEXT, "en-GB", "marin", "local")


async def rendered(tmp_path: Path, what: Script) -> tuple[PromptStore, list[Outcome], int]:
    store, outcomes = PromptStore(tmp_path), list[Outcome]()
    async with model(what) as peer:
        settings = EndpointSettings.model_validate({"type": "local", "url": peer.server.url, "api_key": MODEL_TOKEN})
        connector = RealtimeConnector("local", settings, clock=SystemClock())
        failed = await render([SPOKEN], store, connector, say=word_for_word, told=outcomes.append)
        await connector.close()
    return store, outcomes, failed


async def test_a_prompt_is_kept_when_its_words_and_its_length_are_right(tmp_path: Path) -> None:
    store, (outcome,), failed = await rendered(tmp_path, script(says(TEXT, out_of_band=True)))
    assert (failed, outcome.tries, outcome.verdict.ok) == (0, 1, True)
    paper = store.paper(SPOKEN)
    assert paper is not None
    assert (paper.transcript, paper.duration_ms) == (TEXT, 1000)


async def test_other_words_are_asked_for_again(tmp_path: Path) -> None:
    takes = script(says("amber birch zebra delta"), says(TEXT))
    store, (outcome,), failed = await rendered(tmp_path, takes)
    assert (failed, outcome.tries) == (0, 2)
    assert store.has(SPOKEN)


async def test_what_can_not_be_verified_is_not_kept(tmp_path: Path) -> None:
    takes = script(*[says("amber birch zebra delta")] * 3)
    store, (outcome,), failed = await rendered(tmp_path, takes)
    assert (failed, outcome.verdict.ok) == (1, False)
    assert "'zebra' in place of 'cedar'" in outcome.verdict.why
    assert not store.has(SPOKEN)


def test_every_text_without_values_is_a_prompt_to_render() -> None:
    flow = load_folder(Path(__file__).parents[2] / "ivr_flows").flows["la_parra_front_desk"]
    wanted = static_prompts(flow, "local")
    texts = [spoken.text for spoken in wanted]
    assert "Thank you for calling La Parra. Goodbye." in texts
    assert "Sorry, I did not hear you." in texts
    assert not any("$" in text for text in texts), "what has values in it is said live"
    assert len(texts) == len(set(texts))
    expected = estimate(wanted)
    assert expected.prompts == len(wanted)
    assert expected.output_audio > expected.prompts
