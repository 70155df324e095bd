"""Pages of a household's settings: name and place, metering points, batteries."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from myhouse.errors import UnableTo
from myhouse.models import Household, MeteringPoint
from myhouse.models.metering import PointRole
from myhouse.selectors.displays import displays_of
from myhouse.selectors.households import Access, community_of
from myhouse.selectors.metering import batteries_of, battery_at, point_for, points_of
from myhouse.services.households import household_change
from myhouse.services.metering import (
    BatteryTerms,
    battery_change,
    metering_point_create,
    metering_point_remove,
    metering_point_rename,
)
from myhouse.views.gate import actor_from, form_refuse, household_open
from myhouse.views.household_forms import BatteryForm, DisplayForm, MeteringPointForm, PointNameForm, SettingsForm


@login_required
def settings(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Show the settings; an owner may change them."""
    access = household_open(request, household_id)
    access.require_member()
    form = SettingsForm(request.POST or None, initial=_values(access.household))
    if request.method == "POST":
        access.require_change()
        if form.is_valid():
            try:
                household_change(
                    household=access.household, actor=actor_from(request), now=timezone.now(), **form.cleaned_data
                )
            except UnableTo as refusal:
                form_refuse(form, refusal)
            else:
                messages.success(request, _("The household was changed."))
                return redirect("settings", household_id)
    return settings_page(request, access, form=form)


@login_required
@require_POST
def point_new(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Add a metering point."""
    access = household_open(request, household_id)
    access.require_change()
    points = points_of(household=access.household)
    form = MeteringPointForm(request.POST, points=points, auto_id="point_%s")
    if form.is_valid():
        parent = next((p for p in points if str(p.pk) == form.cleaned_data["parent"]), None)
        try:
            point = metering_point_create(
                household=access.household,
                role=form.cleaned_data["role"],
                name=form.cleaned_data["name"],
                parent=parent,
                battery=cast("BatteryTerms | None", form.battery_terms),
                actor=actor_from(request),
                now=timezone.now(),
            )
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            messages.success(request, _("“%(name)s” was added.") % {"name": point.name})
            return redirect("settings", household_id)
    return settings_page(request, access, point_form=form)


@login_required
def point(request: HttpRequest, household_id: uuid.UUID, point_id: uuid.UUID) -> HttpResponse:
    """Rename a metering point."""
    access = household_open(request, household_id)
    access.require_change()
    found = point_for(household=access.household, point_id=point_id)
    form = PointNameForm(request.POST or None, initial={"name": found.name})
    if request.method == "POST" and form.is_valid():
        try:
            metering_point_rename(
                point=found, name=form.cleaned_data["name"], actor=actor_from(request), now=timezone.now()
            )
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            messages.success(request, _("The metering point was renamed."))
            return redirect("settings", household_id)
    return _point_page(request, access, found, form=form)


@login_required
@require_POST
def battery(request: HttpRequest, household_id: uuid.UUID, point_id: uuid.UUID) -> HttpResponse:
    """Say anew what the battery at a metering point can hold and how fast."""
    access = household_open(request, household_id)
    access.require_change()
    found = point_for(household=access.household, point_id=point_id)
    one = battery_at(point=found)
    form = BatteryForm(request.POST, auto_id="battery_%s")
    if form.is_valid():
        try:
            battery_change(
                battery=one,
                terms=cast("BatteryTerms", form.cleaned_data),
                actor=actor_from(request),
                now=timezone.now(),
            )
        except UnableTo as refusal:
            form_refuse(form, refusal)
        else:
            messages.success(request, _("The battery was changed."))
            return redirect("settings", household_id)
    return _point_page(request, access, found, battery_form=form)


@login_required
@require_POST
def point_remove(request: HttpRequest, household_id: uuid.UUID, point_id: uuid.UUID) -> HttpResponse:
    """Remove a metering point at which nothing was ever measured."""
    access = household_open(request, household_id)
    access.require_change()
    found = point_for(household=access.household, point_id=point_id)
    try:
        metering_point_remove(point=found, actor=actor_from(request), now=timezone.now())
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The metering point was removed."))
    return redirect("settings", household_id)


def _point_page(request: HttpRequest, access: Access, found: MeteringPoint, **extra: Any) -> HttpResponse:
    battery_form = None
    if found.role == PointRole.BATTERY:
        one = battery_at(point=found)
        initial = {name: getattr(one, name) for name in BatteryForm.base_fields}
        battery_form = BatteryForm(initial=initial, auto_id="battery_%s")
    context = {
        "household": access.household,
        "access": access,
        "point": found,
        "form": PointNameForm(initial={"name": found.name}),
        "battery_form": battery_form,
        **extra,
    }
    return render(request, "households/point.html", context)


def _values(household: Household) -> dict[str, Any]:
    return {
        "name": household.name,
        "time_zone": household.time_zone,
        "currency": household.currency,
        "connection_limit_w": household.connection_limit_w,
    }


def settings_page(request: HttpRequest, access: Access, **extra: Any) -> HttpResponse:
    """Show the settings, with what a form on it was refused for, or what was just made."""
    points = points_of(household=access.household)
    context = {
        "household": access.household,
        "access": access,
        "form": SettingsForm(initial=_values(access.household)),
        "points": _in_order(points),
        "batteries": {one.metering_point_id: one for one in batteries_of(household=access.household)},
        "community": community_of(household=access.household, now=timezone.now()),
        "point_form": MeteringPointForm(points=points, auto_id="point_%s"),
        "displays": displays_of(household=access.household, now=timezone.now()) if access.may_change else [],
        "display_form": DisplayForm(auto_id="display_%s"),
        **extra,
    }
    return render(request, "households/settings.html", context)


def _in_order(points: list[MeteringPoint]) -> list[dict[str, Any]]:
    """List the points with their role's label and the name of the one in front."""
    names = {point.pk: point.name for point in points}
    return [
        {
            "id": point.pk,
            "name": point.name,
            "role": PointRole(point.role).label,
            "parent": names.get(point.parent_id, "") if point.parent_id else "",
        }
        for point in points
    ]


urlpatterns = [
    path("households/<uuid:household_id>/settings/", settings, name="settings"),
    path("households/<uuid:household_id>/points/", point_new, name="settings-point-new"),
    path("households/<uuid:household_id>/points/<uuid:point_id>/", point, name="settings-point"),
    path("households/<uuid:household_id>/points/<uuid:point_id>/battery/", battery, name="settings-battery"),
    path("households/<uuid:household_id>/points/<uuid:point_id>/remove/", point_remove, name="settings-point-remove"),
]
