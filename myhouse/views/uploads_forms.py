"""The forms of the file pages: which file, how to read it, what each column measures."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.utils.translation import gettext_lazy as _

from myhouse.models import MeteringPoint
from myhouse.models.metering import PointRole, Quantity
from myhouse.place import time_zones
from myhouse.uploads import limits
from myhouse.uploads.mapping import Mapping, ValueColumn
from myhouse.uploads.preview import Preview

COLUMNS_SHOWN = 24
FORMATS = [
    ("", _("As recognised")),
    ("iso", "2026-03-28 14:15"),
    ("dmy", _("28.03.2026 14:15 (day first)")),
    ("mdy", _("3/28/2026 2:15 PM (month first)")),
    ("compact", "202603281415"),
    ("epoch_s", _("Seconds since 1970")),
    ("epoch_ms", _("Milliseconds since 1970")),
    ("excel_serial", _("Days as Excel counts them")),
]
AMBIGUOUS = [
    ("order", _("Follow the order of the rows")),
    ("first", _("The earlier hour")),
    ("second", _("The later hour")),
    ("refuse", _("Refuse such rows")),
]
KINDS = [
    ("mean", _("Mean power of the interval")),
    ("interval", _("Energy of the interval")),
    ("counter", _("Meter reading (register)")),
    ("gauge", _("Value at that moment")),
]
UNITS = ["W", "kW", "MW", "Wh", "kWh", "MWh", "V", "Hz", "%", "l", "m3"]
NEW = "new:"


class FileForm(forms.Form):
    """A file to hand in."""

    file = forms.FileField(
        label=_("CSV or Excel file"),
        help_text=_("At most 50 MB. You see what is in it before anything is imported."),
        widget=forms.FileInput(
            attrs={
                "accept": ".csv,.txt,.tsv,.xlsx,.xls,.ods,text/csv",
                "class": "input",
                "data-max-bytes": str(limits.FILE_BYTES),
            }
        ),
    )


class MappingForm(forms.Form):
    """How times are written, and what to do with doubt."""

    sheet = forms.ChoiceField(label=_("Sheet"), required=False)
    time_column = forms.ChoiceField(label=_("Column of times"))
    clock_column = forms.ChoiceField(label=_("Time of day in a column of its own"), required=False)
    time_format = forms.ChoiceField(label=_("Written as"), choices=FORMATS, required=False)
    zone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("Of clock times; times with an offset, and seconds, have none.")
    )
    label = forms.ChoiceField(
        label=_("A time says when its interval"),
        choices=[("start", _("begins")), ("end", _("ends"))],
    )
    ambiguous = forms.ChoiceField(label=_("In the hour that comes twice in autumn"), choices=AMBIGUOUS)
    decimal = forms.ChoiceField(label=_("Decimal sign"), choices=[(".", _("Point: 1.5")), (",", _("Comma: 1,5"))])
    only_good = forms.BooleanField(label=_("Import the good rows even if others are refused"), required=False)

    def __init__(self, *args: Any, preview: Preview, **kwargs: Any) -> None:
        """Offer the columns and sheets of the file."""
        super().__init__(*args, **kwargs)
        titles = [(str(index), title) for index, title in enumerate(preview.titles)]
        self._choices("time_column", titles)
        self._choices("clock_column", [("", _("None")), *titles])
        self._choices("zone", [(zone, zone) for zone in time_zones()])
        self._choices("sheet", [(name, name) for name in preview.sheets])
        if len(preview.sheets) < 2:
            del self.fields["sheet"]

    def _choices(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


class ColumnForm(forms.Form):
    """What one column measures; without a quantity it is left out."""

    quantity = forms.ChoiceField(label=_("Measures"), required=False)
    kind = forms.ChoiceField(label=_("Each value is"), choices=KINDS)
    unit = forms.ChoiceField(label=_("Unit"), choices=[(unit, unit) for unit in UNITS])
    factor = forms.FloatField(label=_("Multiplied by"), initial=1.0, widget=forms.NumberInput(attrs={"step": "any"}))
    point = forms.ChoiceField(label=_("Metering point"))
    point_name = forms.CharField(
        label=_("Name of a new metering point"), max_length=80, required=False, help_text=_("Only for a new one.")
    )

    def __init__(self, *args: Any, title: str, points: list[MeteringPoint], **kwargs: Any) -> None:
        """Offer the household's metering points, and new ones."""
        super().__init__(*args, **kwargs)
        self.title = title
        quantity, point = self.fields["quantity"], self.fields["point"]
        assert isinstance(quantity, forms.ChoiceField)
        assert isinstance(point, forms.ChoiceField)
        quantity.choices = [("", _("– leave out –")), *Quantity.choices]
        new = [(NEW + role.value, _("New: %(role)s") % {"role": role.label}) for role in _new_roles(points)]
        point.choices = [*((str(p.pk), p.name) for p in points), *new]

    def clean(self) -> dict[str, Any]:
        """A new point has a name, or its role's."""
        data = super().clean() or {}
        point = data.get("point", "")
        if point.startswith(NEW) and not data.get("point_name"):
            data["point_name"] = str(PointRole(point.removeprefix(NEW)).label)
        return data

    def value_column(self, index: int) -> ValueColumn | None:
        """The column as part of a mapping; None when it is left out."""
        data = self.cleaned_data
        if not data["quantity"]:
            return None
        new = data["point"].startswith(NEW)
        return ValueColumn(
            column=index,
            quantity=data["quantity"],
            kind=data["kind"],
            unit=data["unit"],
            factor=data["factor"],
            point="" if new else data["point"],
            point_name=data["point_name"] if new else "",
            point_role=data["point"].removeprefix(NEW) if new else "",
        )


def _new_roles(points: list[MeteringPoint]) -> list[PointRole]:
    """Roles a new point may have: one grid connection, no battery without its data."""
    grid = any(point.role == PointRole.GRID for point in points)
    return [role for role in PointRole if role != PointRole.BATTERY and not (grid and role == PointRole.GRID)]


class Forms:
    """The form of the file and one per column that may hold values."""

    def __init__(self, *, preview: Preview, points: list[MeteringPoint], data: Any = None) -> None:
        """Fill in what was detected, or what was sent."""
        mapping = preview.mapping
        self.main = MappingForm(data, preview=preview, initial=_initial(preview))
        known = {column.column: column for column in mapping.values}
        time_columns = {mapping.time_column, mapping.clock_column}
        self.columns = [
            ColumnForm(
                data,
                prefix=f"c{index}",
                title=title,
                points=points,
                initial=_column_initial(known.get(index), points),
            )
            for index, title in enumerate(preview.titles[:COLUMNS_SHOWN])
            if (index not in time_columns if data is None else f"c{index}-kind" in data)
        ]
        self._indexes = [int(str(form.prefix)[1:]) for form in self.columns]

    def is_valid(self) -> bool:
        """Check all of them."""
        return all([self.main.is_valid(), *(form.is_valid() for form in self.columns)])

    def mapping(self) -> Mapping:
        """The mapping they describe."""
        data = self.main.cleaned_data
        time_column = int(data["time_column"])
        clock = int(data["clock_column"]) if data["clock_column"] else None
        pairs = zip(self._indexes, self.columns, strict=True)
        values = [form.value_column(index) for index, form in pairs if index not in {time_column, clock}]
        return Mapping(
            values=tuple(value for value in values if value is not None),
            time_column=time_column,
            clock_column=clock,
            time_format=data["time_format"] or None,
            zone=data["zone"],
            label=data["label"],
            ambiguous=data["ambiguous"],
            decimal=data["decimal"],
            sheet=data.get("sheet", ""),
            only_good=data["only_good"],
        )


def _initial(preview: Preview) -> dict[str, Any]:
    initial = dict(msgspec.structs.asdict(preview.mapping))
    initial["time_format"] = preview.mapping.time_format or ""
    initial["decimal"] = preview.mapping.decimal or preview.decimal
    initial["sheet"] = preview.sheet
    initial["time_column"] = str(preview.mapping.time_column)
    initial["clock_column"] = "" if preview.mapping.clock_column is None else str(preview.mapping.clock_column)
    return initial


def _column_initial(column: ValueColumn | None, points: list[MeteringPoint]) -> dict[str, Any]:
    if column is None:
        first = str(points[0].pk) if points else NEW + PointRole.GRID
        return {"quantity": "", "factor": 1, "unit": "kWh", "kind": "interval", "point": first}
    point = column.point or NEW + (column.point_role or PointRole.GRID)
    initial = dict(msgspec.structs.asdict(column))
    factor = int(column.factor) if column.factor == int(column.factor) else column.factor
    return {**initial, "factor": factor, "point": point}
