"""The world that the API is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from myhouse.services.reference import reference_register
from myhouse.services.tokens import token_issue
from myhouse.tests.factories import NOW, UserFactory, actor_of
from telemetry.model import QUARTER_MS
from tests.security.conftest import at_now, strangers
from tests.security.world import World

__all__ = ["Homes", "at_now", "homes", "ids_in", "strangers", "unbounded"]


@dataclass
class Homes:
    """A household with one of everything; its owner asks, and for what is everybody's an operator."""

    world: World
    operator_secret: str

    def secret_for(self, operation: Any) -> str:
        """Return the token of who may ask this."""
        return self.operator_secret if "reference-series" in operation.path else self.world.secrets["token"]


@pytest.fixture
def unbounded(settings):
    """How often one may ask is tested elsewhere."""
    settings.API_RATES = dict.fromkeys(settings.API_RATES, 1_000_000)


@pytest.fixture
def homes(strangers, db) -> Homes:
    """The world with an operator, and a price he has named."""
    operator = UserFactory(is_staff=True)
    reference_register(
        kind="price",
        name="tests",
        source="Tests",
        country="DE",
        interval_ms=QUARTER_MS,
        actor=actor_of(operator),
        now=NOW,
    )
    _token, secret = token_issue(user=operator, name="x", now=NOW)
    return Homes(strangers, secret)


def ids_in(homes: Homes, operation: Any) -> dict[str, Any]:
    """Return what is known by the names it has in the operation's path."""
    ids: dict[str, Any] = {**homes.world.ids, "name": "tests", "form": "csv"}
    if "service-tokens" in operation.path:
        ids["token_id"] = ids["service_token_id"]
    return ids
