"""Taking a payment by keys. The model is deaf from the first prompt to the last, nothing keyed is logged or kept.

What is collected is checked before anything is charged: a card number by its check digit, an expiry date by the
calendar, a security code by its length. ``*`` alone cancels.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from gateway.flows.engine.commands import Charge
from gateway.flows.engine.events import Charged, FlowEvent
from gateway.flows.engine.keypad import Entry
from gateway.flows.engine.readings import typed
from gateway.flows.engine.stage import StepRun
from gateway.flows.engine.state import Done
from gateway.flows.expressions.evaluate import UNSET
from gateway.flows.expressions.values import CardToken, Money, Secret
from gateway.flows.model import Privacy, Slot, SlotKind, SlotType
from gateway.flows.prompts import Prompt
from gateway.flows.steps import InterruptPolicy, Pay

_LENGTHS: Final = {"card_number": (12, 19), "expiry": (4, 4), "security_code": (3, 4)}
_TYPES: Final = {
    "card_number": SlotType(kind=SlotKind.CARD_NUMBER),
    "expiry": SlotType(kind=SlotKind.EXPIRY),
    "security_code": SlotType(kind=SlotKind.DIGITS, min_length=3, max_length=4),
}
CHARGE_WITHIN_MS: Final = 60_000
"""What a payment may take; of one that takes longer nobody knows whether it was made."""
_RESULT: Final = "payment"
"""The variable that the processor's answer goes into."""


class PayRun(StepRun[Pay]):
    """Collects, charges, and leaves by the outcome."""

    deaf = True

    def __init__(self, core: Any, step: Pay) -> None:
        super().__init__(core, step)
        self._keyed: dict[str, object] = {}
        self._left = list(step.collect)
        self._entry: Entry | None = None
        self._wrong = 0
        self._tries = 0
        self._prompt: int | None = None
        self._charging = False
        self._amount: Money | None = None

    @property
    def undisturbed(self) -> bool:
        """A charge that was sent is waited for."""
        return self._charging

    @property
    def is_keying(self) -> bool:
        """Whether keys were pressed that a pause will complete."""
        return self._entry is not None and len(self._entry) > 0

    def enter(self, now_ms: float) -> None:
        """Ask for the first thing, unless an earlier charge may have been made: that is for a person to find out."""
        state = self.core.state
        if self.step.path in state.done_once:
            self.core.exit("failed")
            return
        amount = state.worth(self.step.amount)
        if isinstance(amount, Money):
            self._amount = Money(amount.amount, self.step.currency or amount.currency)
        elif isinstance(amount, Decimal):
            self._amount = Money(amount, self.step.currency)
        else:
            self.core.fault(f"step '{self.step.path}' has no amount to take")
            return
        self.core.typed_ahead.drop()
        self._ask(now_ms)

    def leave(self) -> None:
        """Nothing that was keyed outlives the step."""
        self._keyed.clear()
        if self._entry is not None:
            self._entry.take()

    def repeat(self, now_ms: float) -> None:
        """Ask again for what is being asked for."""
        if not self._charging:
            self._ask(now_ms)

    def _ask(self, now_ms: float, *, attempt: int = 1) -> None:
        wanted = self._left[0]
        low, high = _LENGTHS[wanted]
        listening = self.step.listening
        self._entry = Entry(least=low, most=high, end_key=listening.end_key or "#", gap_ms=listening.digit_gap_ms)
        prompt = self.step.prompts.get(wanted)
        if prompt is None:
            self.core.fault(f"step '{self.step.path}' has no prompt for '{wanted}'")
            return
        self._prompt = self.core.say(prompt, attempt=attempt, interrupt=InterruptPolicy(mode="keys_only"))

    def prompt_over(self, prompt: int, now_ms: float, *, cut: bool) -> None:
        """Silence counts from here."""
        if prompt == self._prompt and not self._charging:
            self.core.alarm("silence", now_ms + self.step.listening.silence_ms)

    def key(self, key: str, now_ms: float) -> bool:
        """Take a key of the entry; ``*`` on an empty one cancels."""
        entry = self._entry
        if self._charging or entry is None:
            return True
        self.core.stop_saying()
        self.core.silence_alarm("silence")
        if key == "*":
            if len(entry):
                entry.take()
                self.core.alarm("silence", now_ms + self.step.listening.silence_ms)
            else:
                self.core.exit("cancelled")
            return True
        if not entry.takes(key):
            return True
        if entry.press(key):
            if key != entry.end_key:
                self.core.forgive_key(entry.end_key, now_ms + entry.gap_ms)
            self._entered(now_ms)
        else:
            self.core.alarm("gap", now_ms + entry.gap_ms)
        return True

    def ring(self, alarm: str, now_ms: float) -> None:
        """A pause ends an entry; silence counts as a wrong one."""
        if alarm == "gap" and self._entry is not None and len(self._entry):
            self._entered(now_ms)
        elif alarm == "silence":
            self._refuse("no_input", now_ms)
        elif alarm == "charge":
            self._charged("failed", None, now_ms)

    def _entered(self, now_ms: float) -> None:
        assert self._entry is not None
        self.core.silence_alarm("gap")
        name = self._left[0]
        privacy = Privacy.CARD if name == "card_number" else Privacy.SECRET
        slot = Slot(name=name, type=_TYPES[name], origin=self.step.origin, input="keys_only", privacy=privacy)
        found = typed(self.core.state, slot, self._entry.take())
        if not found.usable:
            self._refuse(found.reason, now_ms)
            return
        self._keyed[name] = found.value
        self._left.pop(0)
        self._wrong = 0
        if self._left:
            self._ask(now_ms)
        else:
            self._charge(now_ms)

    def _refuse(self, reason: str, now_ms: float) -> None:
        self._wrong += 1
        self.core.tell("invalid", attempt=self._wrong, reason=reason)
        if self._wrong >= self.step.listening.retries.limit:
            self.core.exit("failed")
            return
        sorry = self.step.listening.retries.no_input if reason == "no_input" else self.step.prompts.get("invalid")
        self._tell_caller(sorry, self._wrong)
        self._ask(now_ms, attempt=self._wrong + 1)

    def _tell_caller(self, prompt: Prompt | None, attempt: int = 1) -> None:
        if prompt is not None:
            self.core.say(prompt, attempt=attempt, interrupt=InterruptPolicy(mode="keys_only"))

    def _charge(self, now_ms: float) -> None:
        self._charging = True
        self._tries += 1
        self.core.alarm("charge", now_ms + CHARGE_WITHIN_MS)
        self._tell_caller(self.step.prompts.get("waiting"))
        state, step, amount = self.core.state, self.step, self._amount
        assert amount is not None
        card = self._keyed.get("card_number")
        details = {name: value for name, value in self._keyed.items() if isinstance(value, Secret)}
        self.core.put(
            Charge(
                epoch=self.core.epoch,
                step=step.path,
                processor=step.processor,
                amount=str(amount.amount),
                currency=amount.currency,
                card=card if isinstance(card, CardToken) else None,
                details=details,
                idempotency_key=f"{state.facts.id}-{step.path}-{state.visits[step.path]}-{self._tries}",
            )
        )

    def other(self, event: FlowEvent, now_ms: float) -> None:
        """Leave by the processor's word; a declined card may be tried again, or another one."""
        if isinstance(event, Charged) and self._charging:
            self._charged(event.outcome, event.result, now_ms)

    def _charged(self, outcome: str, result: object, now_ms: float) -> None:
        self._charging = False
        self._keyed.clear()
        self.core.silence_alarm("charge")
        self.core.tell("payment_result", outcome=outcome)
        state = self.core.state
        if outcome == "declined" and self._tries < self.step.attempts:
            self._left = list(self.step.collect)
            self._tell_caller(self.step.prompts.get("declined"))
            self._ask(now_ms)
            return
        if outcome == "paid":
            state.done()
            state.put(_RESULT, result if isinstance(result, dict) and result else UNSET)
        elif outcome != "declined":
            state.done_once[self.step.path] = Done({}, "failed")
        self.core.exit(outcome)
