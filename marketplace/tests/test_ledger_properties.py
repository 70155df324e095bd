"""Whatever is moved, held, paid, released and taken back, in any order: the ledger stays sound."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from marketplace.models import Account
from marketplace.models.ledger import OwnerKind, TransferKind
from marketplace.services.ledger import UnableToPay, ledger_write, reservation_settle, transfer_reverse
from marketplace.services.proof import ledger_prove
from marketplace.tests.ledgers import fresh, moved, village
from myhouse.tests.factories import NOW
from tests.taken_back import taken_back

AMOUNTS = st.integers(0, 120)
PLACES = st.integers(0, 3)


class LedgerMachine(RuleBasedStateMachine):
    """Four neighbours with 100 µct each; a model in plain numbers says what each of them has."""

    def __init__(self):
        super().__init__()
        # Of each example nothing stays.
        self.block = taken_back()
        self.block.__enter__()
        place = village(homes=4, money=100)
        self.accounts = [one.money for one in place.neighbours]
        self.balance = [100] * 4
        self.reserved = [0] * 4
        self.open, self.movable, self.number = [], [], 0

    def key(self):
        self.number += 1
        return f"machine-{id(self)}-{self.number}"

    def available(self, place):
        return self.balance[place] - self.reserved[place]

    def write(self, kind, source, target, amount):
        movement = moved(self.accounts[source], self.accounts[target], amount, kind=kind, key=self.key())
        return ledger_write(movements=[movement], now=NOW)[0]

    @rule(source=PLACES, step=st.integers(1, 3), amount=AMOUNTS)
    def move(self, source, step, amount):
        target = (source + step) % 4
        if amount > self.available(source):
            with pytest.raises(UnableToPay):
                self.write(TransferKind.MOVE, source, target, amount)
            return
        self.movable.append((self.write(TransferKind.MOVE, source, target, amount), source, target))
        self.balance[source] -= amount
        self.balance[target] += amount

    @rule(source=PLACES, step=st.integers(1, 3), amount=AMOUNTS)
    def reserve(self, source, step, amount):
        target = (source + step) % 4
        if amount > self.available(source):
            with pytest.raises(UnableToPay):
                self.write(TransferKind.RESERVE, source, target, amount)
            return
        self.open.append((self.write(TransferKind.RESERVE, source, target, amount), source, target))
        self.reserved[source] += amount

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 100), share=st.integers(0, 4))
    def settle(self, which, share):
        reserve, source, target = self.open.pop(which % len(self.open))
        paid = reserve.amount * share // 4
        written = reservation_settle(reserve=reserve, post=paid, key=self.key(), now=NOW)
        self.movable += [(one, source, target) for one in written if one.kind == TransferKind.POST]
        self.reserved[source] -= reserve.amount
        self.balance[source] -= paid
        self.balance[target] += paid

    @precondition(lambda self: self.movable)
    @rule(which=st.integers(0, 100))
    def reverse(self, which):
        transfer, source, target = self.movable[which % len(self.movable)]
        if transfer.amount > self.available(target):
            with pytest.raises(UnableToPay):
                transfer_reverse(transfer=transfer, key=self.key(), note="", now=NOW)
            return
        transfer_reverse(transfer=transfer, key=self.key(), note="", now=NOW)
        self.movable.remove((transfer, source, target))
        self.balance[target] -= transfer.amount
        self.balance[source] += transfer.amount

    @rule(source=PLACES, amounts=st.lists(st.tuples(PLACES, st.integers(0, 60)), min_size=2, max_size=4))
    def write_several(self, source, amounts):
        movements = [
            moved(self.accounts[source], self.accounts[target], amount, key=self.key())
            for target, amount in amounts
            if target != source
        ]
        wanted = sum(movement.amount for movement in movements)
        if not movements or wanted > self.available(source):
            return
        ledger_write(movements=movements, now=NOW)
        self.balance[source] -= wanted
        for target, amount in amounts:
            self.balance[target] += amount if target != source else 0

    @invariant()
    def accounts_are_as_counted(self):
        rows = [fresh(account) for account in self.accounts]
        assert [row.balance for row in rows] == self.balance
        assert [row.reserved for row in rows] == self.reserved

    def teardown(self):
        outcome = ledger_prove(now=NOW)
        assert outcome.sound, outcome.finding
        issued = Account.objects.filter(owner_kind=OwnerKind.ISSUING).values_list("balance", flat=True)
        assert sum(self.balance) + sum(issued) == 0
        self.block.__exit__(None, None, None)


@pytest.mark.django_db
def test_a_ledger_stays_sound_whatever_is_done_to_it():
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            phases=[Phase.explicit, Phase.generate],
        ),
    )
