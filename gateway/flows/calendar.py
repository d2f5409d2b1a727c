"""Opening hours with time zones, daylight-saving and holidays: pure functions of the time given.

A calendar is written in local time. Where clocks go forward an opening inside the gap begins when the gap ends; where
they go back, hours that exist twice are open both times.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from gateway.flows.expressions.spoken import say_value
from gateway.flows.issues import BUILT_IN, Origin
from gateway.flows.words import primary, words

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_DAYS_AHEAD: Final = 366
"""How far ``next_open`` looks."""


class DayState(StrEnum):
    """What a calendar says of a moment; the outcomes of an ``hours`` step."""

    OPEN = "open"
    CLOSED = "closed"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Period:
    """Open from ``start`` until ``end``, which may be midnight (00:00) of the next day."""

    start: dt.time
    end: dt.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When something is open."""

    name: str
    zone: str
    """IANA name, such as ``Europe/London``."""
    week: Mapping[int, tuple[Period, ...]]
    """Weekday (0 is Monday) → periods; a day without is closed."""
    closed_on: frozenset[dt.date] = frozenset()
    """Holidays."""
    special: Mapping[dt.date, tuple[Period, ...]] = field(default_factory=dict)
    """Days with hours of their own, before holidays."""
    origin: Origin = BUILT_IN

    def state(self, now: dt.datetime) -> DayState:
        """Return whether it is open at a moment (with a time zone), closed, or closed for a holiday."""
        here = now.astimezone(ZoneInfo(self.zone))
        if any(_inside(here.time(), period) for period in self._periods(here.date())):
            return DayState.OPEN
        yesterday = self._periods(here.date() - dt.timedelta(days=1))
        if any(_after_midnight(here.time(), period) for period in yesterday):
            return DayState.OPEN
        if here.date() in self.closed_on and here.date() not in self.special:
            return DayState.HOLIDAY
        return DayState.CLOSED

    def next_open(self, now: dt.datetime) -> dt.datetime | None:
        """Return when it opens next, in its own zone; ``now`` if it is open; None if never within a year."""
        zone = ZoneInfo(self.zone)
        here = now.astimezone(zone)
        if self.state(now) is DayState.OPEN:
            return here
        for ahead in range(MAX_DAYS_AHEAD + 1):
            day = here.date() + dt.timedelta(days=ahead)
            for period in sorted(self._periods(day), key=lambda period: period.start):
                opens = dt.datetime.combine(day, period.start, zone).astimezone(dt.UTC).astimezone(zone)
                if opens > here and self.state(opens) is DayState.OPEN:
                    return opens
        return None

    def next_open_spoken(self, now: dt.datetime, language: str) -> str:
        """Return a sentence about the next opening: "We open again tomorrow at noon."; empty if there is none."""
        opens = self.next_open(now)
        if opens is None:
            return ""
        here = now.astimezone(ZoneInfo(self.zone))
        days = (opens.date() - here.date()).days
        spanish = primary(language) == "es"
        time = say_value(opens.timetz().replace(tzinfo=None), language)
        if opens <= here:
            return "Ahora mismo está abierto." if spanish else "We are open now."
        if days == 0:
            when = "hoy" if spanish else "today"
        elif days == 1:
            when = "mañana" if spanish else "tomorrow"
        elif days < 7:
            name = words(language).weekdays[opens.weekday()]
            when = f"el {name}" if spanish else f"on {name.capitalize()}"
        else:
            when = f"el {_long_day(opens, language)}" if spanish else f"on {_long_day(opens, language)}"
        return f"Abrimos de nuevo {when} a {time}." if spanish else f"We open again {when} at {time}."

    def _periods(self, day: dt.date) -> tuple[Period, ...]:
        if day in self.special:
            return self.special[day]
        return () if day in self.closed_on else self.week.get(day.weekday(), ())


def _long_day(opens: dt.datetime, language: str) -> str:
    return say_value(opens.date(), language, "datetime")


def _inside(time: dt.time, period: Period) -> bool:
    if period.end <= period.start:
        return time >= period.start
    return period.start <= time < period.end


def _after_midnight(time: dt.time, period: Period) -> bool:
    """Whether a period of the day before still runs: 18:00-02:00 at one o'clock."""
    return period.end <= period.start and time < period.end
