"""How a word sounds, in the 39 ARPAbet phones of PocketSphinx's en-us acoustic model.

English words come from the dictionary in the wheel; a word that it lacks (a name, a product) and every word of another
language is pronounced by eSpeak NG, phoneme by phoneme mapped to the nearest ARPAbet phone. Where English has no
near phone, the mapping offers two and both pronunciations are kept.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from gateway.speech.espeak import espeak_language, shared_engine

PHONES: Final = [
    "AA",
    "AE",
    "AH",
    "AO",
    "AW",
    "AY",
    "B",
    "CH",
    "D",
    "DH",
    "EH",
    "ER",
    "EY",
    "F",
    "G",
    "HH",
    "IH",
    "IY",
    "JH",
    "K",
    "L",
    "M",
    "N",
    "NG",
    "OW",
    "OY",
    "P",
    "R",
    "S",
    "SH",
    "T",
    "TH",
    "UH",
    "UW",
    "V",
    "W",
    "Y",
    "Z",
    "ZH",
]
"""Every phone of the model but silence and noise."""
_MOST_VARIANTS: Final = 4
_STRESS: Final = "',%=|"
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+")

# eSpeak's phoneme names as its dictionaries of each language use them; several phones stand side by side, alternatives
# behind a slash. A name that is missing here is looked up without its last mark, then left out.
_COMMON: Final = {
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "g": "G", "f": "F", "v": "V", "s": "S", "z": "Z", "S": "SH",
    "Z": "ZH", "m": "M", "n": "N", "N": "NG", "l": "L", "w": "W", "j": "Y", "tS": "CH", "dZ": "JH", "T": "TH",
    "D": "DH", "h": "HH", "x": "HH", "aI": "AY", "aU": "AW", "OI": "OY", "eI": "EY", "oI": "OY",
}  # fmt: skip
_ENGLISH: Final = _COMMON | {
    "a": "AE", "aa": "AE", "a#": "AH", "A:": "AA", "A@": "AA R", "0": "AA", "0#": "AA", "E": "EH", "e@": "EH R",
    "E@": "EH R", "3:": "ER", "3": "ER", "@": "AH", "@2": "AH", "@5": "AH", "@-": "", "@L": "AH L", "i": "IY",
    "i:": "IY", "i@": "IH R", "i@3": "IH R", "I": "IH", "I2": "IH", "I#": "IH/AH", "O": "AO", "O:": "AO", "O2": "AO",
    "O@": "AO R", "o@": "AO R", "oU": "OW", "o": "OW", "U": "UH", "U@": "UH R", "u:": "UW", "u": "UW", "V": "AH",
    "aI@": "AY ER", "aI3": "AY ER", "aU@": "AW ER", "r": "R", "r-": "R", "t#": "T/D", "t2": "T", "?": "T",
    "n-": "AH N", "l#": "L", "z#": "Z", "d#": "D", ";": "",
}  # fmt: skip
_SPANISH: Final = _COMMON | {
    "a": "AA/AH", "e": "EH/EY", "E": "EH", "i": "IY", "o": "OW/AO", "u": "UW", "O": "AO", "eI": "EY", "eU": "EH UW",
    "B": "B/V", "D": "DH/D", "Q": "G/HH", "x": "HH", "n^": "N Y", "l^": "Y/L Y", "J^": "Y/JH", "J": "Y", "R2": "R",
    "R": "R", "r": "R/D", "**": "D/R", "t": "T/D", "p": "P/B", "k": "K/G",
}  # fmt: skip
_PHONEMES: Final[Mapping[str, Mapping[str, str]]] = {"en": _ENGLISH, "es": _SPANISH}


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text as a grammar names them: lower case, letters, digits and inner apostrophes only."""
    return tuple(word.replace("\u2019", "'") for word in _WORD.findall(unicodedata.normalize("NFC", text.lower())))


class Pronunciations:
    """Answers how words of one language sound; keeps the dictionary's bytes and every answer given.

    Args:
        dictionary: the acoustic model's own dictionary, in CMU form (one word and its phones a line, lower case).
        language: a language tag.

    Raises:
        SpeechError: the language has no mapping onto the model's phones, or an engine is missing.
    """

    def __init__(self, dictionary: Path, language: str) -> None:
        self._accent = espeak_language(language)
        primary = language.lower().replace("_", "-").partition("-")[0]
        self._map = _PHONEMES.get(primary, _SPANISH)
        self._lines = b"\n" + dictionary.read_bytes() if primary == "en" else b""
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, word: str) -> tuple[str, ...]:
        """Return a word's pronunciations, likeliest first, each as phones apart by spaces; empty if it has no sound.

        Args:
            word: one word, lower case, as :func:`words_of` gives it.
        """
        if word not in self._known:
            self._known[word] = self._looked_up(word) or self._generated(word)
        return self._known[word]

    def _looked_up(self, word: str) -> tuple[str, ...]:
        found: list[str] = []
        for variant in ("", "(2)", "(3)", "(4)"):
            # a search through the file's bytes takes a fraction of a millisecond; a parsed copy would take 20 MB
            key = f"\n{word}{variant} ".encode()
            at = self._lines.find(key)
            if at < 0:
                break
            end = self._lines.find(b"\n", at + 1)
            found.append(self._lines[at + len(key) : end if end >= 0 else None].decode().strip())
        return tuple(found)

    def _generated(self, word: str) -> tuple[str, ...]:
        named = shared_engine().phonemes(word, voice=self._accent)
        options = [self._phones(name) for name in re.split(r"[_\s]+", named)]
        spoken = (" ".join(filter(None, choice)) for choice in _fewest_changes(options))
        return tuple(itertools.islice(dict.fromkeys(filter(None, spoken)), _MOST_VARIANTS))

    def _phones(self, name: str) -> tuple[str, ...]:
        bare = name.strip(_STRESS)
        while bare:
            if bare in self._map:
                return tuple(self._map[bare].split("/"))
            bare = bare[:-1]
        return ("",)


def _fewest_changes(options: list[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """Yield the first choices together, then those with every phoneme of one kind in its other form."""
    yield tuple(option[0] for option in options)
    kinds = dict.fromkeys(option for option in options if len(option) > 1)
    for size in range(1, len(kinds) + 1):
        for changed in itertools.combinations(kinds, size):
            yield tuple(option[-1 if option in changed else 0] for option in options)
