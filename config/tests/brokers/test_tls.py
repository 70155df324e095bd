"""The whole product on a broker that speaks TLS only, and one whose certificate nobody we know has signed."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.cluster.valkey import Tls, Valkey
from config.tests.brokers.living import living
from config.tests.brokers.surroundings import wait_for
from tests.services import require

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.embedded("has files for documents and series of its own, and a Valkey over TCP"),
]
_KEY = serialization.PrivateFormat.TraditionalOpenSSL


def certified(folder: Path) -> Tls:
    """Make a certificate for this machine's loopback, signed by an authority made for it."""
    folder.mkdir()
    now = dt.datetime.now(dt.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("authority", "broker")]
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    for place, name in enumerate(("authority", "broker")):
        made = (
            x509.CertificateBuilder()
            .subject_name(names[place])
            .issuer_name(names[0])
            .public_key(keys[place].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=place == 0, path_length=None), critical=True)
            .add_extension(loopback, critical=False)
            .sign(keys[0], hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        key = keys[place].private_bytes(serialization.Encoding.PEM, _KEY, serialization.NoEncryption())
        (folder / f"{name}.key").write_bytes(key)
    return Tls(ca=folder / "authority.pem", certificate=folder / "broker.pem", key=folder / "broker.key")


@pytest.fixture
def tls(tmp_path):
    """Certificates for a server that can use them."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    require("A Redis with TLS", found=found, reason="the bundled one has none (Debian: apt install redis-server)")
    return certified(tmp_path / "certificates")


def test_the_product_lives_on_a_broker_that_speaks_tls_only(tls, tmp_path):
    with living(tmp_path, tls=tls) as one, one.market() as market, one.events() as listener:
        assert one.broken.url.startswith("rediss://")
        assert one.ready()
        assert market.recv(timeout=5)
        assert one.token().status_code == 201
        assert one.ingest(5.0)[0] == 200
        wait_for(lambda: listener.heard("readings"), seconds=10)
        assert one.buy(100) == 201
        one.broken.app.send_task("odd.lines", args=[one.broken.notes, "begun", "done", 0])
        wait_for(lambda: "done" in one.broken.lines())
        with one.broken.client() as client:
            wait_for(lambda: client.hget("beat:ran", "devices-polls-dispatch"))


def test_a_certificate_that_nobody_known_signed_is_refused(tls, tmp_path):
    stranger = certified(tmp_path / "stranger")
    with Valkey(tmp_path, tls=tls) as server:
        right = redis.Redis.from_url(server.url)
        wrong = redis.Redis.from_url(server.url.replace(str(tls.ca), str(stranger.ca)))
        assert right.ping()
        with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            wrong.ping()
