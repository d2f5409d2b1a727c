"""Judges what a redactor let out, by the rules that stand in the sample's README.

A card number leaks when five or more digits in a row of it, not all within its first six, can be read back from all
that left of the call, through words, separators, number words and turn borders; a mask parts. A security code must not
be readable at all, an expiry date that was said with a card should be gone, and a call without card data comes out as
it went in, late parts in order. What the scorer reads as digits is its own business: it shares only the word tables.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from gateway.lexicon.spoken import Part, fold, number_word

Case = dict[str, Any]
Answer = dict[str, Any]

_TOKEN = re.compile(r"(?P<digits>\d)|[^\W\d_]+")
BARS = {"pan": 0.99, "cvv": 0.98, "expiry": 0.95, "altered": 0.01, "over": 0.005, "p99": 24, "max": 160, "ms": 1.0}


def digit_strings(text: str) -> list[str]:
    """Return what digits can be read from a text, in the likely ways to read it; "|" stands for a mask."""
    tens_join, tens_alone, words_only = [], [], []
    pending = 1
    for part in re.split(r"(\[[A-Z ]+\])", text):
        if re.fullmatch(r"\[[A-Z ]+\]", part):
            for out in (tens_join, tens_alone, words_only):
                out.append("|")
            continue
        before: tuple[Part, int] | None = None
        for token in _TOKEN.finditer(part):
            if token["digits"]:
                digits = str(unicodedata.digit(token[0]))
                for out in (tens_join, tens_alone, words_only):
                    out.append(digits * pending)
                pending, before = 1, None
                continue
            word = fold(token[0])
            number = number_word(word) if len(word) > 1 else None
            if number is None:
                continue
            if number.part is Part.REPEAT:
                pending = number.value
                continue
            if number.part in {Part.UNIT, Part.PAIR, Part.TENS, Part.WHOLE, Part.PLURAL}:
                value = str(number.value)
                if number.part is Part.PLURAL and before is not None and before[0] is Part.UNIT:
                    for out in (tens_join, tens_alone):
                        out.pop()
                        out.append(value * before[1])
                elif before is not None and before[0] is Part.TENS and number.part is Part.UNIT and number.value:
                    tens_join.pop()
                    tens_join.append(str(before[1] + number.value))
                    tens_alone.append(value)
                else:
                    tens_join.append(value * pending)
                    tens_alone.append(value * pending)
                if number.surety.value == "sure":
                    words_only.append(value * pending)
                pending, before = 1, (number.part, number.value)
            elif number.part is Part.HUNDRED and before is not None:
                for out in (tens_join, tens_alone):
                    out.append("00")
                before = None
            elif number.part is Part.THOUSAND and before is not None:
                for out in (tens_join, tens_alone):
                    out.append("000")
                before = None
    return ["".join(out) for out in (tens_join, tens_alone, words_only)]


def leaks(pan: str, text: str) -> bool:
    """Return whether five digits in a row of a card number can be read, not all within its first six."""
    read = digit_strings(text)
    return any(pan[at : at + 5] in digits for at in range(2, len(pan) - 4) for digits in read)


def readable(digits: str, text: str) -> bool:
    """Return whether a code can be read in a text."""
    return any(digits in read for read in digit_strings(text))


@dataclass
class Count:
    """Right out of all."""

    right: int = 0
    all: int = 0

    def add(self, ok: bool) -> None:
        self.right += ok
        self.all += 1

    @property
    def share(self) -> float:
        return self.right / self.all if self.all else 1.0


@dataclass
class Report:
    """What the bars are held against."""

    pan: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    cvv: Count = field(default_factory=Count)
    expiry: Count = field(default_factory=Count)
    kept: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    ordinary_chars: int = 0
    lost_chars: int = 0
    holds: list[int] = field(default_factory=list)
    chars: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def pan_all(self) -> Count:
        return Count(sum(one.right for one in self.pan.values()), sum(one.all for one in self.pan.values()))

    @property
    def kept_all(self) -> Count:
        return Count(sum(one.right for one in self.kept.values()), sum(one.all for one in self.kept.values()))

    @property
    def over(self) -> float:
        return self.lost_chars / self.ordinary_chars if self.ordinary_chars else 0.0

    def hold(self, share: float) -> int:
        """Return a percentile of the characters held back on ordinary text."""
        return sorted(self.holds)[min(int(len(self.holds) * share), len(self.holds) - 1)] if self.holds else 0

    @property
    def ms_per_1k(self) -> float:
        return self.seconds * 1e6 / self.chars if self.chars else 0.0


def score(cases: Iterable[Case], redact: Callable[[Sequence[Any]], Answer]) -> Report:
    """Run every case through a redactor and judge what left."""
    report = Report()
    for case in cases:
        began = time.perf_counter()
        answer = redact(case["turns"])
        report.seconds += time.perf_counter() - began
        report.chars += sum(len(turn["text"]) for turn in case["turns"])
        _judge(case, answer, report)
    return report


def _judge(case: Case, answer: Answer, report: Report) -> None:
    whole = " / ".join(answer["turns"])
    category = case["category"]

    def fault(why: str) -> None:
        said = " / ".join(turn["text"] for turn in case["turns"])
        report.faults.append(f"{case['id']} {category}: {why}\n    {said}\n    {whole}")

    for pan in case["pans"]:
        leaked = leaks(pan, whole)
        report.pan[category].add(not leaked)
        if leaked:
            fault("card number leaked")
    for secret in case["sad"]:
        at = secret["turn"]
        text = answer["turns"][at]
        gone = secret["text"] not in text if secret["kind"] == "expiry" else not readable(secret["digits"], text)
        (report.cvv if secret["kind"] == "cvv" else report.expiry).add(gone)
        if not gone:
            fault(f"{secret['kind']} leaked")
    if not case["must_redact"]:
        same = "".join(answer["turns"]) == "".join(turn["text"] for turn in case["turns"])
        report.kept[category].add(same)
        if not same:
            fault("altered")
        _holds(case, answer, report)
        return
    lost = sum(_lost(turn, text) for turn, text in zip(case["turns"], answer["turns"], strict=True))
    report.lost_chars += lost
    if lost > 3:
        fault(f"{lost} ordinary characters lost")
    report.ordinary_chars += sum(
        len(turn["text"]) - sum(end - start for start, end, _ in turn["spans"]) for turn in case["turns"]
    )


def _lost(turn: Any, text: str) -> int:
    """Return how many characters outside the spans are missing."""
    keep = list(turn["text"])
    for start, end, _ in turn["spans"]:
        keep[start:end] = [""] * (end - start)
    ordinary = "".join(keep)
    seen = re.sub(r"\[[A-Z ]+\]", "", text)
    found = sum(block.size for block in SequenceMatcher(None, ordinary, seen, autojunk=False).get_matching_blocks())
    return len(ordinary) - found


def _holds(case: Case, answer: Answer, report: Report) -> None:
    for turn, emits in zip(case["turns"], answer["emits"], strict=True):
        fed = left = 0
        for delta, emit in zip(turn["deltas"], emits, strict=False):
            fed += len(delta)
            left += len(emit)
            report.holds.append(max(fed - left, 0))
