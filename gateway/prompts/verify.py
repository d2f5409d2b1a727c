"""Does a rendering say what it is to say? By its words and by its length, for either alone can be fooled.

A model's transcript is what it meant to say; a sound that is far too short or too long for it was cut off, or holds
something else. What can't be verified is not kept.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np

CHARACTERS_A_SECOND: Final = (5.0, 32.0)
"""The slowest and fastest telling that is believed: people read 12 to 18, a voice in a hurry 25."""
SLACK_MS: Final = 900
"""A short word has pauses around it that the pace says nothing about."""
_AUDIBLE: Final = 200
_INSIDE_WORDS: Final = "'\u2019"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a rendering is kept; ``why`` not, in a sentence."""

    ok: bool
    why: str = ""


def verify(text: str, transcript: str, pcm: bytes, rate_hz: int) -> Verdict:
    """Judge a rendering: 16-bit mono samples and their transcript."""
    if words(transcript) != words(text):
        return Verdict(False, f"other words were said: {_difference(text, transcript)}")
    duration_ms = len(pcm) / 2 / rate_hz * 1000
    letters = len(re.sub(r"\s", "", text))
    slowest, fastest = CHARACTERS_A_SECOND
    least, most = letters / fastest * 1000 - SLACK_MS, letters / slowest * 1000 + SLACK_MS
    if not max(least, 80) <= duration_ms <= most:
        return Verdict(
            False,
            f"{duration_ms:.0f} ms of sound for {letters} characters; {max(least, 80):.0f} to {most:.0f} are believed",
        )
    samples = np.frombuffer(pcm, "<i2")
    if not samples.size or int(np.abs(samples.astype(np.int32)).max()) < _AUDIBLE:
        return Verdict(False, "the sound is silence")
    return Verdict(True)


def words(text: str) -> list[str]:
    """Return what is spoken of a text: no case, no punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char if char.isalnum() else "" if char in _INSIDE_WORDS else " " for char in folded).split()


def _difference(text: str, transcript: str) -> str:
    wanted, said = words(text), words(transcript)
    for place, (one, other) in enumerate(zip(wanted, said, strict=False), start=1):
        if one != other:
            return f"'{other}' in place of '{one}' at word {place}"
    return f"{len(said)} words in place of {len(wanted)}"
