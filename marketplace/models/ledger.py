"""The double-entry ledger: accounts, transfers between them, and the entries they leave on each account.

A foreign key has no index of its own where a longer one begins with it, or where nobody looks rows up by it: every
index is written with every trade.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import Document


class OwnerKind(models.TextChoices):
    """Whose account it is; an issuing account is the outside world of one community and asset."""

    HOUSEHOLD = "household", _("Household")
    SUPPLIER = "supplier", _("Supplier")
    COMMUNITY = "community", _("Community")
    ISSUING = "issuing", _("Issuing")


class Asset(models.TextChoices):
    """What is counted: money in whole micro-cents, energy claims in whole Wh."""

    MONEY = "money", _("Money")
    ENERGY = "energy", _("Energy")


class Account(Document):
    """What somebody has of one asset in one community; only issuing accounts may be negative.

    `available = balance − reserved`. The balance is the sum of the account's entries, kept here so that a guard is
    one conditional update of one row. An issuing account is split into stripes, so that no row is everybody's.
    """

    community = models.ForeignKey("myhouse.Community", on_delete=models.PROTECT, related_name="+", db_index=False)
    owner_kind = models.CharField(max_length=12, choices=OwnerKind)
    owner_id = models.UUIDField(help_text="The household, the supplier's user or the community.")
    asset = models.CharField(max_length=8, choices=Asset)
    stripe = models.PositiveSmallIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True, default="", help_text="Of money; empty for energy.")
    balance = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0, help_text="Part of the balance that open reservations hold.")
    entries_count = models.PositiveBigIntegerField(default=0, help_text="Number of its newest entry.")
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner_id", "asset", "community", "owner_kind", "stripe"], name="account_once"
            )
        ]
        indexes = [
            models.Index(fields=["owner_id", "asset", "community"], name="account_owner"),
            models.Index(fields=["community", "owner_kind", "asset"], name="account_community"),
            models.Index(fields=["community", "-opened_at", "-id"], name="account_newest"),
        ]

    @property
    def available(self) -> int:
        """What can be spent: the balance without what is reserved."""
        return self.balance - self.reserved


class TransferKind(models.TextChoices):
    """What a transfer does: moves at once, holds, moves what was held, frees what was held, takes another back."""

    MOVE = "move", _("Transfer")
    RESERVE = "reserve", _("Reservation")
    POST = "post", _("Reserved amount paid")
    RELEASE = "release", _("Reservation released")
    REVERSE = "reverse", _("Reversal")


class Transfer(Document):
    """A whole amount from the debit to the credit account, once per caller's `key`; never changed, never deleted."""

    kind = models.CharField(max_length=8, choices=TransferKind)
    debit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    credit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset = models.CharField(max_length=8, choices=Asset)
    amount = models.BigIntegerField()
    key = models.CharField(max_length=120, unique=True, help_text="The caller's own id, kept for ever.")
    of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Post and release: the reservation. Reversal: what is taken back.",
    )
    cause = models.CharField(max_length=16, help_text="What it belongs to: trade, use, deposit, payout, opening.")
    cause_id = models.UUIDField()
    community = models.ForeignKey("myhouse.Community", on_delete=models.PROTECT, related_name="+", db_index=False)
    note = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["key"], name="transfer_key"),
            models.Index(fields=["cause_id", "at", "id"], name="transfer_cause"),
            models.Index(fields=["community", "-at", "-id"], name="transfer_recent"),
        ]


class Entry(Document):
    """What one transfer changed on one account, numbered without gaps, with what the account had afterwards."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries", db_index=False)
    number = models.PositiveBigIntegerField()
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="entries")
    balance_change = models.BigIntegerField(default=0)
    reserved_change = models.BigIntegerField(default=0)
    balance_after = models.BigIntegerField()
    reserved_after = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "entries"
        constraints = [models.UniqueConstraint(fields=["account", "number"], name="entry_once")]
        indexes = [
            models.Index(fields=["account", "-number", "-id"], name="entry_account"),
        ]


class CashDirection(models.TextChoices):
    """Into the household's account, or out of it to its bank."""

    DEPOSIT = "deposit", _("Deposit")
    PAYOUT = "payout", _("Payout")


class CashState(models.TextChoices):
    """Asked for by a member, then decided by an operator or taken back by the member."""

    REQUESTED = "requested", _("Requested")
    CONFIRMED = "confirmed", _("Confirmed")
    REFUSED = "refused", _("Refused")
    CANCELLED = "cancelled", _("Cancelled")


class CashOrder(Document):
    """A deposit or payout: money enters or leaves the community's ledger when an operator confirms it."""

    community = models.ForeignKey("myhouse.Community", on_delete=models.PROTECT, related_name="+", db_index=False)
    household = models.ForeignKey("myhouse.Household", on_delete=models.PROTECT, related_name="+", db_index=False)
    direction = models.CharField(max_length=8, choices=CashDirection)
    state = models.CharField(max_length=10, choices=CashState, default=CashState.REQUESTED)
    amount_uct = models.BigIntegerField()
    reference = models.CharField(max_length=16, unique=True, help_text="What the bank transfer names.")
    note = models.CharField(max_length=200, blank=True, default="", help_text="Payout: where to, in own words.")
    reason = models.CharField(max_length=200, blank=True, default="", help_text="Why it was refused.")
    reserve = models.ForeignKey(Transfer, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey("myhouse.User", null=True, on_delete=models.SET_NULL, related_name="+")
    requested_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["reference"], name="cash_reference"),
            models.Index(fields=["household", "-requested_at"], name="cash_household"),
            models.Index(fields=["community", "state", "-requested_at"], name="cash_open"),
        ]


class LedgerProof(Document):
    """The outcome of one check of the whole ledger from its rows alone."""

    at = models.DateTimeField()
    sound = models.BooleanField()
    finding = models.CharField(max_length=300, blank=True, default="", help_text="The first broken invariant.")
    accounts = models.PositiveIntegerField(default=0)
    transfers = models.PositiveIntegerField(default=0)
    entries = models.PositiveIntegerField(default=0)
    took_ms = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["-at"], name="proof_recent")]
