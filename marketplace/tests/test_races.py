"""The market's limits when many processes want the same at the same moment, on a real database file."""

import json
import subprocess
import sys

import pytest

from tests.servers import surroundings

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.xdist_group("races")]


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    environment = surroundings(tmp_path_factory.mktemp("races"))
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.tests.races"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_of_two_hundred_buyers_of_the_last_kwh_one_gets_it_and_the_others_are_told(raced):
    assert raced["last_kwh"] == {
        "answers": {"done": 1, "UnableToBuyNow": 199},
        "says": ["It is sold out meanwhile: nothing is left of it."],
        "trades": 1,
    }


def test_of_two_hundred_who_want_a_hundredth_a_hundred_get_it_and_pay_the_total(raced):
    assert raced["small_parts"] == {
        "answers": {"done": 100, "UnableToBuyNow": 100},
        "paid": 10_000_001,
        "left": 0,
    }


def test_a_purchase_sent_eight_times_under_its_key_is_one_trade_and_one_answer(raced):
    assert raced["same_keys"] == {"keys_and_trades": 20, "trades": 20}


def test_a_price_is_changed_or_the_old_one_paid_never_both(raced):
    assert raced["change_or_buy"] == [[1, []]] * 6


def test_what_is_withdrawn_and_what_is_bought_make_the_whole(raced):
    assert raced["withdraw_or_buy"] == [True] * 6


def test_offers_made_at_once_never_reserve_more_than_there_is(raced):
    assert raced["stored_offers"] == {"answers": {"offered": 1, "UnableToOfferNow": 7}, "over": 0}
    assert raced["window_offers"] == {"answers": {"offered": 1, "UnableToOfferNow": 7}, "over": 0}


def test_workers_that_settle_and_use_at_once_count_everything_once(raced):
    assert raced["settle_and_use"] == {
        "settled": [5, {}],
        "delivered": 699,
        "used": [{}, 0],
        "allocated": 600,
        "uses": 1,
    }


def test_of_operators_who_reverse_at_once_one_does(raced):
    assert raced["reverse_twice"] == {"answers": {"reversed": 1, "UnableToReverseTrade": 7}, "open": 0}


def test_after_all_of_it_the_books_are_exact(raced):
    assert raced["books"] == {"finding": "", "sums": {"money": 0, "energy": 0}, "below_zero": 0}
