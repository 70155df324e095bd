"""Each page, API list and task asks MongoDB only for what an index finds and sorts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from pymongo import monitoring

from config.celery import beat_schedule
from config.tests.mongodb.watch import Watch
from myhouse.documents.rows import rows_insert
from myhouse.models import Measurement
from myhouse.services.metering import series_unit
from myhouse.tests.factories import NOW, CommunityRoleFactory, UserFactory
from telemetry.model import Kind, Series
from telemetry.selectors import series_all
from telemetry.services import series_register_many
from tests.operators.world import OURS, YEAR_AGO
from tests.operators.world import World as Rows
from tests.security.routes import ROUTES
from tests.security.world import Visitor, World, world

pytestmark = pytest.mark.slow
WATCH = Watch()
monitoring.register(WATCH)
# With few rows of each the server would rather sort than use an index.
OK, OK_AT_LEAST = 200, 60
WORLDS, PAST_METERS = 40, 150
# What is asked for in each list besides: its sorts, filters and second page.
CHOSEN = {
    "market-book": ["?sort=-price", "?sort=newest", "?sort=energy", "?sort=window", "?kind=stored", "?kind=window"],
    "api-offers": ["?sort=-price", "?sort=newest", "?sort=energy", "?sort=window", "?kind=stored", "?limit=1"],
    "api-trades": ["?side=bought", "?side=sold", "?limit=1"],
}
# Of these there are never more than a few rows, and all of them are wanted.
SMALL = {
    "myhouse_referenceseries": "an installation has a handful of price and emission series",
    "myhouse_community": "an operator's page lists the communities themselves",
    "django_migrations": "Django's own, read at start",
}


# Nobody waits for it, and it has to see every row.
WHOLE = {"marketplace.ledger_prove"}


def clocked() -> set[str]:
    """The tasks that the clock starts and that ask the documents."""
    current_app.loader.import_default_modules()
    names = {entry["task"] for entry in beat_schedule().values()}
    return {name for name in names - WHOLE if name.split(".")[0] in {"myhouse", "marketplace", "devices"}}


@pytest.fixture
def everything(transactional_db, time_machine) -> tuple[Visitor, Visitor, World]:
    """A world with a household that has one of everything, among many rows of others."""
    time_machine.move_to(NOW, tick=False)
    made = world()
    for _one in range(WORLDS):
        Rows()
    point = made.ids["point_id"]
    past = [NOW - timedelta(days=2, minutes=minute) for minute in range(PAST_METERS)]
    rows_insert([
        Measurement(metering_point_id=point, quantity="power", starts_at=YEAR_AGO, ends_at=end) for end in past
    ])  # fmt: skip
    series_register_many(
        series=[
            Series(one.series_id, series_unit(quantity=one.quantity), Kind.GAUGE)
            for one in Measurement.objects.exclude(series_id__in=[known.id for known in series_all()])
        ]
    )
    operator = UserFactory(is_staff=True, is_superuser=True)
    CommunityRoleFactory(user=operator, community_id=made.ids["community_id"])
    return Visitor(made.owner), Visitor(operator), made


def test_what_is_unique_has_a_plain_index_too():
    """The backend's unique indexes are partial: the server uses none of them to find a row."""
    missing = []
    for model in OURS:
        meta = model._meta
        plain = {index.fields[0].removeprefix("-") for index in meta.indexes}
        plain |= {field.name for field in meta.fields if field.primary_key or (field.db_index and not field.unique)}
        unique = [(field.name,) for field in meta.fields if field.unique and not field.primary_key]
        unique += [constraint.fields for constraint in meta.constraints]
        missing += [f"{meta.label}.{one[0]}" for one in unique if one[0] not in plain]

    assert sorted(missing) == ["myhouse.ReferenceSeries.name", "myhouse.ReferenceSeries.series_id"]


def test_no_page_list_or_task_scans_a_collection_or_sorts_in_memory(everything):
    owner, operator, made = everything
    answers = {}
    for route in ROUTES:
        if "events" in route.path:
            continue  # a stream has no end
        path = route.filled(made.ids_for(route))
        for visitor in (owner, operator):
            for more in ["", *CHOSEN.get(route.name, [])]:
                with WATCH.at(f"GET {route.path}{more}"):
                    answers[visitor, path + more] = visitor.ask("GET", path + more).status_code
    for name in sorted(clocked()):
        with WATCH.at(f"task {name}"):
            current_app.tasks[name]()

    with WATCH.at("services"):
        world()

    findings = [one for one in WATCH.findings(connection.database) if one.split()[0] not in SMALL]

    assert max(answers.values()) < 500
    assert sum(status == OK for status in answers.values()) > OK_AT_LEAST
    assert len(WATCH.seen) > 100
    assert len(clocked()) > 8
    assert findings == [], "\n" + "\n".join(findings)
