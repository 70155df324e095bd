"""Statistics as a table for CSV and Excel: the very numbers of the page."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from myhouse.exports.table import Cell, Column, Table
from myhouse.statistics.model import Statistics
from myhouse.tariffs.money import money_decimal

ENERGIES = (
    "import_wh",
    "export_wh",
    "production_wh",
    "charge_wh",
    "discharge_wh",
    "consumption_wh",
    "own_use_wh",
    "battery_use_wh",
    "community_wh",
    "supplier_wh",
    "sold_wh",
)
MONEY = ("cost_uct", "income_uct", "saving_uct")


def statistics_table(stats: Statistics) -> Table:
    """Return one row per bucket; an empty cell of money means that no contract held."""
    return Table(
        title=_("Energy %(span)s") % {"span": stats.span.label},
        columns=[
            Column(_("From"), kind="time"),
            Column(_("Until"), kind="time"),
            *[Column(title, unit="Wh") for title in _energy_titles()],
            *[Column(title, unit=stats.currency, decimals=8) for title in (_("Cost"), _("Income"), _("Saving"))],
            Column(_("CO2"), unit="g"),
            Column(_("Quarter-hours measured")),
            Column(_("Quarter-hours in all")),
            Column(_("Quarter-hours estimated")),
            Column(_("State"), kind="text"),
            *[Column(meter.name, unit="Wh") for meter in stats.sub_meters],
        ],
        rows=list(_rows(stats)),
        zone=stats.zone,
    )


def _energy_titles() -> list[str]:
    """Name the energies in the order of ENERGIES."""
    return [
        _("Import"),
        _("Export"),
        _("Production"),
        _("Battery charge"),
        _("Battery discharge"),
        _("Consumption"),
        _("Own use"),
        _("Own use from the battery"),
        _("From neighbours"),
        _("From the supplier"),
        _("To neighbours"),
    ]


def _rows(stats: Statistics) -> Iterator[list[Cell]]:
    provisional = stats.bucket_provisional
    for i in range(len(stats.edges_ms) - 1):
        money = [getattr(stats, name)[i] for name in MONEY]
        yield [
            int(stats.edges_ms[i]),
            int(stats.edges_ms[i + 1]),
            *[int(getattr(stats, name)[i]) for name in ENERGIES],
            *[None if amount is None else money_decimal(amount) for amount in money],
            stats.co2_g[i],
            int(stats.covered_quarters[i]),
            int(stats.expected_quarters[i]),
            int(stats.estimated_quarters[i]),
            _("provisional") if provisional[i] else _("complete"),
            *[int(meter.energy_wh[i]) for meter in stats.sub_meters],
        ]
