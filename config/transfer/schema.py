"""Whether the documents of a place are those of this version."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from config.transfer.documents import forms, meta_of, rows_of
from config.transfer.errors import UnableToTransfer
from telemetry.selectors import series_all

# Django's own apps have other migrations on MongoDB; what they hold is named, not numbered.
OWN = ("devices", "marketplace", "myhouse")


def migrations_own() -> list[str]:
    """Return the migrations of our apps that this version has."""
    loader = MigrationLoader(None)
    return sorted(f"{app}.{name}" for app, name in loader.disk_migrations if app in OWN)


def source_check() -> None:
    """Refuse documents that another version has written."""
    loader = MigrationLoader(connection)
    applied = {f"{app}.{name}" for app, name in loader.applied_migrations if app in OWN}
    migrations_compare(applied, "The source's documents were")


def migrations_compare(applied: set[str], whose: str) -> None:
    """Refuse what is newer or older than this version."""
    known = set(migrations_own())
    if applied - known:
        raise UnableToTransfer(
            f"{whose} written by a newer version (it has {min(applied - known)}): use that version's program."
        )
    if known - applied:
        raise UnableToTransfer(
            f"{whose} written by an older version (it lacks {min(known - applied)}): bring the installation up to "
            "date first (start it once, or run `manage.py migrate`), then repeat."
        )


def occupied_by() -> str:
    """Name what a place holds already; nothing for an empty one."""
    tables = set(connection.introspection.table_names())
    if "django_content_type" in tables:
        for form in forms():
            if meta_of(form.model).db_table in tables and rows_of(form.model).exists():
                return str(meta_of(form.model).verbose_name_plural)
    return "time series" if next(iter(series_all()), None) is not None else ""


def target_prepare() -> None:
    """Make the tables of documents; those of time series are made when first used."""
    call_command("migrate", interactive=False, verbosity=0)


def vendor() -> Any:
    """Return what kind of database the documents are in."""
    return connection.vendor
