"""The connection: comparisons are written so that an index answers them."""

from __future__ import annotations

import ctypes.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from config.mongo.engine import compiler


@contextmanager
def no_maps() -> Iterator[None]:
    """Find no geographic libraries: the backend looks for them three times, half a second of each process's start."""
    find = ctypes.util.find_library

    def none(name: str) -> None:
        del name

    ctypes.util.find_library = none
    try:
        yield
    finally:
        ctypes.util.find_library = find


with no_maps():
    from django_mongodb_backend import base, operations  # type: ignore[import-untyped] # the backend has no types


class DatabaseOperations(operations.DatabaseOperations):  # type: ignore[misc] # the backend has no types
    """Lets queries be put together by our compilers."""

    compiler_module = compiler.__name__


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc] # the backend has no types
    """A connection of the backend; the plain forms below mean the same and have bounds on an index.

    A comparison only ever meets values of its own type, so it needs no word about null; and `{field: null}` finds
    what is null or absent, as the backend asks for in two steps.
    """

    ops_class = DatabaseOperations
    mongo_operators: ClassVar[dict[str, Any]] = {
        **base.DatabaseWrapper.mongo_operators,
        "lt": lambda field, value: {field: {"$lt": value}},
        "lte": lambda field, value: {field: {"$lte": value}},
        "isnull": lambda field, is_null: {field: None} if is_null else {field: {"$ne": None}},
    }
