"""The proof of the ledger: silent about a sound one, and naming each way it can be broken."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import F

from marketplace.models import Account, Allocation, Entry, LedgerProof, Lot, Offer, Trade, Transfer
from marketplace.selectors.accounts import proof_latest
from marketplace.services import proof
from marketplace.services.ledger import ledger_write
from marketplace.services.proof import ledger_prove
from marketplace.tasks import BEAT
from marketplace.tasks import ledger_prove as ledger_prove_nightly
from marketplace.tests.ledgers import fresh, moved
from marketplace.tests.scenes import scene
from myhouse.documents.base import uuid7
from myhouse.tests.factories import NOW, CommunityFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def what():
    return scene()


def newest(account):
    return Entry.objects.filter(account=account).order_by("-number").first()


def change(model, pk, **values):
    assert model.objects.filter(pk=pk).update(**values) == 1


def test_a_ledger_in_which_everything_has_happened_is_sound(what):
    outcome = ledger_prove(now=NOW)
    assert (outcome.sound, outcome.finding) == (True, "")
    assert (outcome.accounts, outcome.transfers, outcome.entries) == (
        Account.objects.count(),
        Transfer.objects.count(),
        Entry.objects.count(),
    )
    assert proof_latest() == outcome


def test_an_empty_ledger_is_sound():
    assert ledger_prove(now=NOW).sound


def test_walks_in_steps_that_need_no_more_memory_for_more_rows(what, monkeypatch):
    monkeypatch.setattr(proof, "AT_ONCE", 2)
    steps = []
    assert ledger_prove(now=NOW, progress=lambda *step: steps.append(step)).sound
    assert steps[0] == ("transfers", 2, Transfer.objects.count())
    assert steps[-1] == ("lots", 3, 3)
    assert {step[0] for step in steps} == {"transfers", "accounts", "trades", "claims", "offers", "lots"}


def entry_missing(what):
    Entry.objects.filter(transfer=what.reserve).delete()
    return 1, what.reserve.pk


def entry_doubled(what):
    transfer = Transfer.objects.filter(cause="deposit").get()
    row = newest(what.place[0].money)
    Entry.objects.create(account=what.place[0].money, number=row.number + 1, transfer=transfer, balance_change=5,
                         balance_after=row.balance_after + 5, reserved_after=row.reserved_after, at=NOW)  # fmt: skip
    return 1, transfer.pk


def sign_turned(what):
    row = Entry.objects.filter(transfer__cause="deposit", account=what.place[0].money).get()
    change(Entry, row.pk, balance_change=-row.balance_change)
    return 1, row.transfer_id


def amount_changed(what):
    transfer = Transfer.objects.filter(cause="use").get()
    change(Transfer, transfer.pk, amount=F("amount") + 1)
    return 1, transfer.pk


def other_community(what):
    change(Account, what.place[0].energy.pk, community=CommunityFactory())
    return 1, Transfer.objects.filter(asset="energy").order_by("pk").first().pk


def settled_twice(what):
    reserve = what.delivered.reserve
    again = Transfer.objects.filter(of=reserve, kind="release").get()
    again.pk, again.key, again.amount = uuid7(), "again", 0
    again.save(force_insert=True)
    row = newest(what.place[0].money)
    row.pk, row.number, row.transfer, row.balance_change, row.reserved_change = uuid7(), row.number + 1, again, 0, 0
    row.save(force_insert=True)
    return 2, reserve.pk


def settled_in_part(what):
    release = Transfer.objects.filter(kind="release", cause="trade").get()
    Entry.objects.filter(transfer=release).delete()
    Transfer.objects.filter(pk=release.pk).delete()
    return 2, release.of_id


def settles_no_reservation(what):
    release = Transfer.objects.filter(kind="release", cause="payout").get()
    change(Transfer, release.pk, of=Transfer.objects.filter(cause="deposit").get())
    return 2, Transfer.objects.filter(cause="deposit").get().pk


def belongs_without_reason(what):
    deposit = Transfer.objects.filter(cause="deposit").get()
    change(Transfer, deposit.pk, of=Transfer.objects.filter(cause="use").get())
    return 2, deposit.pk


def reversed_twice(what):
    first, second = Transfer.objects.filter(kind="reverse").order_by("pk")
    change(Transfer, second.pk, of=first.of)
    return 3, first.of_id


def reversed_askew(what):
    row = Transfer.objects.filter(kind="reverse").order_by("pk").first()
    change(Transfer, row.pk, of=Transfer.objects.filter(cause="deposit").get())
    return 3, row.pk


def number_skipped(what):
    row = newest(what.place[1].money)
    change(Entry, row.pk, number=row.number + 1)
    change(Account, row.account_id, entries_count=row.number + 1)
    return 4, f"account {row.account_id}, entry {row.number + 1}"


def running_balance_wrong(what):
    row = Entry.objects.get(account=what.place[0].money, number=2)
    change(Entry, row.pk, balance_after=row.balance_after + 1)
    return 5, f"account {row.account_id}, entry 2"


def running_reserved_wrong(what):
    row = Entry.objects.get(account=what.place[0].money, number=3)
    change(Entry, row.pk, reserved_after=row.reserved_after + 1)
    return 5, f"account {row.account_id}, entry 3"


def balance_wrong(what):
    change(Account, what.place[1].money.pk, balance=F("balance") + 1)
    return 6, what.place[1].money.pk


def reserved_wrong(what):
    change(Account, what.place[0].money.pk, reserved=F("reserved") + 1)
    return 6, what.place[0].money.pk


def count_wrong(what):
    change(Account, what.place[1].money.pk, entries_count=F("entries_count") - 1)
    return 6, what.place[1].money.pk


def below_zero(what):
    row = fresh(what.place[1].money)
    taken = row.balance + 1
    outside = type(row).objects.filter(pk=row.pk)
    outside.update(owner_kind="issuing")
    ledger_write(movements=[moved(fresh(row), what.place[0].money, taken)], now=NOW)
    outside.update(owner_kind="household")
    return 7, f"account {row.pk}, entry {row.entries_count + 1}"


def sum_not_zero(what):
    change(Account, what.place.outside.pk, currency="CHF")
    return 9, what.place.community.pk


def paid_otherwise(what):
    change(Trade, what.stored.pk, paid_uct=F("paid_uct") + 1)
    return 10, what.stored.pk


def delivered_otherwise(what):
    change(Trade, what.delivered.pk, delivered_wh=F("delivered_wh") - 1)
    return 10, what.delivered.pk


def refunded_otherwise(what):
    change(Trade, what.delivered.pk, refunded_uct=0)
    return 10, what.delivered.pk


def not_taken_back(what):
    change(Trade, what.stored.pk, state="reversed")
    return 10, what.stored.pk


def not_held(what):
    change(Trade, what.delivered.pk, state="reserved")
    return 10, what.delivered.pk


def sold_by_another(what):
    change(Trade, what.waiting.pk, seller=what.place[0].household)
    return 10, what.waiting.pk


def used_otherwise(what):
    change(Lot, what.lot.pk, used_wh=F("used_wh") + 1)
    return 11, what.place[0].household.pk


def offer_gave_more(what):
    change(Offer, what.offer.pk, left_wh=F("left_wh") + 1)
    return 12, what.offer.pk


def met_twice(what):
    row = Allocation.objects.get(lot=what.lot)
    row.pk = uuid7()
    row.save(force_insert=True)
    return 13, what.lot.pk


def met_for_other_money(what):
    change(Allocation, Allocation.objects.get(lot=what.lot).pk, money_uct=F("money_uct") - 1)
    return 13, what.lot.pk


@pytest.mark.parametrize("fault", [
    entry_missing, entry_doubled, sign_turned, amount_changed, other_community, settled_twice, settled_in_part,
    settles_no_reservation, belongs_without_reason, reversed_twice, reversed_askew, number_skipped,
    running_balance_wrong, running_reserved_wrong, balance_wrong, reserved_wrong, count_wrong, below_zero,
    sum_not_zero, paid_otherwise, delivered_otherwise, refunded_otherwise, not_taken_back, not_held,
    sold_by_another, used_otherwise, offer_gave_more, met_twice, met_for_other_money,
])  # fmt: skip
def test_names_what_is_broken(what, fault):
    number, named = fault(what)
    outcome = ledger_prove(now=NOW)
    assert not outcome.sound
    assert outcome.finding.startswith(f"Invariant {number}: "), outcome.finding
    assert str(named) in outcome.finding
    # It fits the column, and says the same on the next day.
    assert ledger_prove(now=NOW).finding == outcome.finding


def test_the_command_says_that_all_is_sound(what):
    said = StringIO()
    call_command("ledger_check", stdout=said)
    assert re.search(r"\d+ accounts, \d+ transfers, \d+ entries, \d+\.\d s\n", said.getvalue())
    assert "sound" in said.getvalue()
    assert LedgerProof.objects.get().sound


def test_the_command_ends_with_one_and_names_the_fault(what):
    balance_wrong(what)
    said = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("ledger_check", stdout=said)
    assert end.value.code == 1
    assert f"Invariant 6: account {what.place[1].money.pk}" in said.getvalue()


def test_what_is_written_while_it_is_read_is_no_fault(what, monkeypatch):
    looks = iter(["torn", ""])
    passes = [proof._Pass("offers", Offer.objects.all, lambda _ids: next(looks))]
    monkeypatch.setattr(proof, "_PASSES", passes)
    assert ledger_prove(now=NOW).sound
    assert next(looks, None) is None


def test_the_nightly_task_keeps_its_outcome(what):
    assert ledger_prove_nightly() is True
    assert proof_latest().sound
    assert BEAT["marketplace-ledger-prove"]["task"] == ledger_prove_nightly.name
