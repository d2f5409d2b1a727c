"""Number words and cues as they turn up in free speech."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lexicon.cues import CODE_WORDS, CORRECTIONS, CUE_TRIGGERS, FILLERS, MONTHS, RESTARTS, UNITS, Cue, cue_at
from gateway.lexicon.numbers import numerals, spell_cardinal
from gateway.lexicon.spoken import NUMBER_WORDS, Part, Surety, fold, is_invisible, may_become_number, number_word


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_digit_word_that_is_read_out_is_understood(language: str) -> None:
    for value, words in enumerate(numerals(language).digits):
        for word in words:
            number = number_word(fold(word))
            assert number is not None
            assert number.value == value


@pytest.mark.parametrize("value", range(10, 100))
@pytest.mark.parametrize("language", ["en", "es"])
def test_cardinals_up_to_a_hundred_are_made_of_known_words(language: str, value: int) -> None:
    words = spell_cardinal(value, language).replace("-", " ").split()
    assert all(word == "y" or number_word(fold(word)) for word in words)


@pytest.mark.parametrize(
    ("word", "part", "value"),
    [
        ("einundvierzig", Part.PAIR, 41),
        ("siebenundneunzig", Part.PAIR, 97),
        ("zweitausendachtundzwanzig", Part.WHOLE, 2028),
        ("hundertfünf", Part.WHOLE, 105),
        ("dreißig", Part.TENS, 30),
        ("fünf", Part.UNIT, 5),
        ("fuenf", Part.UNIT, 5),
        ("treintaycinco", Part.PAIR, 35),
        ("fortytwo", Part.PAIR, 42),
        ("quatre", Part.UNIT, 4),
        ("zéro", Part.UNIT, 0),
        ("doble", Part.REPEAT, 2),
    ],
)
def test_a_word_is_the_number_it_says(word: str, part: Part, value: int) -> None:
    number = number_word(fold(word))
    assert number is not None
    assert (number.part, number.value) == (part, value)


@pytest.mark.parametrize("word", ["einfach", "achtung", "seventh", "onesie", "dosis", "Dreirad", "neunmalklug"])
def test_a_word_that_begins_like_a_number_is_none(word: str) -> None:
    assert number_word(fold(word)) is None


@pytest.mark.parametrize("word", ["for", "to", "ate", "won"])
def test_homophones_are_numbers_between_numbers_only(word: str) -> None:
    assert NUMBER_WORDS[word].surety is Surety.SOUND


@given(st.sampled_from(sorted(word for word, number in NUMBER_WORDS.items() if number.surety is not Surety.SOUND)))
def test_every_start_of_a_number_word_may_become_one(word: str) -> None:
    assert all(may_become_number(word[:end]) for end in range(1, len(word) + 1))


@pytest.mark.parametrize("word", ["einundvierzig", "zweitausendachtundzwanzig", "dreihundertzwölf", "fortytwo"])
def test_every_start_of_a_compound_may_become_one(word: str) -> None:
    assert all(may_become_number(word[:end]) for end in range(1, len(word) + 1))


def test_folding_takes_case_accents_and_hidden_marks_away() -> None:
    assert fold("ZÉRO") == fold("ze\u0301ro") == fold("z\u200bér\u00ado") == "zero"
    assert fold("Dreißig") == "dreissig"
    assert is_invisible("\u200b\ufeff")
    assert not is_invisible("\u200b ")


def test_every_word_of_the_tables_is_folded_and_not_too_long() -> None:
    for words in (FILLERS, CORRECTIONS, RESTARTS, UNITS, CUE_TRIGGERS, frozenset(MONTHS), CODE_WORDS):
        for word in words:
            assert fold(word) == word
            assert len(word) <= 20


@pytest.mark.parametrize(
    ("words", "cue"),
    [
        ("my card", Cue.CARD),
        ("the sim card", Cue.REFERENCE),
        ("american express", Cue.CARD),
        ("card account", Cue.CARD),
        ("bank account", Cue.REFERENCE),
        ("security code", Cue.CVV),
        ("social security number", Cue.REFERENCE),
        ("codigo de seguridad", Cue.CVV),
        ("the number on the back", Cue.CVV),
        ("chiffres au dos", Cue.CVV),
        ("ziffern auf der ruckseite", Cue.CVV),
        ("c v v", Cue.CVV),
        ("pin code", Cue.PIN),
        ("zip code", Cue.REFERENCE),
        ("the sixteen digits", Cue.CARD),
        ("it runs out", Cue.EXPIRY),
        ("valid until", Cue.EXPIRY),
        ("gultig bis", Cue.EXPIRY),
        ("not until", Cue.DATE),
        ("the last", Cue.LAST),
        ("endet auf", None),
        ("ring me", None),
        ("opening hours", None),
    ],
)
def test_a_few_words_say_what_a_number_is(words: str, cue: Cue | None) -> None:
    assert cue_at(words.split()) is cue
