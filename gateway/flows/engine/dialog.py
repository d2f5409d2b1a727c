"""A question and its answer: prompt, silence, speech, keys, retries. What menus, asks and confirms have in common.

The order of a caller's turn: a key of the step, a key of the flow, words that are literally an answer, then the model's
reading. Silence is counted from the *heard* end of the prompt. Unusable answers are counted by kind and together, so
that silence and noise in turns can't go on for ever.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from gateway.flows.engine.commands import AskModel, DropQuestion, ListenFor
from gateway.flows.engine.keypad import Chosen, Entered, KeyReader, Partly, Pressed
from gateway.flows.engine.phrases import phrases
from gateway.flows.engine.questions import (
    HANDLER,
    STILL_TALKING,
    UNCLEAR,
    Question,
    Reply,
    brief,
    handler_meanings,
    read_reply,
)
from gateway.flows.engine.stage import StepRun
from gateway.flows.expressions.evaluate import UNSET
from gateway.flows.model import Privacy
from gateway.flows.prompts import Prompt
from gateway.flows.steps import Ask, Confirm, Menu

PATIENCE_MS: Final = 20_000
"""Speech that began and never came to an end counts as silence after this."""
PAUSES_AT_MOST: Final = 3
"""A caller who has not finished may pause so often; then what came is no answer. A television goes on for ever."""

S = TypeVar("S", bound="Menu | Ask | Confirm")


class Dialog(StepRun[S]):
    """One question put to the caller until it is answered or given up."""

    def __init__(self, core: Any, step: S) -> None:
        super().__init__(core, step)
        self.listening = step.listening
        self.unusable: dict[str, int] = {}
        self.keys = KeyReader(step.listening.end_key)
        self._prompt: int | None = None
        """The question, until it was heard."""
        self._item: str | None = None
        """What the caller said and the model is reading."""
        self._earlier: list[str] = []
        """What they said just before, and had not finished."""
        self._question: Question | None = None
        self._overhears = False
        """Whether the caller speaks over a prompt that may not be interrupted: that is no answer."""

    # --- what a verb says of itself -------------------------------------------------------------------------------

    @abstractmethod
    def put_question(self, attempt: int, now_ms: float) -> int | None:
        """Say the question, for the first time or again; returns the last prompt's number."""

    @abstractmethod
    def question(self) -> Question:
        """Return what may be meant now, the flow's handlers left out."""

    @abstractmethod
    def take(self, reply: Reply, now_ms: float) -> None:
        """Take an answer that is neither a handler's, nor unclear, nor unfinished."""

    def choice_keys(self) -> Mapping[str, str]:
        """Return the keys of choices, and the kind that each means."""
        return {}

    def take_keys(self, keys: str, now_ms: float) -> None:
        """Take a whole entry of keys."""

    def told_kind(self, kind: str) -> str:
        """Return what the reports are told of an answer's kind."""
        return kind

    @property
    def is_busy(self) -> bool:
        """Whether a tool is being waited for, so that nothing is asked."""
        return False

    @property
    def is_keying(self) -> bool:
        """Whether keys were pressed that a pause will complete."""
        return self.keys.is_waiting

    @property
    def takes_typed_ahead(self) -> bool:
        """Whether keys that were pressed before may answer."""
        return self.listening.type_ahead

    def hints(self) -> tuple[str, ...]:
        """Return words that the transcriber may expect."""
        return tuple(dict.fromkeys(word for meaning in self.question().meanings for word in meaning.words))

    # --- asking ---------------------------------------------------------------------------------------------------

    def enter(self, now_ms: float) -> None:
        """Ask, unless the caller answers already: with keys typed ahead, or while cutting in on the last prompt."""
        core = self.core
        core.put(ListenFor(self.hints(), self.step.model.wait_for_caller))
        item, core.waiting_item = core.waiting_item, None
        cut_in, core.cut_in = core.cut_in, False
        if not self.takes_typed_ahead:
            core.typed_ahead.drop()
            item, cut_in = None, False
        if self._from_typed_ahead(now_ms):
            return
        if item is not None and not self.deaf:
            self._read(item, now_ms)
        elif cut_in and core.caller_speaking and not self.deaf:
            core.alarm("patience", now_ms + PATIENCE_MS)
        else:
            self._ask(now_ms)

    def _from_typed_ahead(self, now_ms: float) -> bool:
        """Feed keys that were typed ahead; true if they answer, or begin to."""
        core = self.core
        while core.typed_ahead:
            key = core.typed_ahead.next()
            if not self.key(key, now_ms) and not core.handler_key(key, now_ms):
                core.typed_ahead.drop()
                self.keys.clear()
                core.silence_alarm("gap")
                return False
            if self._prompt is not None:
                core.typed_ahead.drop()
            if core.is_moving or self._prompt is not None or self.is_busy:
                return True
        return self.keys.is_waiting

    def _ask(self, now_ms: float) -> None:
        self.core.silence_alarm("silence")
        self._prompt = self.put_question(1 + sum(self.unusable.values()), now_ms)

    def repeat(self, now_ms: float) -> None:
        """Say the question again."""
        self.keys.clear()
        self.core.silence_alarm("gap")
        if not self.is_busy:
            self._ask(now_ms)

    def leave(self) -> None:
        """Forget what was being read."""
        if self._item is not None:
            self.core.put(DropQuestion(self.core.epoch))

    def prompt_over(self, prompt: int, now_ms: float, *, cut: bool) -> None:
        """The caller has heard the question: from now on silence counts."""
        if prompt != self._prompt:
            return
        self._prompt = None
        if not self._from_typed_ahead(now_ms):
            self._expect(now_ms)

    def _expect(self, now_ms: float) -> None:
        """Count silence, or, while the caller speaks, how long that goes on."""
        if self._item is not None or self._prompt is not None or self.keys.is_waiting or self.is_busy:
            return
        if self.core.caller_speaking and not self.deaf:
            self.core.alarm("patience", now_ms + PATIENCE_MS)
        else:
            self.core.alarm("silence", now_ms + self.listening.silence_ms)

    # --- hearing --------------------------------------------------------------------------------------------------

    def speech_began(self, now_ms: float) -> None:
        """The caller answers, or speaks over a prompt that can't be interrupted."""
        if self.deaf:
            return
        self._overhears = self._prompt is not None and self.step.interrupt.mode != "allowed"
        if not self._overhears:
            self.core.silence_alarm("silence")
            self.core.alarm("patience", now_ms + PATIENCE_MS)

    def spoke(self, item: str, now_ms: float) -> None:
        """Have the model read what the caller said; what they key in goes before what they say."""
        self.core.silence_alarm("patience")
        overheard, self._overhears = self._overhears, False
        if overheard or self.keys.is_waiting or self.is_busy:
            self._expect(now_ms)
        else:
            self._read(item, now_ms)

    def _read(self, item: str, now_ms: float) -> None:
        core = self.core
        core.silence_alarm("silence")
        if self._item is not None:
            core.put(DropQuestion(core.epoch))
            self._earlier.append(self._item)
        self._item = item
        question = self._question = self._whole_question()
        language = core.state.language
        core.put(
            AskModel(
                epoch=core.next_epoch(),
                step=self.step.path,
                item=item,
                earlier=tuple(self._earlier[-PAUSES_AT_MOST:]),
                brief=brief(core.flow.persona.get(language, ""), language, self._known()),
                said=core.last_said,
                function=f"answer_{self.step.name}"[:64],
                description="Report what the caller's answer means.",
                parameters=question.parameters(language),
            )
        )
        core.alarm("answer", now_ms + core.answer_within_ms)

    def _whole_question(self) -> Question:
        own = self.question()
        handlers = handler_meanings(self.core.handlers(), self.step.path, self.core.state.language)
        return Question(
            meanings=(*own.meanings, *handlers), wanted=own.wanted, fixable=own.fixable, may_refuse=own.may_refuse
        )

    def _known(self) -> dict[str, object]:
        """Return facts for the model: values that are public, and personal ones of this step alone."""
        flow, here = self.core.flow, set(getattr(self.step, "slots", ()))
        known: dict[str, object] = {}
        for name, slot in flow.slots.items():
            value = self.core.state.value(name)
            if value is UNSET:
                continue
            if slot.privacy is Privacy.PUBLIC or (name in here and slot.privacy is Privacy.PERSONAL):
                known[name] = value
        return known

    def words(self, item: str, text: str, now_ms: float) -> None:
        """Take words that are literally an answer, before the model has read them."""
        if item != self._item or self._question is None or self._earlier:
            return
        kind = self._question.quick(text, self.core.state.language)
        if kind is None:
            return
        self._drop_question()
        self._settle(Reply(kind, text), now_ms, by="words")

    def answered(self, arguments: Mapping[str, object], now_ms: float) -> None:
        """Take the model's reading."""
        if self._question is not None and self._item is not None:
            self._settle(read_reply(self._question, arguments), now_ms, by="model")

    def not_answered(self, now_ms: float) -> None:
        """No reading came: it counts as unclear."""
        if self._item is not None:
            self._settle(Reply(UNCLEAR), now_ms, by="none")

    def _drop_question(self) -> None:
        """What was being read needs no reading any more."""
        if self._item is not None:
            self.core.put(DropQuestion(self.core.epoch))
            self.core.next_epoch()
            self.core.silence_alarm("answer")
        self._item = None
        self._earlier.clear()

    def _settle(self, reply: Reply, now_ms: float, *, by: str) -> None:
        core, item = self.core, self._item
        core.silence_alarm("answer")
        core.tell("heard", kind=self.told_kind(reply.kind), by=by)
        self._item = None
        unfinished = reply.kind == STILL_TALKING or (reply.kind == UNCLEAR and core.caller_speaking)
        if unfinished and item is not None and len(self._earlier) < PAUSES_AT_MOST:
            self._earlier.append(item)
            self._expect(now_ms)
            return
        self._earlier.clear()
        if reply.kind in {UNCLEAR, STILL_TALKING}:
            self.not_usable("no_match", now_ms)
        elif reply.kind.startswith(HANDLER):
            core.handle(core.flow.handlers[reply.kind.removeprefix(HANDLER)], now_ms, by="voice")
        else:
            self.take(reply, now_ms)

    # --- keys -----------------------------------------------------------------------------------------------------

    def key(self, key: str, now_ms: float) -> bool:
        """Take a key of a choice or of an entry; during a prompt that can't be interrupted it waits, or is lost."""
        if self._prompt is not None and self.step.interrupt.mode == "blocked" and not self.deaf:
            if self.takes_typed_ahead:
                self.core.typed_ahead.keep(key)
            return True
        if self.is_busy:
            return True
        return self._pressed(self.keys.press(key, self.choice_keys()), now_ms)

    def _pressed(self, pressed: Pressed, now_ms: float) -> bool:
        if pressed is Partly.NOT_MINE:
            return False
        self._key_came()
        match pressed:
            case Chosen(kind):
                self.core.silence_alarm("gap")
                self.core.tell("heard", kind=self.told_kind(kind), by="key")
                self.take(Reply(kind), now_ms)
            case Entered(keys, by_length):
                self.core.silence_alarm("gap")
                if by_length:
                    self.core.forgive_key(self.listening.end_key, now_ms + self.listening.digit_gap_ms)
                entry = self.keys.entry
                if entry is not None and len(keys) < entry.least and self.core.handler_key(keys, now_ms):
                    # "0" and a pause, where digits are asked for: whoever wants a person says so like that.
                    return True
                self.core.tell("heard", kind="keys", by="key")
                self.take_keys(keys, now_ms)
            case _:
                self.core.alarm("gap", now_ms + self.listening.digit_gap_ms)
        return True

    def _key_came(self) -> None:
        """A key answers: the prompt need not be heard further, and what was said meanwhile is not read."""
        self._prompt = None
        self.core.stop_saying()
        self.core.silence_alarm("silence")
        self.core.silence_alarm("patience")
        self._drop_question()

    def stray_key(self, key: str, now_ms: float) -> None:
        """A key that means nothing here is an answer that does not fit."""
        self.keys.clear()
        self.core.silence_alarm("gap")
        self._key_came()
        self.not_usable("no_match", now_ms)

    # --- time and retries -----------------------------------------------------------------------------------------

    def ring(self, alarm: str, now_ms: float) -> None:
        """Silence, a pause between keys, or an answer that does not come."""
        match alarm:
            case "silence":
                self.not_usable("no_input", now_ms)
            case "patience":
                self.core.caller_speaking = False
                self.not_usable("no_input", now_ms)
            case "answer":
                self.core.put(DropQuestion(self.core.epoch))
                self.core.next_epoch()
                self.not_answered(now_ms)
            case "gap":
                if not self._pressed(self.keys.pause(self.choice_keys()), now_ms):
                    self.stray_key("", now_ms)

    def not_usable(self, kind: str, now_ms: float, reason: str = "") -> None:
        """Count an answer that can't be used, and ask again or give up.

        ``kind`` is ``no_input``, ``no_match``, ``invalid`` or ``not_confirmed``; ``reason`` is why a value is refused.
        """
        core, retries = self.core, self.listening.retries
        self.unusable[kind] = self.unusable.get(kind, 0) + 1
        total = core.state.attempts = sum(self.unusable.values())
        core.tell(kind, attempt=total, **({"reason": reason} if reason else {}))
        if total >= retries.limit or self.unusable[kind] >= retries.same_kind_limit:
            core.exit("failed")
            return
        sorry = self._sorry(kind, reason)
        if sorry is not None and core.say(sorry, attempt=self.unusable[kind]) is None:
            return
        if total >= retries.offer_keypad_after and self.has_keypad:
            core.say_text(phrases(core.state.language).use_keypad, remembered=False)
        self._ask(now_ms)

    @property
    def has_keypad(self) -> bool:
        """Whether keys can answer."""
        return bool(self.choice_keys()) or self.keys.entry is not None

    def _sorry(self, kind: str, reason: str) -> Prompt | None:
        retries = self.listening.retries
        match kind:
            case "no_input":
                return retries.no_input
            case "invalid":
                return self.invalid_prompt(reason) or retries.no_match
            case "not_confirmed":
                return None
            case _:
                return retries.no_match

    def invalid_prompt(self, reason: str) -> Prompt | None:
        """Return what is said when a value is refused for a reason."""
        invalid = self.listening.retries.invalid
        return invalid.get(reason) or invalid.get("any")
