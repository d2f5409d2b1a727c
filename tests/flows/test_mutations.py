"""A few of the machine-made mistakes; ``python -m tests.flows.mutations --runs 200`` makes as many as one likes."""

import pytest

from tests.flows.mutations import MAKERS, Mutation, drawn, files_of, findings_of, mutations, seen

EVERY = mutations()


def test_the_flows_as_they_are_have_no_finding() -> None:
    assert [str(finding) for finding in findings_of(files_of())] == []


def test_mistakes_of_every_kind_can_be_made() -> None:
    assert {mutation.kind for mutation in EVERY} == set(MAKERS)
    assert len(EVERY) >= 200


@pytest.mark.parametrize("mutation", drawn(EVERY, len(MAKERS), 7), ids=lambda mutation: mutation.kind.replace(" ", "_"))
def test_a_mistake_of_each_kind_is_seen(mutation: Mutation) -> None:
    assert seen(mutation), f"{mutation.file} {mutation.where}"
