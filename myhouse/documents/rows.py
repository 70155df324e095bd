"""Reading and writing rows where each microsecond holds up others: in the ledger and the market.

The same as `filter(…)`, `bulk_create` and `filter(…).update(…)`, but on SQLite the statement of each shape is put
together once and kept, because composing it costs ten times as much as running it, while every other writer waits; and
MongoDB is told directly (`rows_mongo`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Field, Model

# A column must be at least a number (or time), or at least another column and a number.
AtLeast = int | datetime | tuple[str, int]
# Where statements are SQL and can be kept.
KEPT_FOR = ("sqlite",)
# Where the driver takes what the ORM would put together.
TOLD_DIRECTLY = ("mongodb",)
_SHAPES = 256
_COMPARED = {"": "=", "lte": "<=", "lt": "<", "gte": ">=", "gt": ">"}
M = TypeVar("M", bound=Model)


def rows_find(model: type[M], **where: Any) -> list[M]:
    """Return the rows of which all conditions hold: `name=…`, or `name__in`, `__lte`, `__lt`, `__gte`, `__gt`."""
    here = transaction.get_connection()
    if here.vendor in TOLD_DIRECTLY:
        from myhouse.documents import rows_mongo

        return rows_mongo.found(here, model, where)
    if here.vendor not in KEPT_FOR:
        return list(model._default_manager.filter(**where))
    shape, values = [], []
    for asked, value in where.items():
        name, _underscores, how = asked.partition("__")
        several = list(value) if how == "in" else [value]
        if not several:
            return []
        shape.append((name, how, len(several)))
        values += [_value(model, name, one, here) for one in several]
    with here.cursor() as cursor:
        cursor.execute(_select_text(model, tuple(shape)), values)
        found = cursor.fetchall()
    names, converters = _columns(model)
    rows = []
    for row in found:
        read = list(row)
        for place, column, convert in converters:
            read[place] = convert(read[place], column, here)
        rows.append(model.from_db(here.alias, names, read))
    return rows


def rows_insert(rows: Sequence[Model]) -> None:
    """Insert new rows of one model in one statement."""
    if not rows:
        return
    model = type(rows[0])
    here = transaction.get_connection()
    if here.vendor in TOLD_DIRECTLY:
        from myhouse.documents import rows_mongo

        rows_mongo.inserted(here, rows)
        return
    if here.vendor not in KEPT_FOR:
        model._default_manager.bulk_create(rows)
        return
    values = [field.get_db_prep_save(field.pre_save(row, add=True), here) for row in rows for field in _fields(model)]
    with here.cursor() as cursor:
        cursor.execute(_insert_text(model, len(rows)), values)
    for row in rows:
        row._state.adding, row._state.db = False, here.alias  # noqa: SLF001 as Django does after saving


def row_change(
    model: type[Model],
    *,
    equal: Mapping[str, Any],
    at_least: Mapping[str, AtLeast] | None = None,
    put: Mapping[str, Any] | None = None,
    add: Mapping[str, int] | None = None,
) -> bool:
    """Change the one row that `equal` names if it is as both conditions say; tells whether it was.

    `equal` holds the key and what must not have changed, `put` sets and `add` adds to columns.
    """
    at_least, put, add = at_least or {}, put or {}, add or {}
    here = transaction.get_connection()
    if here.vendor in TOLD_DIRECTLY:
        from myhouse.documents import rows_mongo

        return rows_mongo.changed(here, model, equal=equal, at_least=at_least, put=put, add=add)
    if here.vendor not in KEPT_FOR:
        return _change_anywhere(model, equal, at_least, put, add)
    others = tuple((name, bound[0] if isinstance(bound, tuple) else "") for name, bound in at_least.items())
    text = _update_text(model, tuple(equal), others, tuple(put), tuple(add))
    values = [
        *(_value(model, name, value, here) for name, value in put.items()),
        *add.values(),
        *(_value(model, name, value, here) for name, value in equal.items()),
        *(
            bound[1] if isinstance(bound, tuple) else _value(model, name, bound, here)
            for name, bound in at_least.items()
        ),
    ]
    with here.cursor() as cursor:
        cursor.execute(text, values)
        return bool(cursor.rowcount == 1)


def _change_anywhere(
    model: type[Model],
    equal: Mapping[str, Any],
    at_least: Mapping[str, AtLeast],
    put: Mapping[str, Any],
    add: Mapping[str, int],
) -> bool:
    """The same through the ORM, for every other store."""
    bounds = {
        f"{name}__gte": F(bound[0]) + bound[1] if isinstance(bound, tuple) else bound
        for name, bound in at_least.items()
    }
    rows = model._default_manager.filter(**equal, **bounds)
    return rows.update(**put, **{name: F(name) + amount for name, amount in add.items()}) == 1


@lru_cache(maxsize=_SHAPES)
def _fields(model: type[Model]) -> tuple[Field[Any, Any], ...]:
    return tuple(model._meta.local_concrete_fields)


@lru_cache(maxsize=_SHAPES)
def _columns(model: type[Model]) -> tuple[list[str], list[tuple[int, Any, Any]]]:
    """Return the names of the fields, and what makes their values out of those of the database."""
    table = model._meta.db_table
    columns = [field.get_col(table) for field in _fields(model)]
    converters = [
        (place, column, convert)
        for place, column in enumerate(columns)
        for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
    ]
    return [field.attname for field in _fields(model)], converters


@lru_cache(maxsize=_SHAPES)
def _select_text(model: type[Model], shape: tuple[tuple[str, str, int], ...]) -> str:
    columns = ", ".join(_column(field) for field in _fields(model))
    conditions = []
    for name, how, count in shape:
        column = _column(_field(model, name))
        places = ", ".join(["%s"] * count)
        conditions.append(f"{column} IN ({places})" if how == "in" else f"{column} {_COMPARED[how]} %s")
    table = _quoted(model._meta.db_table)
    return f"SELECT {columns} FROM {table} WHERE {' AND '.join(conditions)}"  # noqa: S608 only names of ours


@lru_cache(maxsize=_SHAPES)
def _insert_text(model: type[Model], count: int) -> str:
    columns = ", ".join(_column(field) for field in _fields(model))
    places = ", ".join(["%s"] * len(_fields(model)))
    table = _quoted(model._meta.db_table)
    return f"INSERT INTO {table} ({columns}) VALUES " + ", ".join([f"({places})"] * count)  # noqa: S608 only names of ours


@lru_cache(maxsize=_SHAPES)
def _update_text(
    model: type[Model],
    equal: tuple[str, ...],
    at_least: tuple[tuple[str, str], ...],
    put: tuple[str, ...],
    add: tuple[str, ...],
) -> str:
    column = {name: _column(_field(model, name)) for name in (*equal, *put, *add)}
    bound = [(_column(_field(model, name)), other and _column(_field(model, other))) for name, other in at_least]
    written = [f"{column[name]} = %s" for name in put] + [f"{column[name]} = {column[name]} + %s" for name in add]
    wanted = [f"{column[name]} = %s" for name in equal]
    wanted += [f"{name} >= {other} + %s" if other else f"{name} >= %s" for name, other in bound]
    table = _quoted(model._meta.db_table)
    return f"UPDATE {table} SET {', '.join(written)} WHERE {' AND '.join(wanted)}"  # noqa: S608 only names of ours


def _value(model: type[Model], name: str, value: Any, here: BaseDatabaseWrapper) -> Any:
    return _field(model, name).get_db_prep_save(value, here)


@lru_cache(maxsize=_SHAPES)
def _field(model: type[Model], name: str) -> Field[Any, Any]:
    meta = model._meta
    return meta.pk if name == "pk" else meta.get_field(name)  # type: ignore[return-value] # a column has a Field


def _column(field: Field[Any, Any]) -> str:
    return _quoted(str(field.column))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
