"""Rows of every model in a form that no database has a say in.

Times are whole µs since 1970, UUIDs their 16 bytes, JSON what it says. Rows that each installation makes for itself
(permissions, content types) and keys it draws for itself are named instead: `app.model`, a codename, a group's name.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.models.fields import AutoFieldMixin

from config.transfer.errors import UnableToTransfer

# Sign-in is asked again; names of models and permissions are made by `migrate`.
LEFT_OUT = frozenset({"sessions.session", "contenttypes.contenttype", "auth.permission"})
LEDGER = ("marketplace.account", "marketplace.transfer", "marketplace.entry")
AT_ONCE = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SNAPSHOT_GONE = {239, 246}

Value = Any
Turn = Callable[[Value], Value]


def meta_of(model: type[models.Model]) -> Any:
    """Return what Django knows about a model."""
    return model._meta


def rows_of(model: type[models.Model]) -> Any:
    """Return all rows of a model, whatever its own manager leaves out."""
    return model._base_manager


class Names:
    """Keys of this installation's own and the names they go by."""

    def __init__(self) -> None:
        self.of: dict[type[models.Model], dict[Any, str]] = {}
        self._keys: dict[type[models.Model], dict[str, Any]] = {}
        self._read()

    def _read(self) -> None:
        types = {row.pk: f"{row.app_label}.{row.model}" for row in ContentType.objects.order_by()}
        rights = Permission.objects.order_by().values_list("pk", "content_type_id", "codename")
        self.of[ContentType] = types
        self.of[Permission] = {pk: f"{types[type_id]}.{codename}" for pk, type_id, codename in rights}
        self.of[Group] = dict(Group.objects.order_by().values_list("pk", "name"))
        self._keys = {model: {name: key for key, name in known.items()} for model, known in self.of.items()}

    def name(self, model: type[models.Model], key: Any) -> str:
        """Return the name of a key."""
        return self.of[model][key]

    def key(self, model: type[models.Model], name: str) -> Any:
        """Return the key of a name; refuse one that this version does not know."""
        if name not in self._keys[model]:
            # A group may have been written just now.
            self._read()
        try:
            return self._keys[model][name]
        except KeyError:
            raise UnableToTransfer(
                f"The source names {meta_of(model).verbose_name} {name!r}, which this version does not have: delete "
                "what refers to it there, or add it here, then repeat."
            ) from None


class Form:
    """How rows of a model are turned into lists and back."""

    def __init__(self, model: type[models.Model], names: Names) -> None:
        self.model = model
        self.label = meta_of(model).label_lower
        fields = [field for field in meta_of(model).concrete_fields if not isinstance(field, AutoFieldMixin)]
        self.columns = [field.attname for field in fields]
        turns = [_turns(field, names) for field in fields]
        self._out = [(at, out) for at, (out, _back) in enumerate(turns) if out is not None]
        self._back = [(at, back) for at, (_out, back) in enumerate(turns) if back is not None]
        self._times = [at for at, field in enumerate(fields) if isinstance(field, models.DateTimeField)]
        self._numbers = [
            (at, field.attname)
            for at, field in enumerate(fields)
            if isinstance(field, models.IntegerField) and not field.is_relation
        ]

    def rows(self, start: int = 0) -> Iterator[list[list[Value]]]:
        """Yield all rows in the order of their keys, some at a time."""
        found = rows_of(self.model).order_by("pk").values_list(*self.columns)
        some: list[list[Value]] = []
        for row in (found[start:] if start else found).iterator(chunk_size=AT_ONCE):
            some.append(self._plain(row))
            if len(some) == AT_ONCE:
                yield some
                some = []
        if some:
            yield some

    def _plain(self, row: Sequence[Value]) -> list[Value]:
        values = list(row)
        for at, out in self._out:
            if values[at] is not None:
                values[at] = out(values[at])
        return values

    def objects(self, rows: Sequence[list[Value]]) -> list[models.Model]:
        """Return rows as this installation's objects."""
        found = []
        for row in rows:
            values = list(row)
            for at, back in self._back:
                if values[at] is not None:
                    values[at] = back(values[at])
            found.append(self.model(**dict(zip(self.columns, values, strict=True))))
        return found

    def count(self) -> int:
        """Return how many rows there are."""
        return int(rows_of(self.model).count())

    def tally(self) -> Tally:
        """Return a count that rows can be added to."""
        return Tally(self._times, self._numbers)


class Tally:
    """What rows amount to in whatever order they come: how many, sums of their numbers, a hash of their contents."""

    def __init__(self, times: list[int], numbers: list[tuple[int, str]]) -> None:
        self._times = times
        self._numbers = numbers
        self._encoder = msgspec.msgpack.Encoder(order="deterministic")
        self.rows = 0
        self._hash = 0
        self._sums = dict.fromkeys((name for _at, name in numbers), 0)

    def add(self, rows: Sequence[list[Value]]) -> None:
        """Count rows in."""
        for row in rows:
            values = list(row)
            # MongoDB keeps milliseconds: what both can hold is compared.
            for at in self._times:
                if values[at] is not None:
                    values[at] //= 1_000
            for at, name in self._numbers:
                self._sums[name] += values[at] or 0
            digest = hashlib.blake2b(self._encoder.encode(values), digest_size=16).digest()
            self._hash = (self._hash + int.from_bytes(digest)) % (1 << 128)
        self.rows += len(rows)

    def proof(self) -> dict[str, Any]:
        """Return it in plain words; sums as text, for they may be longer than 64 bits."""
        return {
            "rows": self.rows,
            "hash": f"{self._hash:032x}",
            "sums": {name: str(total) for name, total in self._sums.items()},
        }


def _turns(field: Any, names: Names) -> tuple[Turn | None, Turn | None]:
    """How a field's values are made neutral, and this installation's again."""
    related = field.related_model if field.is_relation else None
    if related in names.of:
        return partial(names.name, related), partial(names.key, related)
    plain = field.target_field if field.is_relation else field
    if isinstance(plain, models.DateTimeField):
        return _to_us, _from_us
    if isinstance(plain, models.DateField):
        return date.isoformat, date.fromisoformat
    if isinstance(plain, models.UUIDField):
        return lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)
    return None, None


def _to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _from_us(moment: int) -> datetime:
    return _EPOCH + moment * _MICROSECOND


def forms() -> list[Form]:
    """Return every model whose rows are moved; what a row names stands before it, as far as that is possible."""
    every = [model for model in apps.get_models(include_auto_created=True) if meta_of(model).managed]
    wanted = {
        model: None for model in every if not meta_of(model).proxy and meta_of(model).label_lower not in LEFT_OUT
    }
    ordered: dict[type[models.Model], None] = {}

    def add(model: type[models.Model], path: tuple[type[models.Model], ...]) -> None:
        if model in ordered or model in path or model not in wanted:
            return
        for field in meta_of(model).concrete_fields:
            if field.is_relation and isinstance(field.related_model, type):
                add(field.related_model, (*path, model))
        ordered[model] = None

    for model in wanted:
        add(model, ())
    names = Names()
    return [Form(model, names) for model in ordered]


@contextmanager
def one_moment() -> Iterator[None]:
    """Read everything inside as it was at one moment, while others go on writing."""
    here: Any = connection
    here.ensure_connection()
    if here.vendor != "mongodb":
        yield
        return
    from django.db import DatabaseError
    from pymongo.errors import PyMongoError

    with here.connection.start_session(snapshot=True, causal_consistency=False) as session:
        here.session = session
        try:
            yield
        except (PyMongoError, DatabaseError) as error:
            if _code(error) in _SNAPSHOT_GONE:
                raise UnableToTransfer(
                    "The documents could not be read as they were at one moment: MongoDB forgot that moment before "
                    "all were read. Raise its parameter minSnapshotHistoryWindowInSeconds (300 by default), repeat."
                ) from error
            raise
        finally:
            here.session = None


def _code(error: BaseException | None) -> int | None:
    while error is not None:
        code = getattr(error, "code", None)
        if isinstance(code, int):
            return code
        error = error.__cause__
    return None


def ledger_hash(proofs: dict[str, dict[str, Any]]) -> str:
    """Return one hash of accounts, transfers and entries."""
    parts = [proofs[label]["hash"] for label in LEDGER if label in proofs]
    return hashlib.sha256("".join(parts).encode("ascii")).hexdigest()[:32]
