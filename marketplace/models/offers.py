"""What is offered, what was sold, and which metered quarter-hours it was delivered and used in."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import FOREVER, Document

# The slot of a household's `SellableEnergy` row for what its battery holds now.
NOW_SLOT = datetime(1970, 1, 1, tzinfo=UTC)


class OfferKind(models.TextChoices):
    """Energy that is in the battery now, or surplus expected in a window."""

    STORED = "stored", _("Stored energy")
    WINDOW = "window", _("Expected surplus")


class OfferState(models.TextChoices):
    """Open until all is sold, the seller withdraws the rest, or buying closes."""

    OPEN = "open", _("Open")
    SOLD = "sold", _("Sold")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    CLOSED = "closed", _("Closed")


class TradeState(models.TextChoices):
    """A window's trade is reserved until its window has been metered; a reversed one was taken back."""

    RESERVED = "reserved", _("Reserved")
    DONE = "done", _("Done")
    REVERSED = "reversed", _("Reversed")


class SellableEnergy(Document):
    """What a household can sell in a slot: expected (or stored) energy, and what is spoken for; one row, guarded.

    The quarter-hour that starts at `slot_start`, or NOW_SLOT for the battery. Whole Wh.
    """

    household = models.ForeignKey("myhouse.Household", on_delete=models.CASCADE, related_name="+", db_index=False)
    slot_start = models.DateTimeField()
    expected_wh = models.BigIntegerField(default=0, help_text="Expected surplus of the slot, or battery content.")
    offered_wh = models.BigIntegerField(default=0, help_text="In open offers, not yet sold.")
    sold_wh = models.BigIntegerField(default=0, help_text="Sold and not yet delivered.")
    refreshed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "sellable energy"
        constraints = [models.UniqueConstraint(fields=["household", "slot_start"], name="sellable_once")]
        indexes = [models.Index(fields=["household", "slot_start"], name="sellable_slot")]


class Offer(Document):
    """An amount of energy at a total price; others buy all or a part of it."""

    community = models.ForeignKey("myhouse.Community", on_delete=models.PROTECT, related_name="+", db_index=False)
    seller = models.ForeignKey("myhouse.Household", on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=OfferKind)
    state = models.CharField(max_length=10, choices=OfferState, default=OfferState.OPEN)
    energy_wh = models.BigIntegerField()
    total_uct = models.BigIntegerField(help_text="Price of the whole offer in micro-cents.")
    price_uct_kwh = models.BigIntegerField(help_text="Price of 1 kWh in whole micro-cents, for sorting and showing.")
    left_wh = models.BigIntegerField(help_text="Not yet sold.")
    window_start = models.DateTimeField(default=NOW_SLOT)
    window_end = models.DateTimeField(default=FOREVER)
    closes_at = models.DateTimeField(default=FOREVER, help_text="From then on nobody can buy: a window's start.")
    slots = models.JSONField(default=list, help_text="Window: [[slot start in ms, reserved Wh], …].")
    version = models.PositiveIntegerField(default=1, help_text="Raised by every change of amount or price.")
    created_by = models.ForeignKey(
        "myhouse.User", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["community", "state", "price_uct_kwh", "id"], name="offer_price"),
            models.Index(fields=["community", "state", "-created_at", "-id"], name="offer_newest"),
            models.Index(fields=["community", "state", "window_start", "id"], name="offer_window"),
            models.Index(fields=["community", "state", "left_wh", "id"], name="offer_left"),
            models.Index(fields=["seller", "-created_at", "-id"], name="offer_seller"),
            models.Index(fields=["state", "closes_at"], name="offer_closing"),
        ]

    @property
    def sold_wh(self) -> int:
        """What has been sold of it."""
        return self.energy_wh - self.left_wh


class Trade(Document):
    """A part of an offer bought by a household, and what became of it."""

    community = models.ForeignKey("myhouse.Community", on_delete=models.PROTECT, related_name="+", db_index=False)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    seller = models.ForeignKey("myhouse.Household", on_delete=models.PROTECT, related_name="+", db_index=False)
    buyer = models.ForeignKey("myhouse.Household", on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=OfferKind)
    state = models.CharField(max_length=10, choices=TradeState)
    energy_wh = models.BigIntegerField()
    total_uct = models.BigIntegerField()
    delivered_wh = models.BigIntegerField(default=0)
    paid_uct = models.BigIntegerField(default=0)
    refunded_uct = models.BigIntegerField(default=0)
    window_start = models.DateTimeField(default=NOW_SLOT)
    window_end = models.DateTimeField(default=FOREVER)
    reserve = models.ForeignKey(
        "marketplace.Transfer", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    bought_by = models.ForeignKey(
        "myhouse.User", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    bought_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    reversed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True, default="", help_text="Why it was reversed.")

    class Meta:
        indexes = [
            models.Index(fields=["buyer", "-bought_at", "-id"], name="trade_buyer"),
            models.Index(fields=["seller", "-bought_at", "-id"], name="trade_seller"),
            models.Index(fields=["community", "-bought_at", "-id"], name="trade_recent"),
            models.Index(fields=["state", "window_end"], name="trade_due"),
            models.Index(fields=["seller", "state", "window_start"], name="trade_windows"),
        ]


class Side(models.TextChoices):
    """Which meter a lot is counted against: the buyer's import or the seller's export."""

    IMPORT = "import", _("Bought")
    EXPORT = "export", _("Sold")


class Lot(Document):
    """Traded energy that waits for the meter: used up oldest first, from `usable_from` on.

    The buyer's lots are what his energy account holds; the seller's say which export earns no feed-in tariff.
    """

    trade = models.ForeignKey(Trade, on_delete=models.PROTECT, related_name="+")
    household = models.ForeignKey("myhouse.Household", on_delete=models.PROTECT, related_name="+", db_index=False)
    side = models.CharField(max_length=8, choices=Side)
    energy_wh = models.BigIntegerField()
    used_wh = models.BigIntegerField(default=0)
    money_uct = models.BigIntegerField(help_text="Paid or earned for the whole lot.")
    usable_from = models.DateTimeField()
    open = models.BooleanField(default=True, help_text="Something of it is not yet used.")

    class Meta:
        indexes = [
            models.Index(fields=["open", "household", "side", "usable_from"], name="lot_open"),
        ]


class Allocation(Document):
    """So many Wh of a lot met the meter in one quarter-hour; a reversal adds a negative one.

    `alternative_uct` is what the supplier would have charged (import) or paid (export) for them: the difference is
    what the community saved.
    """

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+")
    trade = models.ForeignKey(Trade, on_delete=models.PROTECT, related_name="+")
    community = models.ForeignKey("myhouse.Community", on_delete=models.PROTECT, related_name="+", db_index=False)
    household = models.ForeignKey("myhouse.Household", on_delete=models.PROTECT, related_name="+", db_index=False)
    side = models.CharField(max_length=8, choices=Side)
    slot_start = models.DateTimeField()
    energy_wh = models.BigIntegerField()
    money_uct = models.BigIntegerField()
    alternative_uct = models.BigIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["household", "slot_start"], name="alloc_household"),
            models.Index(fields=["community", "slot_start"], name="alloc_community"),
        ]
