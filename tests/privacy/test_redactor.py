"""The one door out: by turn, by role, closed when anything fails."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contracts.text import RedactedText
from gateway.errors import ConfigurationError
from gateway.privacy.pan import CardScanner
from gateway.privacy.redactor import (
    CUSTOM_LIMIT_MS,
    FAILED,
    CustomRedactor,
    Redactor,
    Role,
    load_custom,
    log_redactor,
    shorten_number,
)

CARD = "4242 4242 4242 4242"


def stream(redactor: Redactor, turn: str, role: Role, deltas: list[str]) -> str:
    """Speak a turn and return all that left."""
    redactor.open(turn, role)
    return "".join(str(redactor.feed(turn, role, delta)) for delta in deltas) + str(redactor.end(turn))


def test_a_card_number_cut_over_deltas_is_masked() -> None:
    redactor = Redactor()
    assert stream(redactor, "t1", "caller", ["it is 42", "42 4", "242 42", "42 4242", " ok"]) == "it is [CARD] ok"
    assert redactor.counts.cards == 1


def test_turns_of_both_roles_may_be_open_at_once() -> None:
    redactor = Redactor()
    assert str(redactor.feed("a", "caller", "4242 4242 ")) == ""
    assert str(redactor.feed("b", "agent", "One moment. 42")) == "One moment. "
    assert str(redactor.feed("a", "caller", "4242 4242", audio_ms=900)) == ""
    assert str(redactor.end("b")) == "42"
    assert str(redactor.end("a")) == "[CARD]"


def test_an_unknown_turn_ends_empty() -> None:
    assert str(Redactor().end("never opened")) == ""


def test_a_turn_that_ended_begins_anew() -> None:
    redactor = Redactor()
    assert stream(redactor, "t", "caller", ["4242 4242 "]) == "4242 4242 "
    assert stream(redactor, "t", "caller", ["4242 4242"]) == "4242 4242"


def test_opening_twice_forgets_nothing() -> None:
    redactor = Redactor()
    redactor.feed("t", "caller", "4242 4242 ")
    redactor.open("t", "caller")
    assert str(redactor.feed("t", "caller", "4242 4242.")) == ""
    assert str(redactor.end("t")) == "[CARD]."


def test_whole_texts_are_redacted_on_the_spot() -> None:
    redactor = Redactor()
    assert str(redactor.whole("tool", f'{{"card": "{CARD}"}}')) == '{"card": "[CARD]"}'
    assert isinstance(redactor.whole("caller", ""), RedactedText)
    assert redactor.counts.cards == 1


@given(st.lists(st.sampled_from(["4242", " ", "-", "my ", "5", "card", "378282246310005"]), max_size=15), st.data())
def test_any_cutting_gives_what_the_whole_gives(words: list[str], data: st.DataObject) -> None:
    text = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    deltas = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert stream(Redactor(), "t", "agent", deltas) == str(Redactor().whole("agent", text))


# --- fail closed ---


def test_a_failure_inside_lets_a_mark_out_and_nothing_more_of_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(scanner: CardScanner, piece: str) -> str:
        raise RuntimeError(piece)

    redactor = Redactor()
    redactor.feed("t", "caller", "secret 4242 ")
    monkeypatch.setattr(CardScanner, "feed", broken)
    assert str(redactor.feed("t", "caller", "words")) == FAILED
    assert str(redactor.feed("t", "caller", "more words")) == ""
    assert str(redactor.whole("caller", "words")) == FAILED
    monkeypatch.undo()
    assert str(redactor.feed("t", "caller", "still broken off")) == ""
    assert str(redactor.end("t")) == ""
    assert redactor.counts.failures == 2
    assert str(log_redactor("fine")) == "fine"


def with_custom(custom: CustomRedactor, took_ms: float = 0.0) -> Redactor:
    """Make a redactor with a custom one that takes so long."""
    hands = iter([0.0, took_ms] * 10)
    return Redactor(custom, now_ms=lambda: next(hands))


def test_a_custom_redactor_sees_turns_whole_after_ours() -> None:
    seen: list[tuple[str, Role]] = []

    def custom(text: str, role: Role) -> str:
        seen.append((text, role))
        return text.replace("Smith", "***")

    redactor = with_custom(custom)
    redactor.open("t", "caller")
    assert str(redactor.feed("t", "caller", "Mr Smi")) == ""
    assert str(redactor.feed("t", "caller", f"th, {CARD}")) == ""
    assert str(redactor.end("t")) == "Mr ***, [CARD]"
    assert str(redactor.whole("tool", "Smith")) == "***"
    assert seen == [("Mr Smith, [CARD]", "caller"), ("Smith", "tool")]


def _raises(text: str, role: Role) -> str:
    raise RuntimeError(text)


@pytest.mark.parametrize(
    ("custom", "took_ms"),
    [
        (lambda text, role: text + "!", 0.0),
        (lambda text, role: None, 0.0),
        (lambda text, role: text, CUSTOM_LIMIT_MS + 1),
        (_raises, 0.0),
    ],
    ids=["longer", "no text", "late", "raising"],
)
def test_a_custom_redactor_that_misbehaves_closes_the_door(custom: CustomRedactor, took_ms: float) -> None:
    redactor = with_custom(custom, took_ms)
    assert stream(redactor, "t", "caller", ["some ", "words"]) == FAILED
    assert str(redactor.whole("caller", "words")) == FAILED
    assert redactor.counts.failures == 2


def test_a_custom_redactor_cant_bring_a_card_number_together() -> None:
    redactor = with_custom(lambda text, role: text.replace("x", ""))
    assert str(redactor.whole("caller", "4242x4242x4242x4242")) == "[CARD]"


def test_a_custom_redactor_is_named_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("their_redactor")
    module.redact = lambda text, role: "-"  # type: ignore[attr-defined]
    module.number = 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_redactor", module)
    assert load_custom("their_redactor:redact")("a", "caller") == "-"
    for name, message in {
        "their_redactor": "is not of the form package.module:callable",
        "no_such_module_here:redact": "can't be imported",
        "their_redactor:number": "is not something to call",
        "their_redactor:nothing.at.all": "is not something to call",
    }.items():
        with pytest.raises(ConfigurationError, match=message):
            load_custom(name)


# --- numbers ---


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+442079460958", "…0958"),
        ("sip:+442079460958@pbx.example.net", "…0958"),
        ("tel:+44 20 7946 0958", "…0958"),
        ("2001", "…01"),
        ("", ""),
        ("anonymous", "anonymous"),
        ("sip:anonymous@anonymous.invalid", "…"),
        ("alice", "…"),
        ("client:alice", "…"),
        ("4242424242424242", "…4242"),
    ],
)
def test_a_telephone_number_is_shortened(number: str, shown: str) -> None:
    assert str(Redactor().shorten_number(number)) == shown
    assert shorten_number(number).text == shown
