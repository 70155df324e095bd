"""The connection to Cassandra: prepared statements, bounded concurrency, and what its errors mean."""

from __future__ import annotations

import atexit
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from telemetry.errors import StoreConfigurationError, StoreIncompatibleError, StoreUnavailableError
from telemetry.stores.cassandra_making import NAMES, tables_sync
from telemetry.stores.cassandra_place import Place
from telemetry.stores.cassandra_schema import STATEMENTS

WINDOW = 64
"""Requests under way at a time, per call."""
TRIES = 3
REQUEST_S = 6.0
CONNECT_S = 4.0
TABLES_S = 60.0
PROBE_S = 5.0
PARTITIONS = 8
PACKED_BYTES = 4096
"""In one batch of several partitions; beyond ten, or 5 KiB, Cassandra warns in its log."""
CALL_BYTES = 100
ASKED_AT_ONCE = 32
"""Partitions that one request may name."""

Call = tuple[str, Sequence[Any]]


@contextmanager
def meaning_of_errors() -> Iterator[None]:
    """Turn the driver's errors into the store's: away, unless Cassandra says that it will never do it.

    A write that was not answered may have happened; every write here can be repeated.
    """
    from cassandra import DriverException, InvalidRequest, Unauthorized
    from cassandra.cluster import NoHostAvailable
    from cassandra.connection import ConnectionBusy, ConnectionException
    from cassandra.pool import NoConnectionsAvailable
    from cassandra.protocol import ErrorMessage, SyntaxException

    try:
        yield
    except (InvalidRequest, SyntaxException) as error:
        raise StoreIncompatibleError(
            f"Cassandra has not the tables this version needs ({_said(error)}); run `manage.py sync_cassandra`."
        ) from error
    except Unauthorized as error:
        raise StoreConfigurationError(
            f"Cassandra refuses the user of TELEMETRY_URL ({_said(error)}); give it rights on the keyspace."
        ) from error
    except (
        DriverException,
        ErrorMessage,
        NoHostAvailable,
        ConnectionException,
        ConnectionBusy,
        NoConnectionsAvailable,
        OSError,
    ) as error:
        raise StoreUnavailableError(
            f"Cassandra does not answer as needed ({_said(error)}): {_advice(error)}"
        ) from error


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _advice(error: BaseException) -> str:
    """What to do about it."""
    from cassandra import OperationTimedOut, Timeout, Unavailable

    text = f"{error} {getattr(error, 'errors', '')}"
    if "uthenticat" in text or "credentials" in text.lower():
        return "look at user and password in TELEMETRY_URL."
    if "certificate" in text.lower() or "SSL" in text:
        return "look at tls, ca, cert and key in TELEMETRY_URL, and at the nodes' certificates."
    if isinstance(error, Unavailable):
        return "too few nodes of its data centre are up; start those that are down."
    if isinstance(error, (Timeout, OperationTimedOut)):
        return "nodes are overloaded or just going down; it is tried again."
    return "start it, and see that TELEMETRY_URL names its nodes; nothing needs to be restarted here."


@cache
def driver_begin() -> None:
    """Load the driver, and let it end quickly with the process; what is registered later ends before it."""
    import cassandra.cluster  # noqa: F401 registers its own end first, which then comes last

    atexit.register(_driver_end)


def _driver_end() -> None:
    """Stop the loop's timer once all is closed: the driver forgets to, and waits five seconds for it in vain.

    Only with the last connection, also the engine's, does the loop end.
    """
    from cassandra.cluster import _shutdown_clusters
    from cassandra.io import libevreactor

    _shutdown_clusters()
    loop = libevreactor._global_loop  # noqa: SLF001 nothing public ends it
    if loop is not None and loop._thread is not None:  # noqa: SLF001 nothing public ends it
        loop._shutdown = True  # noqa: SLF001 nothing public ends it
        loop.notify()
        loop._thread.join(timeout=1.0)  # noqa: SLF001 nothing public ends it


def cluster_made(place: Place, *, request_s: float = REQUEST_S) -> Any:
    """The driver's picture of the cluster; connects to nothing yet."""
    driver_begin()
    from cassandra import ConsistencyLevel
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
    from cassandra.policies import (
        ConstantSpeculativeExecutionPolicy,
        DCAwareRoundRobinPolicy,
        ExponentialReconnectionPolicy,
        TokenAwarePolicy,
    )

    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(place.datacenter)),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=request_s,
        # A node that died is asked until gossip has noticed: the next one is asked as well after this long.
        speculative_execution_policy=ConstantSpeculativeExecutionPolicy(0.5, 2),
    )
    return Cluster(
        place.hosts,
        port=place.port,
        protocol_version=4,
        auth_provider=PlainTextAuthProvider(place.user, place.password) if place.user else None,
        ssl_context=place.tls.context() if place.tls else None,
        connect_timeout=CONNECT_S,
        control_connection_timeout=CONNECT_S,
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 10.0),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )


def tables_make(place: Place) -> None:
    """Make the keyspace and its tables, or bring them up to date."""
    tables_sync(cluster_made(place, request_s=TABLES_S), place)


class Link:
    """Connects at first use; safe across threads."""

    def __init__(self, url: str) -> None:
        self.place = Place.of(url)
        self._lock = threading.Lock()
        self._cluster: Any = None
        self._session: Any = None
        self._prepared: dict[str, Any] = {}
        self.is_preparing = False
        self._failed_at = float("-inf")
        self._failure = ""

    def session(self) -> Any:
        """The driver's session, connected; those who waited for an attempt that failed share its failure."""
        if self._session is None:
            came = time.monotonic()
            with self._lock:
                if self._session is None and self._failed_at > came:
                    raise StoreUnavailableError(self._failure)
                if self._session is None:
                    try:
                        with meaning_of_errors():
                            self._connect()
                    except StoreUnavailableError as error:
                        self._failed_at, self._failure = time.monotonic(), str(error)
                        raise
        return self._session

    def _connect(self) -> None:
        from cassandra import InvalidRequest

        cluster = cluster_made(self.place)
        try:
            session = cluster.connect()
            self.is_preparing = True
            known = cluster.metadata.keyspaces.get(self.place.keyspace)
            if known is None or not set(known.tables) >= NAMES:
                tables_make(self.place)
            try:
                self._prepare(session)
            except InvalidRequest:
                # Of an earlier version: a column is missing.
                tables_make(self.place)
                self._prepare(session)
        except BaseException:
            cluster.shutdown()
            raise
        finally:
            self.is_preparing = False
        self._cluster, self._session = cluster, session

    def _prepare(self, session: Any) -> None:
        for name, text in STATEMENTS.items():
            statement = session.prepare(re.sub(r"\b(FROM|INTO|UPDATE) (\w+)", rf"\1 {self.place.keyspace}.\2", text))
            statement.is_idempotent = " IF " not in text
            self._prepared[name] = statement

    def probe(self) -> None:
        """Read one row on a majority of its replicas, with little patience."""
        with meaning_of_errors():
            self.session().execute(self.bound("allocated", ()), timeout=PROBE_S)

    def bound(self, name: str, values: Sequence[Any]) -> Any:
        """A prepared statement with its values."""
        self.session()
        return self._prepared[name].bind(values)

    def rows(self, name: str, *values: Any) -> list[Any]:
        """The rows of one request."""
        with meaning_of_errors():
            return list(self.session().execute(self.bound(name, values)))

    def streams(self, calls: Sequence[Call]) -> list[Iterator[Any]]:
        """The rows of many requests; further pages are fetched as they are asked for."""
        return [_stream(answer) for answer in self.many([self.bound(name, values) for name, values in calls])]

    def together(self, calls: Sequence[Call]) -> None:
        """Write to one partition in one mutation: all of it or nothing, and seen at once."""
        self.many([self._batch(calls)] if calls else [])

    def packed(self, groups: Sequence[Sequence[Call]]) -> None:
        """The same for many partitions, each on its own; small ones travel together."""
        packs: list[list[Call]] = []
        held = room = 0
        for calls in filter(None, groups):
            size = sum(CALL_BYTES + sum(len(one) for one in values if isinstance(one, bytes)) for _n, values in calls)
            if not held or size > room:
                packs.append([])
                held, room = PARTITIONS, PACKED_BYTES
            packs[-1] += calls
            held, room = held - 1, room - size
        self.many([self._batch(calls) if len(calls) > 1 else self.bound(*calls[0]) for calls in packs])

    def _batch(self, calls: Sequence[Call]) -> Any:
        from cassandra.query import BatchStatement, BatchType

        self.session()
        batch = BatchStatement(BatchType.UNLOGGED)
        for name, values in calls:
            batch.add(self.bound(name, values))
        batch.is_idempotent = all(self._prepared[name].is_idempotent for name, _values in calls)
        return batch

    def applied(self, calls: Sequence[Call]) -> bool:
        """Compare and set in one partition; whether it fitted."""
        with meaning_of_errors():
            row = self.session().execute(self._batch(calls) if len(calls) > 1 else self.bound(*calls[0])).one()
        return bool(row[0])

    def many(self, statements: Sequence[Any]) -> list[Any]:
        """The answers of many requests in order, a bounded number of them under way; repeats those that failed."""
        if not statements:
            return []
        from cassandra import OperationTimedOut
        from cassandra.concurrent import execute_concurrent

        session = self.session()
        found: list[Any] = [None] * len(statements)
        open_: list[int] = list(range(len(statements)))
        with meaning_of_errors():
            for attempt in range(TRIES):
                asked = [(statements[at], None) for at in open_]
                answers = execute_concurrent(session, asked, concurrency=WINDOW, raise_on_first_error=False)
                failed = []
                for at, (success, answer) in zip(open_, answers, strict=True):
                    found[at] = answer
                    if not success:
                        failed.append(at)
                if not failed:
                    return found
                open_ = failed
                # Who was waited for in vain is not waited for again.
                if any(isinstance(found[at], OperationTimedOut) for at in open_):
                    break
                time.sleep(0.1 * (attempt + 1))
            raise found[open_[0]]

    def all_rows(self, calls: Sequence[Call]) -> list[list[Any]]:
        """The rows of many requests."""
        return [list(rows) for rows in self.streams(calls)]

    def rows_of(self, name: str, values: Sequence[Any]) -> list[Any]:
        """The rows of many partitions, of which a request names some at once; in no order."""
        asked = [values[at : at + ASKED_AT_ONCE] for at in range(0, len(values), ASKED_AT_ONCE)]
        return [row for rows in self.all_rows([(name, (some,)) for some in asked]) for row in rows]

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            if self._cluster is not None:
                self._cluster.shutdown()
            self._cluster = self._session = None


def _stream(rows: Any) -> Iterator[Any]:
    with meaning_of_errors():
        yield from rows
