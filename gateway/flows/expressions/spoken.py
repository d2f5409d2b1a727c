"""How values are read aloud: amounts, dates, times, digits, letters, in English and Spanish.

Always in words: a voice left to read ``04/05`` or ``1.500`` guesses. The filters of the language are the functions of
``_FILTERS``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from gateway.flows.expressions.values import Money
from gateway.flows.words import primary, words
from gateway.flows.words_english import english_ordinal
from gateway.lexicon.numbers import LARGEST_CARDINAL, languages, spell_cardinal, spell_digits


def say_value(value: object, language: str, filter_name: str = "", argument: str = "") -> str:
    """Return a value as it is read aloud in a language.

    Args:
        value: what to say: text, number, amount, date, time, length of time or truth value.
        language: a language tag; without number words it is read as English.
        filter_name: ``money``, ``date`` …; empty takes what the value's kind suggests.
        argument: of the filter: the currency for ``money``.

    Raises:
        ValueError: the value is of a kind that the filter can't read.
    """
    tongue = language if primary(language) in languages() else "en"
    if filter_name:
        return _FILTERS[filter_name](value, tongue, argument)
    match value:
        case str():
            return value
        case bool():
            return _yesno(value, tongue, "")
        case Money():
            return _money(value, tongue, "")
        case Decimal() | int():
            return _number(value, tongue, "")
        case dt.datetime():
            return _datetime(value, tongue, "")
        case dt.date():
            return _date(value, tongue, "")
        case dt.time():
            return _time(value, tongue, "")
        case dt.timedelta():
            return _duration(value, tongue)
        case list() | tuple():
            return _list([say_value(item, tongue) for item in value], tongue)
        case Mapping() if isinstance(value.get("name"), str):
            return str(value["name"])
    raise ValueError(f"a {type(value).__name__} is not said")


def _is_spanish(language: str) -> bool:
    return primary(language) == "es"


def _decimal(value: object) -> Decimal:
    if isinstance(value, Money):
        return value.amount
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise ValueError("a number is wanted")  # noqa: TRY004 - callers catch one kind
    try:
        return Decimal(value)
    except ArithmeticError:
        raise ValueError("a number is wanted") from None


def _number(value: object, language: str, _: str) -> str:
    number = _decimal(value)
    known = words(language)
    sign = f"{known.minus} " if number < 0 else ""
    number = abs(number).normalize()
    whole = int(number)
    if whole > LARGEST_CARDINAL:
        return sign + spell_digits(str(whole), language)
    digits = f"{number:f}".partition(".")[2]
    rest = f" {known.point} {spell_digits(digits, language)}" if digits else ""
    return f"{sign}{spell_cardinal(whole, language)}{rest}"


def _money(value: object, language: str, argument: str) -> str:
    amount = _decimal(value)
    code = argument or (value.currency if isinstance(value, Money) else "") or "EUR"
    known = words(language)
    currency = known.currencies.get(code.upper())
    if currency is None:
        return f"{_number(amount, language, '')} {', '.join(code.upper())}"
    amount = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    sign = f"{known.minus} " if amount < 0 else ""
    whole, cents = divmod(int(abs(amount) * 100), 100)
    pieces = []
    if whole or not cents:
        said = _count(whole, language, feminine=currency.feminine)
        of = " de" if _is_spanish(language) and whole and whole % 1_000_000 == 0 else ""
        pieces.append(f"{said}{of} {currency.one if whole == 1 else currency.many}")
    if cents:
        pieces.append(f"{_count(cents, language)} {currency.cent if cents == 1 else currency.cents}")
    return sign + f" {known.joint} ".join(pieces)


def _count(number: int, language: str, *, feminine: bool = False) -> str:
    """A number before what it counts: Spanish says *un euro*, *veintiún euros*, *doscientas libras*."""
    if number > LARGEST_CARDINAL:
        return spell_digits(str(number), language)
    said = spell_cardinal(number, language)
    if not _is_spanish(language):
        return said
    if feminine:
        said = said.replace("cientos", "cientas").replace("quinientos", "quinientas")
        return said.removesuffix("uno") + "una" if said.endswith("uno") else said
    if said.endswith("veintiuno"):
        return said.removesuffix("veintiuno") + "veintiún"
    return said.removesuffix("o") if said.endswith("uno") else said


def _year(year: int, language: str) -> str:
    if _is_spanish(language) or not 1100 <= year <= 9999 or 2000 <= year <= 2009:
        return spell_cardinal(year, language)
    century, rest = divmod(year, 100)
    if rest == 0:
        return spell_cardinal(year, language) if century % 10 == 0 else f"{spell_cardinal(century, language)} hundred"
    tail = f"oh {spell_cardinal(rest, language)}" if rest < 10 else spell_cardinal(rest, language)
    return f"{spell_cardinal(century, language)} {tail}"


def _day_and_month(day: dt.date, language: str) -> str:
    month = words(language).months[day.month - 1]
    if _is_spanish(language):
        return f"{'uno' if day.day == 1 else spell_cardinal(day.day, language)} de {month}"
    if language.lower().endswith("us"):
        return f"{month.capitalize()} {english_ordinal(day.day)}"
    return f"the {english_ordinal(day.day)} of {month.capitalize()}"


def _as_date(value: object) -> dt.date:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if not isinstance(value, dt.date):
        raise ValueError("a date is wanted")  # noqa: TRY004 - callers catch one kind
    return value


def _date(value: object, language: str, _: str) -> str:
    day = _as_date(value)
    joint = " de " if _is_spanish(language) else " "
    return f"{_day_and_month(day, language)}{joint}{_year(day.year, language)}"


def _datetime(value: object, language: str, _: str) -> str:
    moment = _as_date(value)
    weekday = words(language).weekdays[moment.weekday()]
    if _is_spanish(language):
        said = f"{weekday} {_day_and_month(moment, language)}"
        return f"{said} a {_time(moment, language, '')}" if isinstance(moment, dt.datetime) else said
    said = f"{weekday.capitalize()} {_day_and_month(moment, language)}"
    return f"{said} at {_time(moment, language, '')}" if isinstance(moment, dt.datetime) else said


def _time(value: object, language: str, _: str) -> str:
    if isinstance(value, str):
        value = dt.time.fromisoformat(value)
    if not isinstance(value, (dt.time, dt.datetime)):
        raise ValueError("a time is wanted")  # noqa: TRY004 - callers catch one kind
    return _spanish_time(value.hour, value.minute) if _is_spanish(language) else _english_time(value.hour, value.minute)


def _english_time(hour: int, minute: int) -> str:
    if minute == 0 and hour in (0, 12):
        return "midnight" if hour == 0 else "noon"
    said = spell_cardinal(hour % 12 or 12, "en")
    if minute:
        said += f" oh {spell_cardinal(minute, 'en')}" if minute < 10 else f" {spell_cardinal(minute, 'en')}"
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    return f"{said} {part}"


def _spanish_time(hour: int, minute: int) -> str:
    if minute == 0 and hour in (0, 12):
        return "medianoche" if hour == 0 else "las doce del mediodía"
    clock = hour % 12 or 12
    said = "la una" if clock == 1 else f"las {spell_cardinal(clock, 'es')}"
    if minute:
        said += " y " + {15: "cuarto", 30: "media"}.get(minute, spell_cardinal(minute, "es"))
    part = (
        "de la madrugada"
        if hour < 6
        else "de la mañana"
        if hour < 12
        else "de la tarde"
        if hour < 21
        else "de la noche"
    )
    return f"{said} {part}"


def _duration(length: dt.timedelta, language: str) -> str:
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    names: dict[str, list[str]] = {}
    for word, unit in words(language).units.items():
        names.setdefault(unit, []).append(word)
    pieces = [
        f"{_count(count, language, feminine=unit == 'hour')} {names[unit][0 if count == 1 else 1]}"
        for count, unit in ((days, "day"), (hours, "hour"), (minutes, "minute"), (seconds, "second"))
        if count
    ]
    return _list(pieces or [f"{spell_cardinal(0, language)} {names['second'][1]}"], language)


def _list(pieces: list[str], language: str) -> str:
    joint = " y " if _is_spanish(language) else " and "
    return ", ".join(pieces[:-1]) + joint + pieces[-1] if len(pieces) > 1 else "".join(pieces)


def _text(value: object) -> str:
    if not isinstance(value, (str, Decimal, int)) or isinstance(value, bool):
        raise ValueError("a text is wanted")  # noqa: TRY004 - callers catch one kind
    return str(value)


def _spell(value: object, language: str, _: str) -> str:
    said = [spell_digits(mark, language) if mark.isdigit() else mark.upper() for mark in _text(value) if mark.isalnum()]
    return ", ".join(said)


def _digits(value: object, language: str, _: str) -> str:
    return spell_digits(_text(value), language)


def _yesno(value: object, language: str, _: str) -> str:
    known = words(language)
    return known.said_yes if value else known.said_no


def _upper(value: object, language: str, _: str) -> str:
    return say_value(value, language).upper()


def _lower(value: object, language: str, _: str) -> str:
    return say_value(value, language).lower()


_FILTERS: Final[Mapping[str, Callable[[object, str, str], str]]] = {
    "money": _money,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "spell": _spell,
    "digits": _digits,
    "number": _number,
    "yesno": _yesno,
    "upper": _upper,
    "lower": _lower,
}
