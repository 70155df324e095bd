"""Devices for operators: lists to look at; changes go through the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from devices.models import Device, DeviceChannel, DeviceKey, SwapQuestion

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = admin.ModelAdmin


class ReadOnlyAdmin(_Admin):
    """What has rules is not edited here."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted here."""
        return False


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    """The registry."""

    list_display = ("name", "kind", "model", "household", "host", "port", "period_s", "enabled", "silent_since")
    list_filter = ("kind", "enabled")
    search_fields = ("name__startswith", "external_id__startswith")
    list_select_related = ("household",)


@admin.register(DeviceChannel)
class DeviceChannelAdmin(ReadOnlyAdmin):
    """Points and what they feed."""

    list_display = ("name", "device", "measurement")
    search_fields = ("name__startswith",)


@admin.register(DeviceKey)
class DeviceKeyAdmin(ReadOnlyAdmin):
    """Keys, without what would open anything."""

    list_display = ("device", "slot", "hint", "created_at", "revoked_at")
    exclude = ("digest",)


@admin.register(SwapQuestion)
class SwapQuestionAdmin(ReadOnlyAdmin):
    """Registers that went back."""

    list_display = ("device", "household", "opened_at", "answer", "answered_at")
