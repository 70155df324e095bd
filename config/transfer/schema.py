"""Whether the documents of a place are those of this version."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from config.steps import Step, steps_known, steps_with_those_meant
from config.transfer.documents import forms, meta_of, rows_of
from config.transfer.errors import UnableToTransfer
from telemetry.selectors import series_all

# Django's own apps have other migrations on MongoDB; what they hold is named, not numbered.
OWN = ("devices", "marketplace", "myhouse")


def migrations_own() -> list[str]:
    """Return the migrations of our apps that this version has."""
    return sorted(f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations if app in OWN)


def source_check() -> None:
    """Refuse documents that another version has written."""
    applied = {f"{app}.{name}" for app, name in MigrationLoader(connection).applied_migrations if app in OWN}
    migrations_compare(applied, "The source's documents were")


def migrations_compare(named: set[str], whose: str) -> None:
    """Refuse what is newer or older than this version."""
    loader = MigrationLoader(None)
    applied = {_step(one) for one in named}
    newer = applied - steps_known(loader)
    if newer:
        raise UnableToTransfer(
            f"{whose} written by a newer version (it has {'.'.join(min(newer))}): use that version's program."
        )
    own = {key for key in loader.disk_migrations if key[0] in OWN}
    older = own - steps_with_those_meant(loader, applied)
    if older:
        raise UnableToTransfer(
            f"{whose} written by an older version (it lacks {'.'.join(min(older))}): bring the installation up to "
            "date first (start it once, or run `manage.py migrate`), then repeat."
        )


def _step(named: str) -> Step:
    app, _dot, name = named.partition(".")
    return app, name


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
