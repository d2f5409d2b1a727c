"""A Rasa project as a phone service: one subflow per flow, and a top that asks which one is wanted.

What Rasa's language model does there (starting a flow, stopping it, asking for a person) is a menu and ``always``
handlers here; what its patterns do is built in or noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.flows.importers.draft import Body, Draft, humanized, word
from gateway.flows.importers.finish import Imported, finish
from gateway.flows.importers.rasa_project import RasaFlow, RasaProject, read_project
from gateway.flows.importers.rasa_slots import Domain
from gateway.flows.importers.rasa_steps import DONE, STUCK, FlowWriter
from gateway.flows.importers.yaml_text import Yaml

_BUILT_IN: Final = {
    "pattern_session_start": "its words are said first",
    "pattern_completed": "its question is asked after each flow",
    "pattern_cancel_flow": "'cancel' works everywhere",
    "pattern_human_handoff": "'person' works everywhere and leads to 'agent_exit'",
    "pattern_correction": "callers may correct what they said before; the engine asks again what depends on it",
    "pattern_cannot_handle": "'no_match' texts are said",
    "pattern_clarification": "the menu is asked again",
    "pattern_repeat_bot_messages": "'repeat' works everywhere",
    "pattern_user_silence": "'no_input' texts are said",
    "pattern_collect_information": "ask steps do it",
}
_MENU_KEYS: Final = 9


def import_rasa(paths: Sequence[Path], flow: str, language: str = "en-US", title: str = "") -> Imported:
    """Return a Rasa project's flows as one flow of ours.

    Args:
        paths: ``flows.yml``, the domain, or folders with them.
        flow: the id of the new flow.
        language: BCP 47 tag of the texts; Rasa does not say it.
        title: what people call the service.

    Raises:
        ConfigurationError: a file can't be read, or there are no flows.
    """
    project = read_project(paths)
    source = f"Rasa, {', '.join(path.name for path in paths)}"
    draft = Draft(flow, title or humanized(flow).capitalize(), source, languages=[language])
    domain = Domain(project, draft)
    domain.write_slots()
    own = {name: one for name, one in project.flows.items() if not name.startswith("pattern_")}
    for one in own.values():
        part = FlowWriter(project, draft, domain, one).write()
        draft.subflows[part.name] = part
    _finish_runs(draft)
    _write_top(project, draft, domain, own)
    for name in sorted(project.flows.keys() - own.keys()):
        known = _BUILT_IN.get(name)
        if known:
            draft.notes.changed(f"pattern '{name}'", known)
        else:
            draft.notes.needs_you(f"pattern '{name}'", "has no counterpart here; see whether you need what it does")
    for key in sorted(set(project.ignored)):
        draft.notes.changed(f"'{key}'", "means nothing on a phone; left out")
    draft.notes.changed("understanding", "callers are asked closed questions; the model never chooses a step")
    return finish(draft)


def _finish_runs(draft: Draft) -> None:
    """Say where a call goes that comes back from a subflow by a link: Rasa has no links in flows that are called."""
    for part in draft.subflows.values():
        for name, body in part.steps.items():
            called = draft.subflows.get(str(body.get("run", "")))
            ways = body.get("then")
            if called is None or not isinstance(ways, dict):
                continue
            for outcome in called.outcomes[2:]:
                ways[outcome] = {"return": STUCK}
                draft.notes.needs_you(f"flow '{called.name}'", "is called, and ends in a link", part.path(name))


def _write_top(project: RasaProject, draft: Draft, domain: Domain, flows: dict[str, RasaFlow]) -> None:
    top = draft.top
    welcome, main, more, bye = (top.free(name) for name in ("welcome", "main", "anything_else", "bye"))
    startable = [flow for flow in flows.values() if flow.guard not in ("false", "no")]
    linked = {
        outcome.removeprefix("go_")
        for part in draft.subflows.values()
        for outcome in part.outcomes
        if outcome[:3] == "go_"
    }
    runs = {
        flow.id: top.free(f"do_{word(flow.id, 'flow')}")
        for flow in flows.values()
        if flow in startable or word(flow.id, "flow") in linked
    }
    first = runs[startable[0].id] if len(startable) == 1 else main
    greeting = _greeting(project, domain)
    top.start = welcome if greeting else first
    if greeting:
        top.steps[welcome] = {"say": greeting, "next": first}
    if len(startable) != 1:
        top.steps[main] = _menu(startable, runs, draft, main)
    for name, run in runs.items():
        part = draft.subflows[word(name, "flow")]
        ways: dict[str, Yaml] = {DONE: more, STUCK: "agent_exit", "failed": "agent_exit"}
        for outcome in part.outcomes[2:]:
            ways[outcome] = next(step for other, step in runs.items() if word(other, "flow") == outcome[3:])
        body: Body = {"run": part.name, "then": ways}
        flow = flows[name]
        if flow.guard and flow in startable:
            body["guard"] = {"need": domain.condition(flow.guard, run), "else": more}
            draft.notes.needs_you(
                f"flow '{name}'", "callers who may not start it are not told why; add a say step", run
            )
        top.steps[run] = body
    top.steps[more] = {
        "confirm": _question(domain),
        "then": {"if_yes": first, "if_no": bye, "failed": bye},
    }
    top.steps[bye] = {"hangup": domain.prompt(["utter_goodbye"], bye, "Goodbye.")[0]}
    draft.always["cancel"] = {"means": "wants to stop what is being done and do something else", "go": more}


def _menu(startable: list[RasaFlow], runs: dict[str, str], draft: Draft, main: str) -> Body:
    choices: dict[str, Yaml] = {}
    for number, flow in enumerate(startable, start=1):
        choice: Body = {"press": str(number)} if number <= _MENU_KEYS else {}
        choices[word(flow.id, "flow")] = choice | {"means": flow.description or flow.name, "go": runs[flow.id]}
        draft.notes.kept(f"flow '{flow.id}'", "its description tells the model when it is meant", main)
    keys = ", ".join(f"{number} for {flow.name}" for number, flow in enumerate(startable[:_MENU_KEYS], start=1))
    draft.notes.changed("starting a flow", "a menu asks what is wanted; keys were added", main)
    prompt = ["How can I help you?", f"You can say what you need, or press {keys}."]
    return {"menu": {"prompt": prompt, "choices": choices}, "then": {"failed": "agent_exit"}}


def _greeting(project: RasaProject, domain: Domain) -> str:
    start = project.flows.get("pattern_session_start")
    utters = (
        [str(step["action"]) for step in start.steps if str(step.get("action", "")).startswith("utter_")]
        if start
        else []
    )
    texts = [domain.responses(utter)[0].text for utter in utters if domain.responses(utter)]
    return " ".join(text for text in texts if text)


def _question(domain: Domain) -> str:
    for utter in ("utter_can_do_something_else", "utter_ask_anything_else"):
        for response in domain.responses(utter):
            if response.text:
                return response.text
    return "Is there anything else I can do for you?"
