"""A shipped flow, spoken: real sockets, the local server with its own ears and voice, and a caller who talks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.flow_calls import call_flow, steps_of, tokens_by_step
from gateway.records.journal import read_journal

pytest.importorskip("pocketsphinx", reason="install the extra: pip install -e .[offline]")


def test_a_guest_asks_the_restaurant_for_its_hours_and_hears_the_goodbye(tmp_path: Path, fresh_logging: None) -> None:
    flows = Path(__file__).parents[2] / "ivr_flows"
    assert call_flow("la_parra_front_desk", "guest", flows, None, "local", 0, tmp_path / "papers")
    journal = read_journal(tmp_path / "papers" / "call.jsonl")
    assert steps_of(journal)[-4:] == ["welcome", "read_hours", "anything_else", "bye"]
    heard = [entry for entry in journal if entry.event == "flow" and entry.text("name") == "heard"]
    assert [entry.fields["facts"] for entry in heard] == [
        {"kind": "hours", "by": heard[0].fields["facts"]["by"]},
        {"kind": "no", "by": heard[1].fields["facts"]["by"]},
    ]
    assert tokens_by_step(journal)["welcome"].responses >= 1
    ended = journal[-1] if journal[-1].event == "call_ended" else journal[-2]
    assert (ended.text("who"), ended.text("reason")) == ("agent", "goodbye")
