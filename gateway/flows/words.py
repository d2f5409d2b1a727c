"""The words of a language that flows need beyond its numbers: months, days, money, yes and no.

English and Spanish. A language is one :class:`Words`; a further one is a further list beside this file and in
:mod:`gateway.lexicon.numbers`, and nothing else in ``flows`` knows a word of any language.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.flows.word_list import Words
from gateway.flows.words_english import ENGLISH
from gateway.flows.words_spanish import SPANISH

LANGUAGES: Final[Mapping[str, Words]] = MappingProxyType({"en": ENGLISH, "es": SPANISH})
"""Every language that flows can be in."""


def words(language: str) -> Words:
    """Return a language's words; an unknown language gets those of English.

    A flow in a language without an entry here is refused by lint (F508) when it needs one.
    """
    return LANGUAGES.get(primary(language), LANGUAGES["en"])


def primary(tag: str) -> str:
    """Return the language of a tag: ``en`` of ``en-GB``."""
    return tag.lower().replace("_", "-").partition("-")[0]
