"""Where energy came from and where it went: own, battery, neighbours, supplier, in kWh and money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from myhouse import formatting
from myhouse.views.figures import bar_width, sum_text

if TYPE_CHECKING:
    from myhouse.statistics.model import Statistics


@dataclass(frozen=True)
class Part:
    """One source of what was used, or one way of what was given away; `start` and `width` place it on the bar."""

    key: str
    label: str
    energy: str
    share: str
    money: str
    start: str
    width: str


def used_parts(answer: Statistics) -> list[Part]:
    """Return where the energy that was used came from; together it is all of it."""
    sums = answer.totals
    paid = sum(answer.paid_uct)
    return _parts(
        answer,
        sums.consumption_wh,
        [
            ("sun", _("Own production"), sums.own_use_wh - sums.battery_use_wh, 0, answer.has_production),
            ("battery", _("Own battery"), sums.battery_use_wh, 0, answer.has_battery),
            ("community", _("Neighbours"), sums.community_wh, paid, bool(sums.community_wh or paid)),
            ("grid-import", _("Supplier"), sums.supplier_wh, _less(sums.cost_uct, paid), True),
        ],
    )


def given_parts(answer: Statistics) -> list[Part]:
    """Return where the energy that was given away went."""
    sums = answer.totals
    earned = sum(answer.earned_uct)
    if not sums.export_wh:
        return []
    fed_in = sums.export_wh - sums.sold_wh
    return _parts(
        answer,
        sums.export_wh,
        [
            ("community", _("To neighbours"), sums.sold_wh, earned, bool(sums.sold_wh or earned)),
            ("grid-export", _("To the grid"), fed_in, _less(sums.income_uct, earned), True),
        ],
    )


def _less(total_uct: int | None, part_uct: int) -> int | None:
    return None if total_uct is None else total_uct - part_uct


def _parts(answer: Statistics, whole: int, lines: list[tuple[str, str, int, int | None, bool]]) -> list[Part]:
    language, before, found = get_language(), 0, []
    for key, label, watt_hours, money_uct, there in lines:
        if not there:
            continue
        size = max(watt_hours, 0)
        found.append(
            Part(
                key,
                label,
                sum_text(answer, watt_hours),
                formatting.share(size / whole if whole > 0 else None, language),
                formatting.money(money_uct, answer.currency, language),
                bar_width(before / whole if whole > 0 else 0.0),
                bar_width(size / whole if whole > 0 else 0.0),
            )
        )
        before += size
    return found
