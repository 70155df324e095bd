"""What static/vendor serves is what package-lock.json names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import assets


def test_served_libraries_are_the_locked_ones():
    assert assets.faults() == []


@pytest.fixture
def copy(tmp_path: Path, monkeypatch) -> Path:
    shutil.copytree(assets.VENDOR, tmp_path / "vendor")
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(assets, "MANIFEST", tmp_path / "vendor" / "manifest.json")
    return tmp_path / "vendor"


def test_a_library_changed_by_hand_is_noticed(copy):
    with (copy / "htmx.min.js").open("a") as file:
        file.write("//")
    assert assets.faults() == ["htmx.min.js was changed by hand: run make assets."]


def test_a_library_of_another_version_is_noticed(copy):
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"2.0.', '"1.0.'))
    assert "is not of the locked htmx.org" in assets.faults()[0]
