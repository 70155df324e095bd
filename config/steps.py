"""The migrations this version has, and those that they stand for."""

from __future__ import annotations

from django.db.migrations.loader import MigrationLoader

Step = tuple[str, str]


def steps_known(loader: MigrationLoader) -> set[Step]:
    """Return every migration that this version knows: (app, name)."""
    disk = loader.disk_migrations
    return {*disk, *((app, name) for one in disk.values() for app, name in one.replaces)}


def steps_with_those_meant(loader: MigrationLoader, applied: set[Step]) -> set[Step]:
    """Return what was applied, and the migrations that stand for several of these."""
    meant = {key for key, one in loader.disk_migrations.items() if one.replaces and applied >= set(one.replaces)}
    return applied | meant
