"""A Twilio Studio flow as one of ours: voice widgets become steps, and every exit that nobody wired leads somewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.flows.importers.draft import Body, Draft, Part, humanized, targets, word
from gateway.flows.importers.finish import Imported, finish
from gateway.flows.importers.liquid import reference
from gateway.flows.importers.studio_document import StudioFlow, Widget, read_studio
from gateway.flows.importers.studio_menus import Fold, MenuWriter
from gateway.flows.importers.studio_people import PeopleWriter
from gateway.flows.importers.studio_tools import ToolWriter
from gateway.flows.importers.studio_values import CannotSay, Values
from gateway.flows.importers.yaml_text import Yaml

_PASSED: Final = {
    "call-recording": ("success", "the flow's 'recording' does it; say in 'notice' which step tells callers"),
    "record-call": ("success", "the flow's 'recording' does it; say in 'notice' which step tells callers"),
    "send-message": ("sent", "text messages are not for phone flows; call a tool that sends it"),
    "send-and-wait-for-reply": ("incomingMessage", "text messages are not for phone flows"),
    "add-twiml-redirect": ("return", "TwiML of another application has no counterpart"),
    "fork-stream": ("next", "the gateway hears the call itself"),
    "make-outgoing-call-v2": ("answered", "flows answer calls; they place none"),
    "connect-virtual-agent": ("return", "write a talk step instead"),
    "connect-virtual-agent-v2": ("return", "write a talk step instead"),
}
"""Widgets that calls pass through: the event that is followed, and why there is no step."""
_IS_NUMBER: Final = re.compile(r"^-?\d+(\.\d+)?$|\|\s*(plus|minus|times)\b")
NOBODYS_MAIL: Final = "voicemail@example.com"
"""Where messages go, which Studio does not say."""


def import_studio(path: Path, flow: str = "", title: str = "") -> Imported:
    """Return an exported Studio flow as one of ours.

    Args:
        path: the JSON that Studio or its API gave.
        flow: the id of the new flow; made of the description otherwise.
        title: what people call the service.

    Raises:
        ConfigurationError: the file can't be read or is no Studio flow.
    """
    source = read_studio(path)
    name = flow or word(source.description or path.stem, "flow")
    draft = Draft(name, title or source.description or humanized(name).capitalize(), f"Twilio Studio, {path.name}")
    _Import(source, draft).write()
    return finish(draft)


class _Import:
    def __init__(self, flow: StudioFlow, draft: Draft) -> None:
        self._flow = flow
        self._draft = draft
        self._notes = draft.notes
        self._values = Values(draft)
        self._steps: dict[str, str] = {}
        self._menus = MenuWriter(flow, self._values, self._steps)
        self._tools = ToolWriter(self._values)
        self._folds: dict[str, Fold | None] = {}
        self._people = PeopleWriter(self._values, self._where)
        self._writers: dict[str, Callable[[Widget, str], Body]] = {
            "say-play": self._say,
            "gather-input-on-call": self._gather,
            "split-based-on": self._split,
            "connect-call-to": self._people.connect,
            "enqueue-call": self._people.enqueue,
            "send-to-flex": self._people.enqueue,
            "record-voicemail": self._voicemail,
            "make-http-request": self._fetch,
            "run-function": self._fetch,
            "set-variables": self._set,
            "run-subflow": self._run,
            "capture-payments": self._pay,
        }

    def write(self) -> None:
        """Write the whole flow into the draft."""
        widgets = [widget for widget in self._flow.widgets.values() if widget.type != "trigger"]
        for widget in widgets:
            if widget.type in self._writers:
                self._steps[widget.name] = self._draft.top.free(widget.name)
        for widget in widgets:
            if widget.type not in self._writers:
                self._steps[widget.name] = self._passed(widget, frozenset())
        self._speak_language(widgets)
        self._prepare(widgets)
        self._choose_person(widgets)
        self._start()
        for widget in widgets:
            if widget.type in self._writers and widget.name not in self._menus.swallowed:
                step = self._steps[widget.name]
                self._draft.top.steps[step] = self._writers[widget.type](widget, step)
        self._declare_variables()
        _put_in_order(self._draft.top)

    # --- before anything is written --------------------------------------------------------------------------------

    def _prepare(self, widgets: list[Widget]) -> None:
        self._note_numbers(widgets)
        for widget in widgets:
            match widget.type:
                case "make-http-request" | "run-function":
                    self._tools.prepare(widget, self._steps[widget.name])
                case "connect-call-to":
                    split = self._flow.widgets.get(widget.ways.get("callCompleted") or "")
                    wanted = f"widgets.{widget.name}.DialCallStatus"
                    if (
                        split is not None
                        and split.type == "split-based-on"
                        and reference(split.text("input")) == wanted
                    ):
                        self._people.dialled[widget.name] = split
                        if self._flow.leads_to(split.name) == 1:
                            self._menus.swallowed.add(split.name)
        for source in self._flow.references:
            self._values.name_of(source)  # a result's fields are part of its tool's contract
        for widget in widgets:
            if widget.type == "gather-input-on-call":
                self._folds[widget.name] = self._menus.prepare(widget)

    def _note_numbers(self, widgets: list[Widget]) -> None:
        """Find the variables that are given numbers only."""
        given = [pair for widget in widgets if widget.type == "set-variables" for pair in _pairs(widget)]
        texts = {key for key, value in given if not _IS_NUMBER.search(value)}
        for key in {key for key, _ in given} - texts:
            self._values.numbers.add(self._values.name_of(f"flow.variables.{key}") or key)

    def _speak_language(self, widgets: list[Widget]) -> None:
        told = Counter(tag for widget in widgets if re.fullmatch(r"[a-z]{2}-[A-Z]{2}", tag := widget.text("language")))
        if told:
            self._draft.languages = [told.most_common(1)[0][0]]
        others = sorted(told.keys() - set(self._draft.languages))
        if others:
            self._notes.needs_you(
                "languages",
                f"{', '.join(others)} is spoken, too: list it under 'languages' and give each text per language",
            )
        if any(widget.text("voice") for widget in widgets):
            self._notes.changed(
                "voices", "Twilio's voices are not known here; the endpoint's voice speaks, or name one as 'voice'"
            )

    def _choose_person(self, widgets: list[Widget]) -> None:
        people = [widget for widget in widgets if widget.type in ("connect-call-to", "enqueue-call", "send-to-flex")]
        if people:
            self._draft.agent_exit = self._steps[people[0].name]
            self._notes.changed("a person", f"who asks for one is led to '{self._draft.agent_exit}', from everywhere")

    def _start(self) -> None:
        trigger = self._flow.widgets[self._flow.initial]
        first = trigger.ways.get("incomingCall") if trigger.type == "trigger" else trigger.name
        for event, target in trigger.ways.items() if trigger.type == "trigger" else ():
            if target and event != "incomingCall" and target != first:
                self._notes.changed(
                    f"trigger '{event}'", f"only calls come here; what begins at '{target}' is left out"
                )
        if first is None:
            self._notes.needs_you("trigger 'incomingCall'", "leads nowhere: this is no flow for calls")
        self._draft.top.start = self._where(first)
        if self._draft.top.start not in self._draft.top.taken:
            self._draft.top.start = self._draft.top.free("welcome")
            self._draft.top.steps[self._draft.top.start] = {"say": "TODO: welcome.", "next": self._where(first)}

    def _passed(self, widget: Widget, seen: frozenset[str]) -> str:
        """Return the step that a widget without a step leads on to."""
        event, why = _PASSED.get(widget.type, ("", "is not known here"))
        target = widget.ways.get(event) or next((way for way in widget.ways.values() if way), None)
        if widget.type in ("call-recording", "record-call"):
            self._draft.recording = {"mode": "on"}
        where = "end_call"
        following = self._flow.widgets.get(target or "")
        if following is not None and following.name not in seen:
            where = self._steps.get(following.name) or self._passed(following, seen | {widget.name})
        self._notes.needs_you(f"widget '{widget.name}' ({widget.type})", f"{why}; calls pass through", where)
        return where

    # --- where things lead -----------------------------------------------------------------------------------------

    def _where(self, target: str | None) -> str:
        """Return the step for a widget; nothing wired ends the call, as it does in Studio."""
        return self._steps.get(target or "", "end_call")

    def _to_person(self, widget: Widget, event: str, step: str) -> str:
        """Return where a failure leads; what nobody wired leads to a person."""
        target = widget.ways.get(event)
        if target is not None:
            return self._where(target)
        self._notes.changed(f"widget '{widget.name}'", f"'{event}' was not wired; a person takes over", step)
        return "agent_exit"

    # --- widgets ---------------------------------------------------------------------------------------------------

    def _words(self, widget: Widget, step: str, otherwise: str) -> str:
        """Return what a widget says; a recording's words are not known."""
        if widget.text("say"):
            return self._values.text(widget.text("say"), f"widget '{widget.name}'", step)
        if widget.text("play"):
            file = widget.text("play").rpartition("/")[2].partition("?")[0]
            self._notes.needs_you(
                f"widget '{widget.name}'",
                f"plays {file}: put it under prompts/, name it as 'audio', and write what it says",
                step,
            )
            return f"TODO: what {file} says."
        return otherwise

    def _say(self, widget: Widget, step: str) -> Body:
        text = self._words(widget, step, "")
        after = self._where(widget.ways.get("audioComplete"))
        if (widget.number("loop") or 1) > 1:
            self._notes.changed(f"widget '{widget.name}'", "is said once; 'repeat' works everywhere", step)
        if not text:
            self._notes.needs_you(f"widget '{widget.name}'", "says nothing; calls pass through", step)
            return {"decide": [{"else": after}]}
        self._notes.kept(f"widget '{widget.name}'", "a say step", step)
        return {"say": text, "next": after}

    def _gather(self, widget: Widget, step: str) -> Body:
        prompt = self._words(widget, step, "")
        if not prompt:
            self._notes.needs_you(f"widget '{widget.name}'", "asks nothing by itself; write the question", step)
            prompt = "TODO: ask."
        fold = self._folds[widget.name]
        return self._menus.question(widget, prompt) if fold is None else self._menus.menu(fold, prompt)

    def _split(self, widget: Widget, step: str) -> Body:
        lines: list[Yaml] = []
        for match in widget.matches:
            said: list[str] = []
            for one in match.conditions:
                try:
                    said.append(self._values.condition(one, widget.text("input")))
                except CannotSay as error:
                    what = f"widget '{widget.name}', condition '{one.label or one.type}'"
                    said.append(self._values.stand_in(what, str(error), step))
            if said:
                lines.append({"if": " and ".join(said), "go": self._where(match.next)})
        self._notes.kept(f"widget '{widget.name}'", "a decide step", step)
        return {"decide": [*lines, {"else": self._to_person(widget, "noMatch", step)}]}

    def _voicemail(self, widget: Widget, step: str) -> Body:
        what = f"widget '{widget.name}'"
        voicemail: Body = {"prompt": self._words(widget, step, "Please speak after the tone.")}
        for key, ours in (("max_length", "max_time"), ("timeout", "silence")):
            seconds = widget.number(key)
            voicemail |= {ours: f"{seconds}s"} if seconds else {}
        key = widget.text("finish_on_key")
        voicemail |= {"end_key": {"#": "pound", "*": "star"}[key]} if key in ("#", "*") else {}
        voicemail |= {"transcribe": True} if widget.properties.get("transcribe") is True else {}
        done = self._where(widget.ways.get("recordingComplete"))
        empty = self._where(widget.ways.get("noAudio") or widget.ways.get("recordingComplete"))
        voicemail["send_to"] = NOBODYS_MAIL
        self._notes.kept(what, "a voicemail step", step)
        self._notes.needs_you(
            what, f"say where messages go instead of {NOBODYS_MAIL}: a mail address, or queue:name", step
        )
        return {"voicemail": voicemail, "then": {"recorded": done, "empty": empty, "failed": empty}}

    def _fetch(self, widget: Widget, step: str) -> Body:
        good = self._where(widget.ways.get("success"))
        event = "failed" if "failed" in widget.ways or widget.type == "make-http-request" else "fail"
        return self._tools.step(widget, step, good, self._to_person(widget, event, step))

    def _set(self, widget: Widget, step: str) -> Body:
        what, given = f"widget '{widget.name}'", dict[str, Yaml]()
        for key, value in _pairs(widget):
            given[self._values.name_of(f"flow.variables.{key}") or word(key)] = self._values.text(value, what, step)
        self._notes.kept(what, "a set step", step)
        after = self._where(widget.ways.get("next"))
        return {"set": given, "next": after} if given else {"decide": [{"else": after}]}

    def _run(self, widget: Widget, step: str) -> Body:
        name = word(widget.name, "part")
        self._draft.subflows[name] = Part(
            name=name, title=f"Studio's subflow {widget.text('flow_sid')}", start="todo", outcomes=["done"],
            steps={"todo": {"return": "done"}},
        )  # fmt: skip
        self._notes.needs_you(
            f"widget '{widget.name}'",
            "runs a flow that is not in this file: import it, and put its steps into the subflow",
            step,
        )
        good = self._where(widget.ways.get("completed"))
        return {"run": name, "then": {"done": good, "failed": self._to_person(widget, "failed", step)}}

    def _pay(self, widget: Widget, step: str) -> Body:
        what = f"widget '{widget.name}'"
        amount = self._values.text(widget.text("payment_amount") or widget.text("amount") or "0", what, step)
        currency = widget.text("currency").upper()
        pay: Body = {"amount": amount}
        if re.fullmatch(r"[A-Z]{3}", currency):
            pay["currency"] = currency
        pay |= {"processor": word(widget.text("payment_connector") or "payments"), "prompts": "shared/pay_prompts.yaml"}
        self._notes.needs_you(
            what,
            "name the processor in the gateway's settings, and take shared/pay_prompts.yaml from the examples",
            step,
        )
        return {
            "pay": pay,
            "then": {
                "paid": self._where(widget.ways.get("success")),
                "declined": self._to_person(widget, "maxFailedAttempts", step),
                "cancelled": self._to_person(widget, "payInterrupted", step),
                "failed": self._to_person(widget, "providerError", step),
            },
        }

    def _declare_variables(self) -> None:
        given = {
            key for widget in self._flow.widgets.values() if widget.type == "set-variables" for key, _ in _pairs(widget)
        }
        for key, name in self._values.variables.items():
            if key not in given:
                self._notes.needs_you(f"variable '{key}'", "nothing in this flow sets it; it begins empty")
            is_number = name in self._values.numbers
            self._draft.variables[name] = (
                {"type": "number", "start": "0"} if is_number else {"type": "text", "start": ""}
            )


def _pairs(widget: Widget) -> list[tuple[str, str]]:
    variables = widget.properties.get("variables")
    known = variables if isinstance(variables, list) else []
    return [
        (str(one.get("key")), str(one.get("value") or "")) for one in known if isinstance(one, dict) and one.get("key")
    ]


def _put_in_order(part: Part) -> None:
    """Put the steps in the order in which a call meets them."""
    order: list[str] = []
    waiting = [part.start]
    while waiting:
        name = waiting.pop(0)
        if name in part.steps and name not in order:
            order.append(name)
            waiting += targets(part.steps[name])
    part.steps = {name: part.steps[name] for name in [*order, *(name for name in part.steps if name not in order)]}
