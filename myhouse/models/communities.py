"""Energy communities, who belongs to them and who runs them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from myhouse.documents.base import FOREVER, Document


class Community(Document):
    """Households on one grid area that share energy, with one currency and one time zone."""

    name = models.CharField(max_length=80, unique=True)
    currency = models.CharField(max_length=3, default="EUR")
    time_zone = models.CharField(max_length=40, default="Europe/Berlin")
    country = models.CharField(max_length=2, default="DE")
    simulated = models.BooleanField(default=False, help_text="A demo community: its meters are simulated.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "communities"
        indexes = [models.Index(fields=["name"], name="community_name")]

    def __str__(self) -> str:
        return self.name


class CommunityMembership(Document):
    """A household belongs to a community from `starts_at` until before `ends_at`."""

    household = models.ForeignKey("myhouse.Household", on_delete=models.PROTECT, related_name="community_memberships")
    community = models.ForeignKey(Community, on_delete=models.PROTECT, related_name="household_memberships")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(default=FOREVER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["household", "ends_at"], name="commship_open_once")]
        indexes = [
            models.Index(fields=["household", "starts_at", "ends_at"], name="commship_household"),
            models.Index(fields=["community", "starts_at", "ends_at"], name="commship_community"),
            models.Index(fields=["ends_at", "starts_at", "household"], name="commship_present"),
        ]


class CommunityRole(Document):
    """A user who manages a community (at least one always does)."""

    user = models.ForeignKey("myhouse.User", on_delete=models.CASCADE, related_name="community_roles")
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=16, default="manager", choices=[("manager", "Manager")])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "community", "role"], name="community_role_once")]
