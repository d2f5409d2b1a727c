"""English words that flows need besides numbers."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from gateway.flows.word_list import Currency, Words

_NATO: Final = {
    word: word[0]
    for word in [
        "alpha",
        "alfa",
        "bravo",
        "charlie",
        "delta",
        "echo",
        "foxtrot",
        "golf",
        "hotel",
        "india",
        "juliet",
        "juliett",
        "kilo",
        "lima",
        "mike",
        "november",
        "oscar",
        "papa",
        "quebec",
        "romeo",
        "sierra",
        "tango",
        "uniform",
        "victor",
        "whiskey",
        "whisky",
        "xray",
        "yankee",
        "zulu",
    ]
}

ENGLISH: Final = Words(
    months=(
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ),
    weekdays=(
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ),
    yes=frozenset(
        [
            "yes",
            "yeah",
            "yep",
            "yup",
            "sure",
            "correct",
            "right",
            "ok",
            "okay",
            "of course",
            "certainly",
            "absolutely",
            "please do",
            "go ahead",
            "that's right",
            "that is right",
            "that's correct",
            "yes please",
            "fine",
            "exactly",
            "i do",
            "it is",
        ]
    ),
    no=frozenset(
        [
            "no",
            "nope",
            "nah",
            "wrong",
            "incorrect",
            "no thanks",
            "no thank you",
            "not really",
            "don't",
            "do not",
            "that's wrong",
            "never",
            "negative",
            "that's all",
            "nothing else",
            "it isn't",
            "i don't",
        ]
    ),
    said_yes="yes",
    said_no="no",
    point="point",
    minus="minus",
    joint="and",
    currencies=MappingProxyType(
        {
            "EUR": Currency("euro", "euros", "cent", "cents", symbols=("€",)),
            "GBP": Currency("pound", "pounds", "penny", "pence", symbols=("£", "quid", "sterling")),
            "USD": Currency("dollar", "dollars", "cent", "cents", symbols=("$", "buck", "bucks")),
            "MXN": Currency("peso", "pesos", "centavo", "centavos"),
        }
    ),
    spoken_marks=MappingProxyType(
        {
            "at": "@",
            "at sign": "@",
            "dot": ".",
            "point": ".",
            "period": ".",
            "dash": "-",
            "hyphen": "-",
            "minus": "-",
            "underscore": "_",
            "plus": "+",
            "slash": "/",
        }
    ),
    letters=MappingProxyType(
        {
            **_NATO,
            "zed": "z",
            "zee": "z",
            "bee": "b",
            "cee": "c",
            "dee": "d",
            "gee": "g",
            "jay": "j",
            "kay": "k",
            "ell": "l",
            "em": "m",
            "en": "n",
            "pee": "p",
            "cue": "q",
            "queue": "q",
            "ar": "r",
            "ess": "s",
            "tee": "t",
            "vee": "v",
            "ex": "x",
            "why": "y",
            "aitch": "h",
            "haitch": "h",
            "eff": "f",
            "you": "u",
            "see": "c",
            "double you": "w",
            "double u": "w",
        }
    ),
    units=MappingProxyType(
        {
            f"{unit}{plural}": unit
            for unit in ("second", "minute", "hour", "day", "week", "month", "year")
            for plural in ("", "s")
        }
    ),
    fillers=frozenset(
        [
            "um",
            "uh",
            "er",
            "erm",
            "well",
            "so",
            "it's",
            "it is",
            "its",
            "that's",
            "that is",
            "my",
            "is",
            "the",
            "please",
            "i think",
            "like",
            "just",
            "yes",
            "yeah",
            "okay",
            "ok",
            "number",
            "i'm",
            "this is",
            "name",
            "would be",
            "make it",
            "let's say",
            "i'd like",
            "about",
            "around",
            "to be exact",
        ]
    ),
    unknown=frozenset(
        [
            "i don't know",
            "don't know",
            "no idea",
            "i'm not sure",
            "i won't say",
            "i'd rather not",
            "rather not",
            "i refuse",
            "none of your business",
            "i don't have it",
            "i don't have one",
            "i haven't got it",
            "skip",
            "skip it",
            "pass",
        ]
    ),
)

_ENGLISH_ORDINALS: Final = {1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth"}


def english_ordinal(number: int) -> str:
    """Return the ordinal of a day of the month: 21 as ``twenty-first``."""
    from gateway.lexicon.numbers import spell_cardinal

    if number in _ENGLISH_ORDINALS:
        return _ENGLISH_ORDINALS[number]
    if number > 20 and number % 10:
        return f"{spell_cardinal(number // 10 * 10, 'en')}-{english_ordinal(number % 10)}"
    said = spell_cardinal(number, "en")
    return f"{said[:-1]}ieth" if said.endswith("y") else f"{said}th"
