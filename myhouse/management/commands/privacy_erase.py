"""`manage.py privacy_erase EMAIL`: forget a person, after saying what that means."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from myhouse.documents.services import SYSTEM
from myhouse.errors import UnableTo
from myhouse.models import User
from myhouse.privacy.people import person_of
from myhouse.privacy.services import erase_request, job_work


class Command(BaseCommand):
    """Erase a person's data as the page does, at once."""

    help = "Erase a person's account, personal data and readings; the ledger stays under a pseudonym."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the person, and how it is confirmed."""
        parser.add_argument("email", help="the address the person signs in with")
        parser.add_argument("--confirm", metavar="EMAIL", help="the address again, to be asked nothing")

    def handle(self, *args: Any, email: str, confirm: str | None, **options: Any) -> None:
        """Say what goes, ask for the address again, then erase."""
        email, now = email.strip().lower(), timezone.now()
        user = User.objects.filter(email=email).first()
        if user is None:
            raise CommandError(f"Nobody signs in with {email}. Give the whole address.")
        person = person_of(user=user, now=now)
        self.stdout.write(f"{len(person.stays)} households, of which nobody is left in {len(person.emptied)}.")
        again = confirm if confirm is not None else input("This cannot be undone. Type the address again: ")
        if again.strip().lower() != email:
            raise CommandError("That is another address. Nothing was erased.")
        try:
            job = erase_request(user=user, actor=SYSTEM, now=now)
        except UnableTo as refusal:
            raise CommandError(f"{refusal.message} Nothing was erased.") from refusal
        job = job_work(job=job, now=now, progress=self.progress)
        if job.state != "done":
            raise CommandError(job.error or "Another worker is at it: its page says how far it is.")
        self.stdout.write("\rErased.               ")

    def progress(self, done: int, total: int) -> None:
        """Show how far it is, on one line."""
        self.stdout.write(f"\r{done} of {total} steps   ", ending="")
        self.stdout.flush()
