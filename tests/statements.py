"""What the database was asked: as Django sends it, or on MongoDB as the server itself tells it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_READS = ("SELECT", "SAVEPOINT", "RELEASE")
_WRITES = {"insert", "update", "remove"}


@dataclass(frozen=True)
class Statement:
    """One statement; `words` names the table and what is done to it."""

    words: str
    writes: bool


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """Collect what is asked inside the block; the list is filled when it ends."""
    from django.db import connection

    found: list[Statement] = []
    collected = _mongodb(found) if connection.vendor == "mongodb" else _sql(found)
    with collected:
        yield found


@contextmanager
def _sql(found: list[Statement]) -> Iterator[None]:
    from django.db import connection

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 Django calls it so
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            found.append(Statement(sql, writes=not sql.lstrip().upper().startswith(_READS)))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield


@contextmanager
def _mongodb(found: list[Statement]) -> Iterator[None]:
    from django.db import connection

    database: Any = getattr(connection, "database")  # noqa: B009 only this backend has it
    database.drop_collection("system.profile")
    database.command("profile", 2)
    try:
        yield
    finally:
        database.command("profile", 0)
    for one in database["system.profile"].find({"ns": {"$ne": f"{database.name}.system.profile"}}):
        writes = one["op"] in _WRITES or "findAndModify" in one["command"]
        found.append(Statement(f"{one['op']} {one['ns']} {one['command']}", writes=writes))
