"""One REDIS_URL in every library's words, and a clear refusal of what is not supported."""

from __future__ import annotations

import pytest

from config.broker import RedisUrlError, celery_tls, celery_url, channel_options, redis_url_check, server_check
from config.queues import QUEUES, queue_of

TLS = "rediss://:secret@redis.example:6380/0?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false"


@pytest.mark.parametrize("url", ["redis://h:6379/0", "rediss://h/0?ssl_ca_certs=/ca.pem", "unix:///run/v.sock"])
def test_takes_one_server_by_tcp_tls_or_socket(url):
    assert redis_url_check(url) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sentinel://h:26379/0", "Sentinel, which is not supported"),
        ("redis+sentinel://h:26379/mymaster/0", "Sentinel, which is not supported"),
        ("redis+cluster://h:6379", "Cluster is not supported"),
        ("redis://one:6379,two:6379/0", "Cluster is not supported"),
        ("amqp://h", "begins with 'amqp'"),
        ("h:6379", "begins with 'h:6379'"),
        ("redis://h/0?ssl_ca_certs=/ca.pem", "begins with redis://, which has none"),
    ],
)
def test_refuses_what_is_not_supported_and_says_what_to_write(url, said):
    with pytest.raises(RedisUrlError, match=said) as refused:
        redis_url_check(url)

    assert "rediss://HOST:PORT/0?ssl_ca_certs=FILE" in str(refused.value)


def test_a_server_that_is_away_may_come_later():
    server_check("redis://127.0.0.1:1/0")


def test_celery_looks_at_the_certificate():
    assert celery_url(TLS) == "rediss://:secret@redis.example:6380/0"
    assert celery_tls(TLS) == {
        "ssl_cert_reqs": "required",
        "ssl_ca_certs": "/etc/ca.pem",
        "ssl_check_hostname": False,
    }


def test_celery_without_tls_has_no_options_of_it():
    assert (celery_url("redis://h:1/2"), celery_tls("redis://h:1/2")) == ("redis://h:1/2", None)
    assert celery_url("unix:///var/v.sock") == "redis+socket:///var/v.sock"


def test_a_socket_is_not_kept_alive_like_a_connection():
    assert "socket_keepalive" not in channel_options("unix:///var/v.sock")
    assert channel_options("redis://h")["socket_keepalive"]


@pytest.mark.parametrize(
    ("name", "kwargs", "queue"),
    [
        ("devices.tasks.polls_dispatch", {}, "polling"),
        ("devices.tasks.devices_poll", {"resource": "pv"}, "pv"),
        ("devices.tasks.devices_poll", {"resource": "steam"}, "polling"),
        ("marketplace.windows_settle", {}, "market"),
        ("myhouse.upload_import", {}, "electricity"),
        ("myhouse.outbox_send", {}, "default"),
    ],
)
def test_a_task_waits_in_the_queue_of_its_resource_or_of_its_kind(name, kwargs, queue):
    assert queue_of(name, kwargs) == queue
    assert queue in QUEUES
