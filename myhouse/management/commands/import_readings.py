"""Import a CSV or Excel file of readings from the command line."""

from __future__ import annotations

import sys
import uuid
from argparse import ArgumentParser
from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from myhouse.documents.services import SYSTEM
from myhouse.errors import UnableTo
from myhouse.models import Household
from myhouse.models.metering import PointRole, Quantity
from myhouse.uploads.detect import layout_of
from myhouse.uploads.mapping import Mapping, ValueColumn, mapping_read, mapping_write
from myhouse.uploads.rows import source_open
from myhouse.uploads.services import file_import
from telemetry.errors import TelemetryError


class Command(BaseCommand):
    """`manage.py import_readings FILE --household HOME --point METER --quantity import_energy`."""

    help = "Import readings from a CSV or Excel file: all rows are checked first, then all or nothing is written."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What can be said about the file; the rest is detected."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--household", required=True, help="id or name of the household")
        parser.add_argument("--point", required=True, help="id or name of the metering point; a new name makes one")
        parser.add_argument("--role", default="", choices=["", *PointRole.values], help="role of a new point")
        parser.add_argument("--quantity", required=True, choices=Quantity.values)
        parser.add_argument("--kind", default="mean", choices=["mean", "gauge", "counter", "interval"])
        parser.add_argument("--unit", default="W")
        parser.add_argument("--factor", type=float, default=1.0, help="every value is multiplied by it")
        parser.add_argument("--time-column", default="", help="title or position (from 0) of the times")
        parser.add_argument("--value-column", default="", help="title or position (from 0) of the values")
        parser.add_argument(
            "--time-format", default=None, help="iso, epoch_s, epoch_ms, dmy, mdy, compact, excel_serial"
        )
        parser.add_argument("--zone", default="", help="of times without an offset; else the household's")
        parser.add_argument(
            "--label", default="start", choices=["start", "end"], help="what a time says of its interval"
        )
        parser.add_argument("--ambiguous", default="order", choices=["order", "first", "second", "refuse"])
        parser.add_argument("--interval", type=int, default=None, help="length of an interval in seconds")
        parser.add_argument("--sheet", default="", help="sheet of a workbook")
        parser.add_argument("--only-good", action="store_true", help="write the good rows although others are refused")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, show the progress, tell what became of the rows."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        household = _household(options["household"])
        bar = _Bar()
        try:
            upload = file_import(
                household=household,
                path=path,
                mapping=_mapping(path, household, options),
                user=None,
                actor=SYSTEM,
                now=timezone.now(),
                progress=bar.show,
            )
        except UnableTo as error:
            raise CommandError(f"{error.field}: {error.message}" if error.field else error.message) from error
        except TelemetryError as error:
            raise CommandError(str(error)) from error
        finally:
            bar.end()
        self._tell(upload.report, quiet=options["verbosity"] == 0)

    def _tell(self, report: dict[str, Any], *, quiet: bool) -> None:
        for rejection in report.get("rejections", [])[:20]:
            self.stderr.write(f"row {rejection['row']}, {rejection['field']}: {rejection['reason']}")
        for reason, count in report.get("reasons", {}).items():
            self.stderr.write(f"{count} rows: {reason}")
        if "error" in report:
            raise CommandError(f"{report['error']} (--only-good imports the good rows)")
        if quiet:
            return
        if "same_as" in report:
            self.stdout.write(f"This file was imported on {report['imported_at']} already; nothing was changed.")
            return
        self.stdout.write(
            f"{report['accepted']} rows from {report['first']} to {report['last']}; rejected {report['rejected']}, "
            f"duplicates {report['duplicates']}, stored before {report['unchanged']}, replaced {report['replaced']}"
        )
        for column in report["columns"]:
            energy = "" if column["energy_wh"] is None else f", {column['energy_wh']} Wh"
            self.stdout.write(f"{column['title']} -> {column['point_name']} {column['quantity']}{energy}")


def _household(wanted: str) -> Household:
    try:
        found = list(Household.objects.filter(pk=uuid.UUID(wanted)))
    except ValueError:
        found = list(Household.objects.filter(name=wanted)[:2])
    if len(found) != 1:
        raise CommandError(f"There is {'no' if not found else 'more than one'} household {wanted}; give its id.")
    return found[0]


def _mapping(path: Path, household: Household, options: dict[str, Any]) -> Mapping:
    with source_open(path, sheet=options["sheet"]) as source:
        layout = layout_of(source, time_format=options["time_format"])
    time_column = _column(options["time_column"], layout.time_column)
    value = layout.suggestions[0].column if layout.suggestions else 1
    target = ValueColumn(
        column=_column(options["value_column"], value),
        quantity=options["quantity"],
        kind=options["kind"],
        unit=options["unit"],
        factor=options["factor"],
        **_point(options["point"], options["role"] or _role_of(options["quantity"])),
    )
    mapping = Mapping(
        values=(target,),
        time_column=time_column,
        time_format=options["time_format"],
        zone=options["zone"] or household.time_zone,
        label=options["label"],
        ambiguous=options["ambiguous"],
        interval_s=options["interval"],
        sheet=options["sheet"],
        only_good=options["only_good"],
    )
    return mapping_read(mapping_write(mapping))


def _column(given: str, otherwise: int | str) -> int | str:
    if not given:
        return otherwise
    return int(given) if given.isdigit() else given


def _point(given: str, role: str) -> dict[str, str]:
    try:
        return {"point": str(uuid.UUID(given))}
    except ValueError:
        return {"point_name": given, "point_role": role}


def _role_of(quantity: str) -> str:
    if quantity in {Quantity.IMPORT, Quantity.EXPORT, Quantity.POWER}:
        return PointRole.GRID
    return PointRole.PRODUCTION if quantity == Quantity.PRODUCTION else PointRole.CONSUMER


class _Bar:
    """A line on the terminal that fills up and says how long it will take."""

    def __init__(self) -> None:
        self._started = monotonic()
        self._shown = 0.0
        self._live = sys.stderr.isatty()

    def show(self, phase: str, share: float) -> None:
        """Draw the bar at this share of the work."""
        if not self._live or (monotonic() - self._shown < 0.1 and share < 1):
            return
        self._shown = monotonic()
        left = (self._shown - self._started) * (1 - share) / max(share, 0.01)
        filled = "█" * int(share * 30)
        sys.stderr.write(f"\r{phase:6} {filled:30} {share:4.0%}  {left:4.0f} s left")
        sys.stderr.flush()

    def end(self) -> None:
        """Finish the line."""
        if self._live and self._shown:
            sys.stderr.write("\n")
