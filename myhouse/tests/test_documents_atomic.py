"""Several documents written as one."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from django.db import transaction

from myhouse.documents.atomic import after_commit, atomic
from myhouse.models import Community
from myhouse.tests.factories import CommunityFactory


@atomic
def one_written(name: str, *, fails: bool = False) -> None:
    CommunityFactory(name=name)
    if fails:
        raise ValueError(name)


@atomic
def both_written(*, second_fails: bool) -> None:
    one_written("first")
    try:
        one_written("second", fails=second_fails)
    except ValueError:
        return


@pytest.mark.django_db
def test_a_failed_block_writes_nothing():
    with pytest.raises(ValueError, match="alone"):
        one_written("alone", fails=True)

    assert not Community.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_inner_failure_takes_the_outer_block_back_even_if_it_was_caught():
    with pytest.raises(transaction.TransactionManagementError):
        both_written(second_fails=True)

    assert not Community.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_effects_wait_for_the_outermost_block_and_never_come_when_it_fails():
    told = []

    @atomic
    def outer(*, fails: bool) -> None:
        before = len(told)
        inner()
        assert len(told) == before
        if fails:
            raise ValueError

    @atomic
    def inner() -> None:
        after_commit(lambda: told.append("told"))

    outer(fails=False)
    with pytest.raises(ValueError):  # noqa: PT011 - raised right here
        outer(fails=True)

    assert told == ["told"]
    assert transaction.get_connection().in_atomic_block is False


@pytest.mark.django_db(transaction=True)
def test_the_next_writer_need_not_wait_for_the_effects_of_the_one_before():
    others, seen = threading.Event(), []

    @atomic
    def slow_effect() -> None:
        CommunityFactory(name="first")
        after_commit(lambda: seen.append(others.wait(timeout=10)))

    def other() -> None:
        try:
            one_written("second")
        finally:
            others.set()
            transaction.get_connection().close()

    second = threading.Timer(0.1, other)
    second.start()
    slow_effect()
    second.join()

    assert seen == [True]
    assert Community.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_many_threads_write_at_once_and_none_is_lost_after_a_failure():
    def write(number: int) -> None:
        try:
            with suppress(ValueError):
                one_written(f"{number}", fails=number % 4 == 0)
        finally:
            transaction.get_connection().close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert Community.objects.count() == 12
