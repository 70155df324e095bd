"""The ledger under several processes at once, on a real database file."""

import json
import subprocess
import sys

import pytest

from tests.servers import surroundings

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.xdist_group("ledger_races")]


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    environment = surroundings(tmp_path_factory.mktemp("ledger-races"))
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.tests.ledger_races"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_of_150_who_spend_50_fifty_succeed_and_nobody_is_below_zero(raced):
    assert raced["spend"] == {"done": 50, "UnableToPay": 100}
    assert raced["spent"] == [[0, 0, 51], [50, 0, 51]]


def test_the_same_keys_from_six_processes_have_one_effect_each(raced):
    assert raced["repeat"] == {"done": 150}
    assert raced["repeated"] == [[0, 0, 26], [25, 0, 26]]


def test_of_six_who_settle_a_reservation_one_does(raced):
    assert raced["settle"] == {"done": 5, "UnableToSettle": 25}
    assert raced["settled"] == [5, 0, 16]


def test_of_six_who_decide_on_a_payout_one_wins(raced):
    assert raced["decide"] == {"done": 5, "UnableToDecide": 25}
    assert (raced["reserved"], raced["payouts"]) == (0, 5)


def test_the_ledger_is_sound_afterwards(raced):
    assert raced["finding"] == ""
