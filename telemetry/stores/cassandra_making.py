"""Making the tables, by one at a time, however many processes of however many machines begin at once.

Two nodes of a ring that are told at the same moment to make the same table make two, and readings written to one of
them are lost. So who makes tables holds a row in a table of its own, whose id is the same whoever makes it.
"""

from __future__ import annotations

import os
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from telemetry.errors import StoreBusyError
from telemetry.stores.cassandra_place import Place
from telemetry.stores.cassandra_schema import STATEMENTS

TURN_S = 120
"""How long somebody who died keeps the others waiting."""
NAMES = {name for text in STATEMENTS.values() for name in re.findall(r"\b(?:FROM|INTO|UPDATE) (\w+)", text)}
TURNS = "making"
_OURS = uuid.UUID("6c0b1d0e-6f0a-4a3c-9a39-0f7f4a3d1c55")


@contextmanager
def turn(session: Any, place: Place) -> Iterator[None]:
    """Be the only one who makes tables in the keyspace, which is made if it is not there."""
    keyspace = place.keyspace
    session.execute(
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = "
        f"{{'class': 'NetworkTopologyStrategy', '{place.datacenter}': {place.replication}}}"
    )
    session.execute(
        f"CREATE TABLE IF NOT EXISTS {keyspace}.{TURNS} (name text PRIMARY KEY, who bigint) "
        f"WITH id = {uuid.uuid5(_OURS, keyspace)}"
    )
    who, until = secrets.randbits(62), time.monotonic() + 2 * TURN_S
    take = f"INSERT INTO {keyspace}.{TURNS} (name, who) VALUES ('tables', %s) IF NOT EXISTS USING TTL {TURN_S}"  # noqa: S608 a name that Place has checked
    while not session.execute(take, (who,)).was_applied:
        if time.monotonic() > until:
            raise StoreBusyError("Others have been making Cassandra's tables for minutes; try again.")
        time.sleep(0.2)
    try:
        yield
    finally:
        session.execute(f"DELETE FROM {keyspace}.{TURNS} WHERE name = 'tables' IF who = %s", (who,))  # noqa: S608 a name that Place has checked


def tables_sync(cluster: Any, place: Place) -> None:
    """Make the keyspace and its tables, or bring them up to date, as `sync_cassandra` does; ends the cluster."""
    from cassandra.cqlengine import connection, management

    from telemetry.stores.cassandra_tables import TABLES

    # Without this the driver warns that somebody might not want it.
    os.environ.setdefault("CQLENG_ALLOW_SCHEMA_MANAGEMENT", "1")
    # A cluster of its own, ended with the registration: cqlengine makes its rows dictionaries.
    name = f"telemetry-{secrets.token_hex(8)}"
    session = cluster.connect()
    connection.register_connection(name, session=session)
    try:
        with turn(session, place):
            cluster.refresh_schema_metadata()
            for table in TABLES:
                management.sync_table(table, keyspaces=[place.keyspace], connections=[name])
    finally:
        connection.unregister_connection(name)
