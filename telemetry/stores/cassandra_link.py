"""The connection to Cassandra: its URL, prepared statements, bounded concurrency, and what its errors mean."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

from telemetry.errors import StoreConfigurationError, StoreIncompatibleError, StoreUnavailableError
from telemetry.stores.cassandra_schema import STATEMENTS

WINDOW = 64
"""Requests under way at a time, per call."""
TRIES = 3
REQUEST_S = 10.0
CONNECT_S = 5.0
TABLES_S = 60.0
PORT = 9042

Call = tuple[str, Sequence[Any]]


class Place(NamedTuple):
    """What a URL names."""

    hosts: list[str]
    port: int
    keyspace: str
    datacenter: str
    replication: int
    user: str | None
    password: str | None

    @classmethod
    def of(cls, url: str) -> Self:
        """Read cassandra://user:password@host:port,host/keyspace?replication=3&dc=dc1."""
        wrong = StoreConfigurationError(
            "TELEMETRY_URL must look like cassandra://host:9042,host/keyspace?replication=3&dc=dc1, "
            f"not {re.sub('//.*@', '//…@', url)!r}."
        )
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        keyspace = parts.path.removeprefix("/")
        credentials, _at, hosts = parts.netloc.rpartition("@")
        replication = options.get("replication", "3")
        places = [host.partition(":") for host in hosts.split(",")]
        ports = {port or str(PORT) for _host, _colon, port in places}
        if (
            parts.scheme != "cassandra"
            or not re.fullmatch(r"[a-z][a-z0-9_]{0,47}", keyspace)
            or not all(host for host, _colon, _port in places)
            or len(ports) != 1
            or not all(number.isdigit() for number in (*ports, replication))
            or not re.fullmatch(r"\w[\w-]*", options.get("dc", "dc1"))
            or set(options) - {"replication", "dc"}
        ):
            raise wrong
        user, _colon, password = credentials.partition(":")
        return cls(
            [host for host, _colon, _port in places],
            int(ports.pop()),
            keyspace,
            options.get("dc", "dc1"),
            int(replication),
            unquote(user) or None,
            unquote(password) or None,
        )


@contextmanager
def meaning_of_errors() -> Iterator[None]:
    """Turn the driver's errors into the store's."""
    from cassandra import DriverException, InvalidRequest
    from cassandra.cluster import NoHostAvailable

    try:
        yield
    except InvalidRequest as error:
        raise StoreIncompatibleError(f"Cassandra has not the tables this version needs ({error}).") from error
    except (DriverException, NoHostAvailable) as error:
        text = f"{type(error).__name__}: {error}"[:200]
        raise StoreUnavailableError(f"Cassandra does not answer as needed ({text}); try again.") from error


def cluster_made(place: Place, *, request_s: float = REQUEST_S) -> Any:
    """The driver's picture of the cluster; connects to nothing yet."""
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
        connect_timeout=CONNECT_S,
        control_connection_timeout=CONNECT_S,
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 10.0),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )


def tables_make(place: Place) -> None:
    """Make the keyspace and its tables, or bring them up to date, as `sync_cassandra` does."""
    from cassandra.cqlengine import connection, management

    from telemetry.stores.cassandra_tables import TABLES

    # Without this the driver warns that somebody might not want it.
    os.environ.setdefault("CQLENG_ALLOW_SCHEMA_MANAGEMENT", "1")
    # A cluster of its own, ended with the registration: cqlengine makes its rows dictionaries.
    name = f"telemetry-{secrets.token_hex(8)}"
    connection.register_connection(name, session=cluster_made(place, request_s=TABLES_S).connect())
    try:
        replication = {place.datacenter: place.replication}
        management.create_keyspace_network_topology(place.keyspace, replication, connections=[name])
        for table in TABLES:
            management.sync_table(table, keyspaces=[place.keyspace], connections=[name])
    finally:
        connection.unregister_connection(name)


class Link:
    """Connects at first use; safe across threads."""

    def __init__(self, url: str) -> None:
        self.place = Place.of(url)
        self._lock = threading.Lock()
        self._cluster: Any = None
        self._session: Any = None
        self._prepared: dict[str, Any] = {}

    def session(self) -> Any:
        """The driver's session, connected."""
        if self._session is None:
            with self._lock, meaning_of_errors():
                if self._session is None:
                    self._connect()
        return self._session

    def _connect(self) -> None:
        keyspace = self.place.keyspace
        cluster = cluster_made(self.place)
        try:
            session = cluster.connect()
            known = cluster.metadata.keyspaces.get(keyspace)
            if known is None or not known.tables:
                tables_make(self.place)
            for name, text in STATEMENTS.items():
                statement = session.prepare(re.sub(r"\b(FROM|INTO|UPDATE) (\w+)", rf"\1 {keyspace}.\2", text))
                statement.is_idempotent = " IF " not in text
                self._prepared[name] = statement
        except BaseException:
            cluster.shutdown()
            raise
        self._cluster, self._session = cluster, session

    def bound(self, name: str, values: Sequence[Any]) -> Any:
        """A prepared statement with its values."""
        self.session()
        return self._prepared[name].bind(values)

    def rows(self, name: str, *values: Any) -> Any:
        """The rows of one request; further pages are fetched as they are asked for."""
        with meaning_of_errors():
            return self.session().execute(self.bound(name, values))

    def together(self, calls: Sequence[Call]) -> None:
        """Write to one partition in one mutation: all of it or nothing, and seen at once."""
        self.many([self._batch(calls)])

    def together_all(self, groups: Sequence[Sequence[Call]]) -> None:
        """The same for many partitions, each on its own."""
        self.many([self._batch(calls) for calls in groups])

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
                time.sleep(0.1 * (attempt + 1))
            raise found[open_[0]]

    def all_rows(self, calls: Sequence[Call]) -> list[list[Any]]:
        """The rows of many requests."""
        return [list(answer) for answer in self.many([self.bound(name, values) for name, values in calls])]

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            if self._cluster is not None:
                self._cluster.shutdown()
            self._cluster = self._session = None
