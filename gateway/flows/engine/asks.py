"""Asking for slots: one after the other, or together; read twice, checked, confirmed where in doubt.

A slot that is secret or holds a card is asked with the model deaf: by keys alone, and what was keyed stands nowhere
but in the slot, as something that can't be read.

A step that comes to a slot which has a value already goes past it: the caller has said it on the way. Only the step
that filled a single slot itself asks anew when the flow leads back to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.flows.engine.commands import CancelTool, Deafen, ForgetTurns
from gateway.flows.engine.corrections import fixable_slots
from gateway.flows.engine.dialog import Dialog
from gateway.flows.engine.events import FlowEvent, ToolReturned
from gateway.flows.engine.keypad import Entry
from gateway.flows.engine.phrases import phrases
from gateway.flows.engine.questions import (
    ANSWER,
    NO,
    REFUSE,
    YES,
    Meaning,
    Question,
    Reply,
    option_meanings,
    yes_no_meanings,
)
from gateway.flows.engine.readings import Understood, spoken, take_value, typed
from gateway.flows.engine.tooling import ANSWER_GRACE_MS, limit_of, option_of, simple_call
from gateway.flows.expressions.evaluate import UNSET, CannotCompute
from gateway.flows.model import Privacy, Slot, SlotKind
from gateway.flows.prompts import Prompt
from gateway.flows.slots import keypad, read_back
from gateway.flows.steps import Ask

_FROM_KEYS_ALONE = frozenset({Privacy.SECRET, Privacy.CARD})


@dataclass(slots=True)
class _Doubt:
    """A value that waits for a yes; ``suggested``: it was not the caller who named it."""

    slot: Slot
    value: object = field(repr=False)
    suggested: bool = False


class AskRun(Dialog[Ask]):
    """Fills the step's slots."""

    def __init__(self, core: Any, step: Ask) -> None:
        super().__init__(core, step)
        self._slots = {name: core.flow.slots[name] for name in step.slots}
        self._slot = next(iter(self._slots.values()))
        self._doubt: _Doubt | None = None
        self._checking: tuple[int, _Doubt] | None = None
        self._listing: dict[int, str] = {}
        """Runs of the tools that list options, and the slots that they are for."""
        self._suggested: set[str] = set()
        self._moved_on = False
        """Whether the step's own prompt has done its work, and further slots are asked for by themselves."""
        self._began_epoch = core.epoch
        self.deaf = self._slot.privacy in _FROM_KEYS_ALONE

    # --- coming and going -----------------------------------------------------------------------------------------

    def enter(self, now_ms: float) -> None:
        """Ask for the first slot that has no value, once the options of all are known."""
        state = self.core.state
        for slot in self._slots.values():
            again = len(self._slots) == 1 and state.filled_by.get(slot.name) == self.step.path
            if slot.keep == "step" or again:
                state.put(slot.name, UNSET)
        for slot in self._open():
            if slot.type.of_tool is not None:
                run = simple_call(self.core, slot.type.of_tool, {})
                self._listing[run] = slot.name
                self._limit(slot.type.of_tool, now_ms)
        if not self._listing:
            self._next_slot(now_ms)

    def leave(self) -> None:
        """What was sensitive leaves the model's memory."""
        super().leave()
        for run in (*self._listing, *([self._checking[0]] if self._checking is not None else ())):
            self.core.put(CancelTool(run))
        if any(slot.privacy is Privacy.SENSITIVE for slot in self._slots.values()):
            self.core.put(ForgetTurns(self._began_epoch))

    @property
    def is_busy(self) -> bool:
        """Whether options are being listed or a value is being checked."""
        return bool(self._listing) or self._checking is not None

    @property
    def takes_typed_ahead(self) -> bool:
        """Keys pressed before never say yes to a value that the caller has not heard."""
        return self.listening.type_ahead and self._doubt is None

    def _open(self) -> list[Slot]:
        return [slot for slot in self._slots.values() if self.core.state.value(slot.name) is UNSET]

    def _next_slot(self, now_ms: float) -> None:
        left = self._open()
        if self._moved_on and self.step.style == "together":
            # What is optional is taken when it comes in the first answer, and not asked for by itself.
            left = [slot for slot in left if not slot.optional]
        if not left:
            self.core.exit("filled")
            return
        self._slot = left[0]
        self._doubt = None
        self.unusable.clear()
        self.core.state.attempts = 0
        self.deaf = self._slot.privacy in _FROM_KEYS_ALONE
        self.core.put(Deafen(self.deaf))
        if not self._offer(now_ms):
            self._put(now_ms)

    def _put(self, now_ms: float) -> None:
        """Put the present question: for the slot, or whether a value was understood."""
        self.keys.entry = None if self._doubt is not None else self._entry_for(self._slot)
        super().enter(now_ms)

    def _entry_for(self, slot: Slot) -> Entry | None:
        keys = keypad(slot.type) if slot.input != "voice_only" else None
        if keys is None or slot.type.kind in {SlotKind.CHOICE, SlotKind.YES_NO}:
            return None
        return Entry(
            least=keys.least,
            most=keys.most,
            end_key=self.listening.end_key,
            gap_ms=self.listening.digit_gap_ms,
            also=keys.also,
        )

    def _offer(self, now_ms: float) -> bool:
        """Offer what came up on the way, or a likely value, for a yes; false if there is nothing to offer."""
        state, slot = self.core.state, self._slot
        proposed = state.proposals.pop(slot.name, "")
        suggested = not proposed and slot.suggest is not None and slot.name not in self._suggested
        if suggested:
            self._suggested.add(slot.name)
            assert slot.suggest is not None
            try:
                proposed = state.text(slot.suggest)
            except CannotCompute:
                return False
        found = spoken(state, slot, proposed, proposed) if proposed else None
        if found is None or not found.usable or self.deaf:
            return False
        self._moved_on = self._moved_on or len(self._slots) > 1
        if slot.confirm == "never" and not suggested:
            self._accept(_Doubt(slot, found.value), now_ms)
        else:
            self._doubt = _Doubt(slot, found.value, suggested)
            self._put(now_ms)
        return True

    # --- asking ---------------------------------------------------------------------------------------------------

    def put_question(self, attempt: int, now_ms: float) -> int | None:
        """Ask for the slot, or whether a value was understood."""
        own, slot = phrases(self.core.state.language), self._slot
        if self._doubt is not None:
            said = read_back(slot.type, self._doubt.value, self.core.state.language, spell=slot.spell_back)
            pattern = own.suggest if self._doubt.suggested else own.is_right
            return self.core.say_text(pattern.format(value=said), remembered=slot.privacy is Privacy.PUBLIC)
        by_itself = self._moved_on or (self.step.style == "one_by_one" and len(self._slots) > 1)
        if by_itself and slot.ask is not None:
            return self.core.say(slot.ask, attempt=attempt)
        if self._moved_on and len(self._slots) > 1:
            return self.core.say_text(own.ask_slot.format(name=slot.name.replace("_", " ")))
        return self.core.say(self.step.prompt, attempt=attempt)

    def question(self) -> Question:
        """Return what may be meant: yes and no to a value in doubt, else values of the slots."""
        language, slot = self.core.state.language, self._slot
        fixable = fixable_slots(self.core.flow, self.core.state, but=self.step.slots)
        if self._doubt is not None:
            return Question(meanings=yes_no_meanings(language), wanted=(slot,), fixable=fixable)
        if slot.input == "keys_only":
            return Question(meanings=(), may_refuse=True, fixable=fixable)
        asked = self._open() if self.step.style == "together" else [slot]
        wanted = tuple(each for each in asked if each.input != "keys_only" and each.privacy not in _FROM_KEYS_ALONE)
        literal: tuple[Meaning, ...] = ()
        if slot.type.kind is SlotKind.CHOICE:
            literal = option_meanings(slot.type.options, language)
        elif slot.type.kind is SlotKind.YES_NO:
            literal = yes_no_meanings(language)
        if literal and len(wanted) == 1:
            return Question(meanings=literal, fixable=fixable, may_refuse=True)
        meanings = (*literal, Meaning(ANSWER, "the caller gives what was asked for, digits, number"))
        return Question(meanings=meanings, wanted=wanted, fixable=fixable, may_refuse=True)

    def hints(self) -> tuple[str, ...]:
        """Return the slots' own hints and the words of their options."""
        own = [hint for slot in self._slots.values() for hint in slot.hints]
        return tuple(dict.fromkeys([*own, *super().hints()]))

    def choice_keys(self) -> Mapping[str, str]:
        """Return 1 and 2 for yes and no, or the places of a choice's options."""
        if self._doubt is not None or self._slot.type.kind is SlotKind.YES_NO:
            return {"1": YES, "2": NO}
        if self._slot.type.kind is SlotKind.CHOICE and self._slot.input != "voice_only":
            return {str(place): option.id for place, option in enumerate(self._slot.type.options[:9], start=1)}
        return {}

    def told_kind(self, kind: str) -> str:
        """Return the kind for the reports; an option is a value, and told only if the slot is public."""
        is_value = kind in {option.id for option in self._slot.type.options}
        return ANSWER if is_value and self._slot.privacy is not Privacy.PUBLIC else kind

    # --- taking ---------------------------------------------------------------------------------------------------

    def take(self, reply: Reply, now_ms: float) -> None:
        """Take an answer: to a doubt, a choice, or values for one slot or more."""
        if reply.fix is not None:
            self.core.correct(*reply.fix)
        elif reply.kind == REFUSE:
            self.core.exit("refused")
        elif self._doubt is not None:
            self._take_doubt(self._doubt, reply, now_ms)
        elif reply.kind == ANSWER:
            self._take_values(reply, now_ms)
        else:
            self._take_others(reply)
            value = reply.kind == YES if self._slot.type.kind is SlotKind.YES_NO else reply.kind
            self._understood(Understood(value), now_ms)

    def _take_doubt(self, doubt: _Doubt, reply: Reply, now_ms: float) -> None:
        """Take a yes, another value, or a no: then the slot is asked for again, as often as answers may be unusable."""
        self._doubt = None
        if reply.kind == YES:
            self._accept(doubt, now_ms)
        elif reply.values.get(doubt.slot.name):
            self._take_values(reply, now_ms)
        elif doubt.suggested:
            self._put(now_ms)
        else:
            self.keys.entry = self._entry_for(self._slot)
            self.not_usable("not_confirmed", now_ms)

    def _take_values(self, reply: Reply, now_ms: float) -> None:
        """Fill what an answer holds; the slot that was asked for is put in doubt if it is not certain."""
        asked, state = self._slot, self.core.state
        self._take_others(reply)
        proposed = reply.values.get(asked.name, "")
        if self.step.style == "together" and len(self._slots) > 1:
            others = set(reply.values) - {asked.name}
            if (not proposed and others) or (proposed and take_value(self.core, asked, reply.raw, proposed)):
                self._move_on(now_ms)
            else:
                state.proposals.pop(asked.name, None)
                self._understood(spoken(state, asked, "", proposed), now_ms)
            return
        self._understood(spoken(state, asked, reply.raw, proposed), now_ms)

    def _take_others(self, reply: Reply) -> None:
        """Take values for slots of the step that were not asked for just now."""
        for slot in self._open():
            if slot is not self._slot and reply.values.get(slot.name):
                take_value(self.core, slot, reply.raw, reply.values[slot.name])

    def take_keys(self, keys: str, now_ms: float) -> None:
        """Take a whole entry of keys."""
        self._understood(typed(self.core.state, self._slot, keys), now_ms)

    def _understood(self, found: Understood, now_ms: float) -> None:
        slot = self._slot
        if not found.usable:
            understood = found.reason != "unreadable"
            self.not_usable("invalid" if understood else "no_match", now_ms, found.reason if understood else "")
            return
        doubt = _Doubt(slot, found.value)
        unsure = not found.sure and slot.confirm != "never"
        if not self.deaf and (slot.confirm == "always" or slot.spell_back or unsure):
            self._doubt = doubt
            self._put(now_ms)
        else:
            self._accept(doubt, now_ms)

    def _accept(self, doubt: _Doubt, now_ms: float) -> None:
        if doubt.slot.check_tool is None:
            self._fill(doubt, now_ms)
            return
        tool = self.core.flow.tools[doubt.slot.check_tool]
        argument = next(iter(tool.sends), "value")
        self._checking = (simple_call(self.core, tool.name, {argument: doubt.value}), doubt)
        self._limit(tool.name, now_ms)

    def _limit(self, tool: str, now_ms: float) -> None:
        """Wait no longer for a tool than its two tries may take."""
        self.core.alarm("tool", now_ms + 2 * limit_of(self.core.flow.tools[tool]) + ANSWER_GRACE_MS)

    def _fill(self, doubt: _Doubt, now_ms: float) -> None:
        self.core.state.fill(doubt.slot.name, doubt.value, self.step.path)
        self.core.tell("slot_filled", slot=doubt.slot.name, type=doubt.slot.type.kind.value)
        self._move_on(now_ms)

    def _move_on(self, now_ms: float) -> None:
        self._moved_on = True
        if self._slot.privacy in _FROM_KEYS_ALONE:
            self.core.typed_ahead.drop()
        self._next_slot(now_ms)

    # --- tools that list and check --------------------------------------------------------------------------------

    def other(self, event: FlowEvent, now_ms: float) -> None:
        """Take a list of options, or a check's verdict."""
        if not isinstance(event, ToolReturned):
            return
        if event.run in self._listing:
            self._listed(self._listing.pop(event.run), event, now_ms)
        elif self._checking is not None and event.run == self._checking[0]:
            self._checked(event.outcome, now_ms)

    def ring(self, alarm: str, now_ms: float) -> None:
        """A tool never answered; or what rings in every question."""
        if alarm != "tool":
            super().ring(alarm, now_ms)
        elif self._listing:
            self.core.exit("failed")
        elif self._checking is not None:
            self._checked("failed", now_ms)

    def _listed(self, name: str, event: ToolReturned, now_ms: float) -> None:
        language, slot = self.core.state.language, self._slots[name]
        listed = event.result if event.outcome == "ok" and isinstance(event.result, list) else []
        options = tuple(option for entry in listed if (option := option_of(entry, language)) is not None)
        if not options:
            self.core.exit("failed")
            return
        self._slots[name] = replace(slot, type=replace(slot.type, options=options))
        if not self._listing:
            self.core.silence_alarm("tool")
            self._next_slot(now_ms)

    def _checked(self, outcome: str, now_ms: float) -> None:
        assert self._checking is not None
        doubt, self._checking = self._checking[1], None
        self.core.silence_alarm("tool")
        if outcome == "ok":
            self._fill(doubt, now_ms)
        elif outcome == "failed":
            self.core.exit("failed")
        else:
            self.not_usable("invalid", now_ms, outcome)

    def invalid_prompt(self, reason: str) -> Prompt | None:
        """Return the slot's own words for a refusal, else the step's."""
        return self._slot.invalid.get(reason) or self._slot.invalid.get("any") or super().invalid_prompt(reason)
