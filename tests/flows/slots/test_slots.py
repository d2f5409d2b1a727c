"""What callers say and key in becomes values, in English and in Spanish, and is read back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flows.expressions.values import CardToken, Money
from gateway.flows.model import Option, SlotKind, SlotType
from gateway.flows.slots import SLOT_FORMS, Keypad, keyed, keypad, option_place, read_back, says_unknown, understand
from gateway.lexicon.numbers import spell_cardinal, spell_digits

K = SlotKind
TODAY = dt.date(2026, 11, 21)
CHOICE = (
    Option("lost", {"en-GB": ("lost", "mislaid"), "es-ES": ("perdida", "extraviada")}),
    Option("stolen", {"en-GB": ("stolen",), "es-ES": ("robada", "robado")}),
)


def kind_of(kind: SlotKind) -> SlotType:
    return SlotType(kind=kind, currency="GBP" if kind is K.AMOUNT else "EUR", region="GB", options=CHOICE, max_words=5)


def gbp(text: str) -> Money:
    return Money(Decimal(text), "GBP")


ENGLISH = [
    (K.DIGITS, "four oh seven nine", "4079"),
    (K.DIGITS, "double five, one two", "5512"),
    (K.DIGITS, "um, it's 12 34", "1234"),
    (K.DIGITS, "twenty-one thirty four", "2134"),
    (K.NUMBER, "a hundred and five", Decimal(105)),
    (K.NUMBER, "twelve thousand three hundred and one", Decimal(12301)),
    (K.NUMBER, "minus two point five", Decimal("-2.5")),
    (K.NUMBER, "1,500.25", Decimal("1500.25")),
    (K.AMOUNT, "twelve pounds fifty", gbp("12.5")),
    (K.AMOUNT, "fifty pence", gbp("0.5")),
    (K.AMOUNT, "£1,250", gbp("1250")),
    (K.AMOUNT, "one thousand two hundred and five pounds and one penny", gbp("1205.01")),
    (K.DATE, "the fourth of May nineteen eighty", dt.date(1980, 5, 4)),
    (K.DATE, "May 4th, 1980", dt.date(1980, 5, 4)),
    (K.DATE, "4/5/1980", dt.date(1980, 5, 4)),
    (K.DATE, "1980-05-04", dt.date(1980, 5, 4)),
    (K.DATE, "tomorrow", dt.date(2026, 11, 22)),
    (K.DATE, "on Friday", dt.date(2026, 11, 27)),
    (K.DATE, "in two weeks", dt.date(2026, 12, 5)),
    (K.DATE, "three days ago", dt.date(2026, 11, 18)),
    (K.DATE, "the twenty-first of june", dt.date(2027, 6, 21)),
    (K.DATE, "29 february", dt.date(2028, 2, 29)),
    (K.TIME, "half past ten", dt.time(10, 30)),
    (K.TIME, "quarter to three in the afternoon", dt.time(14, 45)),
    (K.TIME, "ten thirty p.m.", dt.time(22, 30)),
    (K.TIME, "15:30", dt.time(15, 30)),
    (K.TIME, "18:05:00", dt.time(18, 5)),
    (K.TIME, "noon", dt.time(12)),
    (K.TIME, "12 am", dt.time(0)),
    (K.DATETIME, "tomorrow at half past ten", dt.datetime.fromisoformat("2026-11-22T10:30")),
    (K.DATETIME, "2026-12-01T10:30", dt.datetime.fromisoformat("2026-12-01T10:30")),
    (K.DURATION, "an hour and a half", dt.timedelta(minutes=90)),
    (K.DURATION, "two days", dt.timedelta(days=2)),
    (K.PHONE, "oh seven nine double one one two three four five six", "+447911123456"),
    (K.PHONE, "+44 7911 123456", "+447911123456"),
    (K.PHONE, "plus three four six one two three four five six seven eight", "+34612345678"),
    (K.POSTCODE, "S W one A one double A", "SW1A 1AA"),
    (K.POSTCODE, "sierra whiskey one alpha one a a", "SW1A 1AA"),
    (K.POSTCODE, "m1 1ae", "M1 1AE"),
    (K.CARD_NUMBER, "4111 1111 1111 1111", "4111111111111111"),
    (K.EXPIRY, "april twenty twenty-seven", "0427"),
    (K.EXPIRY, "11/26", "1126"),
    (K.IBAN, "gb82 west 1234 5698 7654 32", "GB82WEST12345698765432"),
    (K.ACCOUNT, "a b one two double three", "AB1233"),
    (K.EMAIL, "John dot Smith at example dot com", "john.smith@example.com"),
    (K.EMAIL, "my email is ana-bel@mail.co.uk.", "ana-bel@mail.co.uk"),
    (K.NAME, "my name is john o'neil", "John O'neil"),
    (K.CHOICE, "I think it was stolen", "stolen"),
    (K.CHOICE, "lost", "lost"),
    (K.YES_NO, "yes please", True),
    (K.YES_NO, "no thanks", False),
    (K.TEXT, "  a sore   knee ", "a sore knee"),
]
SPANISH = [
    (K.DIGITS, "uno dos tres cuatro", "1234"),
    (K.DIGITS, "doble cero siete uno", "0071"),
    (K.DIGITS, "doce treinta y cuatro", "1234"),
    (K.NUMBER, "ciento veintiuno", Decimal(121)),
    (K.NUMBER, "mil quinientas", Decimal(1500)),
    (K.NUMBER, "1.500,25", Decimal("1500.25")),
    (K.NUMBER, "un millón doscientos mil", Decimal(1_200_000)),
    (K.NUMBER, "dos coma cinco", Decimal("2.5")),
    (K.AMOUNT, "doce libras con cincuenta", gbp("12.5")),
    (K.AMOUNT, "doce con cincuenta", gbp("12.5")),
    (K.AMOUNT, "12,50 £", gbp("12.50")),
    (K.AMOUNT, "cincuenta peniques", gbp("0.5")),
    (K.DATE, "el cuatro de mayo de mil novecientos ochenta", dt.date(1980, 5, 4)),
    (K.DATE, "pasado mañana", dt.date(2026, 11, 23)),
    (K.DATE, "el lunes que viene", dt.date(2026, 11, 23)),
    (K.DATE, "dentro de tres días", dt.date(2026, 11, 24)),
    (K.DATE, "uno de enero", dt.date(2027, 1, 1)),
    (K.TIME, "las diez y media", dt.time(10, 30)),
    (K.TIME, "las tres menos cuarto de la tarde", dt.time(14, 45)),
    (K.TIME, "las nueve y diez de la mañana", dt.time(9, 10)),
    (K.DATETIME, "mañana a las diez y media", dt.datetime.fromisoformat("2026-11-22T10:30")),
    (K.DATETIME, "el lunes a las cinco de la tarde", dt.datetime.fromisoformat("2026-11-23T17:00")),
    (K.DURATION, "dos horas y media", dt.timedelta(minutes=150)),
    (K.DURATION, "media hora", dt.timedelta(minutes=30)),
    (K.PHONE, "más treinta y cuatro seis uno dos tres cuatro cinco seis siete ocho", "+34612345678"),
    (K.EXPIRY, "abril de dos mil veintisiete", "0427"),
    (K.EMAIL, "ana punto garcía arroba ejemplo punto es", "ana.garcia@ejemplo.es"),
    (K.NAME, "me llamo maría de la cruz", "María de la Cruz"),
    (K.CHOICE, "me la han robado", "stolen"),
    (K.YES_NO, "sí, claro", True),
    (K.YES_NO, "no gracias", False),
]


def plain(value: object) -> object:
    return value.reveal() if isinstance(value, CardToken) else value


@pytest.mark.parametrize(
    ("language", "kind", "said", "value"),
    [("en-GB", *row) for row in ENGLISH] + [("es-ES", *row) for row in SPANISH],
)
def test_words_are_understood(language: str, kind: SlotKind, said: str, value: object):
    reading = understand(kind_of(kind), said, language, TODAY)
    assert (plain(reading.value), reading.reason) == (value, "")


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        (K.DATE, "the fourth of May eighty", dt.date(1980, 5, 4)),
        (K.DATE, "next Monday", dt.date(2026, 11, 23)),
        (K.TIME, "three", dt.time(15)),
        (K.AMOUNT, "twelve fifty", gbp("12.5")),
        (K.YES_NO, "no, that's right", False),
    ],
)
def test_words_that_leave_room_are_not_sure(kind: SlotKind, said: str, value: object):
    reading = understand(kind_of(kind), said, "en-GB", TODAY)
    assert (reading.value, reading.sure) == (value, False)


@pytest.mark.parametrize(
    ("slot", "said", "reason"),
    [
        (SlotType(kind=K.DIGITS, min_length=4, max_length=4), "one two three", "too_short"),
        (SlotType(kind=K.DIGITS, min_length=4, max_length=4), "1 2 3 4 5", "too_long"),
        (SlotType(kind=K.DIGITS, checks=("luhn",)), "1234", "luhn"),
        (SlotType(kind=K.DIGITS, checks=("mod97",)), "1234", "mod97"),
        (SlotType(kind=K.DIGITS, pattern="9.*"), "1234", "pattern"),
        (SlotType(kind=K.DIGITS), "good morning", "unreadable"),
        (SlotType(kind=K.NUMBER, decimals=0), "2.5", "pattern"),
        (SlotType(kind=K.NUMBER), "four seven", "unreadable"),
        (SlotType(kind=K.DATE), "30 february 2026", "no_such_date"),
        (SlotType(kind=K.DATE), "some day", "unreadable"),
        (SlotType(kind=K.TIME), "half past thirty", "unreadable"),
        (SlotType(kind=K.PHONE, region="GB"), "123", "too_short"),
        (SlotType(kind=K.PHONE, region="GB"), "07911 123456 789 12", "too_long"),
        (SlotType(kind=K.POSTCODE, region="GB"), "x y z 1", "pattern"),
        (SlotType(kind=K.CARD_NUMBER), "4111 1111 1111 1112", "luhn"),
        (SlotType(kind=K.EXPIRY), "10/26", "expired"),
        (SlotType(kind=K.IBAN), "GB83 WEST 1234 5698 7654 32", "mod97"),
        (SlotType(kind=K.IBAN), "GB82 WEST 1234 5698 7654", "too_short"),
        (SlotType(kind=K.EMAIL), "john at example", "unreadable"),
        (SlotType(kind=K.NAME), "4 5 6", "unreadable"),
        (SlotType(kind=K.CHOICE, options=CHOICE), "lost or stolen", "unknown"),
        (SlotType(kind=K.CHOICE, options=CHOICE), "broken", "unknown"),
        (SlotType(kind=K.YES_NO), "perhaps", "unreadable"),
        (SlotType(kind=K.TEXT, max_words=2), "one two three", "too_long"),
        (SlotType(kind=K.TEXT), " ", "unreadable"),
    ],
)
def test_a_refusal_says_why(slot: SlotType, said: str, reason: str):
    reading = understand(slot, said, "en-GB", TODAY)
    assert (reading.ok, reading.reason) == (False, reason)


@pytest.mark.parametrize(
    ("kind", "keys", "value"),
    [
        (K.DIGITS, "0042", "0042"),
        (K.NUMBER, "12*5", Decimal("12.5")),
        (K.AMOUNT, "12*50", gbp("12.50")),
        (K.DATE, "04051980", dt.date(1980, 5, 4)),
        (K.DATE, "0405", dt.date(2027, 5, 4)),
        (K.TIME, "0930", dt.time(9, 30)),
        (K.DATETIME, "040520270930", dt.datetime.fromisoformat("2027-05-04T09:30")),
        (K.DURATION, "90", dt.timedelta(minutes=90)),
        (K.DURATION, "1*30", dt.timedelta(minutes=90)),
        (K.PHONE, "0034612345678", "+34612345678"),
        (K.PHONE, "07911123456", "+447911123456"),
        (K.CARD_NUMBER, "4111111111111111", "4111111111111111"),
        (K.EXPIRY, "0427", "0427"),
        (K.ACCOUNT, "123456", "123456"),
        (K.CHOICE, "2", "stolen"),
        (K.YES_NO, "1", True),
        (K.YES_NO, "2", False),
    ],
)
def test_keys_are_understood(kind: SlotKind, keys: str, value: object):
    reading = keyed(kind_of(kind), keys, TODAY)
    assert (plain(reading.value), reading.reason, reading.sure) == (value, "", True)


@pytest.mark.parametrize(
    ("kind", "keys", "reason"),
    [
        (K.DATE, "31022026", "no_such_date"),
        (K.DATE, "123", "unreadable"),
        (K.TIME, "2561", "unreadable"),
        (K.AMOUNT, "1*2*3", "unreadable"),
        (K.CHOICE, "3", "unknown"),
        (K.YES_NO, "9", "unknown"),
        (K.NAME, "123", "no_keypad"),
        (K.EMAIL, "123", "no_keypad"),
        (K.DIGITS, "", "unreadable"),
        (K.EXPIRY, "1326", "unreadable"),
    ],
)
def test_keys_that_mean_nothing_say_why(kind: SlotKind, keys: str, reason: str):
    assert keyed(kind_of(kind), keys, TODAY).reason == reason


def test_how_each_type_is_keyed_in():
    assert keypad(SlotType(kind=K.DIGITS, min_length=4, max_length=4)) == Keypad(4, 4)
    assert keypad(SlotType(kind=K.AMOUNT)) == Keypad(1, 12, "*")
    assert keypad(SlotType(kind=K.POSTCODE, region="ES")) == Keypad(5, 5)
    assert keypad(SlotType(kind=K.POSTCODE, region="GB")) is None
    assert keypad(SlotType(kind=K.CHOICE, options=CHOICE)) == Keypad(1, 1)
    assert keypad(SlotType(kind=K.NAME)) is None
    assert all(
        (form.keyed is None) == (keypad(kind_of(kind)) is None) or kind is K.POSTCODE
        for kind, form in SLOT_FORMS.items()
    )


@pytest.mark.parametrize(
    ("kind", "value", "english", "spanish"),
    [
        (
            K.DIGITS,
            "12345678",
            "one two three four, five six seven eight",
            "uno dos tres cuatro, cinco seis siete ocho",
        ),
        (K.AMOUNT, gbp("12.50"), "twelve pounds and fifty pence", "doce libras con cincuenta peniques"),
        (
            K.PHONE,
            "+447911123456",
            "oh seven nine one one, one two three four five six",
            "cero siete nueve uno uno, uno dos tres cuatro cinco seis",
        ),
        (K.EMAIL, "a.b@mail.com", "a dot b at mail dot com", "a punto b arroba mail punto com"),
        (K.CARD_NUMBER, CardToken("4111111111111234", "visa"), "one two three four", "uno dos tres cuatro"),
        (K.EXPIRY, "0427", "four, twenty-seven", "cuatro, veintisiete"),
        (K.CHOICE, "stolen", "stolen", "robada"),
        (K.YES_NO, True, "yes", "sí"),
    ],
)
def test_a_value_is_read_back(kind: SlotKind, value: object, english: str, spanish: str):
    assert read_back(kind_of(kind), value, "en-GB") == english
    assert read_back(kind_of(kind), value, "es-ES") == spanish


def test_spelling_back_goes_letter_by_letter():
    assert read_back(kind_of(K.NAME), "Ana", "en-GB", spell=True) == "A, N, A"


@pytest.mark.parametrize("language", ["en-GB", "es-ES"])
@given(number=st.integers(0, 999_999_999))
def test_every_number_in_words_is_understood(language: str, number: int):
    reading = understand(SlotType(kind=K.NUMBER), spell_cardinal(number, language), language, TODAY)
    assert reading.value == number


@pytest.mark.parametrize("language", ["en-GB", "es-ES"])
@given(cents=st.integers(1, 99_999_999))
def test_every_amount_that_is_said_is_understood(language: str, cents: int):
    kind = SlotType(kind=K.AMOUNT, currency="EUR")
    value = Money(Decimal(cents) / 100, "EUR")
    assert understand(kind, read_back(kind, value, language), language, TODAY).value == value


@pytest.mark.parametrize("language", ["en-GB", "es-ES"])
@given(day=st.dates(dt.date(1910, 1, 1), dt.date(2099, 12, 31)))
def test_every_date_that_is_said_is_understood(language: str, day: dt.date):
    kind = SlotType(kind=K.DATE)
    assert understand(kind, read_back(kind, day, language), language, TODAY).value == day


@pytest.mark.parametrize("language", ["en-GB", "es-ES"])
@given(time=st.times().map(lambda time: time.replace(second=0, microsecond=0)))
def test_every_time_that_is_said_is_understood(language: str, time: dt.time):
    kind = SlotType(kind=K.TIME)
    assert understand(kind, read_back(kind, time, language), language, TODAY).value == time


@pytest.mark.parametrize("language", ["en-GB", "es-ES"])
@given(digits=st.text("0123456789", min_size=1, max_size=20))
def test_every_string_of_digits_is_understood(language: str, digits: str):
    assert understand(SlotType(kind=K.DIGITS), spell_digits(digits, language), language, TODAY).value == digits


@pytest.mark.parametrize("language", ["en-GB", "es-ES"])
@given(kind=st.sampled_from(list(SlotKind)), text=st.text(max_size=40))
def test_nothing_that_is_said_brings_a_slot_down(language: str, kind: SlotKind, text: str):
    reading = understand(kind_of(kind), text, language, TODAY)
    assert reading.ok or reading.reason


@given(kind=st.sampled_from(list(SlotKind)), keys=st.text("0123456789*#", max_size=24))
def test_no_keys_bring_a_slot_down(kind: SlotKind, keys: str):
    reading = keyed(kind_of(kind), keys, TODAY)
    assert reading.ok or reading.reason


def test_a_reading_does_not_show_its_value():
    assert "4079" not in repr(understand(SlotType(kind=K.DIGITS), "4079", "en", TODAY))


def test_not_knowing_is_understood():
    assert says_unknown("sorry, I don't have it", "en-GB")
    assert says_unknown("no me acuerdo", "es-ES")
    assert not says_unknown("four", "en-GB")


def test_an_entry_of_a_list_is_chosen_by_its_place():
    assert option_place("the second one", "en-GB", 3) == 2
    assert option_place("la tercera", "es-ES", 3) == 3
    assert option_place("the last one", "en-GB", 3) == 3
    assert option_place("the fourth", "en-GB", 3) is None
