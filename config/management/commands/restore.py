"""`manage.py restore FILE`: an archive of `backup` back into the data folder, or into empty servers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.migrations.loader import MigrationLoader

from config.backup.errors import BackupError
from config.backup.restore import restore
from config.transfer.archive import archive_restore, is_archive
from config.transfer.errors import UnableToTransfer
from config.transfer.place import place_of
from config.transfer.shown import Shown


class Command(BaseCommand):
    """Check an archive, then put it in place in one step."""

    help = (
        "Put an archive made by `backup` back: into the data folder (its server must be stopped), or into the empty "
        "database and keyspace that DATABASE_URL and TELEMETRY_URL name. A servers' archive goes into either."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the archive and whether present data may be put aside."""
        parser.add_argument("file", type=Path, help="archive to read")
        parser.add_argument("--replace", action="store_true", help="put what the data folder holds now aside")

        parser.add_argument(
            "--new-key", action="store_true", help="a servers' archive: SECRET_KEY is another one; second factors end"
        )

    def handle(self, *args: Any, file: Path, replace: bool, new_key: bool, **options: Any) -> None:
        """Restore and say where the former data are."""
        if is_archive(file.absolute()):
            self.stream_restore(file.absolute(), replace=replace, new_key=new_key)
            return
        if settings.ENVIRONMENT.on_servers:
            raise CommandError(
                f"{file} is not an archive of servers' databases. If it is the archive of an embedded installation: "
                "restore it into an empty folder (MYHOUSE_VAR=FOLDER, without DATABASE_URL and TELEMETRY_URL), then "
                "move it here: manage.py transfer --from FOLDER --to env"
            )
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

    def stream_restore(self, path: Path, *, replace: bool, new_key: bool) -> None:
        """Put a servers' archive where the environment says."""
        shown = Shown()
        try:
            target = place_of("env", environment=settings.ENVIRONMENT)
            done = archive_restore(path=path, target=target, replace=replace, new_key=new_key, told=shown)
        except UnableToTransfer as error:
            raise CommandError(str(error)) from error
        finally:
            shown.end("ended")
        self.stdout.write(
            f"{path} is restored into {target.name}: {done.rows:,} rows, {done.series:,} series, {done.readings:,} "
            f"readings in {done.copied_s:.0f} s, compared in {done.compared_s:.0f} s, all equal. Ledger {done.ledger}."
        )
        if done.second_factors_lost:
            self.stdout.write(f"{done.second_factors_lost} second factors no longer work: manage.py second_factor_off")
        if done.aside is not None:
            self.stdout.write(f"The former data are in {done.aside}; delete them when you are sure.")

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far it is, on one line."""
        self.stdout.write(f"\r{what}: {100 * done // max(total, 1):3d} %   ", ending="")
        self.stdout.flush()
