"""How values look in JSON: times in UTC with milliseconds, an open end as null."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from myhouse.documents.base import FOREVER


class Moment(serializers.DateTimeField):
    """A time as 2026-06-15T10:00:00.000Z; the far future of an open period is null."""

    def to_representation(self, value: Any) -> str | None:  # type: ignore[override] # FOREVER is told as null
        """Write the time; null while the period is open."""
        if value is None or value >= FOREVER:
            return None
        moment: datetime = value.astimezone(UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(value: datetime) -> str | None:
    """Write one time as the API does."""
    return Moment().to_representation(value)
