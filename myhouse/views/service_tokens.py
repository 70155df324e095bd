"""Page of the services an owner lets into a household: each with a token, rights and a last day."""

from __future__ import annotations

import uuid
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from myhouse.errors import UnableTo
from myhouse.models import AccessToken
from myhouse.scopes import Scope
from myhouse.selectors.accounts import service_tokens_of
from myhouse.selectors.households import Access
from myhouse.services.tokens import service_token_issue, service_token_revoke
from myhouse.views.gate import actor_from, form_refuse, household_open, user_of

_A_YEAR = timedelta(days=365)
# Times are kept to the millisecond.
_LAST_MOMENT = time(23, 59, 59, 999_000)


class ServiceTokenForm(forms.Form):
    """A new service token."""

    name = forms.CharField(
        label=gettext_lazy("Which service"), max_length=80, widget=forms.TextInput({"autocomplete": "off"})
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Within two years. It ends earlier when you revoke it."),
    )


@login_required
@never_cache
def services(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """List the services that may enter, and let one in; its token is shown this once."""
    access = household_open(request, household_id)
    access.require_change()
    if request.method != "POST":
        return _page(request, access)
    form = ServiceTokenForm(request.POST)
    if form.is_valid():
        zone = ZoneInfo(access.household.time_zone)
        ends = datetime.combine(form.cleaned_data["last_day"], _LAST_MOMENT, zone)
        try:
            _token, secret = service_token_issue(
                user=user_of(request),
                household=access.household,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                expires_at=ends,
                actor=actor_from(request),
                now=timezone.now(),
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            return _page(request, access, secret=secret)
    return _page(request, access, form=form)


@login_required
@require_POST
def service_end(request: HttpRequest, household_id: uuid.UUID, token_id: uuid.UUID) -> HttpResponse:
    """Revoke a service's token."""
    access = household_open(request, household_id)
    access.require_change()
    service_token_revoke(household=access.household, token_id=token_id, actor=actor_from(request), now=timezone.now())
    messages.success(request, _("The service can enter no more."))
    return redirect("services", household_id)


def _refuse(form: ServiceTokenForm, refusal: UnableTo) -> None:
    """Show a refusal at its fields; the page asks for a day where the token has a time."""
    for error in refusal.errors:
        if error.field == "expires_at":
            form.add_error("last_day", error.message)
    rest = tuple(error for error in refusal.errors if error.field != "expires_at")
    if rest or not refusal.errors:
        form_refuse(form, UnableTo(refusal.message, errors=rest))


def _page(request: HttpRequest, access: Access, **extra: Any) -> HttpResponse:
    now = timezone.now()
    zone = ZoneInfo(access.household.time_zone)
    context = {
        "household": access.household,
        "access": access,
        "tokens": [_shown(token, zone) for token in service_tokens_of(household=access.household, now=now)],
        "form": ServiceTokenForm(initial={"last_day": (now + _A_YEAR).astimezone(zone).date()}),
        **extra,
    }
    return render(request, "households/services.html", context)


def _shown(token: AccessToken, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "pk": token.pk,
        "name": token.name,
        "rights": [Scope(scope).label for scope in token.scopes if scope in Scope.values],
        "made_by": token.user.name,
        "last_used_at": token.last_used_at,
        "last_day": token.expires_at.astimezone(zone).date(),
    }


urlpatterns = [
    path("households/<uuid:household_id>/services/", services, name="services"),
    path("households/<uuid:household_id>/services/<uuid:token_id>/revoke/", service_end, name="services-revoke"),
]
