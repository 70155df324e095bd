"""`manage.py prepare`: bring static files, texts, schema and demo up to date before serving."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from config.installation import UnableToServe
from config.preparation import (
    demo_known,
    demo_prepare,
    migrations_check,
    one_at_a_time,
    pages_prepare,
    telemetry_prepare,
    transfer_check,
)
from telemetry.services import store_release


class Command(BaseCommand):
    """What `serve` runs in a process of its own before anything answers requests."""

    help = "Update static files, translations and database schema; with --demo, fill an empty installation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the demo switch."""
        parser.add_argument("--demo", action="store_true", help="fill an empty installation with the demo community")

    def handle(self, *args: Any, demo: bool, **options: Any) -> None:
        """Do each step and leave the result in run/prepared.json."""
        try:
            settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
            pages_prepare()
            with one_at_a_time(say=self._say) as still_mine:
                result = self._data_prepare(demo=demo, still_mine=still_mine)
        except UnableToServe as error:
            self.stderr.write(str(error))
            sys.exit(1)
        except (DatabaseError, OSError) as error:
            self.stderr.write(_sentence(error))
            sys.exit(1)
        finally:
            store_release()
        path = settings.VAR_DIR / "run" / "prepared.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result), encoding="utf-8")

    def _data_prepare(self, *, demo: bool, still_mine: Callable[[], None]) -> dict[str, Any]:
        """Bring documents and time series up to date, and the demo to this minute."""
        transfer_check()
        migrations_check()
        series_answer = telemetry_prepare(say=self._say)
        still_mine()
        call_command("migrate", interactive=False, verbosity=0)
        still_mine()
        return demo_prepare(wanted=demo, now=datetime.now(UTC), say=self._say) if series_answer else demo_known()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _sentence(error: Exception) -> str:
    if settings.ENVIRONMENT.embedded:
        return (
            f"The data folder {settings.VAR_DIR} could not be brought up to date ({error}): free some space "
            "and look at its owner, then start again; what was there before is unharmed."
        )
    reason = (str(error) or type(error).__name__)[:300]
    return f"The data could not be brought up to date ({reason}): start again; what was there before is unharmed."
