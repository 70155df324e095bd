"""How far a transfer has come, kept in the target beside what was written: both are there, or neither.

A table (or collection) of its own and no model: it is there while a transfer is under way, and only then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from django.db import connection

from myhouse.errors import Busy

Answer = TypeVar("Answer")

TABLE = "transfer_state"
# The transaction of a process that was killed keeps its locks until MongoDB ends it: one and a half times as long as a
# transaction may take there, which is a minute unless told.
_LOCKED_FOR_S, _ASKED_FOR_S = 95.0, 2.0


class State(msgspec.Struct):
    """From where, and how much of it is written: rows per model, series and files that are whole."""

    source: str
    rows: dict[str, int] = {}
    series: int = 0
    readings: int = 0


def state_read() -> State | None:
    """Return the state; None where no transfer is under way."""
    if TABLE not in connection.introspection.table_names():
        return None
    here: Any = connection
    if here.vendor == "mongodb":
        found = here.get_collection(TABLE).find_one({"_id": 1}, session=here.session)
        data = found["data"] if found is not None else None
    else:
        with here.cursor() as cursor:
            row = cursor.execute(f"SELECT data FROM {TABLE} WHERE id = 1").fetchone()  # noqa: S608 a name of ours
        data = row[0] if row is not None else None
    return msgspec.json.decode(data, type=State) if data is not None else None


def state_write(state: State) -> None:
    """Replace the state, in the transaction that is open."""
    data = msgspec.json.encode(state).decode("utf-8")
    here: Any = connection
    if here.vendor == "mongodb":
        here.get_collection(TABLE).replace_one({"_id": 1}, {"_id": 1, "data": data}, upsert=True, session=here.session)
        return
    with here.cursor() as cursor:
        cursor.execute(f"INSERT OR REPLACE INTO {TABLE} (id, data) VALUES (1, %s)", [data])  # noqa: S608 a name of ours


def state_begin(source: str) -> State:
    """Note in an empty target what it is going to hold."""
    here: Any = connection
    if here.vendor != "mongodb":
        with here.cursor() as cursor:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (id INTEGER PRIMARY KEY, data TEXT NOT NULL)")
    state = State(source=source)
    state_write(state)
    return state


def state_drop() -> None:
    """Say that the target is whole."""
    here: Any = connection
    if here.vendor == "mongodb":
        from pymongo.errors import ExecutionTimeout

        unlocked(partial(_collection_drop, here.database), held=ExecutionTimeout)
        return
    with here.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")


def unlocked(call: Callable[[], Answer], *, held: type[Exception] = Busy) -> Answer:
    """Ask again while a transfer that was killed still holds what this one is about to change."""
    until = time.monotonic() + _LOCKED_FOR_S
    while True:
        try:
            return call()
        except held:
            if time.monotonic() > until:
                raise


def _collection_drop(database: Any) -> None:
    if TABLE in database.list_collection_names():
        database.command("drop", TABLE, maxTimeMS=int(_ASKED_FOR_S * 1000), writeConcern={"w": "majority"})
