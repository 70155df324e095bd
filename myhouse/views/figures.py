"""From statistics to words and figures of a page: labels, remarks, comparisons, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from myhouse import formatting
from myhouse.templatetags.frame import url_or_nothing

if TYPE_CHECKING:
    from myhouse.models import Household
    from myhouse.statistics.model import Comparison, Statistics


@dataclass(frozen=True)
class Figure:
    """A labelled figure with a remark; `key` names the colour of its flow."""

    key: str
    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Rate:
    """A share of something as a bar."""

    key: str
    label: str
    text: str
    width: str
    note: str


@dataclass(frozen=True)
class Trouble:
    """Something the reader should know, and where to mend it."""

    level: str
    text: str
    url: str = ""
    action: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table of figures."""

    label: str
    cells: tuple[str, ...]
    strong: bool = False


def flow_words() -> dict[str, str]:
    """Return every sentence and word the live page may need."""
    return {
        "none": _("No live data yet."),
        "made-export": _("Your own power runs the home, and the rest feeds the grid."),
        "made-charge": _("Your own power runs the home and charges the battery."),
        "made": _("Your own power runs the home."),
        "made-part": _("Your own power covers a part; the grid adds the rest."),
        "battery": _("The battery runs the home."),
        "battery-part": _("Battery and grid run the home together."),
        "grid": _("The home draws from the grid."),
        "grid-export": _("The home feeds the grid."),
        "grid-in": _("from the grid"),
        "grid-out": _("to the grid"),
        "battery-in": _("from the battery"),
        "battery-out": _("into the battery"),
        "battery-rest": _("battery rests"),
        "community-in": _("spare nearby"),
        "community-out": _("needed nearby"),
        "costs": _("This costs"),
        "earns": _("This earns"),
        "money-none": _("No price known"),
        "reports-all": reports(0),
        "reports-1": reports(1),
        "reports-n": reports(2).replace("2", "{n}"),
        "signed-out": _("Signed out: sign in again"),
        "never": _("never"),
        "ago-s": _("{n} s ago"),
        "ago-min": _("{n} min ago"),
        "ago-h": _("{n} h ago"),
        "ago-d": _("{n} days ago"),
    }


def reports(silent: int) -> str:
    """Say whether every meter reports; a sign stands before the words, so that colour is not alone."""
    if not silent:
        return "✓ " + _("All meters report")
    return "▲ " + ngettext("%(n)d meter is silent", "%(n)d meters are silent", silent) % {"n": silent}


def money_word(rate_uct_h: int | None) -> str:
    """Say whether an hour like this costs or earns."""
    if rate_uct_h is None:
        return _("No price known")
    return _("This earns") if rate_uct_h < 0 else _("This costs")


def money_today(answer: Statistics) -> Figure:
    """Say what the day cost so far, or what it earned."""
    net = answer.totals.net_uct
    label = _("Earned today") if net is not None and net < 0 else _("Cost today")
    text = formatting.money(None if net is None else abs(net), answer.currency, get_language())
    return Figure(
        "", label, f"{formatting.ABOUT}{formatting.THIN}{text}" if answer.totals.estimated_quarters else text
    )


def energy_text(answer: Statistics, name: str) -> str:
    """Write one of the sums of energy."""
    return sum_text(answer, getattr(answer.totals, name))


def sum_text(answer: Statistics, watt_hours: int) -> str:
    """Write a sum of energy, marked when a part is estimated, a dash where nothing is known."""
    if answer.empty:
        return formatting.MISSING
    text = formatting.energy(watt_hours, get_language())
    return f"{formatting.ABOUT}{formatting.THIN}{text}" if answer.totals.estimated_quarters else text


def partly_measured(answer: Statistics) -> list[str]:
    """Say which spans are not compared with because only a part of them is measured."""
    words = {
        "previous": _("Of the period before only %(share)s is measured, so it is not compared."),
        "year": _("Of the year before only %(share)s is measured, so it is not compared."),
    }
    notes = []
    for name, other in answer.comparisons.items():
        same = name == "year" and answer.span.unit == "year"
        if not other.known and other.totals.covered_quarters and other.quarters and not same:
            part = formatting.share(other.totals.covered_quarters / other.quarters, get_language())
            notes.append(words[name] % {"share": part})
    return notes


def change_text(comparison: Comparison | None, name: str) -> str:
    """Say how a sum compares with the same part of another span."""
    rate = comparison.change(name) if comparison else None
    if comparison is None or rate is None:
        return ""
    words = {
        "day": _("%(change)s vs. the day before"),
        "week": _("%(change)s vs. the week before"),
        "month": _("%(change)s vs. the month before"),
        "year": _("%(change)s vs. the year before"),
    }
    pattern = words.get(comparison.span.unit, _("%(change)s vs. the period before"))
    return pattern % {"change": formatting.share(rate, get_language(), signed=True)}


def day_figures(answer: Statistics) -> list[Figure]:
    """Return the sums of today with what yesterday had at this hour."""
    before = answer.comparisons.get("previous")
    lines = [
        ("home", _("Consumption"), "consumption_wh", True),
        ("sun", _("Production"), "production_wh", answer.has_production),
        ("grid-import", _("From the grid"), "import_wh", True),
        ("grid-export", _("To the grid"), "export_wh", answer.has_production),
    ]
    return [
        Figure(key, label, energy_text(answer, name), change_text(before, name))
        for key, label, name, there in lines
        if there
    ]


def span_figures(answer: Statistics) -> list[Figure]:
    """Return the sums of a span: energy, money, CO2."""
    language, sums = get_language(), answer.totals
    found = day_figures(answer)
    if sums.community_wh:
        found.append(Figure("community", _("From neighbours"), energy_text(answer, "community_wh")))
    before = answer.comparisons.get("previous")
    for label, name in ((_("Cost"), "cost_uct"), (_("Income"), "income_uct")):
        amount = getattr(sums, name)
        if amount is not None:
            text = formatting.money(amount, answer.currency, language)
            found.append(Figure("", label, text, change_text(before, name)))
    if sums.co2_g is not None:
        avoided = formatting.mass(sums.co2_avoided_g, language)
        remark = _("%(mass)s avoided") % {"mass": avoided} if sums.co2_avoided_g else ""
        found.append(Figure("", _("CO₂"), formatting.mass(sums.co2_g, language), remark))
    return found


def rates(answer: Statistics) -> list[Rate]:
    """Return the two rates in words and as bars."""
    sums, language = answer.totals, get_language()
    return [
        Rate(
            "home",
            _("Self-sufficiency"),
            formatting.share(sums.self_sufficiency_rate, language),
            bar_width(sums.self_sufficiency_rate),
            _("of what you used came from your own roof and battery"),
        ),
        Rate(
            "sun",
            _("Self-consumption"),
            formatting.share(sums.self_consumption_rate, language),
            bar_width(sums.self_consumption_rate),
            _("of what you produced was used at home"),
        ),
    ]


def bar_width(rate: float | None) -> str:
    """Write a rate 0…1 as the width of a bar."""
    return f"{100 * min(1.0, max(0.0, rate or 0.0)):.1f}%"


PARTS = ("energy", "levies", "fixed", "capacity", "vat", "community")


def money_rows(answer: Statistics) -> list[Line]:
    """Return cost by its parts, income, what remains, and the saving."""
    language, sums = get_language(), answer.totals
    if sums.cost_uct is None and sums.income_uct is None:
        return []
    words = {
        "energy": _("Energy"),
        "levies": _("Levies and grid fees"),
        "fixed": _("Fixed fees"),
        "capacity": _("Capacity charge"),
        "vat": _("VAT"),
        "community": _("Bought from neighbours"),
    }

    def amount(micro_cents: int | None) -> tuple[str]:
        return (formatting.money(micro_cents, answer.currency, language),)

    lines = [
        Line(words.get(name, name), amount(answer.cost_parts[name])) for name in PARTS if answer.cost_parts.get(name)
    ]
    lines.append(Line(_("Cost"), amount(sums.cost_uct), strong=True))
    earned = sum(answer.earned_uct)
    if earned:
        lines.append(Line(_("Sold to neighbours"), amount(earned)))
    fed_in = None if sums.income_uct is None else sums.income_uct - earned
    lines.append(Line(_("Income from feeding in"), amount(fed_in)))
    lines.append(Line(_("Cost less income"), amount(sums.net_uct), strong=True))
    lines.append(Line(_("Saved against supplier only"), amount(sums.saving_uct)))
    return lines


COMPARED = (
    ("consumption_wh", "energy"),
    ("production_wh", "energy"),
    ("import_wh", "energy"),
    ("export_wh", "energy"),
    ("own_use_wh", "energy"),
    ("cost_uct", "money"),
    ("income_uct", "money"),
    ("co2_g", "co2"),
)


def compared_with(answer: Statistics) -> list[Comparison]:
    """Return the spans compared with that have data; of a year, the period before is the year before."""
    names = ("previous",) if answer.span.unit == "year" else ("previous", "year")
    found = [answer.comparisons.get(name) for name in names]
    return [other for other in found if other is not None and other.known]


def comparison_heads(answer: Statistics) -> list[str]:
    """Return the labels over the spans compared with."""
    return [other.span.label for other in compared_with(answer)]


def comparison_rows(answer: Statistics) -> list[Line]:
    """Return each sum beside those of the period before and of a year earlier, with the change."""
    words = {
        "consumption_wh": _("Consumption"),
        "production_wh": _("Production"),
        "import_wh": _("From the grid"),
        "export_wh": _("To the grid"),
        "own_use_wh": _("Own use"),
        "cost_uct": _("Cost"),
        "income_uct": _("Income"),
        "co2_g": _("CO₂"),
    }
    others = compared_with(answer)
    if not others:
        return []
    lines = []
    for name, kind in COMPARED:
        ours = getattr(others[0].now_totals, name)
        if not ours and not any(getattr(other.totals, name) for other in others):
            continue
        cells = [_figure(ours, kind, answer.currency)]
        for other in others:
            cells.append(_figure(getattr(other.totals, name), kind, answer.currency))
            cells.append(formatting.share(other.change(name), get_language(), signed=True))
        lines.append(Line(words[name], tuple(cells)))
    return lines


def _figure(value: int | None, kind: str, currency: str) -> str:
    language = get_language()
    if kind == "money":
        return formatting.money(value, currency, language)
    return formatting.mass(value, language) if kind == "co2" else formatting.energy(value, language)


def troubles(answer: Statistics, household: Household) -> list[Trouble]:
    """Return what makes the figures less than final, and where it can be mended."""
    found = []
    for gap in answer.contract_gaps[:2]:
        direction = _("import") if gap.direction == "import" else _("export")
        found.append(
            Trouble(
                "warn",
                _("No %(direction)s tariff holds from %(start)s; cost is not told for that time.")
                % {"direction": direction, "start": date_format(gap.start, "SHORT_DATE_FORMAT")},
                url_or_nothing("contracts", household.pk),
                _("Enter it"),
            )
        )
    sums = answer.totals
    if sums.estimated_quarters:
        text = ngettext(
            "%(n)d quarter-hour is estimated, because its readings are missing.",
            "%(n)d quarter-hours are estimated, because their readings are missing.",
            sums.estimated_quarters,
        )
        found.append(Trouble("warn", text % {"n": sums.estimated_quarters}))
    return found
