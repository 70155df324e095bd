"""The operator's lists. What has rules is read-only here and changed by its service.

A community manager who may sign in here sees only his own communities; the operator (superuser) sees all.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.models import (
    AccessToken,
    Appliance,
    AuditEntry,
    Battery,
    Community,
    CommunityMembership,
    CommunityRole,
    Household,
    IdempotencyRecord,
    Invitation,
    Measurement,
    Membership,
    MeteringPoint,
    OutboxMessage,
    ReferenceSeries,
    SupplierContract,
    Upload,
    User,
)

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = admin.ModelAdmin  # takes no type parameter at run time

admin.site.site_header = _("MyHouse operation")
admin.site.site_title = _("MyHouse operation")
admin.site.index_title = _("What there is")
# Rights come from roles in households and communities, not from groups.
admin.site.unregister(Group)


class Scope:
    """What one visitor of the operator's pages may see, as ids, so that no list joins through relations."""

    def __init__(self, user: User) -> None:
        """Read the manager's communities, their households and members once."""
        now = timezone.now()
        self.communities = _ids(CommunityRole.objects.filter(user_id=user.pk), "community_id")
        self.households = _ids(
            CommunityMembership.objects.filter(community_id__in=self.communities, starts_at__lte=now, ends_at__gt=now),
            "household_id",
        )
        self.users = _ids(
            Membership.objects.filter(household_id__in=self.households, starts_at__lte=now, ends_at__gt=now),
            "user_id",
        )

    @property
    def points(self) -> list[uuid.UUID]:
        """The metering points of the manager's households."""
        return _ids(MeteringPoint.objects.filter(household_id__in=self.households), "pk")


def _ids(rows: QuerySet[Any], field: str) -> list[uuid.UUID]:
    return list(rows.values_list(field, flat=True).distinct())


class ReadOnlyAdmin(_Admin):
    """A list to look at: staff may open it, nobody may change it here."""

    show_full_result_count = False
    list_per_page = 50
    # Which of the visitor's ids limit the list: (field, attribute of Scope); None shows it to the operator only.
    scope: ClassVar[tuple[str, str] | None] = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Show the operator everything and a manager his own communities."""
        rows = super().get_queryset(request)
        if _is_operator(request):
            return rows
        if self.scope is None:
            return rows.none()
        field, attribute = self.scope
        return rows.filter(**{f"{field}__in": getattr(_scope(request), attribute)})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by id too, when the term is one."""
        try:
            wanted = uuid.UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(pk=wanted), False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show managers the lists that are theirs."""
        return _is_operator(request) or (request.user.is_staff and self.scope is not None)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator see all and a manager what his list holds."""
        if obj is None or _is_operator(request):
            return self.has_module_permission(request)
        return self.has_module_permission(request) and self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nothing is added past the services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is changed past the services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted past the services."""
        return False


def _is_operator(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


def _scope(request: HttpRequest) -> Scope:
    """Read the visitor's scope once per request."""
    found: Scope | None = getattr(request, "operator_scope", None)
    if found is None:
        user = request.user
        assert isinstance(user, User)
        found = Scope(user)
        request.operator_scope = found  # type: ignore[attr-defined] # kept for this request
    return found


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """People; the operator may close an account and make somebody staff."""

    list_display = ("email", "name", "language", "is_active", "is_staff", "last_login", "created_at")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email__startswith",)
    ordering = ("email",)
    fields = ("email", "name", "language", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
    readonly_fields = ("email", "name", "language", "last_login", "created_at")
    scope = ("pk", "users")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only the operator closes accounts and appoints staff."""
        return _is_operator(request)

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm[User], change: Any) -> None:
        """Save by the service, which audits it."""
        from myhouse.services.accounts import user_rights_set
        from myhouse.views.gate import actor_from

        user_rights_set(
            user=obj,
            is_active=obj.is_active,
            is_staff=obj.is_staff,
            is_superuser=obj.is_superuser,
            actor=actor_from(request),
            now=timezone.now(),
        )


@admin.register(Community)
class CommunityAdmin(ReadOnlyAdmin):
    """Communities."""

    list_display = ("name", "currency", "time_zone", "country", "simulated", "created_at")
    search_fields = ("name__startswith",)
    ordering = ("name",)
    scope = ("pk", "communities")


@admin.register(CommunityRole)
class CommunityRoleAdmin(ReadOnlyAdmin):
    """Who manages which community."""

    list_display = ("community", "user", "role")
    list_select_related = ("community", "user")
    scope = ("community_id", "communities")


@admin.register(CommunityMembership)
class CommunityMembershipAdmin(ReadOnlyAdmin):
    """Which household belongs to which community, when."""

    list_display = ("household", "community", "starts_at", "ends_at")
    list_select_related = ("household", "community")
    ordering = ("-starts_at",)
    scope = ("community_id", "communities")


@admin.register(Household)
class HouseholdAdmin(ReadOnlyAdmin):
    """Households."""

    list_display = ("name", "time_zone", "currency", "connection_limit_w", "suspended_at", "created_at")
    search_fields = ("name__startswith",)
    ordering = ("name",)
    scope = ("pk", "households")


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who belongs to which household, when."""

    list_display = ("household", "user", "role", "starts_at", "ends_at", "curves_agreed")
    list_filter = ("role",)
    list_select_related = ("household", "user")
    ordering = ("-starts_at",)
    scope = ("household_id", "households")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations, without their digests."""

    list_display = ("household", "role", "email", "created_at", "expires_at", "used_at", "revoked_at")
    list_select_related = ("household",)
    exclude = ("digest",)
    ordering = ("-created_at",)
    scope = ("household_id", "households")


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    """Live and ended tokens, without their digests; for the operator."""

    list_display = ("user", "name", "created_at", "last_used_at", "expires_at")
    list_select_related = ("user",)
    exclude = ("digest",)
    ordering = ("-created_at",)


@admin.register(MeteringPoint)
class MeteringPointAdmin(ReadOnlyAdmin):
    """Where households are measured."""

    list_display = ("name", "role", "household", "parent", "created_at")
    list_filter = ("role",)
    list_select_related = ("household", "parent")
    search_fields = ("name__startswith",)
    scope = ("household_id", "households")


@admin.register(Measurement)
class MeasurementAdmin(ReadOnlyAdmin):
    """Which series measures what, when."""

    list_display = ("metering_point", "quantity", "series_id", "starts_at", "ends_at")
    list_filter = ("quantity",)
    list_select_related = ("metering_point",)
    ordering = ("-starts_at",)
    scope = ("metering_point_id", "points")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the id of the measurement or of its series."""
        try:
            wanted = uuid.UUID(search_term.strip())
        except ValueError:
            return queryset, False
        return queryset.filter(Q(pk=wanted) | Q(series_id=wanted)), False

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Show the search box."""
        return ("series_id",)


@admin.register(Battery)
class BatteryAdmin(ReadOnlyAdmin):
    """Batteries."""

    list_display = ("metering_point", "capacity_wh", "max_charge_w", "max_discharge_w")
    list_select_related = ("metering_point",)
    scope = ("metering_point_id", "points")


@admin.register(Appliance)
class ApplianceAdmin(ReadOnlyAdmin):
    """Appliances."""

    list_display = ("household", "kind", "name", "count", "rated_power_w", "daily_use_minutes", "metering_point")
    list_filter = ("kind",)
    list_select_related = ("household", "metering_point")
    scope = ("household_id", "households")


@admin.register(SupplierContract)
class SupplierContractAdmin(ReadOnlyAdmin):
    """Contracts with suppliers."""

    list_display = ("household", "direction", "supplier_name", "name", "starts_on", "ends_on", "version")
    list_filter = ("direction",)
    list_select_related = ("household",)
    ordering = ("-starts_on",)
    scope = ("household_id", "households")


@admin.register(ReferenceSeries)
class ReferenceSeriesAdmin(ReadOnlyAdmin):
    """Dated figures with their sources; they belong to nobody, so every manager may look."""

    list_display = ("name", "kind", "country", "source", "demo")
    list_filter = ("kind",)
    search_fields = ("name__startswith",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Show all of them to all staff."""
        return admin.ModelAdmin.get_queryset(self, request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show them to all staff."""
        return request.user.is_staff


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """Files handed in and what became of them."""

    list_display = ("file_name", "household", "state", "rows_done", "rows_total", "created_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("household",)
    ordering = ("-created_at",)
    scope = ("household_id", "households")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what; never edited by anybody."""

    list_display = ("at", "actor_label", "action", "subject_type", "subject_id", "address")
    search_fields = ("action__startswith",)
    ordering = ("-at",)
    scope = ("community_id", "communities")


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What is owed to the outside; for the operator, without the content, which may open accounts."""

    list_display = ("topic", "created_at", "due_at", "sent_at", "tries", "last_error")
    exclude = ("payload",)
    ordering = ("-created_at",)


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Requests that were answered; for the operator."""

    list_display = ("scope", "key", "status", "created_at")
    ordering = ("-created_at",)
