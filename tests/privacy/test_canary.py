"""The canary run, in small: a call of every kind. ``python -m tests.privacy.canary --calls 500`` is the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.privacy.canary import CARDS, Findings, canaries, canary_run, grouped, in_words


def test_nothing_of_a_card_number_leaves_a_call_of_any_kind(tmp_path: Path) -> None:
    kinds = {canary.name for canary in canaries(CARDS[0])}
    findings = canary_run(len(kinds), tmp_path)
    assert dict(findings.found) == {}
    assert set(findings.calls) == kinds
    assert findings.masks > len(kinds), "there was something to find, and it was masked"
    assert findings.silenced >= 6
    assert findings.deaf_ms > 20_000, "there were models that had to be deaf"


@pytest.mark.parametrize(
    "leak", [CARDS[0], grouped(CARDS[1]), in_words(CARDS[2]), f"x{CARDS[3][2:10]}y", "card " + "-".join(CARDS[4])]
)
def test_the_search_finds_what_leaks(leak: str) -> None:
    findings = Findings()
    findings.values({"some": ["thing", {"text": f"it was {leak} they said"}]}, "test")
    assert findings.found == {"test.some.text": 1}
