"""The steps between starting and answering: files, texts, schema, demo."""

from __future__ import annotations

import fcntl
import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from config.installation import UnableToServe, installation_change, installation_read
from config.messages import messages_compile
from telemetry.errors import TelemetryError
from telemetry.selectors import series_get

Say = Callable[[str], Any]


def pages_prepare() -> None:
    """Compile translations and collect static files, each only when their sources changed."""
    messages_compile(locale=Path(settings.BASE_DIR) / "locale")
    if settings.DEBUG:
        return
    target = Path(settings.STATIC_ROOT)
    target.mkdir(parents=True, exist_ok=True)
    # Two installations of one program may start at the same moment.
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = target / ".sources"
        current = _static_fingerprint()
        if stamp.exists() and stamp.read_text(encoding="ascii") == current:
            return
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(current, encoding="ascii")


def _static_fingerprint() -> str:
    """Return a digest of name, size and time of every source file (not of their contents: this runs at each start)."""
    digest = hashlib.sha256(django.get_version().encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda item: item[0]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def migrations_check() -> None:
    """Refuse documents that a newer release has migrated already."""
    loader = MigrationLoader(connection)
    local = {label for label, _ in loader.disk_migrations}
    unknown = sorted(
        f"{app}.{name}"
        for app, name in loader.applied_migrations
        if app in local and (app, name) not in loader.disk_migrations and (app, name) not in loader.replacements
    )
    if unknown:
        raise UnableToServe(
            f"The documents in {settings.VAR_DIR} were written by a newer version (it applied {unknown[0]}): update "
            "the program, or choose another folder with MYHOUSE_VAR."
        )


def telemetry_check() -> None:
    """Refuse a time-series store that is damaged, foreign, or of a newer release."""
    try:
        series_get(series_id=uuid.UUID(int=0))
    except TelemetryError as error:
        raise UnableToServe(str(error)) from error


def demo_prepare(*, wanted: bool, now: datetime, say: Say) -> dict[str, Any]:
    """Fill an empty folder with the demo if wanted, or catch up with the time a demo was not running.

    Returns what the supervisor needs to know: whether there are simulated homes, and the demo's logins.
    """
    from config import demo

    var = settings.VAR_DIR
    state = installation_read(var=var).state
    if state == "filling":
        say("The first filling of the data folder was interrupted; it goes on where it stopped.")
    elif state == "new" and wanted and not get_user_model().objects.exists():
        say("Filling the empty data folder with a demo community …")
        installation_change(var=var, state="filling")
        state = "filling"
    if state == "filling":
        environment = settings.ENVIRONMENT
        demo.demo_fill(now=now, say=say, homes=environment.demo_homes, days=environment.demo_days)
    elif demo.demo_spec() is not None:
        demo.demo_catch_up(now=now, say=say)
    simulated = demo.demo_spec() is not None
    installation_change(var=var, state="ready", demo={"simulated": True} if simulated else {})
    return {"simulated": simulated, "logins": [dict(login) for login in demo.demo_logins()]}
