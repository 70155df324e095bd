"""How the ingest endpoints are described beside the rest of the API; the views themselves are plain and fast."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from devices.ingest import views
from devices.ingest.columns import Columns
from devices.ingest.packets import Packet
from myhouse.scopes import CLOSED

TAG = ["ingest"]
KEY: Any = [{"deviceKey": []}]
PACKED = OpenApiParameter(
    "Content-Encoding",
    str,
    OpenApiParameter.HEADER,
    enum=["identity", "gzip"],
    description="The body may be packed with gzip.",
)


class Ignored(serializers.Serializer[Any]):
    """A point that was left out, and the remedy."""

    field = serializers.CharField()
    message = serializers.CharField()


class Accepted(serializers.Serializer[Any]):
    """How many readings are on the disk."""

    accepted = serializers.IntegerField()
    ignored = Ignored(many=True, help_text="Points that are not bound; the first hundred.")
    ignored_count = serializers.IntegerField(required=False, help_text="How many there are, where they are more.")
    spooled = serializers.BooleanField(
        required=False, help_text="With 202: they are kept safely and can be read once the time-series store is back."
    )
    quarantined = serializers.IntegerField(required=False, help_text="Beyond what the connection can carry.")


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON schema of what the decoder takes, without references."""
    (schema,), parts = msgspec.json.schema_components([kind], ref_template="{name}")

    def inlined(value: Any) -> Any:
        if isinstance(value, list):
            return [inlined(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return inlined(parts[value["$ref"]])
        return {name: inlined(one) for name, one in value.items()}

    return dict(inlined(schema))


_PACKET = schema_of(Packet)
_PACKETS = {"oneOf": [_PACKET, {"type": "array", "items": _PACKET, "minItems": 1}]}


class _IngestView(APIView):
    """Describes a view that answers device keys."""

    scopes = CLOSED
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []


class PacketsView(_IngestView):
    """Describes `views.packets`."""

    @extend_schema(
        operation_id="ingest_packets",
        tags=TAG,
        auth=KEY,
        parameters=[PACKED],
        request={"application/json": _PACKETS, "application/x-ndjson": {"type": "string"}},
        responses={200: Accepted, 202: Accepted},
        summary="Hand in DataPackets",
    )
    def post(self, request: Request) -> None:
        """Take one packet, a JSON list of them, or one per line.

        200 means durable, 202 durable and not to be read yet. The same readings again
        change nothing; if one cannot be accepted, none is stored.
        """


class ColumnsView(_IngestView):
    """Describes `views.columns`."""

    @extend_schema(
        operation_id="ingest_columns",
        tags=TAG,
        auth=KEY,
        parameters=[PACKED],
        request={"application/json": schema_of(Columns)},
        responses={200: Accepted, 202: Accepted},
        summary="Hand in readings in columns",
    )
    def post(self, request: Request) -> None:
        """Take readings of many series in bulk: values with `times` in ms, or with `start` and `step`.

        200 means durable, 202 durable and not to be read yet. The same readings again
        change nothing; if one cannot be accepted, none is stored.
        """


class TelegramView(_IngestView):
    """Describes `views.telegram`."""

    @extend_schema(
        operation_id="ingest_p1",
        tags=TAG,
        auth=KEY,
        parameters=[PACKED],
        request={"text/plain": {"type": "string"}},
        responses={200: Accepted, 202: Accepted},
        summary="Hand in a P1 telegram",
    )
    def post(self, request: Request) -> None:
        """Take one telegram of a smart meter as it comes, CRC included; 200 and 202 mean durable."""


# The schema is made from the class a view names here.
for _view, _described in ((views.packets, PacketsView), (views.columns, ColumnsView), (views.telegram, TelegramView)):
    _view.cls = _described  # type: ignore[attr-defined] # read by spectacular
    _view.initkwargs = {}  # type: ignore[attr-defined] # read by spectacular
