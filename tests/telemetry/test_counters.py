"""Counts: named once, labelled by words of ours, bounded."""

from __future__ import annotations

import threading

import pytest

from gateway.telemetry.counters import MAX_SERIES, OTHER, CounterRegistry, counter


@pytest.fixture
def registry() -> CounterRegistry:
    return CounterRegistry()


def test_a_counter_counts_by_its_labels(registry: CounterRegistry) -> None:
    unknown = registry.counter("unknown_events", "events nobody names", ("carrier", "event"))
    unknown.add(carrier="twilio", event="ping")
    unknown.add(2, event="pong", carrier="twilio")
    assert unknown.value(carrier="twilio", event="pong") == 2
    assert unknown.value(carrier="twilio", event="never") == 0
    assert unknown.value() == 3
    assert unknown.series() == {("twilio", "ping"): 1, ("twilio", "pong"): 2}


def test_a_counter_without_labels_begins_at_nought(registry: CounterRegistry) -> None:
    calls = registry.counter("calls", "calls taken")
    assert calls.value() == 0
    assert [(sample.name, sample.value) for sample in registry.samples()] == [("calls", 0)]
    calls.add()
    assert calls.value() == 1


def test_asking_again_gives_the_same_counter(registry: CounterRegistry) -> None:
    assert registry.counter("a", "x") is registry.counter("a", "x")
    with pytest.raises(ValueError, match="counter a: it exists with labels"):
        registry.counter("a", "x", ("b",))


def test_samples_are_sorted_and_labelled(registry: CounterRegistry) -> None:
    registry.counter("b", "second", ("kind",)).add(kind="z")
    registry.counter("b", "second", ("kind",)).add(3, kind="a")
    registry.counter("a", "first").add()
    assert [(sample.name, dict(sample.labels), sample.value) for sample in registry.samples()] == [
        ("a", {}, 1),
        ("b", {"kind": "a"}, 3),
        ("b", {"kind": "z"}, 1),
    ]


@pytest.mark.parametrize(
    "labels", [{}, {"carrier": "a"}, {"carrier": "a", "event": "b", "more": "c"}, {"carrier": "a", "evnt": "b"}]
)
def test_labels_are_the_counters_own(registry: CounterRegistry, labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="labels are"):
        registry.counter("x", "x", ("carrier", "event")).add(**labels)


def test_a_counter_only_grows(registry: CounterRegistry) -> None:
    with pytest.raises(ValueError, match="only grows; got -1"):
        registry.counter("x", "x").add(-1)


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a-b", "a" * 65])
def test_names_are_plain(registry: CounterRegistry, name: str) -> None:
    with pytest.raises(ValueError, match="is not lower-case letters"):
        registry.counter(name, "x")


def test_a_stranger_can_neither_fill_the_memory_nor_put_numbers_in(registry: CounterRegistry) -> None:
    unknown = registry.counter("x", "x", ("event",))
    unknown.add(event="4242 4242 4242 4242")
    unknown.add(event="a" * 1000)
    for number in range(1000):
        unknown.add(event=f"event-{chr(97 + number % 26)}-{number}")
    assert unknown.value() == 1002
    assert len(unknown.series()) <= MAX_SERIES
    assert unknown.value(event=OTHER) >= 900


def test_counting_from_many_threads_loses_nothing(registry: CounterRegistry) -> None:
    busy = registry.counter("x", "x", ("who",))
    threads = [threading.Thread(target=lambda: [busy.add(who="same") for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert busy.value(who="same") == 8000


def test_the_process_has_one_registry() -> None:
    assert counter("tests_own_counter", "x") is counter("tests_own_counter", "x")
