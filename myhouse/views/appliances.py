"""The page of appliances: counts, own appliances, and what is expected of them."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from myhouse.errors import UnableTo
from myhouse.models import MeteringPoint
from myhouse.models.appliances import ApplianceKind
from myhouse.models.metering import PointRole
from myhouse.selectors.appliances import Expected, appliance_for, expected
from myhouse.selectors.households import Access
from myhouse.selectors.metering import points_of
from myhouse.services.appliances import (
    COUNT_AT_MOST,
    COUNTED,
    MINUTES_AT_MOST,
    POWER_AT_MOST_W,
    appliance_meter_set,
    appliances_set_counts,
    own_appliance_add,
    own_appliance_change,
    own_appliance_remove,
)
from myhouse.views.gate import actor_from, form_refuse, household_open


class CountsForm(forms.Form):
    """How many there are of each counted kind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make a field per kind, so that the form follows the list of kinds."""
        super().__init__(*args, **kwargs)
        for kind in COUNTED:
            self.fields[kind] = forms.IntegerField(
                label=ApplianceKind(kind).label,
                min_value=0,
                max_value=COUNT_AT_MOST,
                widget=forms.NumberInput(attrs={"inputmode": "numeric", "class": "input"}),
            )


class OwnForm(forms.Form):
    """An appliance of the household's own."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    count = forms.IntegerField(label=gettext_lazy("How many"), min_value=0, max_value=COUNT_AT_MOST, initial=1)
    rated_power_w = forms.IntegerField(
        label=gettext_lazy("Rated power of one, in W"), min_value=0, max_value=POWER_AT_MOST_W
    )
    daily_use_minutes = forms.IntegerField(
        label=gettext_lazy("Use a day, in minutes"), min_value=0, max_value=MINUTES_AT_MOST
    )
    metering_point = forms.ChoiceField(
        label=gettext_lazy("Its own meter"),
        required=False,
        help_text=gettext_lazy("What the meter measures replaces the estimate."),
    )

    def __init__(self, *args: Any, points: list[MeteringPoint], **kwargs: Any) -> None:
        """Offer the household's sub-meters."""
        super().__init__(*args, **kwargs)
        meter = self.fields["metering_point"]
        assert isinstance(meter, forms.ChoiceField)
        meter.choices = meter_choices(points)


def meter_choices(points: list[MeteringPoint], role: str = PointRole.CONSUMER) -> list[tuple[str, str]]:
    """The meters that can measure an appliance, and none."""
    return [("", _("None")), *((str(p.pk), p.name) for p in points if p.role == role)]


@login_required
def appliances(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Show the appliances and their expected day; a changed count shows its effect at once."""
    access = household_open(request, household_id)
    access.require_member()
    if request.method != "POST":
        return _page(request, access)
    access.require_change()
    form = CountsForm(request.POST)
    if form.is_valid():
        try:
            appliances_set_counts(
                household=access.household,
                counts=form.cleaned_data,
                actor=actor_from(request),
                now=timezone.now(),
            )
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            if getattr(request, "htmx", False):
                return render(request, "appliances/changed.html", _figures(access) | {"changed": True})
            messages.success(request, _("The counts were saved."))
            return redirect("appliances", household_id)
    if getattr(request, "htmx", False):
        context = _figures(access) | {"errors": [message for found in form.errors.values() for message in found]}
        return render(request, "appliances/changed.html", context)
    return _page(request, access, counts_form=form)


@login_required
@require_POST
def own_new(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Add an appliance of the household's own."""
    access = household_open(request, household_id)
    access.require_change()
    points = points_of(household=access.household)
    form = OwnForm(request.POST, points=points, auto_id="own_%s")
    if form.is_valid():
        try:
            added = own_appliance_add(
                household=access.household,
                actor=actor_from(request),
                now=timezone.now(),
                **_with_point(form.cleaned_data, points),
            )
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            messages.success(request, _("“%(name)s” was added.") % {"name": added.name})
            return redirect("appliances", household_id)
    return _page(request, access, own_form=form)


@login_required
def own_change(request: HttpRequest, household_id: uuid.UUID, appliance_id: uuid.UUID) -> HttpResponse:
    """Change an appliance of the household's own."""
    access = household_open(request, household_id)
    access.require_change()
    appliance = appliance_for(household=access.household, appliance_id=appliance_id)
    points = points_of(household=access.household)
    initial = {
        "name": appliance.name,
        "count": appliance.count,
        "rated_power_w": appliance.rated_power_w,
        "daily_use_minutes": appliance.daily_use_minutes,
        "metering_point": str(appliance.metering_point_id or ""),
    }
    form = OwnForm(request.POST or None, points=points, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            own_appliance_change(
                appliance=appliance,
                actor=actor_from(request),
                now=timezone.now(),
                **_with_point(form.cleaned_data, points),
            )
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            messages.success(request, _("“%(name)s” was changed.") % {"name": appliance.name})
            return redirect("appliances", household_id)
    context = {"household": access.household, "access": access, "appliance": appliance, "form": form}
    return render(request, "appliances/own.html", context)


@login_required
@require_POST
def own_remove(request: HttpRequest, household_id: uuid.UUID, appliance_id: uuid.UUID) -> HttpResponse:
    """Remove an appliance of the household's own."""
    access = household_open(request, household_id)
    access.require_change()
    appliance = appliance_for(household=access.household, appliance_id=appliance_id)
    own_appliance_remove(appliance=appliance, actor=actor_from(request), now=timezone.now())
    messages.success(request, _("“%(name)s” was removed.") % {"name": appliance.name or appliance.kind})
    return redirect("appliances", household_id)


@login_required
@require_POST
def kind_meter(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Say which meter measures all appliances of a counted kind."""
    access = household_open(request, household_id)
    access.require_change()
    points = points_of(household=access.household)
    chosen = request.POST.get("metering_point", "")
    point = next((p for p in points if str(p.pk) == chosen), None)
    kind = request.POST.get("kind", "")
    try:
        appliance_meter_set(
            household=access.household, kind=kind, metering_point=point, actor=actor_from(request), now=timezone.now()
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The meter was set. What it measures replaces the estimate."))
    return redirect("appliances", household_id)


def _with_point(values: dict[str, Any], points: list[MeteringPoint]) -> dict[str, Any]:
    chosen = values["metering_point"]
    return {**values, "metering_point": next((p for p in points if str(p.pk) == chosen), None)}


def _figures(access: Access) -> dict[str, Any]:
    """What is expected, as both the page and its fragment show it."""
    figures = expected(household=access.household, now=timezone.now(), since=access.since)
    return {"household": access.household, "access": access, "expected": figures}


def _page(request: HttpRequest, access: Access, **extra: Any) -> HttpResponse:
    points = points_of(household=access.household)
    figures = _figures(access)
    found: Expected = figures["expected"]
    counts = {one.kind.value: one.count for one in found.by_kind}
    counts_form = extra.pop("counts_form", None) or CountsForm(initial=counts)
    context = {
        **figures,
        "kinds": [{"entry": one, "field": counts_form[one.kind.value]} for one in found.by_kind],
        "counts_form": counts_form,
        "own_form": OwnForm(points=points, auto_id="own_%s"),
        "meters": {role: meter_choices(points, role)[1:] for role in (PointRole.CONSUMER, PointRole.PRODUCTION)},
        **extra,
    }
    return render(request, "appliances/page.html", context)


urlpatterns = [
    path("households/<uuid:household_id>/appliances/", appliances, name="appliances"),
    path("households/<uuid:household_id>/appliances/own/", own_new, name="appliances-own-new"),
    path("households/<uuid:household_id>/appliances/meter/", kind_meter, name="appliances-meter"),
    path("households/<uuid:household_id>/appliances/<uuid:appliance_id>/", own_change, name="appliances-own"),
    path(
        "households/<uuid:household_id>/appliances/<uuid:appliance_id>/remove/",
        own_remove,
        name="appliances-own-remove",
    ),
]
