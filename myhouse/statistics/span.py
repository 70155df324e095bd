"""A span of local days: the day, week, month, year or free range that a page is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from myhouse.errors import UnableTo

Unit = Literal["day", "week", "month", "year", "range"]
Step = Literal["quarter", "hour", "day", "week", "month", "year"]
UNITS: tuple[str, ...] = ("day", "week", "month", "year", "range")
STEPS: tuple[Step, ...] = ("quarter", "hour", "day", "week", "month", "year")
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2200, 1, 1)
LONGEST_RANGE_DAYS = 3_700


class UnableToReadSpan(UnableTo):
    """The span asked for is no span we can add up."""


@dataclass(frozen=True)
class Span:
    """Local days from `start` until before `end`; a day, week (from Monday), month, year or free range."""

    unit: Unit
    start: date
    end: date

    @classmethod
    def of(cls, unit: str, start: date | str, end: date | str | None = None) -> Span:
        """Return the span of this unit that holds the day; a range needs its end (not included) too."""
        day = _day(start, "start")
        if unit not in UNITS:
            raise UnableToReadSpan(_("The unit must be one of day, week, month, year, range."), field="unit")
        span = _range(day, end) if unit == "range" else _around(unit, day)
        if span.start < FIRST_DAY or span.end > LAST_DAY:
            raise UnableToReadSpan(_("Choose a day between 2000-01-01 and 2199-12-31."), field="start")
        return span

    @property
    def days(self) -> int:
        """How many local days the span holds."""
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        """The last day that is counted."""
        return self.end - timedelta(days=1)

    @property
    def key(self) -> str:
        """The start as an ISO date, as `Span.of` reads it."""
        return self.start.isoformat()

    @property
    def label(self) -> str:
        """The span in the reader's language."""
        if self.unit == "day":
            return date_format(self.start, "DATE_FORMAT")
        if self.unit == "week":
            year, week, _weekday = self.start.isocalendar()
            return _("Week %(week)d, %(year)d") % {"week": week, "year": year}
        if self.unit == "month":
            return date_format(self.start, "YEAR_MONTH_FORMAT")
        if self.unit == "year":
            return str(self.start.year)
        first, last = (date_format(day, "SHORT_DATE_FORMAT") for day in (self.start, self.last_day))
        return f"{first} – {last}"

    @property
    def step(self) -> Step:
        """The buckets a reader expects when he names none."""
        if self.unit == "year":
            return "month"
        if self.unit == "day" or self.days <= 2:
            return "hour"
        return "day" if self.days <= 92 else "month"

    def previous(self) -> Span:
        """The span of the same kind just before."""
        if self.unit == "range":
            return Span("range", self.start - timedelta(days=self.days), self.start)
        return _around(self.unit, self.start - timedelta(days=1))

    def next(self) -> Span:
        """The span of the same kind just after."""
        if self.unit == "range":
            return Span("range", self.end, self.end + timedelta(days=self.days))
        return _around(self.unit, self.end)

    def year_before(self) -> Span:
        """The same span a year earlier; of a week the one 52 weeks earlier, so that weekdays match."""
        if self.unit == "week":
            return _around("week", self.start - timedelta(weeks=52))
        if self.unit == "range":
            start = _year_earlier(self.start)
            return Span("range", start, start + timedelta(days=self.days))
        return _around(self.unit, _year_earlier(self.start))

    def spans_inside(self) -> Unit | None:
        """The unit one opens a bucket of this span with: year → month → day; nothing below a day."""
        inside: dict[Step, Unit] = {"month": "month", "week": "week", "day": "day"}
        return inside.get(self.step)


def _around(unit: str, day: date) -> Span:
    """Return the day, week, month or year that holds the day."""
    if unit == "day":
        return Span("day", day, day + timedelta(days=1))
    if unit == "week":
        monday = day - timedelta(days=day.weekday())
        return Span("week", monday, monday + timedelta(days=7))
    if unit == "month":
        return Span("month", day.replace(day=1), _months_later(day, 1))
    return Span("year", date(day.year, 1, 1), date(day.year + 1, 1, 1))


def _range(start: date, end: date | str | None) -> Span:
    """Return the free range, if it is one."""
    if end is None or end == "":
        raise UnableToReadSpan(_("A range needs an end: give the first day after it."), field="end")
    last = _day(end, "end")
    if last <= start:
        raise UnableToReadSpan(_("The end must lie after the start: it is the first day not counted."), field="end")
    if (last - start).days > LONGEST_RANGE_DAYS:
        raise UnableToReadSpan(
            _("A range holds at most %(days)d days; choose a shorter one.") % {"days": LONGEST_RANGE_DAYS},
            field="end",
        )
    return Span("range", start, last)


def _day(value: date | str, name: str) -> date:
    """Read 2026-11-21, 2026-11 or 2026."""
    if isinstance(value, date):
        return value
    text = value + {4: "-01-01", 7: "-01"}.get(len(value), "")
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = _("“%(value)s” is not a date; write it as 2026-11-21.") % {"value": value[:40]}
        raise UnableToReadSpan(message, field=name) from None


def _months_later(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _year_earlier(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28)
