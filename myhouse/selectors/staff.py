"""What one member of staff may look into: everything, or the communities he manages."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from myhouse.models import Community, CommunityMembership, CommunityRole, Membership, MeteringPoint, User

M = TypeVar("M", bound=Model)


class StaffScope:
    """The ids of what a manager may see, each read once and only when asked for; no list joins through relations."""

    def __init__(self, *, user: User, now: datetime) -> None:
        """Keep who looks, and when."""
        self.user, self.now = user, now
        # Read by the lists of upper floors, which keep ids of their own here.
        self.kept: dict[str, list[uuid.UUID]] = {}

    @property
    def everything(self) -> bool:
        """Whether nothing is hidden: for the operator."""
        return bool(self.user.is_active and self.user.is_superuser)

    @cached_property
    def communities(self) -> list[uuid.UUID]:
        """The communities the person manages."""
        if not self.user.is_active:
            return []
        return _ids(CommunityRole.objects.filter(user_id=self.user.pk), "community_id")

    @cached_property
    def households(self) -> list[uuid.UUID]:
        """The households that belong to them now."""
        rows = CommunityMembership.objects.filter(
            community_id__in=self.communities, starts_at__lte=self.now, ends_at__gt=self.now
        )
        return _ids(rows, "household_id")

    @cached_property
    def users(self) -> list[uuid.UUID]:
        """The people who belong to these households now."""
        rows = Membership.objects.filter(
            household_id__in=self.households, starts_at__lte=self.now, ends_at__gt=self.now
        )
        return _ids(rows, "user_id")

    @cached_property
    def points(self) -> list[uuid.UUID]:
        """The metering points of these households."""
        return _ids(MeteringPoint.objects.filter(household_id__in=self.households), "pk")

    def limit(self, rows: QuerySet[M], **by: str) -> QuerySet[M]:
        """Keep the rows of which one of these fields holds an id of the scope, e.g. `community_id="communities"`."""
        if self.everything:
            return rows
        wanted = Q()
        for field, ids in by.items():
            wanted |= Q(**{f"{field}__in": getattr(self, ids)})
        return rows.filter(wanted) if by else rows.none()

    def communities_seen(self) -> list[Community]:
        """List the communities in sight, by name; bounded."""
        return list(self.limit(Community.objects.all(), pk="communities").order_by("name")[:200])


def _ids(rows: QuerySet[Any], field: str) -> list[uuid.UUID]:
    return list(rows.values_list(field, flat=True).distinct())
