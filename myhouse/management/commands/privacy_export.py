"""`manage.py privacy_export EMAIL --out FILE`: all that is kept about a person, in one archive."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from myhouse.documents.services import SYSTEM, audit_record
from myhouse.models import User
from myhouse.privacy.services import archive_write


class Command(BaseCommand):
    """Write the archive a person gets on the page, at once and to a file of one's own."""

    help = "Write all that is kept about a person into one ZIP file that only you can read."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the person and the file."""
        parser.add_argument("email", help="the address the person signs in with")
        parser.add_argument("--out", type=Path, required=True, help="archive to write, for example anna.zip")

    def handle(self, *args: Any, email: str, out: Path, **options: Any) -> None:
        """Write the archive and say how large it is."""
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(f"Nobody signs in with {email}. Give the whole address.")
        now = timezone.now()
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}. Choose another file.") from error
        with os.fdopen(handle, "wb") as target:
            count = archive_write(user=user, target=target, now=now, progress=self.progress)
        audit_record(actor=SYSTEM, action="privacy.export", now=now, subject=user)
        size = out.stat().st_size / 1_048_576
        self.stdout.write(f"\r{out}: {count} files, {size:.1f} MB. It holds personal data: keep it safe.")

    def progress(self, done: int, total: int) -> None:
        """Show how far it is, on one line."""
        self.stdout.write(f"\r{done} of {total} files   ", ending="")
        self.stdout.flush()
