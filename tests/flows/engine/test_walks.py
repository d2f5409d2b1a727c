"""Properties of every call: random events, delays, hang-ups and faults on the flows that are shipped."""

from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.flows.model import Flow
from gateway.flows.rehearsal.coverage import Coverage
from gateway.flows.rehearsal.walking import Walker, walk
from tests.flows.engine.bench import shipped

FLOWS = ("la_parra_front_desk", "card_member_services", "clinic_reception")


@cache
def flow(name: str) -> Flow:
    return shipped(name)


@pytest.mark.parametrize("name", FLOWS)
@settings(max_examples=120, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_whatever_happens_a_call_ends_no_guard_is_passed_and_nothing_secret_leaves(name: str, random: Random) -> None:
    found = Walker(flow(name), random).walk()
    assert found.breaches == []
    assert found.ended is not None


@pytest.mark.parametrize("name", FLOWS)
def test_a_walk_is_walked_again_by_its_seed(name: str) -> None:
    first, second = walk(flow(name), 77), walk(flow(name), 77)
    assert [repr(tell) for tell in first.watch.tells] == [repr(tell) for tell in second.watch.tells]


def test_walks_come_by_most_of_the_flows() -> None:
    for name in FLOWS:
        coverage = Coverage(flow(name))
        for seed in range(300):
            coverage.add(walk(flow(name), seed).watch.tells)
        assert coverage.share_of_steps >= 75
