"""`manage.py backup FILE`: the whole embedded installation in one archive, while it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backup.errors import BackupError
from config.backup.make import backup_make


class Command(BaseCommand):
    """Write a consistent copy of documents, time series, files and key."""

    help = "Write everything an embedded installation holds into one .tar.zst file; it may go on running."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file to write."""
        parser.add_argument("file", type=Path, help="archive to write, for example myhouse-2026-11-21.tar.zst")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Write the archive and say what is in it."""
        if not settings.ENVIRONMENT.embedded:
            raise CommandError("DATABASE_URL names a server: back up its databases with their own tools.")
        target = file.absolute()
        try:
            manifest = backup_make(var=settings.VAR_DIR, target=target, now=datetime.now(UTC), progress=self.progress)
        except BackupError as error:
            raise CommandError(str(error)) from error
        size = target.stat().st_size / 1_048_576
        self.stdout.write(
            f"\r{target}: {len(manifest.parts)} files, {size:.1f} MB. It contains secrets: keep it safe."
        )

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far it is, on one line."""
        self.stdout.write(f"\r{what}: {100 * done // max(total, 1):3d} %   ", ending="")
        self.stdout.flush()
