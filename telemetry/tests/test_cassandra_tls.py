"""Which certificates of a node are believed, by handshakes in memory."""

from __future__ import annotations

import ssl

import pytest

from telemetry.stores.cassandra_place import Place
from tests.certificates import Certificates, certificates_make


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    return certificates_make(tmp_path_factory.mktemp("certificates"), address="127.0.0.1")


def greet(certificates: Certificates, *, tls: str, address: str) -> None:
    """Shake hands as the driver does with the node at this address."""
    tls_of = Place.of(f"cassandra://{address}/energy?tls={tls}&ca={certificates.ca}").tls
    assert tls_of is not None
    node = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    node.load_cert_chain(certificates.server, certificates.server_key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = tls_of.context().wrap_bio(back, there, server_hostname=address)
    theirs = node.wrap_bio(there, back, server_side=True)
    for _turn in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ours.version()


def test_a_certificate_that_names_the_node_is_believed(certificates):
    greet(certificates, tls="1", address="127.0.0.1")


def test_a_certificate_that_names_another_address_is_refused(certificates):
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        greet(certificates, tls="1", address="127.0.0.2")


def test_any_address_will_do_where_only_the_authority_counts(certificates):
    greet(certificates, tls="ca", address="127.0.0.2")


def test_a_certificate_of_another_authority_is_never_believed(certificates, tmp_path):
    other = certificates_make(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        greet(Certificates(other.ca, *list(vars(certificates).values())[1:]), tls="ca", address="127.0.0.1")
