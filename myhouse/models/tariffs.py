"""Supplier contracts and the dated reference data (prices, emission factors) they may follow."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import FOREVER_DATE, Document, uuid7


class Direction(models.TextChoices):
    """Which way the contract's energy flows, seen from the grid connection."""

    IMPORT = "import", _("Import")
    EXPORT = "export", _("Export")


class SupplierContract(Document):
    """What a household pays or earns per Wh, from local day `starts_on` until before `ends_on`."""

    household = models.ForeignKey("myhouse.Household", on_delete=models.CASCADE, related_name="contracts")
    direction = models.CharField(max_length=8, choices=Direction)
    supplier_name = models.CharField(max_length=80)
    name = models.CharField(max_length=80)
    starts_on = models.DateField()
    ends_on = models.DateField(default=FOREVER_DATE)
    terms = models.JSONField(help_text="The tariff itself, in the form of myhouse.tariffs.")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["household", "direction", "starts_on"], name="contract_household")]

    def __str__(self) -> str:
        return f"{self.supplier_name}: {self.name}"


class ReferenceKind(models.TextChoices):
    """Which dated figure a reference series carries."""

    PRICE = "price", _("Market price")
    EMISSION = "emission", _("Emission factor")


class ReferenceSeries(Document):
    """A dated figure with a named source: a price in micro-cents per Wh, or grams of CO2 per kWh."""

    kind = models.CharField(max_length=12, choices=ReferenceKind)
    name = models.CharField(max_length=80, unique=True)
    source = models.CharField(max_length=160, help_text="Who publishes it; shown wherever it is used.")
    country = models.CharField(max_length=2, default="DE")
    series_id = models.UUIDField(default=uuid7, unique=True)
    demo = models.BooleanField(default=False, help_text="Values made up for the demo, and labelled so.")

    class Meta:
        verbose_name_plural = "reference series"
