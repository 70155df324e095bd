"""Redis or Valkey: what each library wants to hear of it, all from REDIS_URL and decided here alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

SCHEMES = ("redis", "rediss", "unix")
# A broker that does not answer for so long is taken for gone: nobody waits longer for what can be done without it.
ANSWER_S = 1.0
_TRANSPORT_ANSWER_S = 5.0
_CONNECT_S = 2.0
_CHECK_S = 10
# A worker that lives renews what it holds three times within the time after which it counts as dead.
_RENEWALS = 3
_REMEDY = "Write redis://HOST:PORT/0, rediss://HOST:PORT/0?ssl_ca_certs=FILE, or unix:///SOCKET."


class RedisUrlError(ImproperlyConfigured):
    """REDIS_URL names nothing that this product can work with; the message says what to write."""


def redis_url_check(url: str) -> str:
    """Return the URL if it names one server; Sentinel and Redis Cluster are refused by name."""
    scheme, _, rest = url.partition("://")
    if "sentinel" in scheme:
        raise RedisUrlError(
            "REDIS_URL names Redis Sentinel, which is not supported: name one address that always leads to the "
            f"present primary. {_REMEDY}"
        )
    if "cluster" in scheme or "," in rest.partition("/")[0]:
        raise RedisUrlError(
            "REDIS_URL names several servers: Redis Cluster is not supported, because a queue is not split over its "
            f"nodes. Name one server. {_REMEDY}"
        )
    if scheme not in SCHEMES or not rest:
        raise RedisUrlError(f"REDIS_URL begins with {scheme!r}. {_REMEDY}")
    if scheme == "redis" and "ssl_" in urlsplit(url).query:
        raise RedisUrlError(f"REDIS_URL has options of TLS but begins with redis://, which has none. {_REMEDY}")
    return url


def client_options() -> dict[str, Any]:
    """Return what plain clients (cache, channels) add to the URL."""
    return {"socket_timeout": ANSWER_S, "socket_connect_timeout": ANSWER_S}


def channel_options(url: str) -> dict[str, Any]:
    """Return what the channel layer adds to the URL: it listens for ever, so silence is no fault."""
    options: dict[str, Any] = {"socket_connect_timeout": _CONNECT_S, "health_check_interval": _CHECK_S}
    return options if url.startswith("unix://") else {**options, "socket_keepalive": True}


def celery_url(url: str) -> str:
    """Return the URL as Celery speaks of it: a socket as redis+socket://, and nothing of TLS, which stands beside."""
    if url.startswith("unix://"):
        return "redis+socket://" + url.removeprefix("unix://")
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if not name.startswith("ssl_")]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def celery_tls(url: str) -> dict[str, Any] | None:
    """Return Celery's options of TLS; without them it would not look at the server's certificate."""
    if not url.startswith("rediss://"):
        return None
    given: dict[str, Any] = {name: value for name, value in parse_qsl(urlsplit(url).query) if name.startswith("ssl_")}
    if "ssl_check_hostname" in given:
        given["ssl_check_hostname"] = given["ssl_check_hostname"].lower() not in {"0", "false", "no"}
    return {"ssl_cert_reqs": "required", **given}


def celery_transport(visibility_s: int) -> dict[str, Any]:
    """Return how Celery treats the broker: when a task of a dead worker is given out again, and how long it waits."""
    return {
        "visibility_timeout": visibility_s,
        # As often as these seconds say, and not only every tenth time; a worker that dies over it holds nobody up.
        "unacked_restore_interval": max(1, min(10, visibility_s // 6)),
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 10,
        "priority_steps": [0],
        "socket_timeout": _TRANSPORT_ANSWER_S,
        "socket_connect_timeout": _CONNECT_S,
        "socket_keepalive": True,
        "health_check_interval": _CHECK_S,
        # Who hands out a task does not wait for a broker that is away: what is owed stands in the documents.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
    }


def server_check(url: str) -> None:
    """Refuse a server that turns out to be Sentinel or a node of Redis Cluster; one that is away may come later."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S) as client:
            mode = client.info("server").get("redis_mode", "standalone")
    except redis.RedisError:
        return
    if mode != "standalone":
        raise RedisUrlError(f"REDIS_URL leads to a server in {mode} mode, which is not supported. {_REMEDY}")


def renewal_s(visibility_s: float) -> float:
    """Return how often a worker says that it still works on what it holds."""
    return visibility_s / _RENEWALS
