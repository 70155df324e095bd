"""`manage.py demo`: what the demo is and who may sign in."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.demo import demo_logins, demo_spec


class Command(BaseCommand):
    """Show the demo's logins and where its simulated devices stand."""

    help = "Show the demo's logins. They are for trying out on this machine: do not offer a demo to a network."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print them, or say how to get a demo."""
        known = demo_spec()
        if known is None:
            raise CommandError("There is no demo in this data folder: `manage.py simulate` makes one.")
        spec, base_port = known
        self.stdout.write(
            f"{spec.homes} simulated homes since {spec.origin}, Modbus TCP on 127.0.0.1:{base_port} and up"
        )
        for login in demo_logins():
            self.stdout.write(f"  {login['role']:<10} {login['email']:<28} password: {login['password']}")
