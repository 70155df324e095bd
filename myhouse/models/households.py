"""Households and the people who may see or change them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import FOREVER, Document


class Role(models.TextChoices):
    """What a member may do: owners change, viewers look, suppliers see sums only."""

    OWNER = "owner", _("Owner")
    VIEWER = "viewer", _("Viewer")
    SUPPLIER = "supplier", _("Supplier")


class Household(Document):
    """A home: one grid connection, its members, meters, appliances and contracts."""

    name = models.CharField(max_length=80)
    time_zone = models.CharField(max_length=40, default="Europe/Berlin")
    currency = models.CharField(max_length=3, default="EUR")
    connection_limit_w = models.PositiveIntegerField(
        default=43_000, help_text="What the grid connection can carry, in W; larger readings are refused as spikes."
    )
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=200, blank=True, default="")
    erased_at = models.DateTimeField(null=True, blank=True, help_text="Its people and readings were forgotten.")
    members_version = models.PositiveIntegerField(
        default=0, help_text="Raised by every change of members, so that two such changes at once conflict."
    )
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Membership(Document):
    """A user belongs to a household in a role, from `starts_at` until before `ends_at`.

    History follows the period: a member sees the household's data of his own time only.
    """

    user = models.ForeignKey("myhouse.User", on_delete=models.CASCADE, related_name="memberships")
    household = models.ForeignKey(Household, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.OWNER)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(default=FOREVER)
    curves_agreed = models.BooleanField(default=False, help_text="Supplier: may also see curves, not only sums.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "household", "ends_at"], name="membership_open_once")]
        indexes = [
            models.Index(fields=["user", "starts_at", "ends_at"], name="membership_user"),
            models.Index(fields=["household", "starts_at", "ends_at"], name="membership_household"),
        ]


class Invitation(Document):
    """A link that lets one person join a household; used once, and only before it expires."""

    household = models.ForeignKey(Household, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    email = models.EmailField(blank=True, default="")
    digest = models.CharField(max_length=64, unique=True)
    history_shared = models.BooleanField(
        default=False, help_text="Whether the new member sees what the inviting one sees, or only what follows."
    )
    invited_by = models.ForeignKey("myhouse.User", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["digest"], name="invitation_digest"),
            models.Index(fields=["household", "-created_at"], name="invitation_household"),
        ]


class DisplayLink(Document):
    """A link that shows a household's page on a wall tablet, to look at only; its secret is kept as a digest."""

    household = models.ForeignKey(Household, on_delete=models.CASCADE, related_name="display_links")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey("myhouse.User", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(default=FOREVER, help_text="Far future while it works.")

    class Meta:
        indexes = [
            models.Index(fields=["digest"], name="display_digest"),
            models.Index(fields=["household", "revoked_at"], name="display_household"),
        ]
