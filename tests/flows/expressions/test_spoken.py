"""Values are read aloud in words, as people say them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from gateway.flows.expressions.spoken import say_value
from gateway.flows.expressions.values import Money


def eur(text: str) -> Money:
    return Money(Decimal(text), "EUR")


@pytest.mark.parametrize(
    ("value", "how", "english", "spanish"),
    [
        (eur("1"), "", "one euro", "un euro"),
        (eur("0"), "", "zero euros", "cero euros"),
        (eur("21.01"), "", "twenty-one euros and one cent", "veintiún euros con un céntimo"),
        (eur("0.50"), "", "fifty cents", "cincuenta céntimos"),
        (eur("-3"), "", "minus three euros", "menos tres euros"),
        (eur("1000000"), "", "one million euros", "un millón de euros"),
        (Money(Decimal(201), "GBP"), "", "two hundred and one pounds", "doscientas una libras"),
        (Money(Decimal(5), "JPY"), "", "five J, P, Y", "cinco J, P, Y"),
        (Decimal("2.05"), "", "two point zero five", "dos coma cero cinco"),
        (Decimal("-31"), "", "minus thirty-one", "menos treinta y uno"),
        (dt.date(1980, 5, 4), "date", "the fourth of May nineteen eighty", "cuatro de mayo de mil novecientos ochenta"),
        (dt.date(2005, 1, 1), "date", "the first of January two thousand and five", "uno de enero de dos mil cinco"),
        (dt.date(1905, 3, 21), "date", "the twenty-first of March nineteen oh five", "veintiuno de marzo de mil novecientos cinco"),  # noqa: E501 - a row of a table
        (dt.date(1900, 12, 12), "date", "the twelfth of December nineteen hundred", "doce de diciembre de mil novecientos"),  # noqa: E501 - a row of a table
        (dt.date(2000, 8, 30), "date", "the thirtieth of August two thousand", "treinta de agosto de dos mil"),
        (dt.datetime.fromisoformat("2026-05-04T10:30"), "", "Monday the fourth of May at ten thirty in the morning", "lunes cuatro de mayo a las diez y media de la mañana"),  # noqa: E501 - a row of a table
        (dt.datetime.fromisoformat("2026-05-04T13:00"), "time", "one in the afternoon", "la una de la tarde"),
        (dt.time(0, 0), "", "midnight", "medianoche"),
        (dt.time(12, 0), "", "noon", "las doce del mediodía"),
        (dt.time(15, 5), "", "three oh five in the afternoon", "las tres y cinco de la tarde"),
        (dt.time(21, 45), "", "nine forty-five in the evening", "las nueve y cuarenta y cinco de la noche"),
        (dt.timedelta(hours=1, minutes=30), "", "one hour and thirty minutes", "una hora y treinta minutos"),
        (dt.timedelta(), "", "zero seconds", "cero segundos"),
        ("RX42b", "spell", "R, X, four, two, B", "R, X, cuatro, dos, B"),
        ("407", "digits", "four zero seven", "cuatro cero siete"),
        (True, "yesno", "yes", "sí"),
        (False, "", "no", "no"),
        ("Ana", "upper", "ANA", "ANA"),
        (["a", "b", "c"], "", "a, b and c", "a, b y c"),
        ({"name": "Ana", "id": "1"}, "", "Ana", "Ana"),
    ],
)  # fmt: skip
def test_a_value_is_read_aloud(value: object, how: str, english: str, spanish: str):
    assert say_value(value, "en-GB", how) == english
    assert say_value(value, "es-ES", how) == spanish


def test_americans_say_the_month_first():
    assert say_value(dt.date(2026, 5, 4), "en-US", "date") == "May fourth twenty twenty-six"


@pytest.mark.parametrize(
    ("value", "how"), [("x", "money"), (True, "number"), (3, "date"), (dt.date(2026, 1, 1), "digits"), (object(), "")]
)
def test_a_filter_refuses_what_it_is_not_for(value: object, how: str):
    with pytest.raises((ValueError, TypeError)):
        say_value(value, "en", how)
