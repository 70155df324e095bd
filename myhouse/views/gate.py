"""How a page gets at its visitor and household: signed in, through the gate, with the clock read once."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, cast

from django.utils import timezone

from myhouse.context import frame_accesses, household_remember
from myhouse.documents.services import Actor
from myhouse.selectors.households import Access, household_for

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest

    from myhouse.errors import UnableTo
    from myhouse.models import User


def user_of(request: HttpRequest) -> User:
    """Return the signed-in user; for views behind `login_required`."""
    return cast("User", request.user)


def actor_from(request: HttpRequest) -> Actor:
    """Say who asks, from which address, for the audit log."""
    user = user_of(request)
    return Actor(user_id=user.pk, label=user.email, address=address_of(request))


def address_of(request: HttpRequest) -> str:
    """The address the request came from (the server in front of us puts the true one there)."""
    return str(request.META.get("REMOTE_ADDR") or "local")


def household_open(request: HttpRequest, household_id: uuid.UUID) -> Access:
    """Open the household a page is about, or answer 404; it becomes the visitor's current one."""
    user, now = user_of(request), timezone.now()
    # The frame of the page lists all of them anyway.
    known = {access.household.pk: access for access in frame_accesses(request, now)}
    access = known.get(household_id) or household_for(user=user, household_id=household_id, now=now)
    household_remember(request, access.household)
    return access


def form_refuse(form: forms.BaseForm, refusal: UnableTo) -> None:
    """Show a refusal on the form: at its fields where they are on it, else above."""
    named = False
    for error in refusal.errors:
        if error.field in form.fields:
            form.add_error(error.field, error.message)
            named = True
    if not named:
        messages = [error.message for error in refusal.errors] or [refusal.message]
        for message in messages:
            form.add_error(None, message)
