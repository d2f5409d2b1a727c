"""What ``gateway flow render`` does: says what it will cost, renders what is missing, and tells of each prompt."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from gateway.app import Exchange
from gateway.bridge.responses import word_for_word
from gateway.cli.console import out
from gateway.cli.server import run
from gateway.contracts.model import Usage
from gateway.errors import ConfigurationError
from gateway.flows.bundle import load_bundle
from gateway.prompts.renderer import Estimate, Outcome, estimate, render, static_prompts
from gateway.prompts.store import PromptStore, Spoken
from gateway.settings.load import LoadedSettings, load_settings


def render_flow(
    name: str, folder: Path, config: Path | None, endpoint: str | None, *, ask: Callable[[str], bool] | None
) -> bool:
    """Render what a flow lacks; tell whether everything it can say without values is there now.

    ``ask`` is asked before anything is spent; None goes ahead.

    Raises:
        ConfigurationError: the folder can't go live, or has no such flow.

    """
    bundle = load_bundle(folder)
    flow = bundle.flows.get(name)
    if flow is None:
        raise ConfigurationError(f"'{name}' is not a flow of {folder}; there are: {', '.join(sorted(bundle.flows))}")
    overrides = {} if endpoint is None else {"endpoint": endpoint}
    loaded = load_settings(config, overrides=overrides)
    store = PromptStore(loaded.settings.data_dir / "cache" / "prompts")
    chosen = loaded.settings.endpoint
    assert chosen is not None, "loaded settings name their default endpoint"
    speaker = loaded.settings.endpoints[chosen]
    wanted = static_prompts(flow, speaker.model or speaker.deployment or speaker.type)
    missing = [spoken for spoken in wanted if not store.has(spoken)]
    out.print(f"{name}: {len(wanted)} prompts without values, {len(wanted) - len(missing)} rendered", markup=False)
    if not missing:
        return True
    out.print(_told(estimate(missing), loaded), markup=False)
    if ask is not None and not ask("render them now?"):
        return False
    return run(_render(missing, store, loaded, chosen)) == 0


async def _render(missing: list[Spoken], store: PromptStore, loaded: LoadedSettings, endpoint: str) -> int:
    house = Exchange(loaded.settings)
    await house.open()
    try:
        return await render(missing, store, house.connector(endpoint), say=word_for_word, told=_tell)
    finally:
        await house.close()


def _tell(outcome: Outcome) -> None:
    mark = "✓" if outcome.verdict.ok else "✗"
    why = "" if outcome.verdict.ok else f": {outcome.verdict.why}"
    text = outcome.spoken.text if len(outcome.spoken.text) <= 60 else f"{outcome.spoken.text[:57]}…"
    out.print(f"{mark} {outcome.spoken.language}  {text}{why}", markup=False, soft_wrap=True)


def _told(expected: Estimate, loaded: LoadedSettings) -> str:
    """Return what rendering will use, and cost if the model's price is known."""
    what = f"{expected.prompts} to render: about {expected.input_text} tokens in, {expected.output_audio} of audio out"
    settings = loaded.settings
    assert settings.endpoint is not None, "loaded settings name their default endpoint"
    endpoint = settings.endpoints[settings.endpoint]
    price = settings.prices.price_of(endpoint.model, endpoint.deployment)
    if price is None:
        return f"{what}; {'it costs nothing' if endpoint.type == 'local' else 'the price of this model is not known'}"
    cost: Decimal = price.cost(Usage(input_text=expected.input_text, output_audio=expected.output_audio))
    return f"{what}; about {cost:.4f} {price.currency}"
