"""What this app refuses: each error says which field and what to do; the API maps its kind to a status once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404


class Kind(StrEnum):
    """What sort of refusal it is; `config.errors` knows the HTTP status of each."""

    INVALID = "invalid"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    BUSY = "busy"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field, and the remedy."""

    field: str
    message: str


class UnableTo(Exception):
    """A request that is refused; nothing was written."""

    kind: ClassVar[Kind] = Kind.INVALID

    def __init__(
        self,
        message: object = "",
        *,
        field: str = "",
        errors: Sequence[FieldError] = (),
        retry_after_s: int = 0,
    ) -> None:
        """Keep the message for the person, the field it belongs to and when to try again."""
        super().__init__(message)
        self.message = str(message)
        self.retry_after_s = retry_after_s
        self.errors = tuple(errors) or ((FieldError(field, self.message),) if field else ())

    @property
    def field(self) -> str:
        """The first field that is wrong; empty when the refusal is about the whole request."""
        return self.errors[0].field if self.errors else ""


class NotFound(UnableTo, Http404):
    """There is no such thing, or none that this user may know of; pages and API answer 404."""

    kind = Kind.NOT_FOUND


class NotAllowed(UnableTo, PermissionDenied):
    """The user may see it but not do this; pages and API answer 403."""

    kind = Kind.FORBIDDEN


class TooMany(UnableTo):
    """Too many tries in a short time; `retry_after_s` says when the next one counts again."""

    kind = Kind.TOO_MANY


class Busy(UnableTo):
    """Something needed is away for a moment; nothing was written, the same request may be sent again."""

    kind = Kind.BUSY
