"""A transaction on MongoDB: run again after a conflict, commit again when the answer was lost, bounded by time.

The backend's own `atomic` leaves a dead session behind after a failed commit, in which later blocks of that thread
would run without a transaction; here a block's session always ends with it.
"""

from __future__ import annotations

import contextlib
import random
import time
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError
from django.db.transaction import TransactionManagementError
from django.utils.translation import gettext as _
from pymongo.errors import DuplicateKeyError, PyMongoError

from myhouse.documents.turn import Turn, Turns
from myhouse.errors import Busy

R = TypeVar("R")
# Of a block's own tries, after it has got its turn: so the time is bounded, not their number.
RETRIED_FOR_S = 2.0
# For its turn among the threads of its process, which all met conflicts.
WAITED_FOR_S = 8.0
# A new primary is elected within seconds; until then the fate of a commit may be unknown.
COMMITTED_FOR_S = 15.0
_LONGEST_PAUSE_S = 0.05
_TRANSIENT, _UNKNOWN = "TransientTransactionError", "UnknownTransactionCommitResult"
# The transaction is gone: an earlier error of its own (a duplicate key) ended it, or its primary is no more.
_NO_SUCH_TRANSACTION = 251
# The server ended a transaction for its age while it was at work in it, and puts no label on that.
_TOO_OLD = 290
# A block that looked, found nothing and inserted is refused by an index where another did so meanwhile. Run anew it
# finds what the other wrote; what is refused still is refused for good.
_ANEW_AT_MOST = 2
_GUARDS, _GUARDS_COUNT = "myhouse_guards", 4096


class ConflictError(Exception):
    """Another block was first; this one runs again."""


# A block that meets nobody waits for nobody. Those that met a conflict go on one at a time: two hundred that try at
# once mostly undo what the others do.
_turns = Turns(WAITED_FOR_S)


def transaction_run(connection: Any, function: Callable[[], R]) -> R:
    """Run an outermost block in a transaction of its own; Busy when conflicts did not end in time."""
    with _turns.one() as turn:
        result, effects = _in_turn(connection, function, turn)
    # Not before another may go on: effects take their time.
    for _savepoints, effect, _robust in effects:
        effect()
    return result


def guard_touch(connection: Any, key: str) -> None:
    """Change the row that stands for a rule, so that two blocks under the same rule conflict and one runs again.

    There is a fixed number of such rows, chosen by the key: two rules that share one only wait for each other.
    """
    if connection.session is None:
        raise TransactionManagementError("a guard holds inside of `atomic` only")
    place = zlib.crc32(key.encode()) % _GUARDS_COUNT
    try:
        connection.get_collection(_GUARDS).update_one(
            {"_id": place}, {"$inc": {"touched": 1}}, upsert=True, session=connection.session
        )
    except DuplicateKeyError as error:
        raise ConflictError from error


def _in_turn(connection: Any, function: Callable[[], R], turn: Turn) -> tuple[R, list[Any]]:
    """Try once beside all others, then again and again in turn."""
    until, pause, anew = 0.0, 0.002, 0
    while True:
        try:
            return _once(connection, function)
        except (PyMongoError, DatabaseError, ConflictError) as error:
            if _ended_by_itself(error):
                anew += 1
                if anew > _ANEW_AT_MOST:
                    raise
            elif not _is_conflict(error):
                raise
            if not turn.take() or time.monotonic() > (until := until or time.monotonic() + RETRIED_FOR_S):
                raise Busy(
                    _("Too much is being changed here at once. Try again in a second."), retry_after_s=1
                ) from error
        time.sleep(random.uniform(0, pause))  # noqa: S311 spreads writers, guards nothing
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def _once(connection: Any, function: Callable[[], R]) -> tuple[R, list[Any]]:
    """Run the block and commit; returns the effects that follow. Nothing of it stays on the connection."""
    connection.start_transaction_mongo()
    connection.in_atomic_block_mongo = True
    session = connection.session
    try:
        result = function()
        _commit(session)
        effects = connection.run_on_commit
    except BaseException:
        with contextlib.suppress(PyMongoError):
            if session.in_transaction:
                session.abort_transaction()
        raise
    finally:
        connection.in_atomic_block_mongo = False
        connection.run_on_commit = []
        connection.session = None
        session.end_session()
    return result, effects


def _commit(session: Any) -> None:
    """Commit, and ask again while it is not known whether that was done: the server does it once."""
    until = time.monotonic() + COMMITTED_FOR_S
    pause = 0.01
    while True:
        try:
            session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label(_UNKNOWN) or time.monotonic() > until:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(pause * 2, 0.5)


def _ended_by_itself(error: BaseException) -> bool:
    """Tell whether an error of the block's own ended its transaction: a duplicate, or what was asked after one."""
    return isinstance(error, IntegrityError) or getattr(_of_server(error), "code", None) == _NO_SUCH_TRANSACTION


def _is_conflict(error: BaseException) -> bool:
    """Tell whether the whole block may be tried again: another writer was first, or the primary changed."""
    if isinstance(error, ConflictError):
        return True
    found = _of_server(error)
    return found is not None and (found.has_error_label(_TRANSIENT) or getattr(found, "code", None) == _TOO_OLD)


def _of_server(error: BaseException) -> PyMongoError | None:
    """Return what the driver said, below what Django made of it."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, PyMongoError):
        found = found.__cause__
    return found
