"""The devices page of a household: what is connected, how it fares, its keys, and registering one."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from devices.forms import DeviceForm
from devices.models import Device, KeySlot
from devices.selectors import device_for, device_key_held, device_states, swap_question_for
from devices.services.keys import device_key_issue, device_key_revoke, device_key_rotate
from devices.services.registry import device_disable, device_enable, device_register
from devices.services.swaps import swap_question_answer
from myhouse.errors import UnableTo
from myhouse.selectors.households import Access
from myhouse.selectors.metering import point_for, points_of
from myhouse.views.gate import actor_from, form_refuse, household_open, user_of


@login_required
@require_GET
def devices(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """List the household's devices with their state."""
    access = household_open(request, household_id)
    access.require_member()
    return _page(request, access)


@login_required
@require_POST
def device_new(request: HttpRequest, household_id: uuid.UUID) -> HttpResponse:
    """Register a device that sends by itself, and show its key this once."""
    access = household_open(request, household_id)
    access.require_change()
    form = DeviceForm(request.POST, points=points_of(household=access.household))
    if not form.is_valid():
        return _page(request, access, form=form)
    now, actor, fields = timezone.now(), actor_from(request), form.cleaned_data
    try:
        device = device_register(
            name=fields["name"],
            kind=fields["kind"],
            household=access.household,
            metering_point=point_for(household=access.household, point_id=uuid.UUID(fields["metering_point"])),
            period_s=fields["period_s"],
            actor=actor,
            now=now,
        )
        _key, secret = device_key_issue(device=device, slot=KeySlot.PRIMARY, actor=actor, now=now)
    except UnableTo as refusal:
        form_refuse(form, refusal)
        return _page(request, access, form=form)
    return _page(request, access, fresh=device, secret=secret)


@login_required
@require_POST
def key_rotate(request: HttpRequest, household_id: uuid.UUID, device_id: uuid.UUID) -> HttpResponse:
    """Issue a key beside the newest one, and show it this once."""
    access, device = _opened(request, household_id, device_id)
    _key, secret = device_key_rotate(device=device, actor=actor_from(request), now=timezone.now())
    return _page(request, access, fresh=device, secret=secret)


@login_required
@require_POST
def key_revoke(request: HttpRequest, household_id: uuid.UUID, device_id: uuid.UUID, slot: str) -> HttpResponse:
    """End a key at once."""
    _access, device = _opened(request, household_id, device_id)
    key = device_key_held(device=device, slot=slot)
    device_key_revoke(key=key, actor=actor_from(request), now=timezone.now())
    messages.success(request, _("The key ending in %(hint)s was revoked.") % {"hint": key.hint})
    return redirect("devices", household_id)


@login_required
@require_POST
def device_switch(request: HttpRequest, household_id: uuid.UUID, device_id: uuid.UUID) -> HttpResponse:
    """Switch a device on or off."""
    _access, device = _opened(request, household_id, device_id)
    switch = device_disable if device.enabled else device_enable
    switch(device=device, actor=actor_from(request), now=timezone.now())
    return redirect("devices", household_id)


@login_required
@require_POST
def swap_answer(request: HttpRequest, household_id: uuid.UUID, question_id: uuid.UUID) -> HttpResponse:
    """Say why a register went back."""
    now = timezone.now()
    question, access = swap_question_for(user=user_of(request), question_id=question_id, now=now)
    access.require_change()
    answer = request.POST.get("answer", "")
    try:
        swap_question_answer(question=question, answer=answer, actor=actor_from(request), now=now)
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Thank you: that is noted."))
    return redirect("devices", household_id)


def _opened(request: HttpRequest, household_id: uuid.UUID, device_id: uuid.UUID) -> tuple[Access, Device]:
    household_open(request, household_id)
    device, access = device_for(user=user_of(request), device_id=device_id, now=timezone.now())
    access.require_change()
    return access, device


def _page(request: HttpRequest, access: Access, *, form: DeviceForm | None = None, **extra: Any) -> HttpResponse:
    now = timezone.now()
    points = points_of(household=access.household)
    states = device_states(user=user_of(request), household_id=access.household.pk, now=now)
    context = {
        "household": access.household,
        "access": access,
        "devices": [{"state": one, "ago_s": one.seen_ago_s(now), "late": one.late(now)} for one in states],
        "points": points,
        "form": form or DeviceForm(points=points),
        "public_url": settings.PUBLIC_URL,
        **extra,
    }
    response = render(request, "devices/page.html", context, status=422 if form else 200)
    # A key may be on it.
    response.headers["Cache-Control"] = "no-store"
    return response
