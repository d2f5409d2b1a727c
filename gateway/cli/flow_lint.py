"""What ``gateway flow lint`` knows of where flows will run: from the settings, the prompt store, and the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.flows.issues import Findings
from gateway.flows.lint import LintOptions
from gateway.flows.load import Folder
from gateway.flows.rehearsal.coverage import Coverage
from gateway.flows.rehearsal.port import AsGiven
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.running import Rehearsal
from gateway.prompts.deployment import surroundings
from gateway.prompts.store import PromptStore
from gateway.settings.load import load_settings


def surrounded(options: LintOptions, loaded: Folder, config: Path | None, *, tests: bool) -> LintOptions:
    """Return the options with what the settings and the store say, and what the tests come by.

    Raises:
        ConfigurationError: the settings are wrong.

    """
    if config is not None:
        settings = load_settings(config).settings
        known = surroundings(settings, PromptStore(settings.data_dir / "cache" / "prompts"))
        options = replace(known, lacks=known.lacks | options.lacks)
    return replace(options, covered=asyncio.run(_covered(loaded))) if tests else options


async def _covered(loaded: Folder) -> Mapping[str, frozenset[str]]:
    """Return what the tests of a folder come by; a file of tests that can't be read comes by nothing."""
    covered: dict[str, frozenset[str]] = {}
    for source in loaded.tests.values():
        script = read_script(source, loaded.flows, Findings())
        if script is not None:
            coverage: Coverage = (await Rehearsal().run(script, AsGiven())).coverage
            covered[script.flow.id] = covered.get(script.flow.id, frozenset()) | coverage.counts().keys()
    return covered
