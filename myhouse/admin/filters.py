"""Filters of the operators' lists; none of them offers what the visitor may not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.admin.scope import scope_of
from myhouse.documents.base import FOREVER
from myhouse.models import CommunityMembership

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class CommunityFilter(admin.SimpleListFilter):
    """One of the visitor's communities; left out when there is nothing to choose."""

    title = _("Community")
    parameter_name = "in_community"
    field: ClassVar[str] = "community_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the communities in sight."""
        return [(str(one.pk), one.name) for one in scope_of(request).communities_seen()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the chosen community."""
        # What is not among the choices chooses nothing, so no id of a stranger's community can be tried out.
        if self.value() not in {key for key, _name in self.lookup_choices}:
            return queryset
        return self.kept(queryset, str(self.value()))

    def kept(self, queryset: QuerySet[Any], community_id: str) -> QuerySet[Any]:
        """Keep the rows that name the community."""
        return queryset.filter(**{self.field: community_id})

    def has_output(self) -> bool:
        """Show the filter when it can tell rows apart."""
        return len(self.lookup_choices) > 1


class CommunityOfHouseholdFilter(CommunityFilter):
    """The same for rows that know only their household: by where it belongs now."""

    field = "household_id"

    def kept(self, queryset: QuerySet[Any], community_id: str) -> QuerySet[Any]:
        """Keep the rows of the community's households."""
        now = timezone.now()
        ids = list(
            CommunityMembership.objects.filter(
                community_id=community_id, starts_at__lte=now, ends_at__gt=now
            ).values_list("household_id", flat=True)
        )
        return queryset.filter(**{f"{self.field}__in": ids})


class CommunityOfHouseholdItselfFilter(CommunityOfHouseholdFilter):
    """The same for the list of households."""

    field = "pk"


class OpenFilter(admin.SimpleListFilter):
    """Rows whose end is the far future, and the others."""

    field: ClassVar[str]
    far: ClassVar[object] = FOREVER
    words: ClassVar[tuple[_StrPromise, _StrPromise]] = (_("Open"), _("Settled"))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer both."""
        return [("yes", self.words[0]), ("no", self.words[1])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the open ones, or those that are not."""
        if self.value() == "yes":
            return queryset.filter(**{self.field: self.far})
        if self.value() == "no":
            return queryset.filter(**{f"{self.field}__lt": self.far})
        return queryset


def open_filter(
    field: str, title: _StrPromise, words: tuple[_StrPromise, _StrPromise], far: object = FOREVER
) -> type[OpenFilter]:
    """Make a filter on a field that holds the far future while something is open."""
    given = {"field": field, "title": title, "words": words, "parameter_name": "open", "far": far}
    return type(f"{field}Filter", (OpenFilter,), given)


class SuspendedFilter(admin.SimpleListFilter):
    """Suspended households, and the others."""

    title = _("Suspended")
    parameter_name = "suspended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer both."""
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the suspended ones, or those that are not."""
        if self.value() in {"yes", "no"}:
            return queryset.filter(suspended_at__isnull=self.value() == "no")
        return queryset
