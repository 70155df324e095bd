"""The steps between starting and answering: files, texts, schema, demo."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from config.installation import UnableToServe, installation_change, installation_read
from config.messages import messages_compile
from config.steps import steps_known
from config.transfer.state import state_read
from telemetry.databases import ALIAS
from telemetry.errors import StoreUnavailableError, TelemetryError
from telemetry.selectors import series_get
from telemetry.tables import tables_sync

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


@contextmanager
def one_at_a_time(*, say: Say) -> Iterator[Callable[[], None]]:
    """Let only this process bring the documents up to date; yields a check that this still holds.

    A data folder has one server anyway; on a MongoDB set several replicas may start at the same moment.
    """
    if connection.vendor != "mongodb":
        yield lambda: None
        return
    from pymongo.errors import PyMongoError

    from config.mongo.turn import TurnLost, turn

    where = urlsplit(settings.ENVIRONMENT.database_url).netloc.rpartition("@")[2]
    try:
        database: Any = getattr(connection, "database")  # noqa: B009 only this backend has it
        with turn(
            database,
            name="prepare",
            waiting=lambda: say("Another replica brings the data up to date; waiting for it …"),
        ) as mine:
            yield mine.require
    except TurnLost as error:
        raise UnableToServe(str(error)) from error
    except PyMongoError as error:
        reason = (str(error) or type(error).__name__).partition(" (configured")[0][:200]
        raise UnableToServe(
            f"MongoDB at {where} does not take writes ({reason}): start it, or correct DATABASE_URL."
        ) from error


def transfer_check() -> None:
    """Refuse databases into which a transfer or a restore is still under way, or was interrupted."""
    state = state_read()
    if state is not None:
        raise UnableToServe(
            f"These databases are not whole: they are the target of an unfinished transfer from {state.source}. "
            "Repeat its command to finish it, or drop the database and the keyspace to begin anew."
        )


def migrations_check() -> None:
    """Refuse documents that a newer release has migrated already."""
    loader = MigrationLoader(connection)
    local = {label for label, _ in loader.disk_migrations}
    known = steps_known(loader)
    unknown = sorted(
        f"{app}.{name}" for app, name in loader.applied_migrations if app in local and (app, name) not in known
    )
    if unknown:
        where, else_where = (
            (f"in {settings.VAR_DIR}", "another folder with MYHOUSE_VAR")
            if settings.ENVIRONMENT.embedded
            else ("on MongoDB", "another database in DATABASE_URL")
        )
        raise UnableToServe(
            f"The documents {where} were written by a newer version (it applied {unknown[0]}): update "
            f"the program, or choose {else_where}."
        )


def telemetry_prepare(*, say: Say) -> bool:
    """Refuse a time-series store that is damaged, foreign, or of a newer release; tell whether it answers at all.

    Servers of time series that are away hold nothing up: what arrives is kept for them, and the store makes tables.
    """
    servers = ALIAS in settings.DATABASES
    # What the driver tells of its connections is for logs, not for who waits for a start.
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    try:
        if servers:
            tables_sync()
        series_get(series_id=uuid.UUID(int=0))
    except StoreUnavailableError as error:
        if not servers:
            raise UnableToServe(str(error)) from error
        say(f"Time series are away, and the rest starts without them. {error}")
        return False
    except TelemetryError as error:
        raise UnableToServe(str(error)) from error
    return True


def demo_prepare(*, wanted: bool, now: datetime, say: Say) -> dict[str, Any]:
    """Fill an empty folder with the demo if wanted, or catch up with the time a demo was not running.

    Returns what the supervisor needs to know: whether there are simulated homes, and the demo's logins.
    """
    from config import demo

    var = settings.VAR_DIR
    state = _state()
    if state == "filling":
        say("The first filling of the data folder was interrupted; it goes on where it stopped.")
    elif state == "new" and wanted and not get_user_model().objects.exists():
        say("Filling the empty installation with a demo community …")
        installation_change(var=var, state="filling")
        state = "filling"
    if state == "filling":
        environment = settings.ENVIRONMENT
        demo.demo_fill(now=now, say=say, homes=environment.demo_homes, days=environment.demo_days)
    elif demo.demo_spec() is not None:
        demo.demo_catch_up(now=now, say=say)
    simulated = demo.demo_spec() is not None
    installation_change(var=var, state="ready", demo={"simulated": True} if simulated else {})
    return demo_known()


def demo_known() -> dict[str, Any]:
    """What the supervisor needs to know of the demo as it is."""
    from config import demo

    return {"simulated": demo.demo_spec() is not None, "logins": [dict(login) for login in demo.demo_logins()]}


def _state() -> str:
    """How far the folder has come; on servers the documents have the last word, because they may be others now."""
    from config import demo

    state = installation_read(var=settings.VAR_DIR).state
    if not settings.ENVIRONMENT.embedded and not demo.demo_recall():
        return "new"
    return state
