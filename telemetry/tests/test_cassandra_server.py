"""What needs a Cassandra of its own: TLS and passwords, and a server that dies and comes back."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest

from config.cluster.cassandra import CassandraRing
from telemetry.errors import StoreConfigurationError, StoreUnavailableError
from telemetry.model import Batch, Kind, Series
from telemetry.store import Store
from telemetry.stores.cassandra import CassandraBackend
from telemetry.stores.cassandra_link import cluster_made
from telemetry.stores.cassandra_place import Place
from telemetry.tests.commands import managed
from telemetry.tests.conftest import NOW, is_cassandra_tried, quick_folder, series_of
from tests.certificates import certificates_make

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("cassandra server"),
    pytest.mark.skipif(
        not is_cassandra_tried(), reason="tried on Cassandra with `make test-servers`, or `make test-cassandra`"
    ),
]


@contextmanager
def opened(url: str):
    store = Store(CassandraBackend(url))
    try:
        yield store
    finally:
        store.close()


def works(store: Store, at: int) -> Series:
    """Something is registered, written and read."""
    series = series_of(Kind.GAUGE)
    store.series_register([series])
    store.write(Batch.of(series.id, at, 5), NOW)
    assert store.scan(series.id, 0, NOW, None).values.tolist() == [5]
    return series


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return certificates_make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def protected(tmp_path_factory, certificates):
    """A server that wants a certificate, a user and a password."""
    own = tmp_path_factory.mktemp("protected") / "own.pem"
    own.write_text(certificates.server_key.read_text() + certificates.server.read_text())
    settings = {
        "authenticator": {"class_name": "org.apache.cassandra.auth.PasswordAuthenticator"},
        "authorizer": {"class_name": "org.apache.cassandra.auth.CassandraAuthorizer"},
        "client_encryption_options": {
            "enabled": True,
            "optional": False,
            "require_client_auth": True,
            "ssl_context_factory": {"class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory"},
            "keystore": str(own),
            "truststore": str(certificates.ca),
        },
    }
    with quick_folder() as folder, CassandraRing(folder, settings=settings, brief=True) as ring:
        yield ring


@pytest.fixture(scope="module")
def who(certificates):
    """What the URL says to be let in."""
    return f"ca={certificates.ca}&cert={certificates.client}&key={certificates.client_key}"


def url_of(ring: CassandraRing, more: str, *, user: str = "cassandra:cassandra@", keyspace: str = "telemetry") -> str:
    return ring.url(keyspace).replace("cassandra://", f"cassandra://{user}", 1) + more


@pytest.mark.parametrize("tls", ["1", "ca"])
def test_readings_go_through_tls_with_a_user_and_a_password(protected, who, tls):
    with opened(url_of(protected, f"&tls={tls}&{who}")) as store:
        works(store, NOW - 5)


def test_the_command_makes_the_tables_through_tls(protected, who, tmp_path):
    url = url_of(protected, f"&tls=1&{who}", keyspace="synced")
    assert managed(url, tmp_path, "sync_cassandra").count("Syncing") == 8


def test_a_user_who_may_only_read_and_write_is_enough_once_the_tables_are_made(protected, who, tmp_path):
    url = url_of(protected, f"&tls=1&{who}", keyspace="guarded")
    managed(url, tmp_path, "sync_cassandra")
    with cluster_made(Place.of(url)) as cluster:
        session = cluster.connect()
        session.execute("CREATE ROLE house WITH PASSWORD = 'of cards' AND LOGIN = true")
        session.execute("GRANT SELECT ON KEYSPACE guarded TO house")
        session.execute("GRANT MODIFY ON KEYSPACE guarded TO house")
    own = url_of(protected, f"&tls=1&{who}", user="house:of%20cards@", keyspace="guarded")
    with opened(own) as store:
        works(store, NOW - 5)
        store.days_seal(NOW)
    elsewhere = own.replace("/guarded?", "/elsewhere?")
    with opened(elsewhere) as store, pytest.raises(StoreConfigurationError, match="give it rights"):
        store.series_register([series_of(Kind.GAUGE)])


@pytest.mark.parametrize(
    ("more", "user", "said"),
    [
        ("&tls=1&{who}", "cassandra:wrong@", "user and password"),
        ("", "cassandra:cassandra@", "start it"),
        ("&tls=1&ca={other}&cert={client}&key={key}", "cassandra:cassandra@", "certificate"),
        ("&tls=1&ca={ca}", "cassandra:cassandra@", "cert"),
    ],
)
def test_who_may_not_in_is_told_what_to_look_at(protected, certificates, who, tmp_path, more, user, said):
    other = certificates_make(tmp_path).ca
    files = {"ca": certificates.ca, "client": certificates.client, "key": certificates.client_key}
    url = url_of(protected, more.format(who=who, other=other, **files), user=user)
    with opened(url) as store, pytest.raises(StoreUnavailableError, match=said):
        store.series_register([series_of(Kind.GAUGE)])


def seconds_until_refused(store: Store) -> float:
    begun = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="Cassandra does not answer"):
        store.backend.probe()
    return time.monotonic() - begun


def test_a_server_that_dies_is_missed_within_seconds_and_found_again_without_a_restart():
    with (
        quick_folder() as folder,
        CassandraRing(folder, brief=True) as ring,
        opened(ring.url("telemetry")) as store,
        opened(ring.url("telemetry")) as late,
    ):
        acknowledged = works(store, NOW - 5)
        ring.kill(0)
        series = series_of(Kind.GAUGE)
        for one in (store, late):
            begun = time.monotonic()
            with pytest.raises(StoreUnavailableError, match="Cassandra does not answer"):
                one.series_register([series])
            assert time.monotonic() - begun < 10
            assert max(seconds_until_refused(one) for _again in range(3)) < 3
        ring.start_node(0)
        until = time.monotonic() + 30
        for one in (store, late):
            while True:
                try:
                    works(one, NOW - 4)
                    break
                except StoreUnavailableError:
                    assert time.monotonic() < until
                    time.sleep(0.2)
        # Read by the one that has never seen it: the other one may remember.
        assert late.scan(acknowledged.id, 0, NOW, None).values.tolist() == [5]
