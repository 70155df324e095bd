"""The SQLite file of the time-series store: schema, version, connections, what its errors mean."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from telemetry.errors import StoreConfigurationError, StoreIncompatibleError, StoreUnavailableError

APPLICATION_ID = 0x4D59_4854  # "MYHT"
VERSION = 1
BUSY_TIMEOUT_S = 20.0

SCHEMA = (
    """CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), tick INTEGER NOT NULL, folded INTEGER NOT NULL)""",
    "INSERT INTO state VALUES (1, 1, 0)",
    """CREATE TABLE series (
        key INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, unit TEXT NOT NULL, kind TEXT NOT NULL,
        interval_ms INTEGER NOT NULL, gap_ms INTEGER NOT NULL, simulated INTEGER NOT NULL,
        version INTEGER NOT NULL DEFAULT 0)""",
    # Batches as they came. AUTOINCREMENT: a seq never returns, readers remember what they have seen by it.
    """CREATE TABLE inbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, count INTEGER NOT NULL,
        keys BLOB NOT NULL, times BLOB NOT NULL, vals BLOB NOT NULL, quality BLOB NOT NULL)""",
    # The same readings sorted by series and hour, so that a read never walks more than a bounded inbox.
    """CREATE TABLE chunk (
        key INTEGER NOT NULL, hour INTEGER NOT NULL, rev INTEGER NOT NULL, first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL, count INTEGER NOT NULL, data BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX chunk_place ON chunk (key, hour)",
    "CREATE INDEX chunk_hour ON chunk (hour)",
    """CREATE TABLE day (
        key INTEGER NOT NULL, day INTEGER NOT NULL, rev INTEGER NOT NULL, first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL, count INTEGER NOT NULL, data BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX day_place ON day (key, day)",
    "CREATE TABLE page (key INTEGER NOT NULL, page INTEGER NOT NULL, rev INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE UNIQUE INDEX page_place ON page (key, page)",
    "CREATE TABLE dirty (key INTEGER NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (key, day)) WITHOUT ROWID",
    """CREATE TABLE latest (
        key INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, value REAL NOT NULL, quality INTEGER NOT NULL)""",
)


@contextmanager
def meaning_of_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into the store's; the transaction is rolled back by then."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error) or type(error).__name__
        if "not a database" in text:
            raise StoreIncompatibleError(f"{path} is not a time-series store; name another file.") from error
        remedy = {
            "full": "free some space on its disk",
            "readonly": "make the file and its folder writable",
            "locked": "another process holds it for long; try again",
            "malformed": "restore it from the last backup",
        }
        advice = next((then for word, then in remedy.items() if word in text), "see the log")
        raise StoreUnavailableError(f"The time-series store {path} cannot be used ({text}): {advice}.") from error


def path_of(url: str) -> Path:
    """The file a URL names."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or len(url) == len(prefix):
        raise StoreConfigurationError(f"TELEMETRY_URL must look like {prefix}/path/to/file, not {url!r}.")
    path = Path(url.removeprefix(prefix))
    if path.is_dir():
        raise StoreConfigurationError(f"TELEMETRY_URL names the folder {path}; name a file in it.")
    return path


class _Holder:
    """Keeps one thread's connection; goes away, and closes it, with the thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection


class SqliteFile:
    """Opens the file, refuses what it must not touch, hands out connections."""

    def __init__(self, url: str) -> None:
        self.path = path_of(url)
        self._local = threading.local()
        self._holders: weakref.WeakSet[_Holder] = weakref.WeakSet()
        self._lock = threading.Lock()
        self.write_lock = threading.RLock()
        with meaning_of_errors(self.path):
            self._prepare()
            self._writer = self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-16384")
        # What is erased is overwritten, not only unlinked.
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA journal_size_limit=67108864")
        return connection

    def _prepare(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            if self._checked(connection):
                return
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                if not self._checked(connection):
                    for statement in SCHEMA:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                    connection.execute(f"PRAGMA user_version={VERSION}")
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        finally:
            connection.close()

    def _checked(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is ready; False if it is empty; otherwise an error that leaves it as it is."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and not application:
            return False
        if application != APPLICATION_ID:
            raise StoreIncompatibleError(f"{self.path} is not a time-series store; name another file.")
        if version > VERSION:
            raise StoreIncompatibleError(
                f"{self.path} has format {version}, written by a newer version; this one knows up to {VERSION}. "
                "Start the newer version again, or restore a backup made before the upgrade."
            )
        return True

    def reader(self) -> sqlite3.Connection:
        """This thread's own connection."""
        holder: _Holder | None = getattr(self._local, "holder", None)
        if holder is None:
            holder = self._local.holder = _Holder(self._connect())
            with self._lock:
                self._holders.add(holder)
        return holder.connection

    @contextmanager
    def view(self) -> Iterator[sqlite3.Connection]:
        """A consistent read: everything inside sees one state of the file."""
        with meaning_of_errors(self.path):
            connection = self.reader()
            if connection.in_transaction:
                yield connection
                return
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A write: all of it is on the disk at the end, or nothing is."""
        with self.write_lock, meaning_of_errors(self.path):
            connection = self._writer
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        """Undo the open change; a connection that cannot even do that is given up, which undoes it as well."""
        try:
            # SQLite itself has rolled back already after some errors, such as a full disk.
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error:
            self._writer.close()
            self._writer = self._connect()

    def settle(self) -> None:
        """Move the write-ahead log into the file and empty it, as far as readers allow."""
        with self.write_lock, meaning_of_errors(self.path):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            holders = list(self._holders)
        for holder in holders:
            holder.connection.close()
        self._local = threading.local()
        self._writer.close()
