"""Communities: founded, joined and managed by people the operator appoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from myhouse.admin.base import ReadOnlyAdmin
from myhouse.admin.decisions import DecidingAdmin, Decision
from myhouse.admin.filters import CommunityFilter, open_filter
from myhouse.admin.scope import is_operator
from myhouse.documents.services import Actor
from myhouse.errors import UnableTo
from myhouse.models import Community, CommunityMembership, CommunityRole, Household, User
from myhouse.place import CURRENCIES, time_zones
from myhouse.services.communities import (
    UnableToChangeCommunity,
    community_create,
    community_manager_add,
    community_manager_remove,
    household_join_community,
)
from myhouse.views.gate import actor_from, form_refuse


class CommunityForm(forms.Form):
    """A new community and its first manager."""

    name = forms.CharField(label=_("Name"), max_length=80, widget=UnfoldAdminTextInputWidget)
    country = forms.RegexField(
        label=_("Country"),
        regex=r"^[A-Z]{2}$",
        initial="DE",
        help_text=_("Two letters, such as DE."),
        widget=UnfoldAdminTextInputWidget,
    )
    currency = forms.ChoiceField(
        label=_("Currency"), choices=[(one, one) for one in CURRENCIES], widget=UnfoldAdminSelectWidget
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=[(one, one) for one in time_zones()],
        initial="Europe/Berlin",
        widget=UnfoldAdminSelectWidget,
    )
    manager = forms.EmailField(
        label=_("First manager"),
        help_text=_("E-mail of an account. A community always keeps a manager."),
        widget=UnfoldAdminEmailInputWidget,
    )


class ManagerForm(forms.Form):
    """Who is to manage a community."""

    user = forms.EmailField(
        label=_("E-mail"), help_text=_("Of an account that may sign in."), widget=UnfoldAdminEmailInputWidget
    )


class HouseholdForm(forms.Form):
    """Which household is to join, and from when on."""

    household = forms.ModelChoiceField(label=_("Household"), queryset=Household.objects.all())
    starts_at = forms.DateTimeField(
        label=_("From"),
        required=False,
        help_text=_("UTC, such as 2026-10-01 00:00; empty for now."),
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Look households up while one types, instead of listing them all."""
        super().__init__(*args, **kwargs)
        joined = CommunityMembership._meta.get_field("household")
        widget = AutocompleteSelect(joined, admin.site)
        widget.choices = self.fields["household"].choices  # type: ignore[attr-defined] # a field of choices has them
        self.fields["household"].widget = widget


def _person(email: str, field: str) -> User:
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        raise UnableToChangeCommunity(
            gettext("There is no open account with this address. Invite the person to sign up first."), field=field
        )
    return user


def _appoint(community: Community, given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    user = _person(given["user"], "user")
    community_manager_add(community=community, user=user, actor=actor, now=now)


def _join(community: Community, given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    household_join_community(
        household=given["household"],
        community=community,
        starts_at=given["starts_at"] or now,
        actor=actor,
        now=now,
    )


def _dismiss(role: CommunityRole, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    community_manager_remove(community=role.community, user=role.user, actor=actor, now=now)


@admin.register(Community)
class CommunityAdmin(DecidingAdmin):
    """Communities; founded here by the operator."""

    titles = (_("Community"), _("Communities"))
    list_display = ("name", "country", "currency", "time_zone", "simulated", "created_at")
    list_filter = ("simulated",)
    search_fields = ("name",)
    ordering = ("name",)
    scope = {"pk": "communities"}
    decisions = (
        Decision(
            name="appoint",
            title=_("Appoint a manager"),
            question=_("A manager sees the members and homes of the community and may suspend them."),
            done=_("Manager appointed for"),
            run=_appoint,
            form=ManagerForm,
            icon="person_add",
            many=False,
        ),
        Decision(
            name="admit",
            title=_("Add a household"),
            question=_("The household leaves its former community at that moment; history follows the dates."),
            done=_("Household added to"),
            run=_join,
            form=HouseholdForm,
            icon="add_home",
            many=False,
        ),
    )

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Let the operator found communities."""
        return is_operator(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Found a community by its service."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = CommunityForm(request.POST or None)
        if form.is_valid():
            try:
                community = _found(request, form.cleaned_data)
            except UnableTo as refusal:
                form_refuse(form, refusal)
            else:
                messages.success(request, gettext("%(name)s was founded.") % {"name": community.name})
                return HttpResponseRedirect(reverse("admin:myhouse_community_change", args=[community.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Found a community"),
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
            "question": _("Households join it, share energy and trade in it, in one currency and one time zone."),
            "back": reverse("admin:myhouse_community_changelist"),
        }
        return TemplateResponse(request, "admin/decision.html", context)


def _found(request: HttpRequest, given: dict[str, Any]) -> Community:
    return community_create(
        name=given["name"],
        currency=given["currency"],
        time_zone=given["time_zone"],
        country=given["country"],
        manager=_person(given["manager"], "manager"),
        actor=actor_from(request),
        now=timezone.now(),
    )


@admin.register(CommunityRole)
class CommunityRoleAdmin(DecidingAdmin):
    """Who manages which community; a community never loses its last manager."""

    titles = (_("Manager"), _("Managers"))
    list_display = ("user", "community")
    list_display_links = None
    list_filter = (CommunityFilter,)
    search_ids = ("user_id", "community_id")
    related = ("community", "user")
    ordering = ("community_id",)
    scope = {"community_id": "communities"}
    decisions = (
        Decision(
            name="dismiss",
            title=_("Dismiss as manager"),
            question=_("The person no longer manages the community. The last manager cannot be dismissed."),
            done=_("Dismissed"),
            run=_dismiss,
            icon="person_remove",
            danger=True,
        ),
    )

    def name_of(self, row: CommunityRole) -> str:
        """Say who manages what."""
        return f"{row.user}, {row.community}"


@admin.register(CommunityMembership)
class CommunityMembershipAdmin(ReadOnlyAdmin):
    """Which household belongs to which community, when."""

    titles = (_("Membership in a community"), _("Memberships in communities"))
    list_display = ("household", "community", "starts_at", "ends_at")
    list_display_links = None
    list_filter = (CommunityFilter, open_filter("ends_at", _("State"), (_("Current"), _("Ended"))))
    search_households = ("household_id",)
    related = ("household", "community")
    ordering = ("-starts_at",)
    scope = {"community_id": "communities"}
