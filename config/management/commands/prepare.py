"""`manage.py prepare`: bring static files, texts, schema and demo up to date before serving."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from config.installation import UnableToServe
from config.preparation import demo_prepare, migrations_check, pages_prepare, telemetry_check


class Command(BaseCommand):
    """What `serve` runs in a process of its own before anything answers requests."""

    help = "Update static files, translations and database schema; with --demo, fill an empty data folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the demo switch."""
        parser.add_argument("--demo", action="store_true", help="fill an empty data folder with the demo community")

    def handle(self, *args: Any, demo: bool, **options: Any) -> None:
        """Do each step and leave the result in run/prepared.json."""
        try:
            pages_prepare()
            migrations_check()
            telemetry_check()
            call_command("migrate", interactive=False, verbosity=0)
            result = demo_prepare(wanted=demo, now=datetime.now(UTC), say=self.stdout.write)
        except UnableToServe as error:
            self.stderr.write(str(error))
            sys.exit(1)
        except (DatabaseError, OSError) as error:
            self.stderr.write(
                f"The data folder {settings.VAR_DIR} could not be brought up to date ({error}): free some space "
                "and look at its owner, then start again; what was there before is unharmed."
            )
            sys.exit(1)
        path = settings.VAR_DIR / "run" / "prepared.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result), encoding="utf-8")
