"""What a cassandra:// URL names: nodes, keyspace, replication, who asks, and how the way there is protected."""

from __future__ import annotations

import re
import ssl
from typing import NamedTuple, Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from telemetry.errors import StoreConfigurationError

PORT = 9042
_OPTIONS = {"replication", "dc", "tls", "ca", "cert", "key"}


class Tls(NamedTuple):
    """Whom to believe, and who we are; the machine's own authorities and nobody where that is empty."""

    ca: str
    cert: str
    key: str
    names: bool
    """Whether a node's certificate must name its address; any address will do if only our authority signs."""

    def context(self) -> ssl.SSLContext:
        """What the driver wraps its connections in; refuses files that cannot be read."""
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.cert:
                context.load_cert_chain(self.cert, self.key or None)
        except OSError as error:
            named = ", ".join(file for file in (self.ca, self.cert, self.key) if file)
            raise StoreConfigurationError(
                f"A file that TELEMETRY_URL names for TLS ({named}) cannot be used: {error}."
            ) from error
        context.check_hostname = self.names
        return context


class Place(NamedTuple):
    """What a URL names."""

    hosts: list[str]
    port: int
    keyspace: str
    datacenter: str
    replication: int
    user: str | None
    password: str | None
    tls: Tls | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """Read cassandra://user:password@host:port,host/keyspace?replication=3&dc=dc1&tls=1&ca=FILE."""
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        credentials, _at, hosts = parts.netloc.rpartition("@")
        places = [host.partition(":") for host in hosts.split(",")]
        ports = {port or str(PORT) for _host, _colon, port in places}
        if not _is_well_formed(parts, options) or not all(host for host, _c, _p in places) or len(ports) != 1:
            raise _wrong(url)
        (port,) = ports
        if not port.isdigit():
            raise _wrong(url)
        user, _colon, password = credentials.partition(":")
        return cls(
            [host for host, _colon, _port in places],
            int(port),
            parts.path.removeprefix("/"),
            options.get("dc", "dc1"),
            int(options.get("replication", "3")),
            unquote(user) or None,
            unquote(password) or None,
            _tls_of(options),
        )


def _is_well_formed(parts: SplitResult, options: dict[str, str]) -> bool:
    return (
        parts.scheme == "cassandra"
        and re.fullmatch(r"/[a-z][a-z0-9_]{0,47}", parts.path) is not None
        and options.get("replication", "3").isdigit()
        and re.fullmatch(r"\w[\w-]*", options.get("dc", "dc1")) is not None
        and options.get("tls", "0") in {"0", "1", "ca"}
        and not set(options) - _OPTIONS
        # Said with TLS off they would be believed to matter.
        and (options.get("tls", "0") != "0" or not {"ca", "cert", "key"} & set(options))
    )


def _tls_of(options: dict[str, str]) -> Tls | None:
    if options.get("tls", "0") == "0":
        return None
    files = [options.get(name, "") for name in ("ca", "cert", "key")]
    return Tls(files[0], files[1], files[2], names=options["tls"] == "1")


def _wrong(url: str) -> StoreConfigurationError:
    shown = re.sub("//.*@", "//…@", url)
    return StoreConfigurationError(
        "TELEMETRY_URL must look like cassandra://host:9042,host/keyspace?replication=3&dc=dc1, for TLS with "
        f"&tls=1&ca=FILE and, where nodes ask for it, &cert=FILE&key=FILE; it is {shown!r}."
    )
