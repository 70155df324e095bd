"""From the market to charts: what can be sold in the next two days, what a community traded and saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from myhouse import formatting
from myhouse.charts.bars import BarInput, bar_chart
from myhouse.charts.model import Chart, KeyItem, Layer, Row, Tick

if TYPE_CHECKING:
    from marketplace.selectors.community import Savings
    from marketplace.selectors.sellable import Sellable

ENERGY_UNITS = ("Wh", "kWh", "MWh", "GWh")
UCT_PER_UNIT = 100_000_000


def surplus_chart(*, sellable: Sellable, zone: str) -> Chart | None:
    """Draw the surplus expected in the hours to come: what is free, and what is spoken for."""
    hours = _hours(sellable, zone)
    if not any(expected for _start, expected, _free in hours):
        return None
    language = get_language() or "en"
    free: list[float | None] = [float(free) for _start, _expected, free in hours]
    taken: list[float | None] = [float(expected - free) for _start, expected, free in hours]
    titles = [_("Free"), _("Spoken for")]
    count = len(hours)
    rows = [
        Row(
            (index + 0.5) / count,
            f"{date_format(start, 'D')} {start:%H:%M}",
            [formatting.energy(free[index], language), formatting.energy(taken[index], language)],
        )
        for index, (start, _expected, _free) in enumerate(hours)
    ]
    ticks = [_hour_tick(hour[0], (index + 0.5) / count) for index, hour in enumerate(hours) if hour[0].hour % 6 == 0]
    return bar_chart(
        BarInput(
            name="surplus",
            title=_("Expected surplus of the next two days"),
            units=ENERGY_UNITS,
            language=language,
            above=[Layer("grid-export", titles[0], free), Layer("community", titles[1], taken)],
            below=[],
            ticks=ticks,
            keys=[
                KeyItem("grid-export", titles[0], formatting.energy(sum(v or 0 for v in free), language), 1),
                KeyItem("community", titles[1], formatting.energy(sum(v or 0 for v in taken), language), 2),
            ],
            columns=titles,
            rows=rows,
            at_rest=_("Sums of two days by hours; move over the chart to read one"),
            height=150,
        )
    )


def _hours(sellable: Sellable, zone: str) -> list[tuple[datetime, int, int]]:
    """Add up local hours: their start, what is expected, what is free."""
    hours: dict[tuple[datetime, int], tuple[datetime, int, int]] = {}
    for slot in sellable.slots:
        start = slot.start.astimezone(ZoneInfo(zone)).replace(minute=0)
        # Of the hour that comes twice in autumn each is one of its own.
        key = (start.replace(tzinfo=None), start.fold)
        _start, expected, free = hours.get(key, (start, 0, 0))
        hours[key] = (start, expected + slot.expected_wh, free + min(slot.free_wh, slot.expected_wh))
    return list(hours.values())


@dataclass(frozen=True)
class Drawn:
    """What a community's charts are drawn from: the days (or months) and the savings of each; `link` opens a month."""

    title: str
    days: list[date]
    savings: list[Savings]
    currency: str
    link: Callable[[date], str] | None = None

    @property
    def monthly(self) -> bool:
        """Whether each bar is a month."""
        return self.link is not None

    def ticks(self) -> list[Tick]:
        """Name the days or months under the bars."""
        count = len(self.days)
        return [_day_tick(day, (index + 0.5) / count, monthly=self.monthly) for index, day in enumerate(self.days)]

    def rows(self, cells: Sequence[list[str]]) -> list[Row]:
        """Return the table under the chart."""
        count = len(self.days)
        return [
            Row(
                (index + 0.5) / count,
                _bucket_title(day, monthly=self.monthly),
                cells[index],
                self.link(day) if self.link else "",
            )
            for index, day in enumerate(self.days)
        ]


def traded_chart(drawn: Drawn) -> Chart:
    """Draw what neighbours supplied each other by days (or months); what was paid for it is in the read-out."""
    language = get_language() or "en"
    titles = [_("From neighbours"), _("Paid for it")]
    cells = [
        [formatting.energy(one.traded_wh, language), formatting.money(one.paid_uct, drawn.currency, language)]
        for one in drawn.savings
    ]
    total, paid = sum(one.traded_wh for one in drawn.savings), sum(one.paid_uct for one in drawn.savings)
    return bar_chart(
        BarInput(
            name="traded",
            title=drawn.title,
            units=ENERGY_UNITS,
            language=language,
            above=[Layer("community", titles[0], [float(one.traded_wh) for one in drawn.savings])],
            below=[],
            ticks=drawn.ticks(),
            keys=[
                KeyItem("community", titles[0], formatting.energy(total, language), 1),
                KeyItem("price", titles[1], formatting.money(paid, drawn.currency, language), 2),
            ],
            columns=titles,
            rows=drawn.rows(cells),
            at_rest=_("Sums of the time shown; move over the chart to read a part"),
            height=170,
        )
    )


def saved_chart(drawn: Drawn) -> Chart:
    """Draw what buyers saved and sellers gained against their suppliers, by days (or months)."""
    language = get_language() or "en"
    titles = [_("Buyers saved"), _("Sellers gained")]
    amounts = [(one.buyers_saved_uct, one.sellers_gained_uct) for one in drawn.savings]
    cells = [[formatting.money(amount, drawn.currency, language) for amount in pair] for pair in amounts]
    sums = [formatting.money(sum(pair[side] for pair in amounts), drawn.currency, language) for side in (0, 1)]
    flows = ("community", "grid-export")
    layers = [
        Layer(key, titles[side], [max(pair[side], 0) / UCT_PER_UNIT for pair in amounts])
        for side, key in enumerate(flows)
    ]
    return bar_chart(
        BarInput(
            name="saved",
            title=drawn.title,
            units=(formatting.SYMBOLS.get(drawn.currency, drawn.currency),),
            language=language,
            above=layers,
            below=[],
            ticks=drawn.ticks(),
            keys=[KeyItem(key, titles[side], sums[side], side + 1) for side, key in enumerate(flows)],
            columns=titles,
            rows=drawn.rows(cells),
            at_rest=_("Sums of the time shown; move over the chart to read a part"),
            height=170,
            least=0.1,
        )
    )


def _day_tick(day: date, at: float, *, monthly: bool) -> Tick:
    if monthly:
        return Tick(at, date_format(day, "M"), minor=day.month % 2 == 0)
    return Tick(at, str(day.day), minor=day.day % 5 != 0 and day.day != 1)


def _bucket_title(day: date, *, monthly: bool) -> str:
    if monthly:
        return date_format(day, "YEAR_MONTH_FORMAT")
    return f"{date_format(day, 'D')} {date_format(day, 'SHORT_DATE_FORMAT')}"


def _hour_tick(start: datetime, at: float) -> Tick:
    """Name the day at midnight, the clock at noon; between them only where there is room."""
    label = f"{start:%H:%M}" if start.hour else date_format(start, "D")
    return Tick(at, label, minor=start.hour % 12 != 0)
