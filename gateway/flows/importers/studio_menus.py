"""Gather widgets and the splits behind them, folded into menus; gathers without splits are questions.

In Studio a menu is three widgets or more: one that gathers, one split for keys, one for speech, often a say-play that
scolds and leads back. Here it is one step: keys and words are of its choices, the scolding is its ``no_input`` and
``no_match``, and trying again has an end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from gateway.flows.importers.draft import BY_KEYS, Body, humanized, private_slot, word
from gateway.flows.importers.liquid import reference
from gateway.flows.importers.studio_document import Condition, StudioFlow, Widget
from gateway.flows.importers.studio_values import Values
from gateway.flows.importers.yaml_text import Yaml

_KEY: Final = re.compile(r"\d{1,4}|[*#]")
_GENERATED: Final = re.compile(
    r"(say_play|split|gather|connect_call|http|function|set_variables|widget)(_\w+)?_?\d*|.*_\d+"
)
_BEFORE_KEY: Final = (
    r"(?:for|to)\s+([^.,;:!?]{{2,60}}?),?\s*(?:please\s+)?(?:press|dial|push|enter)\s+(?:the\s+)?{key}\b"
)
_AFTER_KEY: Final = (
    r"(?:press|dial|push|enter|,|or|\.)\s*(?:or say \w+\s*)?{key}\s*(?:or say \w+\s*)?,?\s*"
    r"(?:for|to)\s+([^.,;:!?]{{2,60}})"
)
_ALSO_SAY: Final = re.compile(r"\s+(?:or\s+)?$")


@dataclass
class Fold:
    """A menu on its way: what the gather and its splits say together."""

    gather: Widget
    keys: Widget | None
    speech: Widget | None
    choices: dict[str, Body] = field(default_factory=dict)
    by_value: dict[str, str] = field(default_factory=dict)
    """Key or word, lower case → choice."""
    left_over: list[str] = field(default_factory=list)
    """Conditions that are about something else."""

    @property
    def splits(self) -> list[Widget]:
        """The splits that become part of the menu."""
        found = [split for split in (self.keys, self.speech) if split is not None]
        return found[:1] if len(found) == 2 and found[0].name == found[1].name else found


def fold_of(flow: StudioFlow, gather: Widget) -> Fold | None:
    """Return what a gather and its splits make together; None if its answer is no choice."""
    keys, speech = (_split_of(flow, gather, event) for event in ("keypress", "speech"))
    return Fold(gather, keys, speech) if keys is not None or speech is not None else None


def _split_of(flow: StudioFlow, gather: Widget, event: str) -> Widget | None:
    target = flow.widgets.get(gather.ways.get(event) or "")
    if target is None or target.type != "split-based-on" or not target.matches:
        return None
    about = [reference(one.argument or target.text("input")) for match in target.matches for one in match.conditions]
    own = [source for source in about if source.startswith(f"widgets.{gather.name}.")]
    is_choice = all(
        one.type in ("equal_to", "matches_any_of", "contains") for match in target.matches for one in match.conditions
    )
    return target if own and len(own) == len(about) and is_choice else None


class MenuWriter:
    """Writes the menus and questions of one flow."""

    def __init__(self, flow: StudioFlow, values: Values, steps: dict[str, str]) -> None:
        self._flow = flow
        self._values = values
        self._notes = values.draft.notes
        self._steps = steps
        self.swallowed: set[str] = set()
        """Widgets that became part of a menu."""

    def prepare(self, gather: Widget) -> Fold | None:
        """Decide what a gather becomes, and make its value known by name, before anything is written."""
        fold = fold_of(self._flow, gather)
        if fold is None:
            slot = self._steps[gather.name]
            self._values.slots[gather.name] = slot
            self._values.draft.slots[slot] = self._slot(gather, slot)
            self._swallow(gather, [])
            return None
        for split in fold.splits:
            for match in split.matches:
                for one in match.conditions:
                    self._add_choice(fold, one, match.next)
        self._values.menus[gather.name] = (self._steps[gather.name], fold.by_value)
        self._swallow(gather, [split.name for split in fold.splits])
        return fold

    def _swallow(self, gather: Widget, splits: list[str]) -> None:
        """Leave out what only this question leads to: its splits, and what scolds and leads back."""
        alone = frozenset({gather.name, *splits})
        scolds = [gather.ways.get("timeout"), *(self._flow.widgets[split].ways.get("noMatch") for split in splits)]
        known = {widget.name for way in scolds if (widget := self._scolding(gather, way)) is not None}
        self.swallowed |= {name for name in {*splits, *known} if not self._flow.leads_to(name, but=alone)}

    def _add_choice(self, fold: Fold, one: Condition, target: str | None) -> None:
        spoken = reference(one.argument or "").endswith("SpeechResult")
        values = one.value.split(",") if one.type == "matches_any_of" else [one.value]
        for value in (value.strip() for value in values):
            is_key = bool(_KEY.fullmatch(value)) and not spoken
            where = self._steps.get(target or "", "agent_exit")
            same = next(
                (
                    name
                    for name, choice in fold.choices.items()
                    if choice["go"] == where and not (is_key and "press" in choice)
                ),
                None,
            )
            name = same or self._choice_name(fold, value, target, one)
            choice = fold.choices.setdefault(name, {"go": where})
            if is_key:
                choice["press"] = value
            else:
                words = choice.setdefault("words", [])
                assert isinstance(words, list)
                words.append(value)
            fold.by_value[value.lower()] = name
            if target is None:
                self._notes.needs_you(
                    f"widget '{fold.gather.name}'",
                    f"'{value}' leads nowhere there; to a person here",
                    self._steps[fold.gather.name],
                )

    def _choice_name(self, fold: Fold, value: str, target: str | None, one: Condition) -> str:
        meaning = self._meaning(fold.gather, value)
        name = word(" ".join(meaning.split()[:4]) if meaning else target or one.label or value, "choice")
        base, number = name, 2
        while name in fold.choices:
            name, number = f"{base}_{number}", number + 1
        return name

    def _meaning(self, gather: Widget, value: str) -> str:
        """Return what the prompt says that a key is for: ``press 1 for sales``."""
        if not _KEY.fullmatch(value):
            return value
        prompt = " ".join(gather.text("say").split())
        found = re.search(_AFTER_KEY.format(key=re.escape(value)), prompt, re.IGNORECASE) or re.search(
            _BEFORE_KEY.format(key=re.escape(value)), prompt, re.IGNORECASE
        )
        return _ALSO_SAY.sub("", found[1].strip()) if found else ""

    # --- writing ---------------------------------------------------------------------------------------------------

    def menu(self, fold: Fold, prompt: str) -> Body:
        """Return a menu step."""
        gather, step = fold.gather, self._steps[fold.gather.name]
        for name, choice in fold.choices.items():
            self._explain(fold, name, choice, step)
        self._any_speech(fold)
        choices: dict[str, Yaml] = {
            name: {key: choice[key] for key in ("press", "words", "means", "go") if key in choice}
            for name, choice in fold.choices.items()
        }
        body: Body = {"menu": {"prompt": prompt, "choices": choices}}
        splits = f" with {' and '.join(split.name for split in fold.splits)}"
        self._notes.kept(f"widget '{gather.name}'", f"a menu, folded{splits}", step)
        unmatched = [split.ways.get("noMatch") for split in fold.splits]
        body |= self._tries(gather, step, unmatched)
        return body

    def question(self, gather: Widget, prompt: str) -> Body:
        """Return an ask step."""
        step = self._steps[gather.name]
        filled = gather.ways.get("keypress") or gather.ways.get("speech")
        if filled is None:
            self._notes.needs_you(f"widget '{gather.name}'", "an answer leads nowhere there; to a person here", step)
        spoken = gather.ways.get("speech")
        if spoken and filled and spoken != filled:
            self._notes.needs_you(
                f"widget '{gather.name}'", f"what is said led to '{spoken}', keys to '{filled}'", step
            )
        slot = self._values.slots[gather.name]
        if "privacy" in self._values.draft.slots[slot]:
            prompt = f"{prompt} {BY_KEYS}"
        body: Body = {"ask": slot, "prompt": prompt}
        body |= self._tries(gather, step, [])
        ways = body["then"]
        assert isinstance(ways, dict)
        body["then"] = {"filled": self._steps.get(filled or "", "agent_exit"), **ways}
        self._notes.kept(f"widget '{gather.name}'", f"a question; its answer is slot '{body['ask']}'", step)
        return body

    def _slot(self, gather: Widget, name: str) -> Body:
        private = private_slot(name)
        if private is not None:
            self._notes.needs_you(
                f"widget '{gather.name}'", f"sounds secret: taken by keys only, as {private['privacy']}"
            )
            return private
        if gather.ways.get("speech") and not gather.ways.get("keypress"):
            return {"type": "text", "max_words": 30}
        length = gather.number("number_of_digits")
        return {"type": "digits", "length": length} if length else {"type": "digits", "min_length": 1, "max_length": 20}

    def _explain(self, fold: Fold, name: str, choice: Body, step: str) -> None:
        words = choice.get("words")
        said = words[0] if isinstance(words, list) and words else ""
        meaning = self._meaning(fold.gather, str(choice.get("press", ""))) or str(said)
        if not meaning:
            meaning = humanized(name)
            if _GENERATED.fullmatch(name):
                self._notes.needs_you(f"widget '{fold.gather.name}'", f"say what callers mean by choice '{name}'", step)
        choice["means"] = meaning

    def _any_speech(self, fold: Fold) -> None:
        """Speech without a split: whatever is said leads there."""
        target = fold.gather.ways.get("speech")
        if fold.speech is not None or target is None or target == fold.gather.name:
            return
        if fold.keys is not None and target == fold.keys.name:
            return
        fold.choices["something_else"] = {"means": "says something else", "go": self._steps.get(target, "agent_exit")}
        message = f"anything said led to '{target}'; choices are understood by voice now, too"
        self._notes.changed(f"widget '{fold.gather.name}'", message, self._steps[fold.gather.name])

    def _tries(self, gather: Widget, step: str, unmatched: list[str | None]) -> Body:
        """Return what is said after an unusable answer, and where it leads in the end."""
        body: Body = {}
        ends: list[str] = []
        for key, target in (("no_input", gather.ways.get("timeout")), *(("no_match", way) for way in unmatched)):
            scold = self._scolding(gather, target)
            if scold is not None:
                body.setdefault(key, self._values.text(scold.text("say"), f"widget '{scold.name}'", step))
                self._notes.kept(f"widget '{scold.name}'", f"'{key}' of '{step}'", step)
            elif target is None:
                self._notes.changed(
                    f"widget '{gather.name}'", f"nothing was wired for {key}; a person takes over", step
                )
            elif target != gather.name:
                ends.append(self._steps.get(target, "agent_exit"))
            if target is not None and (scold is not None or target == gather.name):
                self._notes.changed(f"widget '{gather.name}'", f"{key} went round for ever; now three times", step)
        if len(set(ends)) > 1:
            self._notes.needs_you(
                f"widget '{gather.name}'",
                f"silence and wrong answers led to {' and '.join(ends)}; all lead to the first now",
                step,
            )
        seconds = gather.number("timeout")
        if seconds:
            body["silence"] = f"{seconds}s"
        if (gather.number("loop") or 1) > 1:
            self._notes.changed(
                f"widget '{gather.name}'", "the prompt is said once, and again after an unusable answer", step
            )
        return body | {"then": {"failed": ends[0] if ends else "agent_exit"}}

    def _scolding(self, gather: Widget, target: str | None) -> Widget | None:
        """Return the say-play that a way goes through on its way back to the same question, if it does."""
        widget = self._flow.widgets.get(target or "")
        if widget is None or widget.type != "say-play" or not widget.text("say"):
            return None
        return widget if widget.ways.get("audioComplete") == gather.name else None
