from collections.abc import Iterator

import pytest

from gateway.flows.issues import Origin
from gateway.flows.rehearsal.chatting import Chat
from gateway.flows.rehearsal.script import Case, Fake, World
from tests.flows.engine.bench import shipped

BANK = shipped("card_member_services")
HOST = shipped("la_parra_front_desk")


def text(lines: Iterator[str]) -> str:
    return "\n".join(lines)


@pytest.fixture
def bank() -> Chat:
    chat = Chat(BANK, Case(name="chat", origin=Origin("chat"), language="en-GB"))
    assert "[ask_card] ask" in text(chat.start())
    return chat


def test_values_are_read_without_a_model(bank: Chat) -> None:
    assert "[ask_birth] ask" in text(bank.line("one two three four"))
    assert "[ask_pin] ask" in text(bank.line("4 May 1980"))


def test_a_line_of_digits_is_keyed(bank: Chat) -> None:
    assert "[ask_birth] ask" in text(bank.line("1234"))
    assert "[ask_pin] ask" in text(bank.line(":key 04051980"))
    assert "[main] menu" in text(bank.line("739182#"))
    known = text(bank.line(":slots"))
    assert "card_last4 = 1234" in known
    assert "739182" not in known


def test_choices_handlers_and_exits_are_taken_by_name(bank: Chat) -> None:
    for line in ("1234", "04051980", "739182"):
        list(bank.line(line))
    assert "[card_talk]" in text(bank.line("other"))
    assert "[main] menu" in text(bank.line("done"))
    assert "to_agent" in text(bank.line("person"))
    assert bank.is_over


def test_what_a_sentence_fills_is_written_with_an_equals_sign() -> None:
    chat = Chat(shipped("clinic_reception"), Case(name="chat", origin=Origin("chat")))
    list(chat.start())
    list(chat.line("book wanted_day=2026-06-10"))
    assert "wanted_day is perhaps 2026-06-10" in text(chat.line(":slots"))


def test_silence_and_hanging_up_are_commands(bank: Chat) -> None:
    assert "no_input" in text(bank.line(":silent 7s"))
    assert "the call is over: hung_up" in text(bank.line(":hangup"))


def test_what_the_model_is_asked_can_be_seen(bank: Chat) -> None:
    assert "not asked" in text(bank.line(":model"))
    list(bank.line("I do not know"))
    shown = text(bank.line(":model"))
    assert "answer_ask_card: answer, @person" in shown
    assert "The caller speaks en-GB." in shown


def test_what_is_not_a_command_is_explained(bank: Chat) -> None:
    assert "':kye 1' is not understood" in text(bank.line(":kye 1"))
    assert ":silent 7s" in text(bank.line(":help"))
    assert text(bank.line("")) == ""


def test_the_world_answers_as_it_is_told() -> None:
    world = World(transfers={"ring_host": (Fake("busy"),)})
    chat = Chat(HOST, Case(name="chat", origin=Origin("chat"), world=world))
    list(chat.start())
    assert "leave your name" in text(chat.line("table"))
