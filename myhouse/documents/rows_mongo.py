"""What `rows` does, told to MongoDB by its driver: one statement each, in the transaction of the block around."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError
from django.db.models import Field, Model
from django_mongodb_backend.query import wrap_database_errors  # type: ignore[import-untyped] # it has none

M = TypeVar("M", bound=Model)
P = ParamSpec("P")
R = TypeVar("R")
_COMPARED = {"in": "$in", "lte": "$lte", "lt": "$lt", "gte": "$gte", "gt": "$gt"}
_SHAPES = 256


def _errors(function: Callable[P, R]) -> Callable[P, R]:
    """Turn the driver's errors into Django's."""
    wrapped: Callable[P, R] = wrap_database_errors(function)
    return wrapped


@_errors
def found(here: Any, model: type[M], where: Mapping[str, Any]) -> list[M]:
    """Return the rows of which all conditions hold."""
    wanted: dict[str, Any] = {}
    for asked, value in where.items():
        name, _underscores, how = asked.partition("__")
        field = _field(model, name)
        if how == "in":
            several = [_value(field, one, here) for one in value]
            if not several:
                return []
            wanted.setdefault(str(field.column), {})["$in"] = several
        elif how:
            wanted.setdefault(str(field.column), {})[_COMPARED[how]] = _value(field, value, here)
        else:
            wanted[str(field.column)] = _value(field, value, here)
    documents = _collection(here, model).find(wanted, session=here.session)
    return [_read(here, model, document) for document in documents]


@_errors
def inserted(here: Any, rows: Sequence[Model]) -> None:
    """Insert new rows of one model."""
    model = type(rows[0])
    documents = [
        {str(field.column): _kept(field, field.pre_save(row, add=True), here) for field in _fields(model)}
        for row in rows
    ]
    _collection(here, model).insert_many(documents, session=here.session)
    for row in rows:
        row._state.adding, row._state.db = False, here.alias  # noqa: SLF001 as Django does after saving


@_errors
def changed(
    here: Any,
    model: type[Model],
    *,
    equal: Mapping[str, Any],
    at_least: Mapping[str, Any],
    put: Mapping[str, Any],
    add: Mapping[str, int],
) -> bool:
    """Change the one row that `equal` names if it is as both conditions say; tells whether it was."""
    wanted = {str(field.column): _value(field, value, here) for field, value in _named(model, equal)}
    others: list[Any] = []
    for field, bound in _named(model, at_least):
        if isinstance(bound, tuple):
            least = {"$add": [f"${_field(model, bound[0]).column}", bound[1]]}
            others.append({"$gte": [f"${field.column}", least]})
        else:
            wanted[str(field.column)] = {"$gte": _value(field, bound, here)}
    if others:
        wanted["$expr"] = {"$and": others}
    changes: dict[str, Any] = {}
    if put:
        changes["$set"] = {str(field.column): _value(field, value, here) for field, value in _named(model, put)}
    if add:
        # Beyond 64 bits the server refuses, where the ORM's sum would become a float.
        changes["$inc"] = {str(field.column): _value(field, amount, here) for field, amount in _named(model, add)}
    return bool(_collection(here, model).update_one(wanted, changes, session=here.session).matched_count == 1)


def _named(model: type[Model], values: Mapping[str, Any]) -> list[tuple[Field[Any, Any], Any]]:
    return [(_field(model, name), value) for name, value in values.items()]


def _collection(here: Any, model: type[Model]) -> Any:
    here.ensure_connection()
    return here.get_collection(model._meta.db_table)


def _read(here: Any, model: type[M], document: Mapping[str, Any]) -> M:
    names, columns, converters = _columns(here.alias, model)
    read = [document.get(column) for column in columns]
    for place, column, convert in converters:
        read[place] = convert(read[place], column, here)
    return model.from_db(here.alias, names, read)


def _kept(field: Field[Any, Any], value: Any, here: Any) -> Any:
    if value is None and not field.null:
        raise IntegrityError(f"{field.name} cannot be nothing")
    return _value(field, value, here)


def _value(field: Field[Any, Any], value: Any, here: Any) -> Any:
    return field.get_db_prep_save(value, here)


@lru_cache(maxsize=_SHAPES)
def _fields(model: type[Model]) -> tuple[Field[Any, Any], ...]:
    return tuple(model._meta.local_concrete_fields)


@lru_cache(maxsize=_SHAPES)
def _field(model: type[Model], name: str) -> Field[Any, Any]:
    meta = model._meta
    return meta.pk if name == "pk" else meta.get_field(name)  # type: ignore[return-value] # a column has a Field


@lru_cache(maxsize=_SHAPES)
def _columns(alias: str, model: type[Model]) -> tuple[list[str], list[str], list[tuple[int, Any, Any]]]:
    """Return the names of the fields, their columns, and what makes their values out of those of the database."""
    from django.db import connections

    here = connections[alias]
    columns = [field.get_col(model._meta.db_table) for field in _fields(model)]
    converters = [
        (place, column, convert)
        for place, column in enumerate(columns)
        for convert in (*here.ops.get_db_converters(column), *column.get_db_converters(here))
    ]
    return [field.attname for field in _fields(model)], [str(field.column) for field in _fields(model)], converters
