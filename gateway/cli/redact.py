"""``gateway redact``: what the live call's redactor makes of a text; it never leaves this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from gateway.cli.console import MISCONFIGURED, err

if TYPE_CHECKING:
    from gateway.privacy.memory import Role


def redact(
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Whole calls, one JSON object a line, instead of plain text.")
    ] = False,
) -> None:
    """Mask card data in what comes on standard input, as a live call does.

    Plain text: each line is a turn of the caller. With `--jsonl` each line is a call,
    `{"id", "turns": [{"role", "text", "deltas": [..]}]}`, and so is each line of the answer:
    `{"id", "turns": [text per turn], "emits": [[text per delta.., text at flush], ..]}`.
    """
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogatepass")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogatepass")  # type: ignore[union-attr]
    answers = redact_cases(sys.stdin) if jsonl else redact_lines(sys.stdin)
    for answer in answers:
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


def redact_cases(lines: TextIO) -> Iterator[str]:
    """Yield the answer to each line that holds a call; exit status 2 on a line that holds none."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            case = json.loads(line)
            answer = redact_case(case["turns"])
        except (ValueError, KeyError, TypeError, AttributeError):
            # The error may quote the line, and the line may hold a card number: only its number is told.
            err.print(f'line {number}: not a call of the form {{"id", "turns": [{{"role", "text", "deltas"}}]}}')
            raise typer.Exit(MISCONFIGURED) from None
        yield json.dumps({"id": case.get("id")} | answer, ensure_ascii=False)


def redact_case(turns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what leaves of one call's turns, delta by delta, and in the end."""
    from gateway.privacy.redactor import Redactor

    redactor = Redactor()
    emits: list[list[str]] = []
    for place, turn in enumerate(turns):
        turn_id = str(place)
        role: Role = "agent" if turn["role"] == "agent" else "caller"
        redactor.open(turn_id, role)
        deltas = turn["deltas"] if "deltas" in turn else [turn["text"]]
        left = [str(redactor.feed(turn_id, role, delta)) for delta in deltas]
        emits.append([*left, str(redactor.end_turn(turn_id))])
    # The call is over: what waited for a next turn that does not come leaves at the flush of its own.
    for turn_id, text in redactor.close().items():
        emits[int(turn_id)][-1] += str(text)
    return {"turns": ["".join(texts) for texts in emits], "emits": emits}


def redact_lines(lines: TextIO) -> Iterator[str]:
    """Yield each line as a turn of one caller, as soon as nothing of it has to wait any more."""
    from gateway.privacy.redactor import Redactor

    redactor = Redactor()
    waiting: list[str] = []
    for number, line in enumerate(lines):
        turn_id = str(number)
        text = str(redactor.feed(turn_id, "caller", line.rstrip("\n"))) + str(redactor.end_turn(turn_id))
        waiting.append(text)
        if not redactor.waits(turn_id):
            yield from waiting
            waiting.clear()
    late = "".join(str(text) for text in redactor.close().values())
    if waiting:
        waiting[-1] += late
    yield from waiting
