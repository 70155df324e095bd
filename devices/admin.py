"""Devices for operators: looked at, switched on and off; changes go through the services."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from devices.models import Device, DeviceChannel, DeviceKey, SwapQuestion
from devices.services.keys import device_key_revoke
from devices.services.registry import device_disable, device_enable
from myhouse.admin.base import ReadOnlyAdmin
from myhouse.admin.decisions import DecidingAdmin, Decision
from myhouse.admin.filters import CommunityOfHouseholdFilter, open_filter
from myhouse.admin.scope import scope_of
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor


def _disable(device: Device, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    device_disable(device=device, actor=actor, now=now)


def _enable(device: Device, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    device_enable(device=device, actor=actor, now=now)


def _revoke(key: DeviceKey, _given: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    device_key_revoke(key=key, actor=actor, now=now)


def devices_seen(request: HttpRequest) -> list[UUID]:
    """List the devices a manager may see; read once per request."""
    scope = scope_of(request)
    if "devices" not in scope.kept:
        rows = scope.limit(Device.objects.all(), household_id="households", community_id="communities")
        scope.kept["devices"] = list(rows.values_list("pk", flat=True))
    return scope.kept["devices"]


@admin.register(Device)
class DeviceAdmin(DecidingAdmin):
    """The registry."""

    titles = (_("Device"), _("Devices"))
    list_display = ("name", "kind", "model", "household", "host", "enabled", "silent_since", "last_error")
    list_filter = (
        CommunityOfHouseholdFilter,
        "kind",
        "enabled",
        open_filter("silent_since", _("Heard from"), (_("Answers"), _("Silent"))),
        "simulated",
    )
    search_fields = ("name", "external_id", "host")
    search_households = ("household_id",)
    related = ("household",)
    ordering = ("name",)
    scope = {"household_id": "households", "community_id": "communities"}
    decisions = (
        Decision(
            name="disable",
            title=_("Disable"),
            question=_("The device is not asked any more, and what it sends is refused. Its readings stay."),
            done=_("Disabled"),
            run=_disable,
            icon="power_off",
            danger=True,
            managers=True,
            possible=lambda device: bool(device.enabled),
        ),
        Decision(
            name="enable",
            title=_("Enable"),
            question=_("The device is asked again, and what it sends is taken."),
            done=_("Enabled"),
            run=_enable,
            icon="power",
            managers=True,
            possible=lambda device: not device.enabled,
        ),
    )


class _OfDevices:
    """Rows that belong to a device in sight."""

    def in_scope(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what belongs to devices a manager may see."""
        return rows.filter(device_id__in=devices_seen(request))


@admin.register(DeviceChannel)
class DeviceChannelAdmin(_OfDevices, ReadOnlyAdmin):
    """Points and what they feed."""

    titles = (_("Channel"), _("Channels"))
    list_display = ("name", "device", "quantity", "created_at")
    search_fields = ("name",)
    search_ids = ("device_id", "measurement_id")
    related = ("device", "measurement")
    ordering = ("-created_at",)
    scope = {}

    @admin.display(description=_("Quantity"))
    def quantity(self, channel: DeviceChannel) -> str:
        """Say what is measured."""
        return str(channel.measurement.get_quantity_display())


@admin.register(DeviceKey)
class DeviceKeyAdmin(_OfDevices, DecidingAdmin):
    """Keys, without what would open anything."""

    titles = (_("Device key"), _("Device keys"))
    list_display = ("hint", "device", "slot", "created_at", "revoked_at")
    list_filter = ("slot", open_filter("revoked_at", _("State"), (_("Valid"), _("Revoked"))))
    search_ids = ("device_id",)
    related = ("device",)
    hidden = ("digest",)
    ordering = ("-created_at",)
    scope = {}
    decisions = (
        Decision(
            name="revoke",
            title=_("Revoke"),
            question=_("The device is refused with this key from now on. A key that was lost or leaked is revoked."),
            done=_("Revoked"),
            run=_revoke,
            icon="key_off",
            danger=True,
            managers=True,
            possible=lambda key: key.revoked_at == FOREVER,
        ),
    )

    def name_of(self, row: DeviceKey) -> str:
        """Say which key of which device it is."""
        return f"{row.device} …{row.hint}"


@admin.register(SwapQuestion)
class SwapQuestionAdmin(ReadOnlyAdmin):
    """Registers that went back; answered by the members."""

    titles = (_("Meter swap"), _("Meter swaps"))
    list_display = ("opened_at", "device", "household", "value_before", "value_after", "answer", "answered_at")
    list_filter = (
        CommunityOfHouseholdFilter,
        "answer",
        open_filter("answered_at", _("State"), (_("Open"), _("Answered"))),
    )
    search_ids = ("device_id", "channel_id")
    search_households = ("household_id",)
    related = ("device", "household")
    ordering = ("-opened_at",)
    scope = {"household_id": "households"}
