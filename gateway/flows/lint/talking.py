"""F5xx: whether the model is kept to its task, and can do what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.flows.issues import Origin
from gateway.flows.lint.paths import local
from gateway.flows.lint.rules import Found, error, warning
from gateway.flows.lint.subject import Subject
from gateway.flows.steps import FactFile, Language, ModelOverrides, Run, Talk, Transfer
from gateway.flows.words import LANGUAGES, primary

MAX_INSTRUCTION_TOKENS: Final = 4000
CHARS_PER_TOKEN: Final = 4
_ORDERS: Final = re.compile(r"\b(always|never|siempre|nunca)\s+(\w+(?:\s+\w+)?)", re.IGNORECASE)
_OPPOSITE: Final = {"always": "never", "never": "always", "siempre": "nunca", "nunca": "siempre"}


def _talks(subject: Subject) -> Iterator[Talk]:
    return (step for step in subject.flow.steps.values() if isinstance(step, Talk))


@warning("F501", "a talk without 'max_turns' or 'max_time'")
def endless_talk(subject: Subject) -> Iterator[Found]:
    """A talk without bounds."""
    for step in _talks(subject):
        if step.max_turns is None and step.max_time_ms is None:
            yield Found(step.origin, f"talk '{step.name}' may go on for ever", "add 'max_turns' or 'max_time'")


@error("F502", "an exit that needs what nothing can fill")
def needs_unfillable(subject: Subject) -> Iterator[Found]:
    """An exit that can't be taken."""
    if not subject.readable:
        return
    for step in _talks(subject):
        for way in step.ways_out:
            for name in way.needs:
                known = subject.paths.always(step.path, local(subject.flow, name, step.subflow))
                if name not in way.fills and not known:
                    message = f"talk '{step.name}': exit '{way.id}' needs '{name}', and nothing there fills it"
                    yield Found(way.origin, message, f"add '{name}' to its 'fills', or ask for it before")


@error("F503", "a tool with effects in a talk")
def effects_in_talk(subject: Subject) -> Iterator[Found]:
    """A tool with effects in a talk."""
    for step in _talks(subject):
        for name in step.tools:
            tool = subject.flow.tools.get(name)
            if tool and (tool.changes_data or (not tool.idempotent and tool.method != "GET")):
                origin = subject.place(step, "talk", "tools", step.origin)
                yield Found(
                    origin,
                    f"talk '{step.name}': '{name}' does more than read",
                    "call it in a 'call' step, after a 'confirm'",
                )


@warning("F504", "more instructions than a model keeps in mind")
def long_instructions(subject: Subject) -> Iterator[Found]:
    """Long instructions."""
    for step in _talks(subject):
        facts = sum(len(fact.text) for fact in step.facts if isinstance(fact, FactFile))
        for language, goal in step.goal.items():
            tokens = (len(subject.flow.persona[language]) + len(goal.source) + facts) // CHARS_PER_TOKEN
            if tokens > MAX_INSTRUCTION_TOKENS:
                origin = subject.place(step, "talk", "goal", step.origin)
                message = (
                    f"talk '{step.name}': about {tokens} tokens of instructions; {MAX_INSTRUCTION_TOKENS} are plenty"
                )
                yield Found(origin, message, "shorten the facts, or split the talk")
                break


@error("F505", "another model or voice in the middle of a session")
def model_swapped(subject: Subject) -> Iterator[Found]:
    """Another model where none can begin."""
    for step in subject.flow.steps.values():
        if step.model.name is not None and not isinstance(step, (Run, Language)):
            origin = subject.place(step, "model", "name", step.origin)
            yield Found(
                origin,
                f"step '{step.name}': another model can only begin with a 'run' or 'language' step",
                "move 'name' there",
            )


@error("F506", "'exact' words that nobody can be trusted to say word for word")
def unsure_exact(subject: Subject) -> Iterator[Found]:
    """Exact words with values, or without a verified rendering, where the voice that reads may not say them."""
    options = subject.options
    if options.reads_exactly:
        return
    seen: set[Origin] = set()
    for what, prompt, step in subject.prompts():
        for language, way in prompt.all_wordings():
            if not way.exact or way.origin in seen:
                continue
            where = f"step '{step.name}'" if step else what
            if not way.text.is_constant:
                seen.add(way.origin)
                yield Found(
                    way.origin,
                    f"{where}: 'exact' and ${{…}} do not go together here",
                    "take the values out, or 'exact'",
                )
            elif what != "whisper" and way.audio is None and options.is_rendered is not None:
                if options.is_rendered(subject.flow, language, way):
                    continue
                seen.add(way.origin)
                yield Found(
                    way.origin,
                    f"{where}: 'exact' words in {language} that were not rendered and verified",
                    f"run 'gateway flow render {subject.flow.id}', or set 'flows.exact: read' to have the local voice "
                    "read them",
                )


@warning("F507", "persona and goal contradict one another")
def contradiction(subject: Subject) -> Iterator[Found]:
    """Always here, never there."""
    for step in _talks(subject):
        for language, goal in step.goal.items():
            text = f"{subject.flow.persona[language]} . {goal.source} . " + " . ".join(
                f"never {what}" for what in step.never
            )
            orders = {(word.lower(), what.lower().split()[0]) for word, what in _ORDERS.findall(text)}
            clash = next((what for word, what in sorted(orders) if (_OPPOSITE[word], what) in orders), None)
            if clash is not None:
                yield Found(
                    step.origin, f"talk '{step.name}': '{clash}' is ordered and forbidden", "keep one of the two"
                )
                break


@error("F508", "something that the endpoint, the leg or the language can't do")
def cannot(subject: Subject) -> Iterator[Found]:
    """Something that can't be done there."""
    flow, lacks = subject.flow, subject.options.lacks
    for language in flow.languages:
        if primary(language) not in LANGUAGES:
            message = f"there are no words for {language}: numbers, dates and yes or no can't be read in it"
            yield Found(flow.origin, message, f"use one of {', '.join(LANGUAGES)}")
    places: list[tuple[str, ModelOverrides, Origin]] = [("the flow", flow.model, flow.origin)]
    places += [(f"step '{step.name}'", step.model, step.origin) for step in flow.steps.values()]
    for where, model, origin in places:
        if model.effort and "effort" in lacks:
            yield Found(origin, f"{where}: this endpoint has no 'effort'", "take it away, or choose another endpoint")
        if model.wait_for_caller not in (None, "normal") and "semantic_vad" in lacks:
            yield Found(origin, f"{where}: this endpoint can't wait by meaning", "use 'wait_for_caller: normal'")
        if model.name and "model_swap" in lacks:
            yield Found(origin, f"{where}: this endpoint has one model only", "take 'name' away")
    for step in flow.steps.values():
        if isinstance(step, Transfer) and step.mode == "warm" and "warm_transfer" in lacks:
            yield Found(step.origin, f"transfer '{step.name}': this leg can't transfer warm", "use 'mode: cold'")
