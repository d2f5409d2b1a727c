"""Counts that the whole process shares: unknown events, repeated clears, dropped audio and the like.

A counter is made once, where the thing happens, and read by whoever exports it::

    UNKNOWN = counter("media_stream_unknown_events", "events that the carrier's page does not name", ("carrier",))
    UNKNOWN.add(carrier="twilio")

Counting is safe from any thread. Labels are words of ours; a stranger can neither fill the memory nor put text in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Final

from gateway.contracts.text import Label

OTHER: Final = "other"
"""Stands for a label's value that is no :class:`Label`, or one too many."""

MAX_SERIES: Final = 64
"""Combinations of label values that one counter tells apart."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Counter:
    """A named count that only grows, told apart by labels if it has any."""

    __slots__ = ("_lock", "_series", "help", "labels", "name")

    def __init__(self, name: str, help: str, labels: tuple[str, ...] = ()) -> None:
        for word in (name, *labels):
            if not _NAME.fullmatch(word):
                raise ValueError(f"counter {name!r}: {word!r} is not lower-case letters, digits and _")
        self.name = name
        self.help = help
        self.labels = labels
        self._series: dict[tuple[str, ...], int] = {} if labels else {(): 0}
        self._lock = Lock()

    def add(self, amount: int = 1, **labels: str) -> None:
        """Count ``amount`` more; every label needs its value.

        Raises:
            ValueError: ``amount`` is negative, or the labels are not the counter's.

        """
        if amount < 0:
            raise ValueError(f"counter {self.name}: it only grows; got {amount}")
        values = self._values(labels)
        with self._lock:
            if values not in self._series and len(self._series) >= MAX_SERIES:
                values = (OTHER,) * len(self.labels)
            self._series[values] = self._series.get(values, 0) + amount

    def value(self, **labels: str) -> int:
        """Return the count under these labels, 0 if nothing was counted there; without labels, the sum of all."""
        if not labels:
            return sum(self.series().values())
        return self._series.get(self._values(labels), 0)

    def series(self) -> Mapping[tuple[str, ...], int]:
        """Return a copy of all counts, by the labels' values in the order of ``labels``."""
        with self._lock:
            return MappingProxyType(dict(self._series))

    def _values(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        if len(labels) != len(self.labels) or not all(label in labels for label in self.labels):
            raise ValueError(f"counter {self.name}: labels are {self.labels}; got {tuple(labels)}")
        return tuple(_label(labels[label]) for label in self.labels)


@dataclass(frozen=True, slots=True)
class Sample:
    """One count as an exporter writes it."""

    name: str
    help: str
    labels: Mapping[str, str]
    value: int


class CounterRegistry:
    """The counters of a process, each name once."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}
        self._lock = Lock()

    def counter(self, name: str, help: str, labels: tuple[str, ...] = ()) -> Counter:
        """Return the counter of that name, made now if there is none.

        Raises:
            ValueError: it exists with other labels, or a name is not lower-case letters, digits and ``_``.

        """
        with self._lock:
            made = self._counters.get(name)
            if made is None:
                made = self._counters[name] = Counter(name, help, labels)
        if made.labels != labels:
            raise ValueError(f"counter {name}: it exists with labels {made.labels}; asked for {labels}")
        return made

    def samples(self) -> list[Sample]:
        """Return every count, sorted by name and labels."""
        with self._lock:
            counters = sorted(self._counters.values(), key=lambda made: made.name)
        return [
            Sample(made.name, made.help, MappingProxyType(dict(zip(made.labels, values, strict=True))), count)
            for made in counters
            for values, count in sorted(made.series().items())
        ]


REGISTRY: Final = CounterRegistry()
"""The process's own."""


def counter(name: str, help: str, labels: tuple[str, ...] = ()) -> Counter:
    """Return the process's counter of that name; see :meth:`CounterRegistry.counter`."""
    return REGISTRY.counter(name, help, labels)


def _label(value: str) -> str:
    try:
        return Label(value)
    except ValueError:
        return OTHER
