"""A key that several ears noticed counts once."""

from __future__ import annotations

from gateway.bridge.keys import SAME_PRESS_MS, Keys
from gateway.contracts.leg import KeyPressed


def test_the_same_press_told_by_two_sources_counts_once() -> None:
    keys = Keys()
    assert keys.take(KeyPressed("5", source="rtp"), 0.0) == "5"
    assert keys.take(KeyPressed("5", source="sound"), 180.0) is None


def test_a_key_pressed_twice_counts_twice_whoever_tells() -> None:
    keys = Keys()
    told = [(0, "rtp"), (90, "sound"), (250, "rtp"), (340, "sound")]
    taken = [keys.take(KeyPressed("5", source=source), at) for at, source in told]
    assert taken == ["5", None, "5", None]


def test_one_source_alone_is_believed_in_every_press() -> None:
    keys = Keys()
    assert [keys.take(KeyPressed("1"), at) for at in (0.0, 80.0, 160.0)] == ["1", "1", "1"]


def test_the_other_source_is_news_again_after_a_while() -> None:
    keys = Keys()
    keys.take(KeyPressed("5", source="rtp"), 0.0)
    assert keys.take(KeyPressed("5", source="sound"), SAME_PRESS_MS + 1.0) == "5"


def test_keys_that_no_telephone_has_are_dropped() -> None:
    assert Keys().take(KeyPressed("A"), 0.0) is None


def test_a_long_press_that_the_carrier_tells_of_when_it_begins_counts_once() -> None:
    keys = Keys()
    assert keys.take(KeyPressed("5", source="carrier"), 0.0) == "5"
    assert keys.take(KeyPressed("5", 2000, source="sound"), 2200.0) is None


def test_the_same_press_in_sound_before_the_carriers_word_counts_once() -> None:
    keys = Keys()
    assert keys.take(KeyPressed("5", 80, source="sound"), 0.0) == "5"
    assert keys.take(KeyPressed("5", source="carrier"), 300.0) is None
