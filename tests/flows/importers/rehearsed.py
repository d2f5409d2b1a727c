"""Runs the tests that stand beside a flow."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.flows.issues import Findings
from gateway.flows.load import load_texts
from gateway.flows.rehearsal.port import AsGiven
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.running import Rehearsal, ScriptResult


async def rehearse(files: Mapping[str, str]) -> ScriptResult:
    """Return what became of the one test file among a folder's files; every fault in it fails."""
    folder, findings = load_texts(files), Findings()
    (source,) = folder.tests.values()
    script = read_script(source, folder.flows, findings)
    assert script is not None, findings
    return await Rehearsal().run(script, AsGiven())


def told(result: ScriptResult) -> list[str]:
    """Return what did not come true."""
    return [str(failure) for case in result.cases for failure in case.failures] + [
        str(one) for one in result.shortfalls
    ]
