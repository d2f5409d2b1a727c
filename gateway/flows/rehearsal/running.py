"""Runs scripted tests on a port and says what did not come true, with file, line and column."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from gateway.flows.issues import Origin
from gateway.flows.rehearsal.coverage import Coverage
from gateway.flows.rehearsal.port import Performance, Port
from gateway.flows.rehearsal.script import (
    Again,
    CallerLine,
    Case,
    Expect,
    HangsUp,
    Line,
    Never,
    Presses,
    Says,
    Script,
    Silent,
)
from gateway.flows.rehearsal.trace import Trace


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that did not come true."""

    origin: Origin
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one test."""

    case: Case
    failures: tuple[Failure, ...]
    took_s: float

    @property
    def passed(self) -> bool:
        """Whether everything came true."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """What became of a file of tests."""

    script: Script
    port: str
    cases: tuple[CaseResult, ...]
    coverage: Coverage
    shortfalls: tuple[Failure, ...] = field(default=())
    """Thresholds of coverage that were missed."""

    @property
    def passed(self) -> bool:
        """Whether every test passed, and they came by enough of the flow."""
        return not self.shortfalls and all(case.passed for case in self.cases)


class Rehearsal:
    """Runs scripts."""

    async def run(self, script: Script, port: Port, only: str = "") -> ScriptResult:
        """Return what became of a file's tests.

        Args:
            script: the tests.
            port: where the calls take place.
            only: tests whose names hold this; then coverage is counted and not judged.

        """
        coverage = Coverage(script.flow)
        cases = [case for case in script.cases if only.lower() in case.name.lower()]
        results = tuple([await self._run_case(script, case, port, coverage) for case in cases])
        shortfalls = () if only else tuple(_shortfalls(script, coverage))
        return ScriptResult(script, port.name, results, coverage, shortfalls)

    async def _run_case(self, script: Script, case: Case, port: Port, coverage: Coverage) -> CaseResult:
        began_s = time.monotonic()
        performance = await port.open(script.flow, case)
        failures: list[Failure] = []
        try:
            lines = unrolled(case.lines)
            await performance.start(_next_during(lines))
            for place, line in enumerate(lines):
                if isinstance(line, Expect):
                    failures += [Failure(line.origin, what) for what in unmet(line, performance)]
                elif performance.trace.ended is not None:
                    failures.append(Failure(line.origin, f"the call is over ({performance.trace.ended})"))
                else:
                    await _act(performance, line)
                    await performance.settle(_next_during(lines[place + 1 :]))
                if failures:
                    break
            failures += [Failure(case.origin, what) for what in turned_up(case.never, performance.trace)]
        finally:
            await performance.close()
        coverage.add(performance.trace.tells)
        return CaseResult(case, tuple(failures), time.monotonic() - began_s)


def unrolled(lines: Sequence[Line]) -> list[CallerLine | Expect]:
    """Return the lines with every ``again`` written out: what the caller did since the last one, once more each."""
    written: list[CallerLine | Expect] = []
    block: list[CallerLine] = []
    for line in lines:
        match line:
            case Again(times=times):
                written += block * times
                block = []
            case Expect():
                written.append(line)
            case _:
                written.append(line)
                block.append(line)
    return written


def _next_during(lines: Sequence[CallerLine | Expect]) -> str | None:
    """Return the step that the caller's next line cuts in on."""
    line = next((line for line in lines if not isinstance(line, Expect)), None)
    return None if line is None or isinstance(line, Silent) else line.during


async def _act(performance: Performance, line: CallerLine) -> None:
    match line:
        case Says(text=text, means=means):
            await performance.says(text, means)
        case Presses(keys=keys):
            await performance.presses(keys)
        case Silent(ms=ms):
            await performance.silent(ms)
        case HangsUp():
            await performance.hangs_up()
        case _:
            assert_never(line)


def unmet(expect: Expect, performance: Performance) -> Iterator[str]:
    """Yield what is not as expected."""
    trace = performance.trace
    said = trace.said_since
    heard = " ".join(said)
    events = [tell.name for tell in trace.tells_since]
    entered = [tell.step for tell in trace.tells_since if tell.name == "step_entered"]
    if expect.step is not None and performance.path != expect.step:
        yield f"step '{expect.step}' is expected; the call stands on '{performance.path}'"
    for text in expect.heard:
        if text.lower() not in heard.lower():
            yield f"'{text}' was not heard; said was: {heard or 'nothing'}"
    for text in expect.not_heard:
        if text.lower() in heard.lower():
            yield f"'{text}' was heard"
    for text in expect.said:
        if text not in said:
            yield f"'{text}' was not said; said was: {heard or 'nothing'}"
    for name in expect.event:
        if name not in events:
            yield f"there was no event '{name}'; there were: {', '.join(dict.fromkeys(events)) or 'none'}"
    for path in expect.passed:
        if path not in entered:
            yield f"step '{path}' was not entered; entered were: {', '.join(entered) or 'none'}"
    for name, value in expect.slots.items():
        forms = performance.forms_of(name)
        if value.lower() not in {form.lower() for form in forms}:
            yield f"'{name}' is {' or '.join(sorted(forms))}, not {value}"
    for name, count in expect.tool_calls.items():
        if trace.tool_calls[name] != count:
            yield f"tool '{name}' was called {trace.tool_calls[name]} times, not {count}"
    if expect.asked_model is not None and trace.questions != expect.asked_model:
        yield f"the model was asked {trace.questions} questions, not {expect.asked_model}"
    if expect.ended is not None and expect.ended != (trace.ended or "no"):
        yield f"the call's end is '{trace.ended or 'no'}', not '{expect.ended}'"
    if expect.language is not None and performance.language != expect.language:
        yield f"the call is in {performance.language}, not in {expect.language}"


def turned_up(never: Never, trace: Trace) -> Iterator[str]:
    """Yield texts that turned up where they never must."""
    places = (
        ("said", never.said_anywhere, trace.said),
        ("logged", never.logged_anywhere, trace.logged),
        ("sent to the model", never.sent_to_model, trace.to_model),
    )
    for how, texts, where in places:
        for text in texts:
            if any(text in one for one in where):
                yield f"'{text}' was {how}"


def _shortfalls(script: Script, coverage: Coverage) -> Iterator[Failure]:
    wanted = (
        ("steps", script.thresholds.steps, coverage.share_of_steps, coverage.missing_steps),
        (
            "exits",
            script.thresholds.exits,
            coverage.share_of_exits,
            [f"{step}>{name}" for step, name in coverage.missing_exits],
        ),
    )
    for what, least, share, missing in wanted:
        if share < least:
            listed = ", ".join(missing)
            yield Failure(
                Origin(script.file), f"the tests come by {share:.0f}% of {what}, not {least}%; missing: {listed}"
            )
