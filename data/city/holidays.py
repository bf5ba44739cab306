"""What kind of day a date is in Italy: the calendar behind the synthetic city and its statistics."""

from datetime import date, timedelta
from typing import Literal

DayKind = Literal["workday", "saturday", "sunday", "holiday"]

_FIXED = ((1, 1), (1, 6), (4, 25), (5, 1), (6, 2), (8, 15), (11, 1), (12, 8), (12, 25), (12, 26))


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876, in Meeus's form)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    shift = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - century // 4 - shift + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def is_public_holiday(day: date) -> bool:
    """Whether Italy rests on `day`; local patron saints are left out, Sundays do not count by themselves."""
    return (day.month, day.day) in _FIXED or day - easter(day.year) in (timedelta(0), timedelta(1))


def is_long_break(day: date) -> bool:
    """Whether `day` lies in the weeks when many people leave the city: Christmas and mid-August."""
    return (
        (day.month, day.day) >= (12, 24)
        or (day.month, day.day) <= (1, 6)
        or (8, 8) <= (day.month, day.day) <= (8, 24)
    )


def day_kind(day: date) -> DayKind:
    """The rhythm that people follow on `day`."""
    if is_public_holiday(day):
        return "holiday"
    return "sunday" if day.weekday() == 6 else "saturday" if day.weekday() == 5 else "workday"
