"""`manage.py backup FILE`: a whole installation in one archive, while it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backup.errors import BackupError
from config.backup.make import backup_make
from config.transfer.archive import archive_make
from config.transfer.errors import UnableToTransfer
from config.transfer.place import place_of
from config.transfer.shown import Shown


class Command(BaseCommand):
    """Write a consistent copy of documents, time series, files and key."""

    help = (
        "Write everything an installation holds into one file; it may go on running. Of an embedded one that is its "
        "folder (.tar.zst, with its key); of servers their documents, time series and files, without SECRET_KEY."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file to write."""
        parser.add_argument("file", type=Path, help="archive to write, for example myhouse-2026-11-21.tar.zst")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Write the archive and say what is in it."""
        target = file.absolute()
        if settings.ENVIRONMENT.on_servers:
            self.servers_backup(target)
            return
        try:
            manifest = backup_make(var=settings.VAR_DIR, target=target, now=datetime.now(UTC), progress=self.progress)
        except BackupError as error:
            raise CommandError(str(error)) from error
        size = target.stat().st_size / 1_048_576
        self.stdout.write(
            f"\r{target}: {len(manifest.parts)} files, {size:.1f} MB. It contains secrets: keep it safe."
        )

    def servers_backup(self, path: Path) -> None:
        """Write the archive of what the servers hold."""
        shown = Shown()
        try:
            source = place_of("env", environment=settings.ENVIRONMENT)
            contents = archive_make(source=source, path=path, told=shown)
        except UnableToTransfer as error:
            raise CommandError(str(error)) from error
        finally:
            shown.end("ended")
        rows, series = sum(contents.begin["rows"].values()), contents.proof["series"]
        readings = sum(one["readings"] for one in series.values())
        self.stdout.write(
            f"{path}: {rows:,} rows, {len(series):,} series, {readings:,} readings, {len(contents.proof['files']):,} "
            f"files, {path.stat().st_size / 1_048_576:.1f} MB. It holds everybody's data, and not SECRET_KEY: keep "
            "both safe, apart."
        )

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far it is, on one line."""
        self.stdout.write(f"\r{what}: {100 * done // max(total, 1):3d} %   ", ending="")
        self.stdout.flush()
