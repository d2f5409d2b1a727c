"""The one door out: by turn and role, in the light of the talk, closed when anything fails."""

# ruff: noqa: E501 - a case reads best in one line

from __future__ import annotations

import copy
import pickle

import pytest

from gateway.contracts.text import RedactedText
from gateway.privacy.memory import Role
from gateway.privacy.redactor import (
    CARRY_MS,
    FAILED,
    PAUSE_MS,
    Masked,
    Redactor,
    joined,
    log_redactor,
    refined_text,
    shorten_number,
)
from gateway.privacy.stream import TurnStream

CARD = "4242 4242 4242 4242"


def talk(*turns: str, redactor: Redactor | None = None) -> list[str]:
    """Speak turns ("agent: …", "caller: …") and return what left of each."""
    redactor = redactor or Redactor()
    left = []
    for place, turn in enumerate(turns):
        role, _, text = turn.partition(": ")
        left.append(
            str(redactor.said(str(place), "agent" if role == "agent" else "caller", text, place * 1000, place * 1000))
        )
    for turn_id, rest in redactor.close().items():
        left[int(turn_id)] += str(rest)
    return left


# --- one turn ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"room 12, {CARD}", "room 12, [CARD]"),
        (f"{CARD} 4", "[CARD] 4"),
        (f"{CARD} 3782 822463 10005.", "[CARD] [CARD]."),
        (f"{'9' * 30} {CARD}", f"{'9' * 30} [CARD]"),
        ("4242424242424242\u200b4242424242424242", "[CARD]\u200b[CARD]"),
        ("card²4242424242424242³", "card²[CARD]³"),
        (f'{{"card": {CARD}, "cvv": 1}}', '{"card": [CARD], "cvv": 1}'),
        (f'{{"card_number": "{CARD}", "cvv": "123", "exp": "08/27"}}', '{"card_number": "[CARD]", "cvv": "[CARD]", "exp": "[CARD]"}'),
        ("x4242424242424242y", "x[CARD]y"),
        (f"+{CARD}", "+[CARD]"),
        (f"({CARD})", "([CARD])"),
        (f"{CARD}.  ", "[CARD].  "),
        (f"this one four two four two {CARD[5:]}", "this one [CARD]"),
        (f"order 12 and {CARD}", "order 12 and [CARD]"),
        ("<break time='500ms'/>4242<b>4242</b>4242 <i>4242</i>", "<break time='500ms'/>[CARD]</i>"),
        ("%2042424242%2042424242%20", "%20[CARD]%20"),
        (f"{CARD} 08/27 123", "[CARD] [CARD]"),
        (f"{CARD} for two people", "[CARD] for two people"),
    ],
)  # fmt: skip
def test_only_card_data_goes_and_what_is_around_it_stays(text: str, expected: str) -> None:
    assert talk(f"caller: {text}") == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "one of the two", "I was born on 03/04/1980 at 10:30", "+442079460958 is my phone", "4929560974025166",
        "IBAN DE75 1987 2839 9752 8154 82", "GB29 NWBK 6016 1331 9268 19", "my IMEI is 356938035643809", "1Z4054627355125679",
        "it cost $4,242.42 and 3 cents", "the last four digits are 4242", "ending in four two four two", "****4242",
        "10.0.0.12 took 4242 ms", "2026-11-21T00:10:54.123Z", "550e8400-e29b-41d4-a716-446655440000", "a<b>c", "1 < 2 & 3",
        "ticket 398-542 for 2", "my passport expires June 2028", "Sept est un mois", "Ich habe eine Frage", "once upon a time",
    ],
)  # fmt: skip
def test_what_is_no_card_data_comes_out_as_it_went_in(text: str) -> None:
    redactor = Redactor()
    assert str(redactor.whole("caller", text)) == text
    assert talk(f"caller: {text}", redactor=redactor) == [text]


# --- the talk ---


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["agent: Your card number?", "caller: 42"], ["Your card number?", "[CARD]"]),
        (["agent: Your card number?", "caller: 4", "caller: two"], ["Your card number?", "[CARD]", "[CARD]"]),
        (["agent: Your card number?", "caller: at 10:30"], ["Your card number?", "at 10:30"]),
        (["agent: Your card number?", "caller: my order number is 50219005"], ["Your card number?", "my order number is 50219005"]),
        (["agent: Your order number?", "caller: 50219005"], ["Your order number?", "50219005"]),
        (["agent: Your phone number?", f"caller: use {CARD}"], ["Your phone number?", "use [CARD]"]),
        (["agent: And the CVV?", "caller: one two", "caller: three"], ["And the CVV?", "[CARD]", "[CARD]"]),
        (["agent: And the CVV?", "caller: the 3 digits? 123"], ["And the CVV?", "the 3 digits? [CARD]"]),
        (["agent: And your PIN?", "caller: 4 8 2 1"], ["And your PIN?", "[CARD]"]),
        (["caller: 4242 4242 42", "caller: 42 4242"], ["", "[CARD][CARD]"]),
        (["caller: 4242", "agent: yes?", "caller: 4242 4242 4242"], ["4242", "yes?", "[CARD]"]),
        (["caller: 4242 4242", "agent: hm?", "caller: that was my order"], ["4242 4242", "hm?", "that was my order"]),
        ([f"caller: {CARD}", "agent: with 24242 in it"], ["[CARD]", "with [CARD] in it"]),
        ([f"caller: {CARD}", "agent: ending in 4242, right?"], ["[CARD]", "ending in 4242, right?"]),
        ([f"caller: {CARD}", "agent: Your total is $415.99."], ["[CARD]", "Your total is $415.99."]),
        ([f"caller: {CARD}", "agent: and when does it expire?", "caller: August"], ["[CARD]", "and when does it expire?", "[CARD]"]),
    ],
)  # fmt: skip
def test_what_is_asked_says_what_digits_are(turns: list[str], expected: list[str]) -> None:
    left = talk(*turns)
    if turns[0] == "caller: 4242 4242" and len(turns) == 3:
        # What was undecided comes out at the front of the role's next turn.
        assert "".join(left[::2]) == "".join(expected[::2])
    else:
        assert left == expected


def test_what_is_asked_later_in_the_call_says_nothing_of_what_was_said_before() -> None:
    redactor = Redactor()
    redactor.said("q1", "agent", "How many are you?", 0, 1000)
    redactor.said("q2", "agent", "And the security code of the card?", 9000, 11000)
    assert str(redactor.said("late", "caller", "128", 3000, 4000)) == "128"
    assert str(redactor.said("then", "caller", "128", 12000, 13000)) == "[CARD]"


def test_a_question_that_nobody_came_back_to_is_forgotten() -> None:
    redactor = Redactor()
    redactor.said("q", "agent", "And the security code?", 0, 1000)
    assert str(redactor.said("a", "caller", "128", 500_000, 501_000)) == "128"


def test_turns_of_both_roles_may_be_open_at_once() -> None:
    redactor = Redactor()
    assert str(redactor.feed("a", "caller", "4242 4242 ")) == ""
    assert str(redactor.feed("b", "agent", "One moment. 42")) == "One moment. "
    assert str(redactor.feed("a", "caller", "4242 4242", audio_ms=900)) == ""
    assert str(redactor.end_turn("b")) == "42"
    assert str(redactor.end_turn("a")) == "[CARD]"


def test_an_unknown_turn_ends_empty_and_opening_twice_forgets_nothing() -> None:
    redactor = Redactor()
    assert str(redactor.end_turn("never opened")) == ""
    redactor.feed("t", "caller", "4242 4242 ")
    redactor.open("t", "caller")
    assert str(redactor.feed("t", "caller", "4242 4242.")) == ""
    assert str(redactor.end_turn("t")) == "[CARD]."


def test_a_number_that_was_masked_is_known_in_a_tools_arguments() -> None:
    redactor = Redactor()
    redactor.said("t", "caller", CARD, 0, 1000)
    assert str(redactor.whole("tool", '{"digits": "2424242"}')) == '{"digits": "[CARD]"}'
    assert str(redactor.whole("tool", '{"table": "12345"}')) == '{"table": "12345"}'


# --- what waits ---


def test_seven_undecided_digits_wait_for_the_roles_next_turn() -> None:
    late: list[tuple[str, str]] = []
    redactor = Redactor(on_late=lambda turn_id, text: late.append((turn_id, str(text))))
    assert str(redactor.said("a", "caller", "it is 4242 4242", 0, 1000)) == "it is "
    assert redactor.waits("a")
    assert str(redactor.said("b", "agent", "yes?", 1500, 2000)) == "yes?"
    assert str(redactor.said("c", "caller", "4242 4242 thanks", 3000, 4000)) == "[CARD] thanks"
    assert late == [("a", "[CARD]")]
    assert not redactor.waits("a")


def test_a_card_number_over_three_turns_is_masked_in_each() -> None:
    late: dict[str, str] = {}
    redactor = Redactor(on_late=lambda turn_id, text: late.__setitem__(turn_id, late.get(turn_id, "") + str(text)))
    first = str(redactor.said("a", "caller", "4242 4242", 0, 1000))
    second = str(redactor.said("b", "caller", "and 4242", 2000, 3000))
    third = str(redactor.said("c", "caller", "4242!", 4000, 5000))
    assert (first + late["a"], second + late["b"], third) == ("[CARD]", "[CARD]", "[CARD]!")


def test_digits_that_waited_ten_seconds_are_masked() -> None:
    redactor = Redactor()
    redactor.said("a", "caller", "4242 4242", 0, 1000)
    assert redactor.next_decision_ms == 1000 + CARRY_MS
    assert redactor.tick(1000 + CARRY_MS - 1) == {}
    assert {turn: str(text) for turn, text in redactor.tick(1000 + CARRY_MS).items()} == {"a": "[CARD]"}
    assert redactor.counts.timeouts == 1
    assert redactor.next_decision_ms is None


def test_a_silence_within_a_turn_decides() -> None:
    redactor = Redactor()
    assert str(redactor.feed("t", "caller", f"it is {CARD} ", 1000)) == "it is "
    assert redactor.tick(1000 + PAUSE_MS - 1) == {}
    assert {turn: str(text) for turn, text in redactor.tick(1000 + PAUSE_MS).items()} == {"t": "[CARD] "}
    assert str(redactor.feed("t", "caller", "4242 ", 4000)) == ""
    assert {turn: str(text) for turn, text in redactor.tick(4000 + PAUSE_MS).items()} == {"t": "[CARD] "}


def test_a_silence_after_seven_undecided_digits_waits_and_then_masks() -> None:
    redactor = Redactor()
    redactor.feed("t", "caller", "4242 4242 ", 1000)
    assert redactor.tick(1000 + PAUSE_MS) == {}
    assert {turn: str(text) for turn, text in redactor.tick(1000 + CARRY_MS).items()} == {"t": "[CARD] "}


def test_the_calls_end_lets_go_of_what_waited() -> None:
    redactor = Redactor()
    redactor.said("a", "caller", "4242 4242", 0, 1000)
    redactor.feed("b", "agent", "is that 42")
    assert {turn: str(text) for turn, text in redactor.close().items()} == {"a": "4242 4242", "b": "42"}
    assert redactor.close() == {}


# --- what is told of it ---


def test_every_stretch_that_is_masked_is_told_with_its_place_and_time() -> None:
    told: list[Masked] = []
    redactor = Redactor(on_masked=told.append)
    redactor.feed("t", "caller", "my card ", 1000)
    redactor.feed("t", "caller", f"{CARD}, cvv ", 2000)
    redactor.feed("t", "caller", "123.", 6000)
    redactor.end_turn("t", 7000)
    assert told == [Masked("t", "caller", "pan", 8, 27, 2000), Masked("t", "caller", "cvv", 33, 36, 6000)]


def test_a_number_over_two_turns_is_told_in_both() -> None:
    told: list[Masked] = []
    redactor = Redactor(on_masked=told.append)
    redactor.said("a", "caller", "it is 4242 4242", 0, 1000)
    redactor.said("b", "caller", "and 4242 4242.", 2000, 3000)
    assert [(one.turn_id, one.start_char, one.end_char) for one in told] == [("a", 6, 15), ("b", 0, 13)]


def test_counts_tell_what_was_done_and_never_what_was_said() -> None:
    redactor = Redactor()
    talk(f"caller: {CARD}", "agent: the CVV?", "caller: 128", redactor=redactor)
    assert (redactor.counts.cards, redactor.counts.codes, redactor.counts.failures) == (1, 1, 0)


def test_no_repr_shows_what_was_said() -> None:
    redactor = Redactor()
    redactor.said("q", "agent", "Your card number?", 0, 0)
    redactor.feed("t", "caller", f"it is {CARD} 4929 56")
    redactor.said("u", "agent", "4242 4242", 0, 0)
    turn = redactor._turns["t"]
    shown = repr(
        [redactor, turn, turn.stream, turn.stream._run, redactor._carried, redactor._memory, turn.stream.outlet]
    )
    assert not any(mark in shown for mark in ("4242", "4929", "it is"))


# --- fail closed ---


def test_a_failure_inside_lets_a_mark_out_and_nothing_more_of_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(stream: TurnStream, piece: str, audio_ms: int) -> str:
        raise RuntimeError(piece)

    redactor = Redactor()
    redactor.feed("t", "caller", "secret 4242 ")
    monkeypatch.setattr(TurnStream, "feed", broken)
    assert str(redactor.feed("t", "caller", "words")) == FAILED
    assert str(redactor.feed("t", "caller", "more words")) == ""
    assert str(redactor.whole("caller", "words")) == FAILED
    monkeypatch.undo()
    assert str(redactor.feed("t", "caller", "still broken off")) == ""
    assert str(redactor.end_turn("t")) == ""
    assert redactor.counts.failures == 2
    assert str(log_redactor("fine")) == "fine"


# --- texts ---


def test_redacted_text_is_made_here_only() -> None:
    assert isinstance(Redactor().whole("caller", ""), RedactedText)
    assert str(joined(Redactor().whole("agent", "a"), None, Redactor().whole("agent", "b"))) == "ab"
    with pytest.raises(TypeError):
        RedactedText("raw")


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        ("Mr *** at 5", True),
        ("Mr [NAM] at 5", True),
        ("Mr [NAME] at 5", False),
        ("Mr at 5", True),
        ("", True),
        ("Mr Smith at 5", True),
        ("Mr Jones at 5", False),
        ("Mr Smith at 55", False),
        ("at Mr Smith", False),
        (None, False),
        (b"Mr", False),
    ],
)
def test_only_taking_away_counts_as_refining(made: object, kept: bool) -> None:
    refined = refined_text(Redactor().whole("caller", "Mr Smith at 5"), made)
    assert (refined is not None) is kept
    assert refined is None or str(refined) == made


def test_taking_away_cant_bring_a_card_number_together() -> None:
    text = Redactor().whole("caller", "42.42 x 424 y 242 z 4242 v 42")
    assert str(refined_text(text, "42424242424242")) == "42424242424242"
    apart = Redactor().whole("caller", "a4242b4242c4242d4242e")
    assert str(refined_text(apart, "4242424242424242")) == "[CARD]"


@pytest.mark.parametrize("role", ["caller", "agent", "tool"])
def test_copies_and_pickles_of_a_redactors_memory_are_refused_or_silent(role: Role) -> None:
    redactor = Redactor()
    redactor.whole(role, CARD)
    shown = repr(copy.copy(redactor._memory)) if hasattr(redactor._memory, "__copy__") else repr(redactor._memory)
    assert "4242" not in shown
    assert b"4242" not in pickle.dumps(redactor.counts)


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
