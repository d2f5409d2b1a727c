"""Prints how the redactor does against its bars: ``python -m tests.privacy.score --cases 5000 --seed 1``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gateway.cli.redact import redact_case
from tests.privacy.generator import cases
from tests.privacy.scoring import BARS, Report, score


def table(report: Report) -> str:
    """Return the measures beside their bars."""
    worst = min(report.pan.items(), key=lambda item: item[1].share, default=("-", None))
    lowest = min(report.kept.items(), key=lambda item: item[1].share, default=("-", None))
    rows = [
        ("card numbers masked", f"{report.pan_all.share:.2%} of {report.pan_all.all}", f">= {BARS['pan']:.0%}"),
        ("  worst category", f"{worst[0]} {worst[1].share:.2%}" if worst[1] else "-", ">= 95%"),
        ("security codes masked", f"{report.cvv.share:.2%} of {report.cvv.all}", f">= {BARS['cvv']:.0%}"),
        ("expiry dates masked", f"{report.expiry.share:.2%} of {report.expiry.all}", f">= {BARS['expiry']:.0%}"),
        ("calls without card data altered", f"{1 - report.kept_all.share:.2%} of {report.kept_all.all}", "<= 1%"),
        ("  worst category", f"{lowest[0]} {1 - lowest[1].share:.2%}" if lowest[1] else "-", "<= 5%"),
        ("ordinary text lost", f"{report.over:.3%}", "<= 0.5%"),
        ("held back, p99 / max characters", f"{report.hold(0.99)} / {report.hold(1.0)}", "<= 24 / 160"),
        ("ms per 1,000 characters", f"{report.ms_per_1k:.2f}", "<= 1"),
    ]
    return "\n".join(f"{name:<34} {found:<28} {bar}" for name, found, bar in rows)


def main() -> None:
    """Score generated cases, or those of a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", type=Path, help="cases as JSON lines instead of generated ones")
    parser.add_argument("--faults", type=int, default=0, help="print so many of the cases that went wrong")
    asked = parser.parse_args()
    if asked.file is not None:
        drawn = [json.loads(line) for line in asked.file.read_text(encoding="utf-8").splitlines()]
    else:
        drawn = list(cases(asked.cases, asked.seed))
    report = score(drawn, redact_case)
    print(table(report))
    for fault in report.faults[: asked.faults]:
        print(fault)


if __name__ == "__main__":
    main()
