"""Opening hours: zones, daylight-saving, holidays, midnight, and what is said of the next opening."""

from __future__ import annotations

import datetime as dt

import pytest

from gateway.flows.calendar import Calendar, DayState
from gateway.flows.load import load_texts

TEXT = """\
flow: hours
format: 1
languages: [en-GB, es-ES]
calendars:
  shop:
    timezone: Europe/London
    open:
      tue-thu: 12:00-15:00, 18:00-22:00
      fri-sat: 12:00-02:00
      sun: 01:30-17:00
    closed_on: [2026-12-25]
    special: {2026-12-24: 09:00-12:00}
  never: {timezone: UTC, open: {mon: closed}}
  always: {timezone: America/New_York, open: {mon-sun: 00:00-24:00}}
start: a
steps:
  a:
    hours: shop
    then: {open: b, closed: b, holiday: b}
  b: {hangup: none}
"""
CALENDARS = load_texts({"h.yaml": TEXT}).flows["hours"].calendars
SHOP = CALENDARS["shop"]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("2026-11-24T11:59", DayState.CLOSED),
        ("2026-11-24T12:00", DayState.OPEN),
        ("2026-11-24T15:00", DayState.CLOSED),
        ("2026-11-24T21:59", DayState.OPEN),
        ("2026-11-23T13:00", DayState.CLOSED),
        ("2026-07-21T11:00", DayState.OPEN),  # summer: 12:00 in London
        ("2026-11-28T01:59", DayState.OPEN),  # Friday's hours run past midnight
        ("2026-11-28T02:00", DayState.CLOSED),
        ("2026-12-25T13:00", DayState.HOLIDAY),
        ("2026-12-24T13:00", DayState.CLOSED),
        ("2026-12-24T09:30", DayState.OPEN),
    ],
)
def test_a_moment_is_open_or_not(when: str, state: DayState):
    assert SHOP.state(utc(when)) is state


def test_an_opening_inside_the_hour_that_clocks_skip_begins_after_it():
    # On 2026-03-29 London goes from 01:00 to 02:00; Sunday opens at 01:30, which does not exist. Saturday's hours end
    # at 02:00 local time, so that it is open throughout; a calendar without them shows the gap.
    calendar = Calendar(name="c", zone="Europe/London", week={6: SHOP.week[6]})
    assert calendar.state(utc("2026-03-29T00:59")) is DayState.CLOSED
    opens = calendar.next_open(utc("2026-03-29T00:30"))
    assert opens is not None
    assert opens.astimezone(dt.UTC) == utc("2026-03-29T01:30")
    assert calendar.state(utc("2026-03-29T01:00")) is DayState.OPEN


def test_hours_that_exist_twice_are_open_both_times():
    calendar = Calendar(name="c", zone="Europe/London", week={6: SHOP.week[6]})
    # 2026-10-25: 01:30 happens at 00:30 UTC and again at 01:30 UTC.
    assert calendar.state(utc("2026-10-25T00:30")) is DayState.OPEN
    assert calendar.state(utc("2026-10-25T01:30")) is DayState.OPEN


@pytest.mark.parametrize(
    ("when", "english", "spanish"),
    [
        ("2026-11-24T13:00", "We are open now.", "Ahora mismo está abierto."),
        (
            "2026-11-24T16:00",
            "We open again today at six in the evening.",
            "Abrimos de nuevo hoy a las seis de la tarde.",
        ),
        ("2026-11-23T13:00", "We open again tomorrow at noon.", "Abrimos de nuevo mañana a las doce del mediodía."),
        (
            "2026-11-22T18:00",
            "We open again on Tuesday at noon.",
            "Abrimos de nuevo el martes a las doce del mediodía.",
        ),
        (
            "2026-12-24T13:00",
            "We open again on Saturday at noon.",
            "Abrimos de nuevo el sábado a las doce del mediodía.",
        ),
    ],
)
def test_the_next_opening_is_said(when: str, english: str, spanish: str):
    assert SHOP.next_open_spoken(utc(when), "en-GB") == english
    assert SHOP.next_open_spoken(utc(when), "es-ES") == spanish


def test_what_never_opens_says_nothing():
    assert CALENDARS["never"].next_open(utc("2026-11-22T18:00")) is None
    assert CALENDARS["never"].next_open_spoken(utc("2026-11-22T18:00"), "en") == ""


def test_round_the_clock_is_always_open():
    assert CALENDARS["always"].state(utc("2026-11-22T05:00")) is DayState.OPEN


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Europe/London", "Europe/Londn", "there is no time zone 'Europe/Londn'; nearest: 'Europe/London'"),
        ("fri-sat", "fry-sat", "'fry' is no day of the week; nearest: 'fri'"),
        ("12:00-02:00", "12:00-26:00", "'12:00-26:00' are no hours; write 09:00-17:30"),
        ("2026-12-25", "2026-02-30", "'2026-02-30' is no day; write year-month-day, such as 2026-12-25"),
    ],
)
def test_a_mistake_in_a_calendar_is_told(old: str, new: str, message: str):
    findings = load_texts({"h.yaml": TEXT.replace(old, new, 1)}).findings
    assert any(str(finding).endswith(message) for finding in findings), findings
