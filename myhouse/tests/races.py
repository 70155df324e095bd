"""What many threads do at once on a real SQLite file; run as a program by test_races.py, prints one JSON object."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import django

django.setup()

from django.core.management import call_command
from django.db import connection

from myhouse.documents.idempotency import once
from myhouse.documents.services import SYSTEM, Actor
from myhouse.errors import UnableTo
from myhouse.models import Household, Membership, User
from myhouse.services.households import (
    household_create,
    invitation_accept,
    invitation_create,
    member_remove,
)

NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
PLACE = {"time_zone": "Europe/Berlin", "currency": "EUR", "community": None}


def at_once(*jobs):
    """Run all jobs in threads that start together; return what each answered, or the name of its refusal."""
    gate, answers = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(place, job):
        gate.wait()
        try:
            answers[place] = job()
        except UnableTo as refusal:
            answers[place] = type(refusal).__name__
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def user(name):
    return User.objects.create(email=f"{name}@example.org", name=name)


def founded(owner, name):
    return household_create(owner=owner, name=name, actor=Actor(owner.pk), now=NOW, **PLACE)


def two_owners_leave(number):
    first, second = user(f"first{number}"), user(f"second{number}")
    household = founded(first, f"Home {number}")
    Membership.objects.create(user=second, household=household, starts_at=NOW)
    members = list(Membership.objects.filter(household=household))

    def leave(member):
        member_remove(household=household, membership_id=member.pk, actor=SYSTEM, now=NOW)
        return "left"

    return sorted(at_once(*(lambda m=m: leave(m) for m in members)))


def eight_guests_one_invitation():
    owner = user("host")
    household = founded(owner, "Host")
    _invitation, secret = invitation_create(
        household=household, role="viewer", email="", actor=Actor(owner.pk), now=NOW
    )
    guests = [user(f"guest{number}") for number in range(8)]

    def join(guest):
        invitation_accept(secret=secret, user=guest, now=NOW)
        return "joined"

    return sorted(at_once(*(lambda g=g: join(g) for g in guests)))


def eight_times_one_key():
    owner = user("caller")

    def create():
        return 201, {"id": str(founded(owner, "Once").pk)}

    def ask():
        answer = once(scope="s", key="k", request={}, now=NOW, run=create)
        return answer.body["id"]

    answers = at_once(*([ask] * 8))
    return {"ids": len(set(answers) - {"UnableToRunTwice"}), "made": Household.objects.filter(name="Once").count()}


def main():
    call_command("migrate", verbosity=0)
    result = {
        "leaving": [two_owners_leave(number) for number in range(10)],
        "joining": eight_guests_one_invitation(),
        "repeating": eight_times_one_key(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
