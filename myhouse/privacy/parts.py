"""What each app contributes: `PRIVACY_PARTS` names modules that know a part of a person's data.

Such a module has, of these functions, the ones it needs:

- `files(*, person, now)` yields the files of an export, each read only while it is written.
- `obstacles(*, person, now)` says in words what must be done before the person can be forgotten.
- `leave(*, person, actor, now)` ends what would go on by itself; all parts together in one transaction.
- `erase(*, person, pseudonym, now)` deletes, or puts the pseudonym where a row must stay. It may be called again.
- `TEXTS` lists columns of free text that may name a person: `[(model, field), …]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Model

if TYPE_CHECKING:
    from myhouse.documents.services import Actor
    from myhouse.models import Household, User

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Stay:
    """A household the person lives or lived in, and when; `alone` are the spans nobody else lived there.

    `emptied` when nobody is left there once the person is forgotten.
    """

    household: Household
    spans: list[Span]
    alone: list[Span]
    emptied: bool

    def holds(self, moment: datetime) -> bool:
        """Whether the person lived there at that moment."""
        return any(start <= moment < end for start, end in self.spans)


@dataclass(frozen=True)
class Person:
    """Whose data it is, and where the person lived."""

    user: User
    stays: list[Stay] = field(default_factory=list)

    @property
    def emptied(self) -> list[Household]:
        """The households in which nobody is left."""
        return [stay.household for stay in self.stays if stay.emptied]


@dataclass(frozen=True)
class PersonFile:
    """A file of the export: its place in the archive, and its content in pieces."""

    path: str
    pieces: Callable[[], Iterable[bytes]]


def parts_all() -> list[ModuleType]:
    """Return the parts, those of the upper floors first and our own last."""
    return [import_module(path) for path in [*settings.PRIVACY_PARTS, "myhouse.privacy.own"]]


def parts_files(*, person: Person, now: datetime) -> Iterator[PersonFile]:
    """Yield every part's files."""
    for part in parts_all():
        if hasattr(part, "files"):
            yield from part.files(person=person, now=now)


def parts_obstacles(*, person: Person, now: datetime) -> list[str]:
    """Collect what stands against forgetting the person."""
    return [
        reason
        for part in parts_all()
        if hasattr(part, "obstacles")
        for reason in part.obstacles(person=person, now=now)
    ]


def parts_leave(*, person: Person, actor: Actor, now: datetime) -> None:
    """End what would go on by itself; call it in a transaction."""
    for part in parts_all():
        if hasattr(part, "leave"):
            part.leave(person=person, actor=actor, now=now)


def parts_erasing(*, person: Person, pseudonym: str, now: datetime) -> Iterator[Callable[[], object]]:
    """Yield a step for each part that forgets the person."""
    for part in parts_all():
        if hasattr(part, "erase"):
            yield partial(part.erase, person=person, pseudonym=pseudonym, now=now)


def parts_texts() -> list[tuple[type[Model], str]]:
    """Collect the columns of free text."""
    texts: list[tuple[type[Model], str]] = []
    for part in parts_all():
        found: list[tuple[type[Any], str]] = getattr(part, "TEXTS", [])
        texts += found
    return texts
