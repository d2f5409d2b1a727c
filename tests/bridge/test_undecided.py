"""A record is written once its words can no longer change: digits at a turn's end may be half of a card number."""

from __future__ import annotations

from gateway.bridge.commands import Command, Write
from gateway.bridge.keeping import Keeping
from gateway.bridge.memory import Memory
from gateway.bridge.responses import Purpose
from gateway.bridge.transcript import Transcript
from gateway.contracts.record import AgentSpoke, CallerSpoke
from gateway.privacy.redactor import CARRY_MS, Redactor


class Talk:
    """A transcript, and what it wrote."""

    def __init__(self) -> None:
        self.out: list[Command] = []
        redactor = Redactor()
        self.transcript = Transcript(redactor, self.out, Keeping(redactor, Memory(), self.out, deletes=False))

    def caller(self, item_id: str, text: str, at_ms: float) -> None:
        self.transcript.caller_started(item_id, at_ms).stopped_ms = at_ms + 500
        self.transcript.caller_text(item_id, text, final=True, now_ms=at_ms + 900)

    def agent(self, item_id: str, text: str, at_ms: float) -> None:
        item = self.transcript.item(item_id, f"r-{item_id}", Purpose.ANSWER)
        item.text, item.received_ms = text, 500
        self.transcript.first_sound(item, at_ms, at_ms, None)
        self.transcript.close_item(item, 500, interrupted=False)

    @property
    def written(self) -> list[str]:
        records = [command.record for command in self.out if isinstance(command, Write)]
        return [str(record.text) for record in records if isinstance(record, CallerSpoke | AgentSpoke)]


def test_words_without_digits_are_written_at_once() -> None:
    talk = Talk()
    talk.caller("a", "hello there", 0)
    assert talk.written == ["hello there"]
    assert talk.transcript.undecided_until_ms is None


def test_half_a_card_number_waits_for_the_other_half() -> None:
    talk = Talk()
    talk.caller("a", "it is 4242 4242", 0)
    talk.agent("b", "Go on.", 1000)
    assert talk.written == ["Go on."]
    talk.caller("c", "4242 4242 thanks", 2000)
    assert talk.written == ["Go on.", "it is [CARD]", "[CARD] thanks"]


def test_digits_that_were_something_else_are_written_with_the_next_turn() -> None:
    talk = Talk()
    talk.caller("a", "4242 4242", 0)
    talk.caller("b", "that was my mother", 2000)
    assert talk.written == ["4242 4242", "that was my mother"]


def test_nobody_waits_longer_than_ten_seconds() -> None:
    talk = Talk()
    talk.caller("a", "4242 4242", 0)
    due_ms = talk.transcript.undecided_until_ms
    assert due_ms == 500 + CARRY_MS
    talk.transcript.decide(due_ms - 1)
    assert talk.written == []
    talk.transcript.decide(due_ms)
    assert talk.written == ["[CARD]"]
    assert talk.transcript.undecided_until_ms is None


def test_the_end_of_the_call_writes_what_waited() -> None:
    talk = Talk()
    talk.caller("a", "4242 4242", 0)
    talk.transcript.finish()
    talk.transcript.close()
    assert talk.written == ["4242 4242"]


def test_the_agents_question_says_what_the_callers_digits_are() -> None:
    talk = Talk()
    talk.agent("a", "What is the security code?", 0)
    talk.caller("b", "one two eight", 1000)
    talk.agent("c", "Thank you, 128.", 3000)
    assert talk.written == ["What is the security code?", "[CARD]", "Thank you, [CARD]."]


def test_what_was_not_heard_is_cut_before_it_is_redacted() -> None:
    talk = Talk()
    item = talk.transcript.item("a", "r", Purpose.ANSWER)
    item.text, item.received_ms = "your number is 4242 4242 4242 4242", 1000
    talk.transcript.first_sound(item, 0, 0, None)
    talk.transcript.close_item(item, 500, interrupted=True)
    talk.transcript.close()
    assert talk.written == ["your number is"]
