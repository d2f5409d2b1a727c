"""Phrases found by their sound, and the two ways of hearing together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.tones import noise
from gateway.speech.ears import Ears
from gateway.speech.hearing import Expectation
from gateway.speech.mel import RATE_HZ, spectra
from gateway.speech.templates import VOICES, Templates
from gateway.speech.voice import Voice
from tests.speech.line import over_the_line

MENU = ("opening hours", "prices", "address", "goodbye", "speak to a person")


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice()


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears()


def said(voice: Voice, text: str, *, speaker: str = "verse", seed: int = 1, language: str = "en") -> bytes:
    pcm = voice.speak(text, language=language, voice=speaker, rate_hz=RATE_HZ).pcm
    return over_the_line(pcm, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("What are your opening hours?", "opening hours"),
        ("And the prices, please", "prices"),
        ("Thank you, goodbye", "goodbye"),
        ("I want to speak to a person", "speak to a person"),
    ],
)
def test_an_expected_phrase_is_found_among_other_words(voice: Voice, ears: Ears, text: str, phrase: str) -> None:
    heard = ears.recognise(said(voice, text), RATE_HZ, Expectation(phrases=MENU))
    assert (heard.phrase, heard.rejected) == (phrase, False)
    assert heard.confidence >= 0.5


def test_speech_that_nobody_expected_is_rejected(voice: Voice, ears: Ears) -> None:
    heard = ears.recognise(said(voice, "the children are playing football"), RATE_HZ, Expectation(phrases=MENU))
    assert heard.rejected
    assert heard.phrase is None


@pytest.mark.parametrize("pcm", [b"", bytes(2), bytes(16000), noise(800, RATE_HZ, -45, 1)])
def test_silence_and_noise_are_no_answer(ears: Ears, pcm: bytes) -> None:
    assert ears.recognise(pcm, RATE_HZ, Expectation(phrases=MENU)).rejected
    assert ears.recognise(pcm, RATE_HZ, Expectation(digits=(1,))).rejected


@pytest.mark.parametrize("digit", "0479")
def test_a_single_digit_is_heard(voice: Voice, ears: Ears, digit: str) -> None:
    words = {"0": "zero", "4": "four", "7": "seven", "9": "nine"}
    assert ears.recognise(said(voice, words[digit]), RATE_HZ, Expectation(digits=(1,))).digits == digit


def test_phrases_of_another_language_are_found_too(voice: Voice, ears: Ears) -> None:
    pcm = said(voice, "quiero saber el saldo por favor", language="es", speaker="+m4")
    expectation = Expectation(language="es", phrases=("saldo", "bloquear tarjeta", "hablar con un agente"))
    assert ears.recognise(pcm, RATE_HZ, expectation).phrase == "saldo"


def test_any_rate_will_do(voice: Voice, ears: Ears) -> None:
    pcm = voice.speak("prices", voice="verse", rate_hz=24000).pcm
    assert ears.recognise(pcm, 24000, Expectation(phrases=MENU)).phrase == "prices"


def test_no_caller_has_a_voice_that_templates_are_made_of(voice: Voice) -> None:
    assert not set(VOICES) & {f"+{name}" for name in voice.voices()}


def test_a_phrase_that_should_stand_alone_does_not_when_others_are_beside_it(voice: Voice) -> None:
    templates = Templates("en", voice)
    pcm = said(voice, "seven old men sat down on the bench by the river")
    within, alone = templates.best(pcm, ["seven"]), templates.best(pcm, ["seven"], alone=True)
    assert within is not None
    assert alone is not None
    assert alone.excess > within.excess


@settings(max_examples=20)
@given(st.binary(max_size=6000))
def test_features_take_any_bytes_of_whole_samples(raw: bytes) -> None:
    found = spectra(raw[: len(raw) // 2 * 2])
    assert found is None or bool(np.isfinite(found[0]).all() and np.isfinite(found[1]).all())
