"""Switch off the second factor of somebody who has lost phone and recovery codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from myhouse.documents.services import SYSTEM
from myhouse.errors import UnableTo
from myhouse.models import User
from myhouse.services.second_factor import factor_remove


class Command(BaseCommand):
    """`manage.py second_factor_off ADDRESS`: for the operator who has made sure who asks."""

    help = "Switch off the second factor of an account; the password alone signs in from then on."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the account."""
        parser.add_argument("address", help="e-mail address of the account")

    def handle(self, *args: Any, address: str, **options: Any) -> None:
        """Switch it off, or say why not."""
        user = User.objects.filter(email=address.strip().lower()).first()
        if user is None:
            raise CommandError("There is no account with this address.")
        try:
            factor_remove(user=user, actor=SYSTEM, now=timezone.now())
        except UnableTo as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write("The second factor is off. Ask the person to set it up again after signing in.")
