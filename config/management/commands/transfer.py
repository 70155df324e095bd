"""`manage.py transfer --from … --to …`: a whole installation from one kind of databases to another."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.transfer.errors import UnableToTransfer
from config.transfer.place import FORMS, place_of
from config.transfer.run import transfer
from config.transfer.shown import Shown
from config.transfer.worker import AGAIN


class Command(BaseCommand):
    """Copy documents, time series and files, compare both sides, and only then call it done."""

    help = (
        "Move an installation: documents, time series and uploaded files. The target must be empty, or hold what an "
        f"interrupted run of the same command left: then it goes on there. An installation is named by {FORMS}. "
        "Nothing may work on the source meanwhile: an embedded one must be stopped, servers' web processes and "
        "workers too; in the end both sides are compared whole. Not moved: sign-ins, queues, caches, logs, mails in "
        "var/mail."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the two places."""
        parser.add_argument("--from", dest="source", required=True, metavar="PLACE", help="what is moved")
        parser.add_argument("--to", dest="target", required=True, metavar="PLACE", help="where to; must be empty")
        parser.add_argument(
            "--new-key", action="store_true", help="the target has another SECRET_KEY; second factors end"
        )

    def handle(self, *args: Any, source: str, target: str, new_key: bool, **options: Any) -> None:
        """Move, and say what was moved and how it was proven."""
        shown = Shown()
        try:
            places = [place_of(text, environment=settings.ENVIRONMENT) for text in (source, target)]
            moved = transfer(source=places[0], target=places[1], new_key=new_key, told=shown)
        except UnableToTransfer as error:
            shown.end("failed")
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            shown.end("interrupted")
            raise CommandError(f"Interrupted. {AGAIN}") from None
        shown.end("done")
        self.stdout.write(
            f"{moved.rows:,} rows, {moved.series:,} series and {moved.readings:,} readings are in {places[1].name}: "
            f"copied in {moved.copied_s:.0f} s, compared in {moved.compared_s:.0f} s, all equal. "
            f"Ledger {moved.ledger}."
        )
        if moved.second_factors_lost:
            self.stdout.write(
                f"The key is another one: {moved.second_factors_lost} second factors no longer work; end them with "
                "`manage.py second_factor_off`."
            )
