"""REST API of single movements, and of all movements of an account as a file."""

from __future__ import annotations

import io
import uuid
from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.accounts import TAG, EntryAnswer, entry_json
from marketplace.api.gate import MarketView
from marketplace.api.trades import AllocationAnswer, allocation_json
from marketplace.models.ledger import Asset, TransferKind
from marketplace.selectors.accounts import account_for, movement_for, movements_table
from myhouse.api.fields import Moment, moment
from myhouse.api.gate import FILES, FORM
from myhouse.errors import NotFound
from myhouse.exports import table_csv, table_xlsx
from myhouse.scopes import Scope, by_method


class RelatedAnswer(serializers.Serializer[Any]):
    """Another movement of the household with the same cause."""

    transfer = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=TransferKind.choices)
    title = serializers.CharField()
    at = Moment()


class MovementAnswer(EntryAnswer):
    """A movement and what caused it."""

    account = serializers.UUIDField()
    asset = serializers.ChoiceField(choices=Asset.choices)
    currency = serializers.CharField(allow_null=True)
    trade = serializers.UUIDField(allow_null=True, help_text="The trade behind it, if there is one.")
    cash_order = serializers.UUIDField(allow_null=True, help_text="The deposit or payout behind it, if there is one.")
    allocations = AllocationAnswer(many=True, help_text="Of used energy: the quarter-hours it was used in.")
    related = RelatedAnswer(many=True)


class MovementView(MarketView):
    """One movement."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(tags=TAG, responses=MovementAnswer, summary="Read a movement and what caused it")
    def get(
        self, request: Request, household_id: uuid.UUID, account_id: uuid.UUID, transfer_id: uuid.UUID
    ) -> Response:
        """Answer a movement with its trade, deposit or payout, or the quarter-hours in which energy was used."""
        access = self.access
        found = movement_for(household=access.household, transfer_id=transfer_id)
        account = found.account
        if account.pk != account_id or not access.since <= found.line.at < access.until:
            raise NotFound(_("There is no such movement, or it is not yours."))
        return Response(
            {
                **entry_json(account, found.line),
                "account": str(account.pk),
                "asset": account.asset,
                "currency": account.currency or None,
                "trade": None if found.trade is None else str(found.trade.pk),
                "cash_order": None if found.order is None else str(found.order.pk),
                "allocations": [allocation_json(one) for one in found.allocations],
                "related": [
                    {
                        "transfer": str(line.transfer_id),
                        "kind": line.kind,
                        "title": line.title,
                        "at": moment(line.at),
                    }
                    for line in found.related
                ],
            }
        )


class MovementsFileView(MarketView):
    """All movements as a file."""

    scopes = by_method(read=Scope.MARKET_READ)

    @extend_schema(
        tags=TAG,
        operation_id="households_accounts_export",
        parameters=[FORM],
        responses=FILES,
        summary="An account's movements as CSV or Excel",
    )
    def get(
        self, request: Request, household_id: uuid.UUID, account_id: uuid.UUID, form: str
    ) -> StreamingHttpResponse | FileResponse:
        """Answer a file with one row per movement of your own time in the household, the oldest first."""
        access = self.access
        account = account_for(household=access.household, account_id=account_id)
        if form not in {"csv", "xlsx"}:
            raise NotFound(_("Exports are .csv and .xlsx."))
        zone = access.household.time_zone
        table = movements_table(account=account, zone=zone, since=access.since, until=access.until)
        name = f"movements-{account.asset}-{timezone.now():%Y-%m-%d}.{form}"
        if form == "csv":
            return StreamingHttpResponse(
                table_csv(table),
                content_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
        file = io.BytesIO()
        table_xlsx(table, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=name)
