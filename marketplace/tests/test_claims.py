"""Lots meet the meter: oldest first, whole Wh, no quarter-hour twice, and only where the meter has had its say."""

from datetime import timedelta

import pytest

from marketplace.models import Allocation, Lot, Transfer
from marketplace.models.offers import Side
from marketplace.services.claims import claims_use
from marketplace.services.proof import ledger_prove
from marketplace.services.settlement import windows_settle
from marketplace.tests.factories import traders
from myhouse.models import SupplierContract
from myhouse.tests.factories import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
LATER = NOW + HOUR


def used(trader, side=Side.IMPORT):
    rows = Allocation.objects.filter(household=trader.household, side=side).order_by("slot_start", "pk")
    return [(round((row.slot_start - NOW) / timedelta(minutes=15)), row.energy_wh) for row in rows]


def bought(energy_wh=1_000, total_uct=20_000_000, **fields):
    seller, buyer = traders(**fields)
    buyer.buys(seller.offers_stored(energy_wh, total_uct))
    return seller, buyer


def metered(trader, *, imports=(0, 0, 0, 0), exports=(0, 0, 0, 0), start=NOW):
    trader.measure(start=start, imports=imports, exports=exports)


def test_a_claim_is_used_against_whole_wh_of_import_and_leaves_the_account():
    _seller, buyer = bought()
    metered(buyer, imports=[100.9, 200, 0, 300.4])

    assert claims_use(now=LATER) == 3

    assert used(buyer) == [(0, 100), (1, 200), (3, 300)]
    assert buyer.energy().balance == 400
    (transfer,) = Transfer.objects.filter(cause="use")
    assert (transfer.amount, transfer.debit_id) == (600, buyer.energy().pk)
    lot = Lot.objects.get(household=buyer.household)
    assert (lot.used_wh, lot.open) == (600, True)
    assert ledger_prove(now=LATER).finding == ""


def test_money_and_the_suppliers_price_are_noted_with_each_quarter():
    _seller, buyer = bought(1_000, 20_000_001)
    metered(buyer, imports=[333, 333, 400, 0])
    claims_use(now=LATER)

    rows = Allocation.objects.order_by("slot_start")
    assert [row.money_uct for row in rows] == [6_660_000, 6_660_000, 6_680_001]
    assert [row.alternative_uct for row in rows] == [333 * 32_000, 333 * 32_000, 334 * 32_000]


def test_without_a_contract_no_saving_is_claimed():
    _seller, buyer = bought()
    SupplierContract.objects.filter(household=buyer.household).delete()
    metered(buyer, imports=[100, 0, 0, 0])
    claims_use(now=LATER)

    row = Allocation.objects.get()
    assert row.alternative_uct == row.money_uct == 2_000_000


def test_the_seller_delivers_what_he_sold_from_his_battery_and_may_sell_again():
    seller, _buyer = bought()
    metered(seller, exports=[0, 250, 900, 0])

    claims_use(now=LATER)

    assert used(seller, Side.EXPORT) == [(1, 250), (2, 750)]
    assert seller.stored().sold_wh == 0
    lot = Lot.objects.get(household=seller.household)
    assert (lot.used_wh, lot.open) == (1_000, False)
    rows = Allocation.objects.filter(side=Side.EXPORT)
    assert sum(row.alternative_uct for row in rows) == 8_000_000
    assert not Transfer.objects.filter(cause="use").exists()


def test_nothing_is_used_before_it_was_bought():
    seller, buyer = traders()
    moment = NOW + timedelta(minutes=20)
    seller.charge(50, at=moment)
    buyer.buys(seller.offers_stored(1_000, now=moment), now=moment)
    metered(buyer, imports=[500, 500, 100, 100])

    claims_use(now=LATER)

    assert used(buyer) == [(2, 100), (3, 100)]


def test_the_oldest_lot_is_used_first():
    seller, buyer = traders()
    old = buyer.buys(seller.offers_stored(100, 1_000_000))
    new = buyer.buys(seller.offers_stored(100, 3_000_000), now=NOW)
    metered(buyer, imports=[60, 60, 0, 0])
    claims_use(now=LATER)

    rows = Allocation.objects.filter(side=Side.IMPORT).order_by("slot_start", "pk")
    assert [(row.trade_id, row.energy_wh, row.money_uct) for row in rows] == [
        (old.pk, 60, 600_000),
        (old.pk, 40, 400_000),
        (new.pk, 20, 600_000),
    ]


def test_running_again_uses_nothing_twice():
    _seller, buyer = bought()
    metered(buyer, imports=[100, 200, 0, 300])
    claims_use(now=LATER)

    assert claims_use(now=LATER + timedelta(minutes=1)) == 0
    assert buyer.energy().balance == 400


def test_a_quarter_that_was_not_known_is_used_when_its_meter_data_come():
    _seller, buyer = bought()
    metered(buyer, imports=[100, 200], exports=[0, 0])
    metered(buyer, imports=[50], exports=[0], start=NOW + timedelta(minutes=45))
    claims_use(now=LATER)
    assert used(buyer) == [(0, 100), (1, 200), (3, 50)]

    metered(buyer, imports=[70], exports=[0], start=NOW + timedelta(minutes=30))
    claims_use(now=LATER)

    assert used(buyer) == [(0, 100), (1, 200), (2, 70), (3, 50)]


def test_the_running_quarter_is_left_until_it_is_over():
    _seller, buyer = bought()
    metered(buyer, imports=[100, 200, 0, 300])

    claims_use(now=NOW + timedelta(minutes=29))

    assert used(buyer) == [(0, 100)]


def test_quarters_further_back_than_the_look_back_are_left_alone():
    _seller, buyer = bought()
    metered(buyer, imports=[100, 200, 0, 300])

    assert claims_use(now=NOW + timedelta(days=8)) == 0


def test_export_of_a_window_that_is_not_settled_is_kept_for_it():
    seller, buyer = traders(homes=2)
    buyer.buys(seller.offers_stored(1_000))
    buyer.buys(
        seller.offers_window(400, 4_000_000, start=NOW + timedelta(minutes=15), end=NOW + timedelta(minutes=45))
    )
    metered(seller, exports=[10, 150, 150, 20])

    claims_use(now=LATER)
    assert used(seller, Side.EXPORT) == [(0, 10), (3, 20)]

    windows_settle(now=LATER)
    claims_use(now=LATER)
    assert used(seller, Side.EXPORT) == [(0, 10), (1, 150), (2, 150), (3, 20)]
    assert seller.stored().sold_wh == 970


def test_a_windows_claim_is_used_from_the_beginning_of_the_window():
    seller, buyer = traders()
    start = NOW + timedelta(minutes=15)
    buyer.buys(seller.offers_window(300, 3_000_000, start=start, end=start + timedelta(minutes=30)))
    metered(seller, exports=[0, 150, 150, 0])
    metered(buyer, imports=[90, 80, 70, 60])
    windows_settle(now=LATER)

    claims_use(now=LATER)

    assert used(buyer) == [(1, 80), (2, 70), (3, 60)]


def test_only_the_named_households_are_served():
    seller, buyer = bought()
    metered(buyer, imports=[100, 0, 0, 0])
    metered(seller, exports=[100, 0, 0, 0])

    assert claims_use(now=LATER, households=[seller.household.pk]) == 1

    assert used(buyer) == []


def test_a_run_without_anything_to_use_asks_few_queries(django_assert_max_num_queries):
    _seller, buyer = bought()
    metered(buyer, imports=[0, 0, 0, 0])

    with django_assert_max_num_queries(10):
        claims_use(now=LATER)


TIME_OF_USE = {
    "kind": "tou",
    "zones": [
        {"name": "Morning", "uct_per_wh": 20_000, "windows": [{"from": "00:00", "until": "12:30"}]},
        {"name": "Later", "uct_per_wh": 40_000, "windows": [{"from": "12:30", "until": "24:00"}]},
    ],
}
TIERS = {
    "kind": "tiers",
    "period": "month",
    "tiers": [{"uct_per_wh": 10_000, "up_to_wh": 250}, {"uct_per_wh": 30_000}],
}
UNKNOWN = {"kind": "dynamic", "reference": "No such market"}


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (TIME_OF_USE, [100 * 23_800, 200 * 23_800, 50 * 47_600, 300 * 47_600]),
        # In each quarter-hour the price of the tier it begins in.
        (TIERS, [100 * 11_900, 200 * 11_900, 50 * 35_700, 300 * 35_700]),
        (UNKNOWN, [2_000_000, 4_000_000, 1_000_000, 6_000_000]),
    ],
)
def test_the_suppliers_price_is_that_of_the_contract_in_that_quarter_with_its_vat(price, expected):
    _seller, buyer = bought()
    contract = SupplierContract.objects.filter(household=buyer.household, direction="import")
    contract.update(terms={"price": price, "vat_per_mille": 190})
    metered(buyer, imports=[100, 200, 50, 300])
    claims_use(now=LATER)

    rows = Allocation.objects.order_by("slot_start")
    assert [row.alternative_uct for row in rows] == expected
