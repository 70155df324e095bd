"""What a household owns that uses or makes energy; estimates until it is metered."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import Document


class ApplianceKind(models.TextChoices):
    """The six kinds counted on the household page, and the member's own."""

    STOVE = "stove", _("Stoves")
    LIGHT = "light", _("Lights")
    HOUSEHOLD = "household", _("Household appliances")
    ENTERTAINMENT = "entertainment", _("Home entertainment")
    SOLAR_PANEL = "solar_panel", _("Solar panels")
    WINDMILL = "windmill", _("Windmills")
    OWN = "own", _("Own appliance")


class Appliance(Document):
    """A number of like appliances; with a metering point of its own the meter replaces the estimate."""

    household = models.ForeignKey("myhouse.Household", on_delete=models.CASCADE, related_name="appliances")
    kind = models.CharField(max_length=16, choices=ApplianceKind)
    name = models.CharField(max_length=80, blank=True, default="")
    count = models.PositiveIntegerField(default=1)
    rated_power_w = models.PositiveIntegerField(default=0, help_text="Own appliances: rated power of one, in W.")
    daily_use_minutes = models.PositiveIntegerField(default=0, help_text="Own appliances: typical use a day, in min.")
    metering_point = models.ForeignKey(
        "myhouse.MeteringPoint", null=True, blank=True, on_delete=models.SET_NULL, related_name="appliances"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["household", "kind", "name"], name="appliance_once")]
        indexes = [models.Index(fields=["household", "kind"], name="appliance_household")]
