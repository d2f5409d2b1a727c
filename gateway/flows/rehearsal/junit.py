"""Results of scripted tests as JUnit XML, which every CI reads."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gateway.flows.rehearsal.running import Failure, ScriptResult


def junit(results: Iterable[ScriptResult]) -> str:
    """Return the results of all files as one document; a missed coverage threshold is a failed case of its own."""
    root = Element("testsuites")
    for result in results:
        suite = SubElement(root, "testsuite", name=result.script.file)
        seconds = 0.0
        for case in result.cases:
            seconds += case.took_s
            _case(suite, result, case.case.name, case.failures, case.took_s)
        if result.script.thresholds.steps or result.script.thresholds.exits:
            _case(suite, result, "coverage", result.shortfalls, 0.0)
        failed = sum(not case.passed for case in result.cases) + bool(result.shortfalls)
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(failed))
        suite.set("errors", "0")
        suite.set("time", f"{seconds:.3f}")
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, result: ScriptResult, name: str, failures: tuple[Failure, ...], took_s: float) -> None:
    case = SubElement(suite, "testcase", name=name, time=f"{took_s:.3f}")
    case.set("classname", f"{result.script.flow.id}.{result.port}")
    case.set("file", result.script.file)
    if failures:
        failure = SubElement(case, "failure", message=failures[0].message, type="expectation")
        failure.text = "\n".join(str(each) for each in failures)
