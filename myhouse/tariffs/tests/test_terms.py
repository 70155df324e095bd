"""Terms are refused with the path to the field and what to do."""

import copy
import json
from datetime import date

import pytest

from myhouse.tariffs.errors import UnableToReadTerms
from myhouse.tariffs.holidays import easter, holidays_of
from myhouse.tariffs.terms import terms_read, terms_schema, terms_write
from myhouse.tariffs.tests.test_pricing import FLAT, TIERS, TOU


def refusal(data, direction="import"):
    with pytest.raises(UnableToReadTerms) as caught:
        terms_read(data, direction=direction)
    return caught.value.field, str(caught.value)


def changed(price, path, value):
    data = copy.deepcopy(price)
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return {"price": data}


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ({}, "terms", "price"),
        ({"price": {"kind": "flat", "uct_per_wh": "31"}}, "price.uct_per_wh", "Expected int"),
        ({"price": {"kind": "flat", "uct_per_wh": 0.31}}, "price.uct_per_wh", "Expected int"),
        ({"price": {"kind": "flat", "uct_per_wh": True}}, "price.uct_per_wh", "Expected int"),
        ({"price": {"kind": "barter"}}, "price.kind", "barter"),
        ({"price": FLAT | {"prise": 3}}, "price", "prise"),
        ({"price": FLAT, "vat_per_mille": 1900}, "vat_per_mille", "0 to 1000"),
        ({"price": FLAT, "fees": [{"name": " ", "uct": 3}]}, "fees[0].name", "name"),
        (changed(TOU, ("country",), "XX"), "price.country", "choose one of"),
        (changed(TOU, ("zones", 0, "windows", 0, "from"), "06:10"), "price.zones[0].windows[0].from", "quarter-hour"),
        (
            changed(TOU, ("zones", 0, "windows", 0, "until"), "21:00"),
            "price.zones",
            "mon at 21:00 in month 1 lies in no",
        ),
        (
            changed(TOU, ("zones", 0, "windows", 0, "until"), "23:00"),
            "price.zones",
            "more than one window (high, low)",
        ),
        (changed(TOU, ("zones", 1, "windows", 1, "months"), [13]), "price.zones[1].windows[1].months", "1 to 12"),
        (changed(TIERS, ("tiers", 1, "up_to_wh"), 1500), "price.tiers[1].up_to_wh", "above"),
        (changed(TIERS, ("tiers", 2, "up_to_wh"), 99_000), "price.tiers", "last one has no end"),
        (
            {"price": {"kind": "dynamic", "reference": "x", "cap_uct_per_wh": 1, "floor_uct_per_wh": 2}},
            "price.floor_uct_per_wh",
            "to 1",
        ),
    ],
)
def test_refuses_terms_naming_the_field_and_the_remedy(data, field, words):
    found, message = refusal(data)
    assert found == field
    assert words in message


def test_a_window_on_a_holiday_leaves_no_holiday_uncovered():
    data = copy.deepcopy(TOU)
    data["zones"][1]["windows"][1]["from"] = "01:00"

    field, message = refusal({"price": data})

    assert field == "price.zones"
    assert "sat at 00:00" in message


@pytest.mark.parametrize(
    "extra",
    [
        {"fees": [{"name": "x", "uct": 1}]},
        {"levies": [{"name": "x", "uct_per_wh": 1}]},
        {"capacity": {"uct_per_w_month": 1}},
    ],
)
def test_refuses_import_only_parts_in_an_export_contract(extra):
    assert refusal({"price": FLAT} | extra, "export")[0] == next(iter(extra))


def test_written_terms_read_back_the_same():
    for price in (FLAT, TOU, TIERS):
        terms = terms_read({"price": price, "vat_per_mille": 190})
        assert terms_read(terms_write(terms)) == terms


@pytest.mark.parametrize(
    ("year", "day"), [(2024, date(2024, 3, 31)), (2026, date(2026, 4, 5)), (2038, date(2038, 4, 25))]
)
def test_easter_falls_where_the_church_says(year, day):
    assert easter(year) == day


def test_holidays_follow_the_country_and_the_year():
    assert date(2026, 10, 3) in holidays_of("DE", 2026)
    assert date(2026, 10, 3) not in holidays_of("FR", 2026)
    assert (date(2024, 12, 24) in holidays_of("PL", 2024), date(2025, 12, 24) in holidays_of("PL", 2025)) == (
        False,
        True,
    )
    assert date(2025, 4, 26) in holidays_of("NL", 2025)


def test_the_schema_names_every_kind_of_price_and_refers_to_nothing_outside():
    text = json.dumps(terms_schema())

    assert "$ref" not in text
    for kind in ("flat", "tou", "dynamic", "tiers"):
        assert f'"{kind}"' in text
