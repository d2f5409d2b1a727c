"""Dates, times of day, both together, and lengths of time, as callers say them and as they key them in."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

from gateway.flows.slots.cardinals import parse_number, parse_ordinal, parse_year, tongue
from gateway.flows.slots.reading import UNREADABLE, Reading, bare, plain_words, refused, strip_fillers
from gateway.flows.words import words

_RELATIVE: Final[Mapping[str, Mapping[str, int]]] = {
    "en": {
        "today": 0,
        "tonight": 0,
        "tomorrow": 1,
        "the day after tomorrow": 2,
        "day after tomorrow": 2,
        "yesterday": -1,
    },
    "es": {"hoy": 0, "esta noche": 0, "manana": 1, "pasado manana": 2, "ayer": -1, "anteayer": -2},
}
_SMALL_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "en": frozenset(["the", "of", "on", "a", "in", "this", "coming", "at", "year", "day"]),
    "es": frozenset(["el", "la", "de", "del", "en", "para", "a", "los", "las", "dia", "ano", "que", "viene"]),
}
_NEXT: Final = {"en": ("next",), "es": ("proximo", "proxima", "viene")}
_WITHIN: Final = {"en": ("in", "within"), "es": ("en", "dentro de", "dentro")}
_AGO: Final = {"en": "ago", "es": "hace"}
_MONTH_FIRST: Final = frozenset({"en-us", "en_us"})

_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:.h ](\d{2}))?(?::00)?\s*(?:h|hours|horas)?\s*(a\.?m\.?|p\.?m\.?)?")
_PARTS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "en": (
        ("in the morning", "am"), ("this morning", "am"), ("in the afternoon", "pm"), ("this afternoon", "pm"),
        ("in the evening", "pm"), ("this evening", "pm"), ("at night", "pm"), ("tonight", "pm"),
        ("a m", "am"), ("p m", "pm"),
        ("a.m", "am"), ("p.m", "pm"), ("am", "am"), ("pm", "pm"), ("o'clock", ""), ("oclock", ""),
    ),
    "es": (
        ("de la manana", "am"), ("por la manana", "am"), ("de la madrugada", "am"), ("de la tarde", "pm"),
        ("por la tarde", "pm"), ("de la noche", "pm"), ("por la noche", "pm"), ("del mediodia", "pm"), ("en punto", ""),
        ("a m", "am"), ("p m", "pm"), ("am", "am"), ("pm", "pm"),
    ),
}  # fmt: skip
_NAMED: Final[Mapping[str, Mapping[str, dt.time]]] = {
    "en": {"noon": dt.time(12), "midday": dt.time(12), "midnight": dt.time(0), "twelve noon": dt.time(12)},
    "es": {"mediodia": dt.time(12), "medianoche": dt.time(0), "las doce del mediodia": dt.time(12)},
}


# --- dates --------------------------------------------------------------------------------------------------------


def read_date(text: str, language: str, today: dt.date) -> Reading:
    """Read a date: "the fourth of May nineteen eighty", "4/5/1980", "next Monday", "in two weeks", ISO 8601.

    Without a year it is the next such day; with a year of two digits the century that is not in the future.
    """
    if (iso := _iso(text)) is not None:
        return iso
    known = words(language)
    own = tongue(language)
    said = bare(strip_fillers(plain_words(text), known)).replace("-", " ")
    if said in _RELATIVE[own]:
        return Reading(today + dt.timedelta(days=_RELATIVE[own][said]))
    numeric = re.fullmatch(r"(\d{1,2})[/. ](\d{1,2})(?:[/. ](\d{4}|\d{2}))?", said)
    if numeric:
        first, second = int(numeric[1]), int(numeric[2])
        day, month = (second, first) if language.lower() in _MONTH_FIRST else (first, second)
        return _dated(day, month, numeric[3], language, today)
    return (
        _away(said, own, language, today) or _weekday(said, own, language, today) or _named(said, own, language, today)
    )


def keyed_date(keys: str, today: dt.date) -> Reading:
    """Read ``DDMMYYYY``, or ``DDMM`` for the next such day."""
    if re.fullmatch(r"\d{8}", keys):
        return _of(int(keys[4:]), int(keys[2:4]), int(keys[:2]))
    if re.fullmatch(r"\d{4}", keys):
        return _dated(int(keys[:2]), int(keys[2:]), None, "en", today)
    return UNREADABLE


def _iso(text: str) -> Reading | None:
    found = re.fullmatch(r"\s*(\d{4})-(\d{2})-(\d{2})\s*", text)
    return _of(int(found[1]), int(found[2]), int(found[3])) if found else None


def _of(year: int, month: int, day: int, *, sure: bool = True) -> Reading:
    try:
        return Reading(dt.date(year, month, day), sure=sure)
    except ValueError:
        return refused("no_such_date")


def _dated(day: int, month: int, year: str | None, language: str, today: dt.date) -> Reading:
    if year is None:
        if not 1 <= month <= 12 or not 1 <= day <= 31:
            return refused("no_such_date")
        for candidate in range(today.year, today.year + 9):
            if day <= calendar.monthrange(candidate, month)[1]:
                found = dt.date(candidate, month, day)
                if found >= today:
                    return Reading(found)
        return refused("no_such_date")
    number = parse_year(year, language)
    if number is None:
        return UNREADABLE
    if number >= 100:
        return _of(number, month, day)
    century = today.year // 100 * 100
    return _of(century + number if century + number <= today.year else century - 100 + number, month, day, sure=False)


def _away(said: str, own: str, language: str, today: dt.date) -> Reading | None:
    """Read "in two weeks", "dentro de tres días"."""
    ago = _AGO[own]
    sign = 0
    for before in _WITHIN[own]:
        if said.startswith(before + " "):
            said, sign = said[len(before) + 1 :], 1
            break
    if own == "en" and said.endswith(" " + ago):
        said, sign = said[: -len(ago) - 1], -1
    elif own == "es" and said.startswith(ago + " "):
        said, sign = said[len(ago) + 1 :], -1
    *count, unit = said.split() or [""]
    kind = {bare(word): name for word, name in words(language).units.items()}.get(unit)
    number = parse_number(" ".join(count), language) if count else None
    if (
        not sign
        or kind not in ("day", "week", "month", "year")
        or number is None
        or number != int(number)
        or number > 1200
    ):
        return None
    away = int(number) * sign
    if kind in ("day", "week"):
        return Reading(today + dt.timedelta(days=away * (7 if kind == "week" else 1)))
    months = today.year * 12 + today.month - 1 + away * (12 if kind == "year" else 1)
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        return refused("no_such_date")
    return Reading(dt.date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1])))


def _weekday(said: str, own: str, language: str, today: dt.date) -> Reading | None:
    """Read "Friday", "next Monday", "el lunes que viene": the next such day after today."""
    following = any(word in said.split() for word in _NEXT[own])
    left = [word for word in said.split() if word not in _SMALL_WORDS[own] and word not in _NEXT[own]]
    days = [bare(day) for day in words(language).weekdays]
    if len(left) != 1 or left[0] not in days:
        return None
    ahead = (days.index(left[0]) - today.weekday() - 1) % 7 + 1
    # "next Monday" on a Saturday is in two days to some and in nine to others.
    return Reading(today + dt.timedelta(days=ahead), sure=not (following and own == "en" and ahead < 4))


def _named(said: str, own: str, language: str, today: dt.date) -> Reading:
    """Read "the fourth of May nineteen eighty", "May 4th", "lunes cuatro de mayo del ochenta"."""
    months = [bare(month) for month in words(language).months]
    short = {month[:3]: month for month in months}
    days = {bare(day) for day in words(language).weekdays}
    left = [word for word in said.split() if word not in _SMALL_WORDS[own] and word not in days]
    at = next((place for place, word in enumerate(left) if word in months or word in short), None)
    if at is None:
        return UNREADABLE
    month = months.index(short.get(left[at], left[at])) + 1
    before, after = left[:at], left[at + 1 :]
    if before:
        day = parse_ordinal(" ".join(before), language)
        return UNREADABLE if day is None else _dated(day, month, " ".join(after) or None, language, today)
    for size in (2, 1):
        day = parse_ordinal(" ".join(after[:size]), language) if len(after) >= size else None
        if day is not None and day <= 31:
            return _dated(day, month, " ".join(after[size:]) or None, language, today)
    return UNREADABLE


# --- times --------------------------------------------------------------------------------------------------------


def read_time(text: str, language: str) -> Reading:
    """Read a time of day: "half past ten", "ten thirty p m", "las tres menos cuarto", "15:30".

    From one to seven without morning or evening is taken for the afternoon, and is not sure.
    """
    own = tongue(language)
    said = bare(strip_fillers(plain_words(text), words(language))).replace("-", " ")
    said = re.sub(r"^(?:at|around|about|a|sobre|hacia) ", "", said)
    if said in _NAMED[own]:
        return Reading(_NAMED[own][said])
    half = ""
    for phrase, part in _PARTS[own]:
        if said.endswith(" " + phrase) or re.fullmatch(rf"\d{{1,2}}(:\d\d)?{re.escape(phrase)}", said):
            said, half = said[: -len(phrase)].strip(), part or half
    found = _CLOCK.fullmatch(said)
    if found:
        half = (found[3] or half).replace(".", "")
        return _clock(int(found[1]), int(found[2] or 0), half, exact=bool(found[2]) and (len(found[1]) == 2))
    moment = _english_clock(said) if own == "en" else _spanish_clock(said)
    return UNREADABLE if moment is None else _clock(*moment, half)


def keyed_time(keys: str) -> Reading:
    """Read ``HHMM`` on the 24-hour clock."""
    if not re.fullmatch(r"\d{4}", keys):
        return UNREADABLE
    return _clock(int(keys[:2]), int(keys[2:]), "", exact=True)


def _clock(hour: int, minute: int, half: str, *, exact: bool = False) -> Reading:
    if not 0 <= minute < 60 or not 0 <= hour <= 24 or (half and hour > 12 and half == "am"):
        return UNREADABLE
    sure = True
    if half == "pm" and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    elif not half and not exact and 1 <= hour <= 7:
        hour, sure = hour + 12, False
    elif not half and not exact and 8 <= hour <= 11:
        sure = True
    return Reading(dt.time(hour % 24, minute), sure=sure)


def _english_clock(said: str) -> tuple[int, int] | None:
    for joint, sign in ((" past ", 1), (" after ", 1), (" to ", -1), (" before ", -1)):
        left, found, right = said.partition(joint)
        if found:
            count = {"half": 30, "quarter": 15, "a quarter": 15}.get(left)
            if count is None:
                number = parse_number(left.replace(" minutes", "").replace(" minute", ""), "en")
                count = int(number) if number is not None and number == int(number) else None
            hour = parse_number(right, "en")
            if count is None or hour is None or not 1 <= hour <= 12:
                return None
            return (int(hour), count) if sign > 0 else ((int(hour) - 2) % 12 + 1, 60 - count)
    if said.startswith("half ") and (hour := parse_number(said[5:], "en")) is not None:
        return int(hour), 30
    tokens = said.split()
    for at in range(len(tokens), 0, -1):
        hour = parse_number(" ".join(tokens[:at]), "en")
        rest = tokens[at:]
        minute = parse_number(" ".join(rest[1:] if rest and rest[0] in ("oh", "o") else rest), "en") if rest else 0
        if (
            hour is not None
            and minute is not None
            and 0 <= hour <= 24
            and (not rest or minute >= 10 or rest[0] in ("oh", "o"))
        ):
            return int(hour), int(minute)
    return None


def _spanish_clock(said: str) -> tuple[int, int] | None:
    said = re.sub(r"^(?:las|la|los|a las|a la) ", "", said)
    for joint, sign in ((" y ", 1), (" menos ", -1), (" con ", 1)):
        left, found, right = said.partition(joint)
        if found:
            count = {"media": 30, "cuarto": 15}.get(right)
            if count is None:
                number = parse_number(right.replace(" minutos", ""), "es")
                count = int(number) if number is not None else None
            hour = parse_number(left, "es")
            if count is None or hour is None or not 0 <= hour <= 24:
                return None
            return (int(hour), count) if sign > 0 else ((int(hour) - 2) % 12 + 1, 60 - count)
    hour = parse_number(said, "es")
    return (int(hour), 0) if hour is not None and hour == int(hour) and 0 <= hour <= 24 else None


def read_datetime(text: str, language: str, today: dt.date) -> Reading:
    """Read a date and a time: "tomorrow at half past ten", "el lunes a las diez", ISO 8601."""
    found = re.fullmatch(r"\s*(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::\d{2})?.*", text)
    if found:
        day = _iso(found[1])
        if day is None or not day.ok:
            return day or UNREADABLE
        time = _clock(int(found[2]), int(found[3]), "", exact=True)
        return _both(day, time)
    said = plain_words(text)
    for joint in (" at ", " a las ", " a la ", " a ", " around ", " sobre las "):
        at = said.rfind(joint)
        while at > 0:
            day = read_date(said[:at], language, today)
            time = read_time(said[at + len(joint) :], language)
            if day.ok and time.ok:
                return _both(day, time)
            at = said.rfind(joint, 0, at)
    tokens = said.split()
    for at in range(1, len(tokens)):
        first, second = " ".join(tokens[:at]), " ".join(tokens[at:])
        for one, other in ((first, second), (second, first)):
            day, time = read_date(one, language, today), read_time(other, language)
            if day.ok and time.ok:
                return _both(day, time)
    return UNREADABLE


def keyed_datetime(keys: str, today: dt.date) -> Reading:
    """Read ``DDMMYYYYHHMM``, or ``DDMMHHMM`` for the next such day."""
    if not re.fullmatch(r"\d{8}|\d{12}", keys):
        return UNREADABLE
    return _both(keyed_date(keys[:-4], today), keyed_time(keys[-4:]))


def _both(day: Reading, time: Reading) -> Reading:
    if not isinstance(day.value, dt.date) or not isinstance(time.value, dt.time):
        return day if not day.ok else time
    return Reading(dt.datetime.combine(day.value, time.value), sure=day.sure and time.sure)


# --- lengths of time ----------------------------------------------------------------------------------------------

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


def read_duration(text: str, language: str) -> Reading:
    """Read a length of time: "an hour and a half", "dos horas y media", "90 minutes", "1h30m"."""
    short = re.fullmatch(r"(?:(\d+)h)?\s*(?:(\d+)m(?:in)?)?\s*(?:(\d+)s)?", text.strip().lower())
    if short and any(short.groups()):
        hours, minutes, seconds = (int(part or 0) for part in short.groups())
        return Reading(dt.timedelta(hours=hours, minutes=minutes, seconds=seconds))
    own = tongue(language)
    units = {bare(word): name for word, name in words(language).units.items()}
    said = bare(plain_words(text)).replace("-", " ")
    if own == "en":
        said = said.replace("half an hour", "30 minutes").replace("quarter of an hour", "15 minutes")
        said = re.sub(r"\b(\w+) and a half hours?\b", r"\1 hours 30 minutes", said)
        said = said.replace("hour and a half", "hour 30 minutes")
    else:
        said = said.replace("cuarto de hora", "15 minutos").replace("horas y cuarto", "horas 15 minutos")
        said = re.sub(r"\bhoras? y media\b", "hora 30 minutos", said)
        said = re.sub(r"\bmedia hora\b", "30 minutos", said)
    total = 0
    count: list[str] = []
    for word in said.split():
        if word in units:
            number = parse_number(" ".join(piece for piece in count if piece not in ("and", "y")), language)
            if number is None or units[word] not in _SECONDS:
                return UNREADABLE
            total += int(number * _SECONDS[units[word]])
            count = []
        else:
            count.append(word)
    return Reading(dt.timedelta(seconds=total)) if total and not count else UNREADABLE


def keyed_duration(keys: str) -> Reading:
    """Read minutes, or hours and minutes with ``*`` between them."""
    found = re.fullmatch(r"(?:(\d{1,3})\*)?(\d{1,4})", keys)
    return Reading(dt.timedelta(hours=int(found[1] or 0), minutes=int(found[2]))) if found else UNREADABLE
