"""Queries whose sort an index can serve: the backend copies each sorted field onto itself first, which hides it."""

from __future__ import annotations

from typing import Any

from django_mongodb_backend import compiler, query  # type: ignore[import-untyped] # the backend has no types


class MongoQuery(query.MongoQuery):  # type: ignore[misc] # the backend has no types
    """A pipeline without the copies."""

    extra_fields: dict[str, Any] | None
    ordering: Any

    def get_pipeline(self) -> list[dict[str, Any]]:
        """Return the stages: `$match`, `$sort`, `$limit` for a list of one collection."""
        copies = self.extra_fields or {}
        self.extra_fields = {name: value for name, value in copies.items() if value != f"${name}"}
        if self._finds_one():
            self.ordering = {}
        stages: list[dict[str, Any]] = super().get_pipeline()
        return stages

    def _finds_one(self) -> bool:
        """Tell whether a unique field is named: `first()` then sorts one row."""
        asked = self.match_mql.get("$and", [self.match_mql])
        named = {name for part in asked for name, value in part.items() if isinstance(value, str)}
        fields = self.query.get_meta().local_concrete_fields if self.query.model else ()
        return any(field.unique and field.column in named for field in fields)


class SQLCompiler(compiler.SQLCompiler):  # type: ignore[misc] # the backend has no types
    """Reads."""

    query_class = MongoQuery


class SQLInsertCompiler(compiler.SQLInsertCompiler):  # type: ignore[misc] # the backend has no types
    """Inserts."""


class SQLDeleteCompiler(compiler.SQLDeleteCompiler):  # type: ignore[misc] # the backend has no types
    """Deletes."""

    query_class = MongoQuery


class SQLUpdateCompiler(compiler.SQLUpdateCompiler):  # type: ignore[misc] # the backend has no types
    """Updates."""

    query_class = MongoQuery


class SQLAggregateCompiler(compiler.SQLAggregateCompiler):  # type: ignore[misc] # the backend has no types
    """Counts and sums over a query."""

    query_class = MongoQuery
