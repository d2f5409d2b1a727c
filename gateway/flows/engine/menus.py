"""Menus and confirmations: one of a few answers, by voice or by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.flows.engine.corrections import fixable_slots
from gateway.flows.engine.dialog import Dialog
from gateway.flows.engine.questions import YES, Meaning, Question, Reply, yes_no_meanings
from gateway.flows.engine.readings import take_fills
from gateway.flows.expressions.evaluate import CannotCompute, evaluate
from gateway.flows.expressions.spoken import say_value
from gateway.flows.prompts import Prompt
from gateway.flows.steps import Confirm, Menu

_PICK = "pick_"
LIST_AT_MOST = 9
"""Entries of a list that keys can pick."""


class MenuRun(Dialog[Menu]):
    """Choices from the file, or entries of a list that is known at run time."""

    def __init__(self, core: Any, step: Menu) -> None:
        super().__init__(core, step)
        self._all: Sequence[Any] = ()
        self._entries: Sequence[Any] = ()
        self._texts: Sequence[str] = ()
        self._seen = 0
        """Entries of the list that the caller has been read, with those of this stay."""

    def enter(self, now_ms: float) -> None:
        """Read the list, if there is one, and ask."""
        if self.step.source is not None and not self._read_list():
            self.core.exit("failed")
            return
        super().enter(now_ms)

    def _read_list(self) -> bool:
        """Take the next portion of the list: a caller who wanted others, and comes back, hears others."""
        assert self.step.source is not None
        state = self.core.state
        found = evaluate(self.step.source, state, state.language)
        self._all = list(found) if isinstance(found, list | tuple) else []
        turned_down, seen = state.pages.pop(self.step.path, ((), 0))
        begin = seen if seen < len(self._all) and turned_down == self._all else 0
        self._seen = min(begin + min(self.step.show or LIST_AT_MOST, LIST_AT_MOST), len(self._all))
        self._entries = self._all[begin : self._seen]
        state.options_left = len(self._all) - self._seen
        self._texts = [self._entry_text(position, entry) for position, entry in enumerate(self._entries, start=1)]
        return bool(self._entries)

    def _entry_text(self, position: int, entry: object) -> str:
        """Return how an entry is read to the caller; by that the model tells it apart, too."""
        state = self.core.state
        if self.step.each is None:
            return str(entry)
        state.overlay = {"item": entry, "position": position}
        try:
            return state.text(self.step.each.wording(state.language).text)
        except CannotCompute:
            return ""
        finally:
            state.overlay = {}

    def put_question(self, attempt: int, now_ms: float) -> int | None:
        """Say the prompt and read the list."""
        last = None
        if self.step.prompt is not None:
            last = self.core.say(self.step.prompt, attempt=attempt)
            if last is None:
                return None
        if self.step.each is not None:
            for position, entry in enumerate(self._entries, start=1):
                last = self._say_entry(self.step.each, position, entry)
                if last is None:
                    return None
        return last

    def _say_entry(self, each: Prompt, position: int, entry: object) -> int | None:
        self.core.state.overlay = {"item": entry, "position": position}
        try:
            return self.core.say(each)
        finally:
            self.core.state.overlay = {}

    def question(self) -> Question:
        """Return the choices, and the entries of the list by number."""
        language = self.core.state.language
        meanings = [Meaning(choice.id, choice.means, choice.words.get(language, ())) for choice in self.step.choices]
        for position, text in enumerate(self._texts, start=1):
            meanings.append(Meaning(f"{_PICK}{position}", text, (say_value(position, language),)))
        wanted = tuple(
            self.core.flow.slots[name]
            for name in dict.fromkeys(name for choice in self.step.choices for name in choice.fills)
        )
        fixable = fixable_slots(self.core.flow, self.core.state)
        return Question(meanings=tuple(meanings), wanted=wanted, fixable=fixable)

    def choice_keys(self) -> Mapping[str, str]:
        """Return the keys of choices and, if the list is picked by position, 1, 2, 3 …."""
        keys = {choice.key: choice.id for choice in self.step.choices if choice.key is not None}
        if self.step.press_position:
            for position in range(1, len(self._entries) + 1):
                keys.setdefault(str(position), f"{_PICK}{position}")
        return keys

    def take(self, reply: Reply, now_ms: float) -> None:
        """Leave by the choice, with what the caller's sentence filled on the way."""
        state, path = self.core.state, self.step.path
        if reply.fix is not None:
            self.core.correct(*reply.fix)
        elif reply.kind.startswith(_PICK):
            entry = self._entries[int(reply.kind.removeprefix(_PICK)) - 1]
            if self.step.save is not None:
                state.put(self.step.save, entry)
            state.choices[path] = "picked"
            self.core.exit("picked")
        else:
            choice = next(choice for choice in self.step.choices if choice.id == reply.kind)
            take_fills(self.core, choice.fills, reply)
            state.choices[path] = choice.id
            state.pages[path] = (self._all, self._seen)
            self.core.leave_by(choice.id, choice.target)


class ConfirmRun(Dialog[Confirm]):
    """Yes or no; nothing that was said or typed before counts, and what is at stake is said first."""

    @property
    def takes_typed_ahead(self) -> bool:
        """Never: a key pressed before the question agrees to nothing."""
        return False

    def put_question(self, attempt: int, now_ms: float) -> int | None:
        """Say what is to be confirmed."""
        return self.core.say(self.step.prompt, attempt=attempt)

    def question(self) -> Question:
        """Return yes and no, and a correction of what was said before."""
        fixable = fixable_slots(self.core.flow, self.core.state)
        return Question(meanings=yes_no_meanings(self.core.state.language), fixable=fixable)

    def choice_keys(self) -> Mapping[str, str]:
        """Return 1 for yes and 2 for no."""
        return {"1": "yes", "2": "no"}

    def take(self, reply: Reply, now_ms: float) -> None:
        """Leave by the answer."""
        if reply.fix is not None:
            self.core.correct(*reply.fix)
            return
        self.core.state.choices[self.step.path] = reply.kind
        self.core.exit("if_yes" if reply.kind == YES else "if_no")
