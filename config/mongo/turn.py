"""One replica at a time brings the data up to date: a turn that is kept in the database itself and ends by itself.

The server's clock decides, so replicas whose clocks differ cannot both hold it; a holder that died is waited for as
long as its turn still lasts.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

COLLECTION = "myhouse_turns"
LASTS_S = 30.0
_RENEWED_S = 8.0
_ASKED_S = 0.5
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class TurnLost(Exception):
    """The turn ended before the work did: somebody else may be at it now; start again."""


class Turn:
    """A turn that is held, and renewed as long as its thread lives."""

    def __init__(self, collection: Any, *, name: str, lasts_s: float = LASTS_S) -> None:
        """Describe it; nobody holds it yet."""
        self._collection = collection
        self._name = name
        self._holder = secrets.token_hex(8)
        self._lasts_ms = int(lasts_s * 1000)
        self._renewed_at = 0.0

    def take(self) -> bool:
        """Take it, or renew one's own; false while another one holds it."""
        from pymongo import ReturnDocument
        from pymongo.errors import DuplicateKeyError

        asked_at = time.monotonic()
        # A turn that nobody has yet ended before it began.
        ended = {"$lt": [{"$ifNull": ["$until", _NEVER]}, "$$NOW"]}
        mine = {"$or": [{"$eq": ["$holder", self._holder]}, ended]}
        held = {
            "holder": {"$cond": [mine, self._holder, "$holder"]},
            "until": {"$cond": [mine, {"$add": ["$$NOW", self._lasts_ms]}, "$until"]},
        }
        try:
            found = self._collection.find_one_and_update(
                {"_id": self._name}, [{"$set": held}], upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            return False
        if found["holder"] != self._holder:
            return False
        self._renewed_at = asked_at
        return True

    def require(self) -> None:
        """Refuse to go on when it was not renewed in time."""
        if time.monotonic() - self._renewed_at > self._lasts_ms / 1000:
            raise TurnLost("Another replica may have taken over meanwhile; nothing was harmed: start again.")

    def give_back(self) -> None:
        """Let the next one begin at once."""
        self._collection.delete_one({"_id": self._name, "holder": self._holder})


@contextmanager
def turn(database: Any, *, name: str, waiting: Callable[[], Any], lasts_s: float = LASTS_S) -> Iterator[Turn]:
    """Wait for the turn, hold it during the block, give it back; `waiting` is called once if another one holds it."""
    from pymongo.errors import PyMongoError
    from pymongo.write_concern import WriteConcern

    mine = Turn(
        database.get_collection(COLLECTION, write_concern=WriteConcern("majority")), name=name, lasts_s=lasts_s
    )
    told = False
    while not mine.take():
        if not told:
            waiting()
            told = True
        time.sleep(_ASKED_S)
    done = threading.Event()

    def renew() -> None:
        while not done.wait(min(_RENEWED_S, lasts_s / 4)):
            try:
                if not mine.take():
                    return
            except PyMongoError:
                continue  # an election; the next try is soon, and `require` tells if none came in time

    keeper = threading.Thread(target=renew, name="turn", daemon=True)
    keeper.start()
    try:
        yield mine
    finally:
        done.set()
        keeper.join()
        with suppress(PyMongoError):  # it ends by itself
            mine.give_back()
