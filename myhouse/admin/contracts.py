"""What energy costs: contracts with suppliers, and the dated figures they may follow."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from myhouse.admin.base import ReadOnlyAdmin
from myhouse.admin.filters import CommunityOfHouseholdFilter, open_filter
from myhouse.documents.base import FOREVER_DATE
from myhouse.models import ReferenceSeries, SupplierContract


@admin.register(SupplierContract)
class SupplierContractAdmin(ReadOnlyAdmin):
    """Contracts with suppliers."""

    titles = (_("Contract"), _("Contracts"))
    list_display = ("name", "supplier_name", "household", "direction", "starts_on", "ends_on", "version")
    list_filter = (
        CommunityOfHouseholdFilter,
        "direction",
        open_filter("ends_on", _("State"), (_("Current"), _("Ended")), FOREVER_DATE),
    )
    search_fields = ("supplier_name", "name")
    search_households = ("household_id",)
    related = ("household",)
    ordering = ("-starts_on",)
    scope = {"household_id": "households"}


@admin.register(ReferenceSeries)
class ReferenceSeriesAdmin(ReadOnlyAdmin):
    """Dated figures with their sources; they belong to nobody, so every manager may look."""

    titles = (_("Market price or emission factor"), _("Market prices and emission factors"))
    list_display = ("name", "kind", "country", "source", "demo")
    list_filter = ("kind", "country", "demo")
    search_fields = ("name",)
    search_ids = ("series_id",)
    ordering = ("name",)
    scope = {}

    def in_scope(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Show all of them to all staff."""
        return rows
