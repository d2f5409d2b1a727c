"""Measure local hearing against its bars: ``python -m tests.speech.bars [--quick] [--tuning]``.

Every utterance is spoken by a local voice at a random speed, sent over the telephone line of ``tests.speech.line`` at
a random level and noise, and recognised. Everything follows from the seed. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gateway.lexicon.numbers import spell_digits
from gateway.speech.ears import Ears
from gateway.speech.hearing import Expectation
from gateway.speech.voice import Voice
from tests.speech.corpus import BARS, TUNING, Corpus
from tests.speech.line import RATE_HZ, over_the_line

BARS_REQUIRED = {
    "phrases": 0.95,
    "phrases, bare": None,
    "phrases, embedded": None,
    "single digits": 0.90,
    "strings": 0.80,
    "strings, 4 digits": None,
    "strings, 6 digits": None,
    "strings, 10 digits": None,
    "rejected": 0.90,
    "rejected, menus": None,
    "rejected, digits": None,
}
"""Share that must be right; ``None``: shown for what it tells."""


@dataclass(frozen=True)
class Trial:
    """Something said, what is expected then, and what must come out: a phrase, digits, or ``None`` for a rejection."""

    category: str
    said: str
    expectation: Expectation
    answer: str | None


@dataclass
class Tally:
    """How one category went."""

    right: int = 0
    milliseconds: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.right / len(self.milliseconds)


def trials(corpus: Corpus, random: np.random.Generator, scale: float) -> Iterator[Trial]:
    """Yield every trial; ``scale`` 1.0 is the full measurement."""
    for repeat in range(max(1, round(3 * scale))):
        for menu in corpus.menus:
            expectation = Expectation(phrases=menu)
            for index, phrase in enumerate(menu):
                if random.random() > 3 * scale:
                    continue
                if (index + repeat) % 2:
                    yield Trial("phrases, bare", phrase, expectation, phrase)
                else:
                    carrier = corpus.carriers[random.integers(len(corpus.carriers))]
                    yield Trial("phrases, embedded", carrier.format(phrase), expectation, phrase)
    for _ in range(round(16 * scale)):
        for digit in "0123456789":
            yield Trial("single digits", _said(digit, random), Expectation(digits=(1,)), digit)
    for length in (4, 6, 10):
        for _ in range(round(120 * scale)):
            digits = "".join(str(digit) for digit in random.integers(0, 10, length))
            yield Trial(f"strings, {length} digits", _said(digits, random), Expectation(digits=(length,)), digits)
    for repeat in range(max(1, round(5 * scale))):
        for index, sentence in enumerate(corpus.unexpected):
            if random.random() > 5 * scale:
                continue
            menu = corpus.menus[(index * 7 + repeat * 3) % len(corpus.menus)]
            yield Trial("rejected, menus", sentence, Expectation(phrases=menu), None)
            length = ((1,), (4,), (6,), (10,))[(index + repeat) % 4]
            yield Trial("rejected, digits", sentence, Expectation(digits=length), None)


def _said(digits: str, random: np.random.Generator) -> str:
    """Digits as people say them: zero or oh, in one go or in groups."""
    words = spell_digits(digits, "en", telephone=bool(random.random() < 0.3)).split()
    group = int(random.choice([2, 3, 4, 10]))
    groups = [" ".join(words[at : at + group]) for at in range(0, len(words), group)]
    return ", ".join(groups)


def measure(corpus: Corpus, *, seed: int = 7, scale: float = 1.0, verbose: bool = False) -> dict[str, Tally]:
    """Run the trials and return the tallies by category."""
    random = np.random.default_rng(seed)
    voice, hearing = Voice(), Ears()
    tallies: dict[str, Tally] = {}
    for number, trial in enumerate(trials(corpus, random, scale)):
        speaker = corpus.voices[number % len(corpus.voices)]
        spoken = voice.speak(trial.said, voice=speaker, rate_hz=RATE_HZ, speed=float(random.uniform(0.85, 1.15)))
        pcm = over_the_line(
            spoken.pcm,
            random,
            gain_db=float(random.uniform(-6, 3)),
            noise_dbfs=float(random.uniform(-65, -50)),
            before_ms=int(random.integers(100, 400)),
            after_ms=int(random.integers(200, 600)),
        )
        started = time.perf_counter()
        heard = hearing.recognise(pcm, RATE_HZ, trial.expectation)
        took_ms = (time.perf_counter() - started) * 1000
        right = heard.rejected if trial.answer is None else trial.answer in (heard.phrase, heard.digits)
        for category in {trial.category, trial.category.partition(",")[0]}:
            tally = tallies.setdefault(category, Tally())
            tally.right += right
            tally.milliseconds.append(took_ms)
        if verbose and not right:
            print(f"  {trial.category}: {speaker} said {trial.said!r}, heard {heard}")
    return tallies


def missed(tallies: dict[str, Tally]) -> list[str]:
    """Return the categories below their bar."""
    return [name for name, bar in BARS_REQUIRED.items() if bar is not None and tallies[name].rate < bar]


def table(tallies: dict[str, Tally]) -> str:
    """Return the tallies as a table for people."""
    lines = [f"{'category':<20}{'n':>6}{'rate':>9}{'bar':>7}{'median ms':>12}"]
    for name, bar in BARS_REQUIRED.items():
        tally = tallies[name]
        wanted = "" if bar is None else f"{bar:.0%}"
        median = statistics.median(tally.milliseconds)
        lines.append(f"{name:<20}{len(tally.milliseconds):>6}{tally.rate:>9.1%}{wanted:>7}{median:>12.0f}")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fixed small part, under 30 s")
    parser.add_argument("--tuning", action="store_true", help="the material that thresholds were set on")
    parser.add_argument("--verbose", action="store_true", help="show every mistake")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    corpus = TUNING if options.tuning else BARS
    tallies = measure(
        corpus, seed=options.seed, scale=0.12 if options.quick else options.scale, verbose=options.verbose
    )
    print(table(tallies))
    below = missed(tallies)
    print("every bar is reached" if not below else f"below the bar: {', '.join(below)}")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
