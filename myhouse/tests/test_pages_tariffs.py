"""The pages of supplier contracts, as a browser without JavaScript uses them, and the checks as one types."""

from datetime import date

import pytest
from django.utils.formats import date_format

from myhouse.models import SupplierContract
from myhouse.services.reference import reference_register
from myhouse.statistics.tests.measured import FLAT, contract_of
from myhouse.tests.factories import NOW, actor_of, home

pytestmark = pytest.mark.django_db
NO_ROWS = {
    f"{name}-{key}": value
    for name in ("fees", "levies")
    for key, value in (("TOTAL_FORMS", "0"), ("INITIAL_FORMS", "0"))
}
BASE = {"supplier_name": "Stadtwerke", "name": "Simple", "starts_on": "2026-01-01", "last_day": "", "vat": "19"}
FLAT_FORM = BASE | NO_ROWS | {"flat-price": "31,25"}


@pytest.fixture
def owner(client):
    user, household = home()
    client.force_login(user)
    return user, household


def rows(name, *lines):
    data = {f"{name}-TOTAL_FORMS": str(len(lines)), f"{name}-INITIAL_FORMS": "0"}
    for i, line in enumerate(lines):
        data |= {f"{name}-{i}-{key}": value for key, value in line.items()}
    return data


def url(household, rest=""):
    return f"/households/{household.pk}/contracts/{rest}"


def test_a_flat_contract_is_added_with_fees_and_levies_and_listed(client, owner):
    _user, household = owner
    data = FLAT_FORM | rows("fees", {"name": "Base", "amount": "12,50", "per": "month"})
    data |= rows("levies", {"name": "Grid", "rate": "9.4"})

    answer = client.post(url(household, "new/import/flat/"), data, follow=True)

    contract = SupplierContract.objects.get(household=household)
    assert contract.terms["price"] == {"kind": "flat", "uct_per_wh": 31_250}
    assert contract.terms["fees"] == [{"name": "Base", "uct": 1_250_000_000, "per": "month"}]
    assert contract.terms["levies"] == [{"name": "Grid", "uct_per_wh": 9_400}]
    assert contract.terms["vat_per_mille"] == 190
    page = answer.content.decode()
    assert "48.4 ct/kWh".replace(" ", "\u202f") in page
    assert "worked out anew" in page


def test_windows_become_zones_by_name_and_price(client, owner):
    _user, household = owner
    week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    day = {"zone": "day", "price": "34", "since": "06:00", "until": "22:00", "days": week, "months": "1-12"}
    night = {"zone": "night", "price": "21.5", "since": "22:00", "until": "06:00", "days": week, "months": "1-12"}
    data = BASE | NO_ROWS | {"country-country": "DE"} | rows("windows", day, night)

    client.post(url(household, "new/import/tou/"), data)

    zones = SupplierContract.objects.get(household=household).terms["price"]["zones"]
    assert [(zone["name"], zone["uct_per_wh"], len(zone["windows"])) for zone in zones] == [
        ("day", 34_000, 1),
        ("night", 21_500, 1),
    ]


def test_windows_with_a_hole_are_refused_and_what_was_typed_is_kept(client, owner):
    _user, household = owner
    day = {"zone": "day", "price": "34", "since": "06:00", "until": "22:00", "days": ["mon"], "months": "11-2"}
    data = BASE | NO_ROWS | {"country-country": "DE"} | rows("windows", day)

    answer = client.post(url(household, "new/import/tou/"), data)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "lies in no window" in page
    assert 'value="11-2"' in page
    assert 'value="Stadtwerke"' in page
    assert not SupplierContract.objects.exists()


def test_a_clock_off_the_quarter_hour_is_marked_in_its_own_row(client, owner):
    _user, household = owner
    day = {"zone": "day", "price": "34", "since": "06:10", "until": "22:00", "days": ["mon"], "months": "1-12"}
    data = BASE | NO_ROWS | {"country-country": "DE"} | rows("windows", day)

    page = client.post(url(household, "new/import/tou/"), data).content.decode()

    assert "06:10” is no quarter-hour" in page.split('id="id_windows-0-since_error"')[1][:200]


def test_tiers_are_saved(client, owner):
    _user, household = owner
    tiers = rows("tiers", {"up_to": "100", "price": "20"}, {"up_to": "", "price": "30"})

    client.post(url(household, "new/import/tiers/"), BASE | NO_ROWS | {"period-period": "month"} | tiers)

    assert SupplierContract.objects.get(household=household).terms["price"]["tiers"] == [
        {"uct_per_wh": 20_000, "up_to_wh": 100_000},
        {"uct_per_wh": 30_000, "up_to_wh": None},
    ]


def test_a_dynamic_contract_follows_a_known_market_price(client, owner):
    user, household = owner
    reference_register(
        kind="price", name="Spot", source="Exchange", country="DE", actor=actor_of(user), now=NOW, demo=True
    )
    page = client.get(url(household, "new/import/dynamic/")).content.decode()
    data = BASE | NO_ROWS | {"dynamic-reference": "Spot", "dynamic-resolution": "hour", "dynamic-markup": "1,9"}

    client.post(url(household, "new/import/dynamic/"), data)

    assert "demo values" in page
    assert SupplierContract.objects.get(household=household).terms["price"] == {
        "kind": "dynamic",
        "reference": "Spot",
        "resolution": "hour",
        "factor_per_mille": 1000,
        "markup_uct_per_wh": 1_900,
        "cap_uct_per_wh": None,
        "floor_uct_per_wh": None,
    }


def test_an_overlap_names_the_other_contract_and_keeps_what_was_typed(client, owner):
    _user, household = owner
    contract_of(household, starts_on=date(2025, 6, 1))

    answer = client.post(url(household, "new/import/flat/"), FLAT_FORM)

    page = answer.content.decode()
    assert answer.status_code == 422
    since = date_format(date(2025, 6, 1), "DATE_FORMAT")
    assert f"“Stadtwerke: Plain” holds from {since} until further notice already." in page
    assert 'value="31,25"' in page


def test_another_row_is_added_without_javascript_and_without_saving(client, owner):
    _user, household = owner

    page = client.post(url(household, "new/import/flat/"), FLAT_FORM | {"more": "fees"}).content.decode()

    assert 'name="fees-0-name"' in page
    assert 'value="31,25"' in page
    assert not SupplierContract.objects.exists()


def test_a_stored_contract_is_shown_as_typed_and_changed(client, owner):
    _user, household = owner
    terms = FLAT | {"fees": [{"name": "Base", "uct": 1_250_000_000, "per": "month"}]}
    contract = contract_of(household, terms, starts_on=date(2026, 1, 1))
    page = client.get(url(household, f"{contract.pk}/")).content.decode()
    assert 'name="flat-price" value="30"' in page
    assert 'name="fees-0-amount" value="12.5"' in page
    data = FLAT_FORM | {"version": "1", "flat-price": "29", "last_day": "2026-12-31"}

    client.post(url(household, f"{contract.pk}/"), data)

    contract.refresh_from_db()
    assert (contract.terms["price"]["uct_per_wh"], contract.ends_on, contract.version) == (29_000, date(2027, 1, 1), 2)


def test_a_change_made_meanwhile_is_not_overwritten(client, owner):
    _user, household = owner
    contract = contract_of(household)

    answer = client.post(url(household, f"{contract.pk}/"), FLAT_FORM | {"version": "7"})

    assert answer.status_code == 422
    assert "Someone changed this contract meanwhile" in answer.content.decode()


def test_a_contract_is_removed_by_post_only(client, owner):
    _user, household = owner
    contract = contract_of(household)

    assert client.get(url(household, f"{contract.pk}/remove/")).status_code == 405
    client.post(url(household, f"{contract.pk}/remove/"))

    assert not SupplierContract.objects.exists()


def test_the_check_says_what_it_costs_or_what_is_wrong_and_writes_nothing(client, owner):
    _user, household = owner

    good = client.post(url(household, "try/import/flat/"), FLAT_FORM).content.decode()
    bad = client.post(url(household, "try/import/flat/"), FLAT_FORM | {"flat-price": "much"}).content.decode()

    assert "Can be saved" in good
    assert "€1,301.56" in good  # 3,500 kWh × 31.25 ct × 1.19
    assert "Price in ct/kWh: Enter a number." in bad
    assert not SupplierContract.objects.exists()


def test_gaps_between_contracts_are_shown(client, owner):
    _user, household = owner
    contract_of(household, starts_on=date(2025, 1, 1), ends_on=date(2025, 7, 1))
    contract_of(household, starts_on=date(2025, 8, 1))

    page = client.get(url(household)).content.decode()

    first, end = (date_format(day, "DATE_FORMAT") for day in (date(2025, 7, 1), date(2025, 8, 1)))
    assert f"No contract from {first} until before {end}" in page


@pytest.mark.parametrize("rest", ["", "new/import/flat/", "new/export/flat/", "new/import/tou/"])
def test_a_stranger_finds_nothing_and_a_viewer_may_only_look(client, rest):
    _owner, household = home()
    viewer, seen = home(role="viewer")
    client.force_login(viewer)

    assert client.get(url(household, rest)).status_code == 404
    assert client.get(url(seen, rest)).status_code == (403 if rest else 200)


@pytest.mark.parametrize("rest", ["new/export/tiers/", "new/both/flat/", "new/import/barter/"])
def test_an_unknown_kind_is_not_found(client, owner, rest):
    assert client.get(url(owner[1], rest)).status_code == 404
