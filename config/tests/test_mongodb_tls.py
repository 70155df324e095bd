"""The options of TLS stand in DATABASE_URL and reach a real server that takes nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.utils import ConnectionHandler
from pymongo.errors import PyMongoError

from config.cluster.child import LOOPBACK, Child, free_port
from config.databases import databases
from tests.certificates import Certificates, certificates_make
from tests.services import mongod

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.xdist_group("mongodb"),
    pytest.mark.embedded("starts the MongoDB it needs itself"),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, django_db_blocker) -> Iterator[tuple[str, Certificates]]:
    """A server that requires TLS; its address without options, and the authority that signed for it."""
    program = mongod()
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    made = certificates_make(folder / "certificates")
    own, data = folder / "own.pem", folder / "data"
    own.write_bytes(made.server.read_bytes() + made.server_key.read_bytes())
    data.mkdir()
    command = [str(program), "--dbpath", str(data), "--port", str(port), "--bind_ip", LOOPBACK]
    command += ["--wiredTigerCacheSizeGB", "0.25", "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(own)]
    address = f"mongodb://{LOOPBACK}:{port}/house?directConnection=true"
    child = Child("MongoDB", command, log=folder / "mongod.log")
    child.start()
    try:
        with django_db_blocker.unblock():
            child.wait_until(lambda: said(f"{address}&tls=true&tlsCAFile={made.ca}") == "house", seconds=60)
            yield address, made
    finally:
        child.stop()


def said(url: str) -> str:
    """Ask the server as the product does; returns the database's name, or what went wrong."""
    settings: dict[str, Any] = databases(url)
    settings["default"]["OPTIONS"] |= {"serverSelectionTimeoutMS": 1_500}
    connection = ConnectionHandler(settings)["default"]
    try:
        connection.ensure_connection()
        connection.database.command("ping")
    except PyMongoError as error:
        return type(error).__name__
    else:
        return str(connection.database.name)
    finally:
        connection.close_pool()


def test_a_server_that_requires_tls_is_reached_by_who_knows_its_authority(guarded):
    address, made = guarded

    assert said(f"{address}&tls=true&tlsCAFile={made.ca}") == "house"
    assert said(f"{address}&tls=true&tlsCAFile={made.ca}&tlsAllowInvalidHostnames=true") == "house"


@pytest.mark.parametrize("options", ["", "&tls=true"])
def test_it_is_not_reached_without_tls_or_without_trust(guarded, options):
    address, _made = guarded

    assert said(f"{address}{options}") in {"AutoReconnect", "ServerSelectionTimeoutError"}
