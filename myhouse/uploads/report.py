"""What became of a file, as JSON: counts, range, sums, and the rows that were refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext

from myhouse.uploads.check import Checked
from myhouse.uploads.targets import Target
from telemetry.model import Kind
from telemetry.rounding import MICRO, whole_sum
from telemetry.selectors import scan

_HOUR_MS = 3_600_000


def report_of(*, checked: Checked, targets: Sequence[Target], unchanged: int = 0, replaced: int = 0) -> dict[str, Any]:
    """Describe a checked file and where its values go."""
    span = checked.range_ms
    return {
        "rows": checked.rows,
        "cut": checked.cut,
        "accepted": len(checked.times),
        "rejected": checked.rejections.rows,
        "duplicates": checked.duplicates,
        "unchanged": unchanged,
        "replaced": replaced,
        "first": iso(span[0]) if span else None,
        "last": iso(span[1]) if span else None,
        "interval_s": checked.interval_ms / 1000,
        "columns": [_column(checked, index, target) for index, target in enumerate(targets)],
        "reasons": checked.rejections.by_reason,
        "rejections": [{"row": r.row, "field": r.field, "reason": r.reason} for r in checked.rejections.listed],
    }


def _column(checked: Checked, index: int, target: Target) -> dict[str, Any]:
    values = checked.values[index]
    present = values[~np.isnan(values)]
    return {
        "title": checked.titles[index],
        "point": str(target.point.pk) if target.point else None,
        "point_name": target.point_name,
        "measurement": str(target.measurement.pk) if target.measurement else None,
        "quantity": target.column.quantity,
        "kind": target.series.kind.value,
        "unit": target.series.unit,
        "readings": len(present),
        "smallest": float(present.min()) if len(present) else None,
        "largest": float(present.max()) if len(present) else None,
        "energy_wh": _energy(present, target),
    }


def _energy(present: np.ndarray[Any, np.dtype[np.float64]], target: Target) -> int | None:
    """Energy of all good rows in whole Wh; None for what is no energy."""
    if not len(present) or target.series.unit not in {"W", "Wh"}:
        return None
    if target.series.kind == Kind.MEAN:
        present = present * (target.series.interval_ms / _HOUR_MS)
    elif target.series.kind != Kind.INTERVAL:
        return None
    return int(whole_sum(np.rint(present * MICRO).astype(np.int64)))


def stored_before(*, checked: Checked, targets: Sequence[Target]) -> tuple[int, int]:
    """How many of the readings are stored already with the same value, and how many with another."""
    same = other = 0
    if not len(checked.times):
        return same, other
    for target, values in zip(targets, checked.values, strict=True):
        if target.measurement is None:
            continue
        start, end = int(checked.times[0]), int(checked.times[-1]) + 1
        old = scan(series_id=target.series.id, start_ms=start, end_ms=end)
        present = ~np.isnan(values)
        place = np.searchsorted(old.times, checked.times[present])
        place = np.minimum(place, max(len(old.times) - 1, 0))
        if not len(old.times):
            continue
        known = old.times[place] == checked.times[present]
        equal = old.values[place] == values[present]
        same += int((known & equal).sum())
        other += int((known & ~equal).sum())
    return same, other


def iso(ms: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def report_shown(report: dict[str, Any]) -> dict[str, Any]:
    """The report with its sentences in the reader's language (kept in English)."""
    shown = dict(report)
    if "error" in report:
        shown["error"] = gettext(report["error"])
    shown["reasons"] = {gettext(reason): count for reason, count in report.get("reasons", {}).items()}
    shown["rejections"] = [{**row, "reason": gettext(row["reason"])} for row in report.get("rejections", [])]
    return shown
