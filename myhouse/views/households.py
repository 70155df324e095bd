"""Pages of households: the list, founding, joining, members and invitations."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from myhouse.context import household_remember
from myhouse.errors import Kind, UnableTo
from myhouse.limits import Limit, limit_hit
from myhouse.models.households import Role
from myhouse.selectors.households import Access, accesses_of, community_of, invitations_of, members_of
from myhouse.services.households import (
    household_create,
    invitation_accept,
    invitation_find,
    invitation_revoke,
    member_curves_set,
    member_remove,
    member_role_set,
)
from myhouse.services.invitations import invitation_issue
from myhouse.services.sign_up import address_proven, sign_up_invited
from myhouse.views.account_forms import InvitedForm
from myhouse.views.accounts import SIGN_UP_ADDRESS, welcome
from myhouse.views.gate import actor_from, address_of, form_refuse, household_open, user_of
from myhouse.views.household_forms import HouseholdForm, InvitationForm, RoleForm

INVITE = Limit("invite", tries=30, window_s=3600)
JOIN_ADDRESS = Limit("join-address", tries=60, window_s=600)


@login_required
@require_GET
def households(request: HttpRequest) -> HttpResponse:
    """List the visitor's households; without any, say how to get one."""
    accesses = accesses_of(user=user_of(request), now=timezone.now())
    return render(request, "households/list.html", {"accesses": accesses})


@login_required
def household_new(request: HttpRequest) -> HttpResponse:
    """Found a household."""
    form = HouseholdForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            household = household_create(
                owner=user_of(request),
                community=None,
                actor=actor_from(request),
                now=timezone.now(),
                **form.cleaned_data,
            )
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            household_remember(request, household)
            messages.success(request, _("Your household is there. Say next what it owns."))
            return redirect("appliances", household.pk)
    return render(request, "households/new.html", {"form": form})


@never_cache
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """Show what an invitation is for; joining takes one press, or a sign-in or sign-up before."""
    now = timezone.now()
    limit_hit(limit=JOIN_ADDRESS, subject=address_of(request), now=now)
    try:
        invitation = invitation_find(secret=secret, now=now)
        if request.method == "POST" and request.user.is_authenticated:
            membership = invitation_accept(secret=secret, user=user_of(request), now=now)
            household_remember(request, membership.household)
            messages.success(request, _("You belong to “%(name)s” now.") % {"name": membership.household.name})
            return redirect("household", membership.household_id)
    except UnableTo as refusal:
        return render(request, "accounts/link_dead.html", {"message": refusal.message}, status=410)
    context = {"invitation": invitation, "secret": secret, "proven": address_proven(invitation)}
    return render(request, "households/join.html", context)


@never_cache
@sensitive_post_parameters("password")
def join_sign_up(request: HttpRequest, secret: str) -> HttpResponse:
    """Sign up by a mailed invitation, which proves the address, and join at once."""
    now = timezone.now()
    limit_hit(limit=SIGN_UP_ADDRESS, subject=address_of(request), now=now)
    if request.user.is_authenticated:
        return redirect("join", secret)
    form = InvitedForm(request.POST or None)
    try:
        invitation = invitation_find(secret=secret, now=now)
        if not address_proven(invitation):
            return redirect("sign-up")
        if request.method == "POST" and form.is_valid():
            language = translation.get_language() or "en"
            user, household = sign_up_invited(secret=secret, language=language, now=now, **form.cleaned_data)
            return welcome(request, user, household)
    except UnableTo as refusal:
        if refusal.field not in form.fields:
            message = refusal.errors[0].message if refusal.errors else refusal.message
            return render(request, "accounts/link_dead.html", {"message": message}, status=410)
        form_refuse(form, refusal)
        invitation = invitation_find(secret=secret, now=now)
    return render(request, "households/join_sign_up.html", {"form": form, "invitation": invitation})


@login_required
@require_GET
def members(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Show who belongs to the household and who is invited."""
    access = household_open(request, household_id)
    access.require_member()
    return _members_page(request, access)


@login_required
@require_POST
@never_cache
def members_invite(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Invite somebody: by mail, or by a link shown this once."""
    access = household_open(request, household_id)
    access.require_change()
    now = timezone.now()
    limit_hit(limit=INVITE, subject=str(request.user.pk), now=now)
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _members_page(request, access, form=form)
    try:
        invitation, link = invitation_issue(
            household=access.household,
            inviting=user_of(request),
            language=translation.get_language() or "en",
            actor=actor_from(request),
            now=now,
            **form.cleaned_data,
        )
    except UnableTo as refusal:
        form_refuse(form, refusal)
        return _members_page(request, access, form=form)
    if link:
        return _members_page(request, access, link=link)
    messages.success(request, _("The invitation is on its way to %(email)s.") % {"email": invitation.email})
    return redirect("members", household_id)


@login_required
@require_POST
def members_revoke(request: HttpRequest, household_id: uuid.UUID, invitation_id: uuid.UUID) -> HttpResponse:
    """Make an invitation useless."""
    access = household_open(request, household_id)
    access.require_change()
    invitation_revoke(
        household=access.household, invitation_id=invitation_id, actor=actor_from(request), now=timezone.now()
    )
    messages.success(request, _("The invitation was revoked. Its link does nothing any more."))
    return redirect("members", household_id)


@login_required
@require_POST
def members_role(request: HttpRequest, household_id: uuid.UUID, membership_id: uuid.UUID) -> HttpResponse:
    """Give a member another role."""
    access = household_open(request, household_id)
    access.require_change()
    form = RoleForm(request.POST)
    if form.is_valid():
        return _member_change(
            request,
            household_id,
            lambda: member_role_set(
                household=access.household,
                membership_id=membership_id,
                role=form.cleaned_data["role"],
                actor=actor_from(request),
                now=timezone.now(),
            ),
            _("The role was changed."),
        )
    messages.error(request, _("Choose a role: owner, viewer or supplier."))
    return redirect("members", household_id)


@login_required
@require_POST
def members_curves(request: HttpRequest, household_id: uuid.UUID, membership_id: uuid.UUID) -> HttpResponse:
    """Agree that a supplier sees curves, or take it back."""
    access = household_open(request, household_id)
    access.require_change()
    return _member_change(
        request,
        household_id,
        lambda: member_curves_set(
            household=access.household,
            membership_id=membership_id,
            agreed=request.POST.get("agreed") == "yes",
            actor=actor_from(request),
            now=timezone.now(),
        ),
        _("What the supplier sees was changed."),
    )


@login_required
@require_POST
def members_remove(request: HttpRequest, household_id: uuid.UUID, membership_id: uuid.UUID) -> HttpResponse:
    """End a membership: an owner removes a member, and everybody may leave himself."""
    access = household_open(request, household_id)
    leaving = access.membership_id == membership_id
    if not leaving:
        access.require_change()
    response = _member_change(
        request,
        household_id,
        lambda: member_remove(
            household=access.household,
            membership_id=membership_id,
            actor=actor_from(request),
            now=timezone.now(),
        ),
        _("You have left the household.") if leaving else _("The member was removed."),
    )
    still_there = any(one.membership_id == membership_id for one in _accesses(request))
    return redirect("households") if leaving and not still_there else response


def _accesses(request: HttpRequest) -> list[Access]:
    return accesses_of(user=user_of(request), now=timezone.now())


def _member_change(request: HttpRequest, household_id: uuid.UUID, change: Any, done: str) -> HttpResponse:
    """Make a change of members and say on their page how it went."""
    try:
        change()
    except UnableTo as refusal:
        if refusal.kind == Kind.NOT_FOUND:
            raise
        messages.error(request, refusal.message)
    else:
        messages.success(request, done)
    return redirect("members", household_id)


def _members_page(request: HttpRequest, access: Access, **extra: Any) -> HttpResponse:
    now = timezone.now()
    context = {
        "household": access.household,
        "access": access,
        "members": members_of(household=access.household, now=now),
        "invitations": invitations_of(household=access.household, now=now) if access.may_change else [],
        "community": community_of(household=access.household, now=now),
        "roles": Role.choices,
        "form": InvitationForm(),
        **extra,
    }
    return render(request, "households/members.html", context)


urlpatterns = [
    path("households/", households, name="households"),
    path("households/new/", household_new, name="households-new"),
    path("join/<str:secret>/", join, name="join"),
    path("join/<str:secret>/sign-up/", join_sign_up, name="join-sign-up"),
    path("households/<uuid:household_id>/members/", members, name="members"),
    path("households/<uuid:household_id>/members/invite/", members_invite, name="members-invite"),
    path(
        "households/<uuid:household_id>/invitations/<uuid:invitation_id>/revoke/",
        members_revoke,
        name="members-revoke",
    ),
    path("households/<uuid:household_id>/members/<uuid:membership_id>/role/", members_role, name="members-role"),
    path("households/<uuid:household_id>/members/<uuid:membership_id>/curves/", members_curves, name="members-curves"),
    path("households/<uuid:household_id>/members/<uuid:membership_id>/remove/", members_remove, name="members-remove"),
]
