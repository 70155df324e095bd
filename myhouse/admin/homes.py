"""Homes, who lives there and what is measured."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.admin.base import ReadOnlyAdmin
from myhouse.admin.columns import linked
from myhouse.admin.decisions import DecidingAdmin, Decision, ReasonForm
from myhouse.admin.filters import (
    CommunityOfHouseholdFilter,
    CommunityOfHouseholdItselfFilter,
    SuspendedFilter,
    open_filter,
)
from myhouse.documents.services import Actor
from myhouse.models import (
    Appliance,
    Battery,
    Community,
    CommunityMembership,
    DisplayLink,
    Household,
    Invitation,
    Measurement,
    Membership,
    MeteringPoint,
    Upload,
)
from myhouse.services.suspension import household_resume, household_suspend


def _suspend(household: Household, given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    household_suspend(household=household, reason=given["reason"], actor=actor, now=now)


def _resume(household: Household, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    household_resume(household=household, actor=actor, now=now)


@admin.register(Household)
class HouseholdAdmin(DecidingAdmin):
    """Households; suspended and resumed here."""

    titles = (_("Household"), _("Households"))
    list_display = ("name", "community", "suspended_at", "suspended_reason", "created_at")
    list_filter = (CommunityOfHouseholdItselfFilter, SuspendedFilter)
    search_fields = ("name",)
    hidden = ("members_version",)
    ordering = ("name",)
    scope = {"pk": "households"}
    decisions = (
        Decision(
            name="suspend",
            title=_("Suspend"),
            question=_("The household can still look, but neither sell nor buy. Its open offers are withdrawn."),
            done=_("Suspended"),
            run=_suspend,
            form=ReasonForm,
            icon="block",
            danger=True,
            managers=True,
            possible=lambda household: household.suspended_at is None,
        ),
        Decision(
            name="resume",
            title=_("Resume"),
            question=_("The household may trade again. Offers that were withdrawn stay withdrawn."),
            done=_("Resumed"),
            run=_resume,
            icon="play_circle",
            managers=True,
            possible=lambda household: household.suspended_at is not None,
        ),
    )

    @admin.display(description=_("Community"))
    def community(self, household: Household) -> str:
        """Name the community the household belongs to now, leading to it."""
        return linked(getattr(household, "community_now", None))

    def rows_fill(self, rows: Iterable[Any]) -> None:
        """Read the communities of the whole page."""
        now = timezone.now()
        homes = {household.pk: household for household in rows}
        memberships = CommunityMembership.objects.filter(
            household_id__in=list(homes), starts_at__lte=now, ends_at__gt=now
        )
        joined = {membership.household_id: membership.community_id for membership in memberships}
        communities = Community.objects.in_bulk(list(set(joined.values())))
        for household_id, community_id in joined.items():
            homes[household_id].community_now = communities[community_id]


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who belongs to which household, when."""

    titles = (_("Member"), _("Members"))
    list_display = ("user", "household", "role", "starts_at", "ends_at", "curves_agreed")
    list_display_links = None
    list_filter = (
        CommunityOfHouseholdFilter,
        "role",
        open_filter("ends_at", _("State"), (_("Current"), _("Ended"))),
    )
    search_ids = ("user_id",)
    search_households = ("household_id",)
    related = ("household", "user")
    ordering = ("-starts_at",)
    scope = {"household_id": "households"}


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations, without their digests."""

    titles = (_("Invitation"), _("Invitations"))
    list_display = ("household", "role", "email", "created_at", "expires_at", "used_at", "revoked_at")
    list_display_links = None
    list_filter = (CommunityOfHouseholdFilter, "role")
    search_fields = ("email",)
    search_households = ("household_id",)
    related = ("household",)
    hidden = ("digest",)
    ordering = ("-created_at",)
    scope = {"household_id": "households"}


@admin.register(DisplayLink)
class DisplayLinkAdmin(ReadOnlyAdmin):
    """Links for wall tablets, without their digests."""

    titles = (_("Display link"), _("Display links"))
    list_display = ("name", "household", "created_at", "last_used_at", "revoked_at")
    list_filter = (
        CommunityOfHouseholdFilter,
        open_filter("revoked_at", _("State"), (_("Works"), _("Revoked"))),
    )
    search_households = ("household_id",)
    related = ("household",)
    hidden = ("digest",)
    ordering = ("-created_at",)
    scope = {"household_id": "households"}


@admin.register(MeteringPoint)
class MeteringPointAdmin(ReadOnlyAdmin):
    """Where households are measured."""

    titles = (_("Metering point"), _("Metering points"))
    list_display = ("name", "role", "household", "parent", "created_at")
    list_filter = (CommunityOfHouseholdFilter, "role")
    search_fields = ("name",)
    search_households = ("household_id",)
    related = ("household", "parent")
    ordering = ("-created_at",)
    scope = {"household_id": "households"}


@admin.register(Measurement)
class MeasurementAdmin(ReadOnlyAdmin):
    """Which series measures what, when; searched by the id of the measurement or of its series."""

    titles = (_("Measurement"), _("Measurements"))
    list_display = ("series_id", "quantity", "metering_point", "starts_at", "ends_at")
    list_filter = ("quantity", open_filter("ends_at", _("State"), (_("Current"), _("Ended"))))
    search_ids = ("series_id", "metering_point_id")
    related = ("metering_point",)
    ordering = ("-starts_at",)
    scope = {"metering_point_id": "points"}


@admin.register(Battery)
class BatteryAdmin(ReadOnlyAdmin):
    """Batteries."""

    titles = (_("Battery"), _("Batteries"))
    list_display = ("metering_point", "capacity_wh", "max_charge_w", "max_discharge_w")
    list_display_links = None
    search_ids = ("metering_point_id",)
    related = ("metering_point",)
    ordering = ("-capacity_wh",)
    scope = {"metering_point_id": "points"}


@admin.register(Appliance)
class ApplianceAdmin(ReadOnlyAdmin):
    """Appliances."""

    titles = (_("Appliance"), _("Appliances"))
    list_display = ("kind", "name", "household", "count", "rated_power_w", "daily_use_minutes", "metering_point")
    list_filter = (CommunityOfHouseholdFilter, "kind")
    search_fields = ("name",)
    search_households = ("household_id",)
    related = ("household", "metering_point")
    ordering = ("-created_at",)
    scope = {"household_id": "households"}


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """Files handed in and what became of them."""

    titles = (_("Import"), _("Imports"))
    list_display = ("file_name", "household", "state", "rows_done", "rows_total", "created_at", "finished_at")
    list_filter = (CommunityOfHouseholdFilter, "state", "created_at")
    date_hierarchy = "created_at"
    search_fields = ("file_name",)
    search_households = ("household_id",)
    related = ("household",)
    hidden = ("stored_path", "digest")
    ordering = ("-created_at",)
    scope = {"household_id": "households"}
