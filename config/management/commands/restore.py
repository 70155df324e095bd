"""`manage.py restore FILE`: an archive of `backup` back into the data folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.migrations.loader import MigrationLoader

from config.backup.errors import BackupError
from config.backup.restore import restore


class Command(BaseCommand):
    """Check an archive, then put it in place in one step."""

    help = "Put an archive made by `backup` into the data folder; the server must be stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the archive and whether present data may be put aside."""
        parser.add_argument("file", type=Path, help="archive to read")
        parser.add_argument("--replace", action="store_true", help="put what the data folder holds now aside")

    def handle(self, *args: Any, file: Path, replace: bool, **options: Any) -> None:
        """Restore and say where the former data are."""
        if not settings.ENVIRONMENT.embedded:
            raise CommandError("DATABASE_URL names a server: restore its databases with their own tools.")
        loader = MigrationLoader(None)
        known = {f"{app}.{name}" for app, name in loader.disk_migrations} | {
            f"{app}.{name}" for migration in loader.disk_migrations.values() for app, name in migration.replaces
        }
        try:
            aside = restore(
                var=settings.VAR_DIR,
                source=file.absolute(),
                replace=replace,
                known_migrations=known,
                now=datetime.now(UTC),
                progress=self.progress,
            )
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"\r{file} is restored into {settings.VAR_DIR}.")
        if aside is not None:
            self.stdout.write(f"The former data are in {aside}; delete them when you are sure.")

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far it is, on one line."""
        self.stdout.write(f"\r{what}: {100 * done // max(total, 1):3d} %   ", ending="")
        self.stdout.flush()
