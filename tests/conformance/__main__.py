"""``python -m tests.conformance --latest``: what the installed ``openai`` package changes against the stored snapshot.

Install a newer ``openai`` beside the development extra first. ``--store`` makes the installed one the new reference.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from tests.conformance import snapshot


def main() -> int:
    """Run the command line; returns 1 when something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--latest", action="store_true", help="print what the installed package changes")
    action.add_argument("--store", action="store_true", help="make the installed package the reference")
    options = parser.parse_args()
    installed = snapshot.take()
    if options.store:
        snapshot.store(installed)
        print(f"stored openai {installed['openai']}: {_size(installed)}")
        return 0
    reference = snapshot.stored()
    lines = snapshot.changes(reference, installed)
    print(f"installed openai {version('openai')}, reference {reference['openai']}, bounds {_bounds()}")
    print("\n".join(lines) if lines else f"no difference: {_size(installed)}")
    return 1 if lines else 0


def _size(taken: dict[str, dict[str, object]]) -> str:
    return f"{len(taken['server'])} server and {len(taken['client'])} client events"


def _bounds() -> str:
    """Return the bounds that our own development extra sets."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"]["dev"]
    return next((line for line in wanted if line.startswith("openai")), "none")


if __name__ == "__main__":
    sys.exit(main())
