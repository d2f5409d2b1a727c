"""Both ways of hearing together: what an answer sounds like (``templates``), and what it is made of (``hearing``).

Phrases and single digits are first compared, as sounds, with the same said by local voices: quick, and nearly always
right for synthetic callers on a telephone line. What does not fit, strings of digits, and speech that nothing was
expected of go to PocketSphinx, which knows English sounds from people.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.audio.resample import resample
from gateway.errors import SpeechError
from gateway.lexicon.numbers import parse_digits
from gateway.speech.hearing import Expectation, Heard, Hearing
from gateway.speech.mel import RATE_HZ, sound, spectra
from gateway.speech.templates import Fit, Templates

PHRASE_FITS: Final = 1.23
"""Excess below which a phrase counts as heard (``templates.Fit``)."""
DIGIT_FITS: Final = 1.3
_SPREAD: Final = 0.25
"""Excess over which confidence falls from sure to even."""
_BESIDE: Final = 8
"""Frames on either side of where a digit was heard that may belong to it."""
_CLEARLY: Final = 0.16
"""By so much less excess another digit takes the place of the one that was heard."""
_DIGIT_WORDS: Final = {
    "en": ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "es": ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
}


class Ears:
    """Recognises utterances, as :class:`~gateway.speech.hearing.Hearing` does; for one thread at a time."""

    def __init__(self) -> None:
        self._hearing = Hearing()
        self._templates: dict[str, Templates] = {}

    def recognise(self, pcm: bytes, rate_hz: int, expectation: Expectation) -> Heard:
        """Understand one utterance; see :meth:`gateway.speech.hearing.Hearing.recognise`.

        Raises:
            SpeechError: an engine is missing or does not know the language.

        """
        language = expectation.language.lower().replace("_", "-").partition("-")[0]
        narrow = resample(pcm, rate_hz, RATE_HZ)
        by_sound = self._by_sound(narrow, language, expectation)
        if by_sound is not None:
            return by_sound
        if spectra(narrow) is None:
            return Heard("", 0.0, None, None, rejected=True)
        try:
            heard = self._hearing.recognise(pcm, rate_hz, expectation)
            return self._heard_again(narrow, language, heard) if len(heard.digit_frames) > 1 else heard
        except SpeechError:
            if not (expectation.phrases or expectation.digits):
                raise
            return Heard("", 0.0, None, None, rejected=True)

    def _by_sound(self, pcm: bytes, language: str, expectation: Expectation) -> Heard | None:
        templates = self._templates.get(language)
        if templates is None:
            templates = self._templates[language] = Templates(language)
        if expectation.phrases:
            fit = templates.best(pcm, expectation.phrases)
            if fit is not None and fit.excess < PHRASE_FITS:
                return Heard(fit.phrase, _confidence(fit, PHRASE_FITS), fit.phrase, None, rejected=False)
        words = _DIGIT_WORDS.get(language)
        if expectation.digits == (1,) and words is not None:
            fit = templates.best(pcm, words, alone=True)
            if fit is not None and fit.excess < DIGIT_FITS:
                digit = parse_digits(fit.phrase, language)
                if digit is not None:
                    return Heard(digit, _confidence(fit, DIGIT_FITS), None, digit, rejected=False)
        return None

    def _heard_again(self, pcm: bytes, language: str, heard: Heard) -> Heard:
        """Compare each digit of a string, where it was heard, with all digits by sound; a clear winner replaces it.

        The two err differently: PocketSphinx finds where digits begin and end, templates tell six from three.
        """
        whole, words = sound(pcm), _DIGIT_WORDS.get(language)
        if whole is None or words is None or heard.digits is None:
            return heard
        values = [parse_digits(word, language) for word in words]
        digits = list(heard.digits)
        for place, (first, last) in enumerate(heard.digit_frames):
            excesses = self._templates[language].within(whole, first - _BESIDE, last + _BESIDE, words)
            if excesses is None:
                continue
            winner = int(excesses.argmin())
            said = min(excess for excess, value in zip(excesses, values, strict=True) if value == digits[place])
            if excesses[winner] < said - _CLEARLY:
                digits[place] = values[winner] or digits[place]
        text = "".join(digits)
        return replace(heard, text=text, digits=text)


def _confidence(fit: Fit, bound: float) -> float:
    """Return 0.5 at the bound and 1 well below it."""
    return min(1.0, 0.5 + 0.5 * (bound - fit.excess) / _SPREAD)
