"""What the devices show on the operators' start page."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from devices.models import Device, SwapQuestion
from myhouse.admin.figures import count_text, list_url
from myhouse.documents.base import FOREVER
from myhouse.panels import Figure, Overview
from myhouse.selectors.staff import StaffScope


def operator_panel(*, scope: StaffScope, now: datetime) -> Overview:
    """Count the devices in sight: how many are silent, and which questions wait for a member."""
    devices = scope.limit(Device.objects.all(), household_id="households", community_id="communities").aggregate(
        on=Count("pk", filter=Q(enabled=True)),
        off=Count("pk", filter=Q(enabled=False)),
        silent=Count("pk", filter=Q(enabled=True, silent_since__lt=FOREVER)),
    )
    swaps = scope.limit(SwapQuestion.objects.all(), household_id="households").filter(answered_at=FOREVER).count()
    figures = [
        Figure(
            _("Silent devices"),
            count_text(devices["silent"]),
            list_url("devices_device", open="no", enabled__exact="1"),
            note=_("of %(n)s") % {"n": count_text(devices["on"])} if devices["silent"] else _("all answer"),
            tone="bad" if devices["silent"] else "good",
        ),
        Figure(_("Devices on"), count_text(devices["on"]), list_url("devices_device", enabled__exact="1")),
        Figure(_("Devices off"), count_text(devices["off"]), list_url("devices_device", enabled__exact="0")),
        Figure(_("Meter swaps to answer"), count_text(swaps), list_url("devices_swapquestion", open="yes")),
    ]
    return Overview(title=_("Devices"), figures=figures, order=20)
