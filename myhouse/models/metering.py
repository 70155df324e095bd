"""Metering points of a household and which telemetry series measures what, when."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import FOREVER, Document, uuid7


class PointRole(models.TextChoices):
    """Where in the home a metering point sits."""

    GRID = "grid", _("Grid connection")
    PRODUCTION = "production", _("Production")
    BATTERY = "battery", _("Battery")
    CONSUMER = "consumer", _("Sub-meter")


class Quantity(models.TextChoices):
    """What a series measures at a metering point; energies are >= 0, one per direction, in Wh.

    A power is signed as seen from the home's bus bar: positive into the home (import, production,
    discharge), except at a sub-meter, where it is what the device draws.
    """

    IMPORT = "import_energy", _("Import")
    EXPORT = "export_energy", _("Export")
    PRODUCTION = "production_energy", _("Production")
    CHARGE = "charge_energy", _("Charge")
    DISCHARGE = "discharge_energy", _("Discharge")
    CONSUMPTION = "consumption_energy", _("Consumption")
    POWER = "power", _("Power")
    STATE_OF_CHARGE = "state_of_charge", _("State of charge")
    VOLTAGE_L1 = "voltage_l1", _("Voltage L1")
    VOLTAGE_L2 = "voltage_l2", _("Voltage L2")
    VOLTAGE_L3 = "voltage_l3", _("Voltage L3")
    FREQUENCY = "frequency", _("Frequency")
    GAS = "gas_volume", _("Gas")
    WATER = "water_volume", _("Water")
    HEAT = "heat_energy", _("Heat")


class MeteringPoint(Document):
    """A place where a household's energy is measured; sub-meters nest under their parent."""

    household = models.ForeignKey("myhouse.Household", on_delete=models.PROTECT, related_name="metering_points")
    role = models.CharField(max_length=16, choices=PointRole)
    name = models.CharField(max_length=80)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["household", "role"], name="point_household")]

    def __str__(self) -> str:
        return self.name


class Measurement(Document):
    """A telemetry series measures one quantity of a point from `starts_at` until before `ends_at`.

    A meter swap ends one measurement and starts the next; history stays with the old series.
    """

    metering_point = models.ForeignKey(
        MeteringPoint, on_delete=models.PROTECT, related_name="measurements", db_index=False
    )
    quantity = models.CharField(max_length=24, choices=Quantity)
    series_id = models.UUIDField(default=uuid7, unique=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(default=FOREVER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["metering_point", "quantity", "ends_at"], name="measurement_open_once")
        ]
        indexes = [
            models.Index(fields=["metering_point", "quantity", "starts_at"], name="measurement_point"),
            models.Index(fields=["metering_point", "id"], name="measurement_listed"),
            models.Index(fields=["series_id"], name="measurement_series"),
        ]


class Battery(Document):
    """A household battery: what it can hold and how fast; its flows are measured at its metering point."""

    metering_point = models.OneToOneField(MeteringPoint, on_delete=models.PROTECT, related_name="battery")
    capacity_wh = models.PositiveIntegerField()
    max_charge_w = models.PositiveIntegerField()
    max_discharge_w = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "batteries"
        indexes = [models.Index(fields=["metering_point"], name="battery_point")]
