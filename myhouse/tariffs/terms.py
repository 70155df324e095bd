"""The terms of a supplier contract, as they are stored (JSON), read and checked.

Prices are net, in whole micro-cents per Wh (1 µct/Wh = 0.001 ct/kWh); amounts of fees in whole micro-cents.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from myhouse.tariffs.errors import UnableToReadTerms, gettext_noop
from myhouse.tariffs.holidays import COUNTRIES
from myhouse.tariffs.zones import uncovered_moment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
PRICE_LIMIT = 10_000_000  # µct per Wh: 100 euro per kWh
AMOUNT_LIMIT = 1_000_000_000_000  # µct: 10,000 euro
_CLOCK = re.compile(r"([01]\d|2[0-3]):(00|15|30|45)|24:00")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """Every piece of the terms: immutable, and a misspelt field is refused."""


class Flat(Part, frozen=True, tag_field="kind", tag="flat"):
    """One price at all times."""

    uct_per_wh: int


class Window(Part, frozen=True, rename={"since": "from"}):
    """Clock times [from, until) on these days and months; `until` before `from` goes on past midnight.

    Past midnight still counts as the same kind of day: Monday 22:00-06:00 is Monday 22-24 and Monday 0-6.
    """

    since: str
    until: str
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    months: tuple[int, ...] = tuple(range(1, 13))


class Zone(Part, frozen=True):
    """A price and when it holds."""

    name: str
    uct_per_wh: int
    windows: tuple[Window, ...]


class TimeOfUse(Part, frozen=True, tag_field="kind", tag="tou"):
    """Prices by weekday, season, holiday and clock; the zones cover every moment of the year exactly once.

    Holidays of the country are days of their own as soon as any window names `holiday`.
    """

    zones: tuple[Zone, ...]
    country: str = "DE"

    @property
    def knows_holidays(self) -> bool:
        """Whether holidays differ from the weekday they fall on."""
        return any("holiday" in window.days for zone in self.zones for window in zone.windows)


class Dynamic(Part, frozen=True, tag_field="kind", tag="dynamic"):
    """A market price (reference series by name) times a factor plus a markup, within floor and cap."""

    reference: str
    resolution: Literal["quarter", "hour"] = "quarter"
    factor_per_mille: int = 1000
    markup_uct_per_wh: int = 0
    cap_uct_per_wh: int | None = None
    floor_uct_per_wh: int | None = None


class Tier(Part, frozen=True):
    """The price up to so many Wh in the period; the last tier has no end."""

    uct_per_wh: int
    up_to_wh: int | None = None


class Tiers(Part, frozen=True, tag_field="kind", tag="tiers"):
    """Prices by what was used since the month or year began."""

    tiers: tuple[Tier, ...]
    period: Literal["month", "year"] = "month"


Price = Flat | TimeOfUse | Dynamic | Tiers


class Fee(Part, frozen=True):
    """A fixed amount per local day, month or year; a part of the period pays its part."""

    name: str
    uct: int
    per: Literal["day", "month", "year"] = "month"


class Levy(Part, frozen=True):
    """A surcharge on every Wh: grid fee, tax, concession."""

    name: str
    uct_per_wh: int


class Capacity(Part, frozen=True):
    """A charge on the highest mean power of a quarter-hour in each local month."""

    uct_per_w_month: int
    minimum_w: int = 0


class Terms(Part, frozen=True):
    """All of a contract's terms; net, with VAT on everything."""

    price: Price
    fees: tuple[Fee, ...] = ()
    levies: tuple[Levy, ...] = ()
    vat_per_mille: int = 0
    capacity: Capacity | None = None


def terms_read(data: Any, *, direction: str = "import") -> Terms:
    """Read and check stored or handed-in terms; the error names the field and what to do."""
    try:
        terms = msgspec.convert(data, Terms)
    except msgspec.ValidationError as error:
        raise _schema_error(str(error)) from None
    _check_price(terms.price)
    _check_extras(terms)
    if direction == "export":
        _check_export(terms)
    return terms


def terms_write(terms: Terms) -> dict[str, Any]:
    """Return the terms as plain JSON data."""
    data = msgspec.to_builtins(terms)
    assert isinstance(data, dict)
    return data


def terms_schema() -> dict[str, Any]:
    """Return the JSON Schema of the terms with every part written out in its place."""
    (whole,), parts = msgspec.json.schema_components([Terms], ref_template="{name}")

    def inlined(value: Any) -> Any:
        if isinstance(value, list):
            return [inlined(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return inlined(parts[value["$ref"]])
        return {key: inlined(item) for key, item in value.items() if key not in {"discriminator", "title"}}

    schema = inlined(whole)
    assert isinstance(schema, dict)
    return schema


def _schema_error(message: str) -> UnableToReadTerms:
    """Turn "Expected `int`, got `str` - at `$.price.uct_per_wh`" into a path and a remedy."""
    problem, _dash, place = message.partition(" - at ")
    field = place.strip("`").removeprefix("$").lstrip(".") or "terms"
    wording = gettext_noop("%(problem)s. Compare with the form of the terms in the API description.")
    return UnableToReadTerms(field, wording, problem=problem.replace("`", ""))


def _check_price(price: Price) -> None:
    if isinstance(price, Flat):
        _check_number("price.uct_per_wh", price.uct_per_wh, -PRICE_LIMIT, PRICE_LIMIT)
    elif isinstance(price, TimeOfUse):
        _check_time_of_use(price)
    elif isinstance(price, Dynamic):
        _check_dynamic(price)
    else:
        _check_tiers(price)


def _check_number(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        wording = gettext_noop("%(value)d is out of range; use a number from %(low)d to %(high)d.")
        raise UnableToReadTerms(field, wording, value=value, low=low, high=high)


def _check_name(field: str, name: str) -> None:
    if not name.strip() or len(name) > 80:
        raise UnableToReadTerms(field, gettext_noop("Give it a name of 1 to 80 characters."))


def _check_time_of_use(price: TimeOfUse) -> None:
    if not 1 <= len(price.zones) <= 24:
        raise UnableToReadTerms("price.zones", gettext_noop("Name at least one zone and at most 24."))
    if price.country not in COUNTRIES:
        wording = gettext_noop("No holidays are known for “%(country)s”; choose one of %(countries)s.")
        raise UnableToReadTerms("price.country", wording, country=price.country, countries=", ".join(COUNTRIES))
    for i, zone in enumerate(price.zones):
        _check_name(f"price.zones[{i}].name", zone.name)
        _check_number(f"price.zones[{i}].uct_per_wh", zone.uct_per_wh, -PRICE_LIMIT, PRICE_LIMIT)
        if not 1 <= len(zone.windows) <= 24:
            raise UnableToReadTerms(f"price.zones[{i}].windows", gettext_noop("Name one to 24 time windows."))
        for j, window in enumerate(zone.windows):
            _check_window(f"price.zones[{i}].windows[{j}]", window)
    problem = uncovered_moment(price)
    if problem is None:
        return
    params = {"day": problem.day, "month": problem.month, "clock": problem.clock}
    if problem.zones:
        wording = gettext_noop(
            "%(day)s at %(clock)s in month %(month)d lies in more than one window (%(zones)s); let them not overlap."
        )
        raise UnableToReadTerms("price.zones", wording, zones=", ".join(problem.zones), **params)
    wording = gettext_noop("%(day)s at %(clock)s in month %(month)d lies in no window; add one that covers it.")
    raise UnableToReadTerms("price.zones", wording, **params)


def _check_window(field: str, window: Window) -> None:
    for name, clock in (("from", window.since), ("until", window.until)):
        if not _CLOCK.fullmatch(clock):
            wording = gettext_noop("“%(clock)s” is no quarter-hour; write it as 06:00, 06:15 … 24:00.")
            raise UnableToReadTerms(f"{field}.{name}", wording, clock=clock[:20])
    if window.since in {window.until, "24:00"}:
        wording = gettext_noop("The window is empty; for the whole day write from 00:00 until 24:00.")
        raise UnableToReadTerms(f"{field}.until", wording)
    if not window.days:
        raise UnableToReadTerms(f"{field}.days", gettext_noop("Name at least one day: mon … sun, holiday."))
    if not window.months or not set(window.months) <= set(range(1, 13)):
        raise UnableToReadTerms(f"{field}.months", gettext_noop("Name months from 1 to 12."))


def _check_dynamic(price: Dynamic) -> None:
    _check_name("price.reference", price.reference)
    _check_number("price.factor_per_mille", price.factor_per_mille, 0, 100_000)
    _check_number("price.markup_uct_per_wh", price.markup_uct_per_wh, -PRICE_LIMIT, PRICE_LIMIT)
    for name, value in (("cap", price.cap_uct_per_wh), ("floor", price.floor_uct_per_wh)):
        if value is not None:
            _check_number(f"price.{name}_uct_per_wh", value, -PRICE_LIMIT, PRICE_LIMIT)
    if price.cap_uct_per_wh is not None and price.floor_uct_per_wh is not None:
        _check_number("price.floor_uct_per_wh", price.floor_uct_per_wh, -PRICE_LIMIT, price.cap_uct_per_wh)


def _check_tiers(price: Tiers) -> None:
    ends = [tier.up_to_wh for tier in price.tiers]
    if not 1 <= len(ends) <= 12 or ends[-1] is not None:
        wording = gettext_noop("Name 1 to 12 tiers; the last one has no end (up_to_wh: null).")
        raise UnableToReadTerms("price.tiers", wording)
    reached = 0
    for i, end in enumerate(ends[:-1]):
        if end is None or end <= reached or end > 10**12:
            wording = gettext_noop("Each tier must end above the one before it (%(reached)d Wh).")
            raise UnableToReadTerms(f"price.tiers[{i}].up_to_wh", wording, reached=reached)
        reached = end
    for i, tier in enumerate(price.tiers):
        _check_number(f"price.tiers[{i}].uct_per_wh", tier.uct_per_wh, -PRICE_LIMIT, PRICE_LIMIT)


def _check_extras(terms: Terms) -> None:
    _check_number("vat_per_mille", terms.vat_per_mille, 0, 1000)
    for name, parts in (("fees", terms.fees), ("levies", terms.levies)):
        if len(parts) > 20:
            raise UnableToReadTerms(name, gettext_noop("At most 20 of them; add some up."))
    for i, fee in enumerate(terms.fees):
        _check_name(f"fees[{i}].name", fee.name)
        _check_number(f"fees[{i}].uct", fee.uct, -AMOUNT_LIMIT, AMOUNT_LIMIT)
    for i, levy in enumerate(terms.levies):
        _check_name(f"levies[{i}].name", levy.name)
        _check_number(f"levies[{i}].uct_per_wh", levy.uct_per_wh, -PRICE_LIMIT, PRICE_LIMIT)
    if terms.capacity is not None:
        _check_number("capacity.uct_per_w_month", terms.capacity.uct_per_w_month, 0, PRICE_LIMIT * 10)
        _check_number("capacity.minimum_w", terms.capacity.minimum_w, 0, 10_000_000)


def _check_export(terms: Terms) -> None:
    wording = gettext_noop("An export contract has none; put it into the import contract.")
    if isinstance(terms.price, Tiers):
        raise UnableToReadTerms("price.kind", gettext_noop("Export is paid flat, by time of use or dynamically."))
    for name, value in (("fees", terms.fees), ("levies", terms.levies), ("capacity", terms.capacity)):
        if value:
            raise UnableToReadTerms(name, wording)
