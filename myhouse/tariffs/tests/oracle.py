"""What energy costs, worked out slowly quarter by quarter with fractions and the standard library's clock."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def local(start_ms, zone):
    return datetime.fromtimestamp(start_ms / 1000, UTC).astimezone(ZoneInfo(zone))


def tou_price(data, moment, holidays):
    day = "holiday" if moment.date() in holidays else NAMES[moment.weekday()]
    clock = f"{moment:%H:%M}"
    for zone in data["zones"]:
        for window in zone["windows"]:
            days = window.get("days", NAMES)
            months = window.get("months", range(1, 13))
            since, until = window["from"], window["until"]
            inside = since <= clock < until if since < until else clock >= since or clock < until
            if day in days and moment.month in months and inside:
                return zone["uct_per_wh"]
    raise AssertionError("not covered")


def period(moment, unit):
    day = moment.date()
    if unit == "day":
        first, last = day, day + timedelta(days=1)
    elif unit == "month":
        first = day.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1)
    else:
        first, last = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    edges = [datetime(d.year, d.month, d.day, tzinfo=moment.tzinfo).timestamp() for d in (first, last)]
    return first, Fraction(int(edges[1] - edges[0]), 900)


def fixed(terms, starts, zone):
    """Fees for whole periods and parts of them by time; exact, unrounded."""
    total = Fraction(0)
    for fee in terms.get("fees", ()):
        for start in starts:
            _first, quarters = period(local(start, zone), fee["per"])
            total += Fraction(fee["uct"]) / quarters
    return total


def energy(terms, starts, energies, zone, prices=None, holidays=()):
    """Net cost of energy and levies, exact."""
    price, total, used, current = terms["price"], Fraction(0), Fraction(0), None
    for i, (start, micro) in enumerate(zip(starts, energies, strict=True)):
        wh, moment = Fraction(int(micro), 10**6), local(start, zone)
        if price["kind"] == "flat":
            total += wh * price["uct_per_wh"]
        elif price["kind"] == "tou":
            total += wh * tou_price(price, moment, holidays)
        elif price["kind"] == "dynamic":
            total += wh * prices[i]
        else:
            first, _quarters = period(moment, price.get("period", "month"))
            if first != current:
                current, used = first, Fraction(0)
            total += tiered(price["tiers"], used, used + wh)
            used += wh
        total += wh * sum(levy["uct_per_wh"] for levy in terms.get("levies", ()))
    return total


def tiered(tiers, before, after):
    total, low = Fraction(0), Fraction(0)
    for tier in tiers:
        end = tier.get("up_to_wh")
        high = max(after, low) if end is None else Fraction(end)
        total += max(Fraction(0), min(after, high) - max(before, low)) * tier["uct_per_wh"]
        low = high
    return total


def half_up(value):
    return (value + Fraction(1, 2)).__floor__()
