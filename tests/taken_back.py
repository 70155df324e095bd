"""What a block of a test wrote is taken back: by a rollback, or on servers by putting everything back as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tests.servers import on_servers

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

T = TypeVar("T")

# Of each collection the documents by their keys.
Contents = dict[str, dict[Any, dict[str, Any]]]
Pipeline = list[dict[str, Any]]
# What stands in every fresh database: Django's list of models, what may be done to them, and the migrations.
STANDING = ("auth_permission", "django_content_type", "django_migrations")
_between_tests: list[Contents] = []


@contextmanager
def taken_back() -> Iterator[None]:
    """Take back what the block writes."""
    if on_servers():
        before = contents()
        try:
            yield
        finally:
            put_back(before)
        return
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def kept_between_tests() -> Iterator[None]:
    """Let tests inside the block find what there is now, and each take back only its own."""
    if not on_servers():
        # There each test has a transaction inside the one around it.
        yield
        return
    _between_tests.append(contents())
    try:
        yield
    finally:
        _between_tests.pop()


def made_once(blocker: DjangoDbBlocker, make: Callable[[], T]) -> Iterator[T]:
    """For a fixture of a module: what is made stands for all of its tests, which each take back their own."""
    with blocker.unblock(), taken_back():
        made = make()
        with kept_between_tests():
            yield made


def tests_own_taken_back(holding: list[str]) -> None:
    """Leave after a test only what was there before it."""
    if _between_tests:
        put_back(_between_tests[-1])
    else:
        _empty(holding)


def put_back(before: Contents, now: Contents | None = None) -> None:
    """Make all collections what they were."""
    from django.db import connection

    now = contents() if now is None else now
    for name in now.keys() | before.keys():
        was, found = before.get(name, {}), now.get(name, {})
        changed = [key for key, document in found.items() if was.get(key) != document]
        missing = [document for key, document in was.items() if found.get(key) != document]
        if changed:
            connection.database[name].delete_many({"_id": {"$in": changed}})
        if missing:
            connection.database[name].insert_many(missing)


def standing_put_back(fresh: Contents) -> None:
    """Make what stands in every database what it was in the fresh one."""
    put_back(fresh, contents(standing=True))


def contents(*, standing: bool = False) -> Contents:
    """Everything that is in the database: what stands in every one, or all but that."""

    def all_of(name: str) -> Pipeline:
        return [{"$replaceWith": {"of": name, "is": "$$ROOT"}}] if (name in STANDING) == standing else []

    found: Contents = {}
    for row in _asked(all_of):
        found.setdefault(row["of"], {})[row["is"]["_id"]] = row["is"]
    return found


def held() -> tuple[list[str], dict[str, int]]:
    """The collections that hold something, and how much those hold that stand in every database."""

    def some_of(name: str) -> Pipeline:
        if name in STANDING:
            return [{"$count": "held"}, {"$set": {"of": name}}]
        return [{"$limit": 1}, {"$replaceWith": {"of": name}}]

    rows = _asked(some_of)
    return [row["of"] for row in rows if "held" not in row], {row["of"]: row["held"] for row in rows if "held" in row}


def _asked(of: Callable[[str], Pipeline]) -> list[dict[str, Any]]:
    """Ask all collections at once, each what `of` says for its name."""
    from django.db import connection

    connection.ensure_connection()
    names = [name for name in connection.introspection.table_names() if not name.startswith("system.")]
    parts = [{"$unionWith": {"coll": name, "pipeline": of(name)}} for name in names if of(name)]
    return list(connection.database.aggregate([{"$documents": []}, *parts])) if parts else []


def _empty(names: list[str]) -> None:
    """Empty collections; the last one waits for the majority, and so for those before it."""
    from django.db import connection
    from pymongo import WriteConcern

    for name in names:
        concern = WriteConcern("majority" if name == names[-1] else 1)
        connection.database[name].with_options(write_concern=concern).delete_many({})
