"""The demo's market before there is one, and while it comes into being."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from config import demo
from config.demo import market
from config.tests.test_demo_market import NOW, days_traded, fill
from marketplace.services.proof import ledger_prove
from myhouse.documents.models import AuditEntry
from myhouse.models import Community, Household

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_an_interrupted_filling_goes_on_with_the_day_it_had_come_to(tmp_path: Path, monkeypatch) -> None:
    settle, runs = market.windows_settle, []

    def stopped_in_the_fourth_day(**arguments: object) -> int:
        runs.append(arguments)
        if len(runs) == 4:
            raise KeyboardInterrupt
        return settle(**arguments)

    with override_settings(VAR_DIR=tmp_path):
        monkeypatch.setattr(market, "windows_settle", stopped_in_the_fourth_day)
        with pytest.raises(KeyboardInterrupt):
            fill()
        assert len(days_traded()) == 3
        fill()
    assert days_traded() == [f"2026-11-{day:02}" for day in range(11, 20)]
    assert AuditEntry.objects.filter(action="demo.market_opened").count() == 1
    assert ledger_prove(now=NOW).sound


def test_a_market_with_nothing_in_it_is_no_error(tmp_path: Path) -> None:
    with override_settings(VAR_DIR=tmp_path):
        assert demo.market_step(now=NOW) == type(demo.market_step(now=NOW))()
        demo.demo_fill(now=NOW, say=lambda _text: None, homes=1, days=1)
        assert demo.market_step(now=NOW).bought == 0
        Household.objects.update(suspended_at=NOW)
        assert demo.market_step(now=NOW).offered == 0
        Community.objects.update(name="Renamed")
        assert demo.market_step(now=NOW).offered == 0
