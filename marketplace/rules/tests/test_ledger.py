"""The arithmetic of transfers, without a database."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.rules.ledger import EFFECTS, changes_of, demands_of
from marketplace.rules.ledger_proof import AccountProof, AccountRow, EntryRow, TransferRow
from marketplace.rules.references import SIGNS, reference_make

CHANGES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-50, 50), st.integers(-50, 50)), max_size=20)


@pytest.mark.parametrize("kind", EFFECTS)
def test_what_leaves_one_account_arrives_at_the_other(kind):
    changes = changes_of(kind, 7, "debit", "credit")
    assert sum(balance for _account, balance, _reserved in changes) == 0
    assert all(reserved == 0 for account, _balance, reserved in changes if account == "credit")


@given(CHANGES, st.integers(0, 200), st.integers(0, 200))
def test_a_demand_is_exactly_what_keeps_every_step_at_zero_or_above(changes, available, reserved):
    for account, demand in demands_of(changes).items():
        ours = [one for one in changes if one[0] == account]
        steps = []
        left, held = available, reserved
        for _account, balance_change, reserved_change in ours:
            left += balance_change - reserved_change
            held += reserved_change
            steps.append(left >= 0 and held >= 0)
        assert all(steps) == (available >= demand.available_before and reserved >= demand.reserved_before)
        assert demand.entries == len(ours)


def test_names_an_account_whose_reservations_hold_something_else():
    account, transfer = uuid.UUID(int=1), uuid.UUID(int=2)
    proof = AccountProof(AccountRow(account, True, 0, 5, 1))
    reserve = TransferRow(transfer, "reserve", account, uuid.UUID(int=3), 4, None, "money", uuid.UUID(int=4))
    assert not proof.walk([EntryRow(account, 1, transfer, 0, 5, 0, 5)], {transfer: reserve})
    assert proof.end() == f"Invariant 8: account {account} has 5 reserved, its open reservations hold 4"


@pytest.mark.parametrize("place", range(len(SIGNS)))
def test_a_reference_has_two_groups_of_four(place):
    assert reference_make(lambda signs: signs[place]) == f"MH-{SIGNS[place] * 4}-{SIGNS[place] * 4}"
