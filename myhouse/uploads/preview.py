"""What is shown of a file before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from myhouse.errors import FieldError, UnableTo
from myhouse.models import Household, MeteringPoint, Upload
from myhouse.models.metering import PointRole, Quantity
from myhouse.uploads import limits
from myhouse.uploads.check import file_check
from myhouse.uploads.detect import Layout, layout_of
from myhouse.uploads.mapping import Mapping, ValueColumn, mapping_write
from myhouse.uploads.report import report_of, stored_before
from myhouse.uploads.rows import Source, source_open
from myhouse.uploads.targets import targets_plan

_ROLES = {
    Quantity.PRODUCTION: PointRole.PRODUCTION,
    Quantity.CHARGE: PointRole.BATTERY,
    Quantity.DISCHARGE: PointRole.BATTERY,
    Quantity.STATE_OF_CHARGE: PointRole.BATTERY,
}


@dataclass(frozen=True)
class Preview:
    """The first rows, what was detected, the mapping used, what would become of all rows, what is in the way."""

    kind: str
    encoding: str
    delimiter: str
    sheets: tuple[str, ...]
    sheet: str
    titles: tuple[str, ...]
    first_row: int
    sample: tuple[tuple[str, ...], ...]
    time_format: str | None
    decimal: str
    mapping: Mapping
    report: dict[str, Any] = field(default_factory=dict)
    problems: tuple[FieldError, ...] = ()
    same_as: Upload | None = None

    def as_json(self) -> dict[str, Any]:
        """The preview as JSON data."""
        return {
            "kind": self.kind,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "sheets": list(self.sheets),
            "sheet": self.sheet,
            "titles": list(self.titles),
            "first_row": self.first_row,
            "sample": [list(row) for row in self.sample],
            "time_format": self.time_format,
            "decimal": self.decimal,
            "mapping": mapping_write(self.mapping),
            "report": self.report,
            "problems": [{"field": problem.field, "message": problem.message} for problem in self.problems],
            "same_as": str(self.same_as.pk) if self.same_as else None,
        }


def file_preview(
    *,
    path: Path,
    upload: Upload,
    mapping: Mapping | None,
    since: datetime,
    until: datetime,
    now: datetime,
    sheet: str = "",
    head_only: bool = False,
) -> Preview:
    """Read the file as an import would, at most its first half million rows, and write nothing.

    Without a mapping the detected one is used. With `head_only` nothing is said about what would be imported.
    """
    given = mapping or Mapping(values=(), sheet=sheet)
    with source_open(path, encoding=given.encoding, delimiter=given.delimiter, sheet=given.sheet) as source:
        layout = layout_of(source, time_format=given.time_format)
        chosen = mapping or mapping_suggest(layout=layout, household=upload.household, sheet=source.sheet)
        problems: list[FieldError] = []
        report: dict[str, Any] = {}
        try:
            report = (
                {} if head_only else _trial(source, upload=upload, mapping=chosen, since=since, until=until, now=now)
            )
        except UnableTo as error:
            problems += error.errors
        if layout.month_first_unclear and given.time_format is None:
            problems.append(
                FieldError("mapping.time_format", _("Day and month cannot be told apart: choose which comes first."))
            )
    return Preview(
        kind=source.kind,
        encoding=source.encoding,
        delimiter=source.delimiter,
        sheets=source.sheets,
        sheet=source.sheet,
        titles=layout.titles,
        first_row=layout.first_row,
        sample=tuple(tuple(cell[:80] for cell in row[: len(layout.titles)]) for row in layout.sample),
        time_format=layout.time_format,
        decimal=layout.decimal,
        mapping=chosen,
        report=report,
        problems=tuple(problems),
        same_as=_imported_before(upload),
    )


def _trial(
    source: Source, *, upload: Upload, mapping: Mapping, since: datetime, until: datetime, now: datetime
) -> dict[str, Any]:
    household = upload.household
    now_ms = round(now.timestamp() * 1000)
    most = limits.PREVIEW_CHECKED_ROWS
    checked = file_check(source, mapping=mapping, zone=household.time_zone, now_ms=now_ms, rows_at_most=most)
    targets, checked = targets_plan(
        household=household, checked=checked, digest=upload.digest, since=since, until=until
    )
    unchanged, replaced = stored_before(checked=checked, targets=targets)
    return report_of(checked=checked, targets=targets, unchanged=unchanged, replaced=replaced)


def _imported_before(upload: Upload) -> Upload | None:
    return (
        Upload.objects.filter(household=upload.household, digest=upload.digest, state="done")
        .exclude(pk=upload.pk)
        .order_by("-created_at")
        .first()
    )


def mapping_suggest(*, layout: Layout, household: Household, sheet: str = "") -> Mapping:
    """The mapping that was detected, with metering points of the household where they fit."""
    points = list(MeteringPoint.objects.filter(household=household).order_by("pk"))
    values = tuple(_placed(column, points) for column in layout.suggestions)
    return Mapping(
        values=values,
        time_column=layout.time_column,
        clock_column=layout.clock_column,
        time_format=layout.time_format,
        zone=household.time_zone,
        sheet=sheet,
        decimal="," if layout.decimal == "," else ".",
    )


def _placed(column: ValueColumn, points: list[MeteringPoint]) -> ValueColumn:
    role = _ROLES.get(Quantity(column.quantity), PointRole.GRID)
    for point in points:
        if point.role == role:
            return msgspec.structs.replace(column, point=str(point.pk))
    return msgspec.structs.replace(column, point_name=str(role.label), point_role=role.value)
