"""Why a file cannot be imported."""

from __future__ import annotations

from typing import ClassVar

from myhouse.errors import Kind, UnableTo


class UnableToImport(UnableTo):
    """The file or its mapping is refused; names the field and what to do."""

    def __init__(self, message: str, *, field: str = "file") -> None:
        super().__init__(message, field=field)


class FileTooLarge(UnableToImport):
    """More bytes than an upload may have."""

    kind: ClassVar[Kind] = Kind.TOO_LARGE


class ImportUnderWay(UnableToImport):
    """The file is being imported, or was already."""

    kind: ClassVar[Kind] = Kind.CONFLICT
