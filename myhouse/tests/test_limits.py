"""Counting tries."""

from datetime import timedelta

import pytest

from myhouse.errors import Busy, TooMany
from myhouse.limits import Limit, limit_clear, limit_hit
from myhouse.tests.factories import NOW

THREE = Limit("test", tries=3, window_s=60)


def hit(times, *, subject="a", now=NOW):
    for _ in range(times):
        limit_hit(limit=THREE, subject=subject, now=now)


def test_lets_through_as_many_tries_as_it_says_and_tells_how_long_to_wait():
    hit(3, now=NOW + timedelta(seconds=20))

    with pytest.raises(TooMany) as refused:
        hit(1, now=NOW + timedelta(seconds=20))

    assert refused.value.retry_after_s == 40


def test_counts_each_subject_alone():
    hit(3, subject="a")

    hit(3, subject="b")


def test_counts_anew_in_the_next_window():
    hit(3)

    hit(3, now=NOW + timedelta(seconds=60))


def test_forgets_the_tries_after_one_that_succeeded():
    hit(3)
    limit_clear(limit=THREE, subject="a", now=NOW)

    hit(3)


def test_lets_nothing_through_while_the_counters_are_away(settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    with pytest.raises(Busy) as refused:
        hit(1)

    assert refused.value.retry_after_s == 30


def test_keeps_no_address_in_clear(broker):
    import redis

    hit(1, subject="who@example.org")

    with redis.Redis.from_url(broker) as client:
        assert not [key for key in client.scan_iter() if b"who" in key]
