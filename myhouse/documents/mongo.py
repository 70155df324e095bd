"""A transaction on MongoDB: run again after a conflict, commit again when the answer was lost, bounded by time.

The backend's own `atomic` leaves a dead session behind after a failed commit, in which later blocks of that thread
would run without a transaction; here a block's session always ends with it.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DatabaseError
from django.utils.translation import gettext as _
from pymongo.errors import PyMongoError

from myhouse.errors import Busy

R = TypeVar("R")
# With eight writers of one row up to 25 tries were needed: so the time is bounded, not their number.
RETRIED_FOR_S = 2.0
# A new primary is elected within seconds; until then the fate of a commit may be unknown.
COMMITTED_FOR_S = 15.0
_LONGEST_PAUSE_S = 0.1
_TRANSIENT, _UNKNOWN = "TransientTransactionError", "UnknownTransactionCommitResult"
# The transaction was ended by an earlier error of its own (a duplicate key): trying again would end the same.
_NO_SUCH_TRANSACTION = 251


def transaction_run(connection: Any, function: Callable[[], R]) -> R:
    """Run an outermost block in a transaction of its own; Busy when conflicts did not end in time."""
    until = time.monotonic() + RETRIED_FOR_S
    pause = 0.002
    while True:
        try:
            return _once(connection, function)
        except (PyMongoError, DatabaseError) as error:
            if not _is_conflict(error):
                raise
            if time.monotonic() + pause > until:
                raise Busy(
                    _("Too much is being changed here at once. Try again in a second."), retry_after_s=1
                ) from error
        time.sleep(random.uniform(0, pause))  # noqa: S311 spreads writers, guards nothing
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def _once(connection: Any, function: Callable[[], R]) -> R:
    """Run the block and commit; its effects follow the commit, and nothing of it stays on the connection."""
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
    for _savepoints, effect, _robust in effects:
        effect()
    return result


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


def _is_conflict(error: BaseException) -> bool:
    """Tell whether the whole block may be tried again: another writer was first, or the primary changed."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, PyMongoError):
        found = found.__cause__
    if found is None or not found.has_error_label(_TRANSIENT):
        return False
    return getattr(found, "code", None) != _NO_SUCH_TRANSACTION
