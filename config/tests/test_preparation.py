"""Before anything is served: data of a newer version and data that cannot be written are refused in one sentence."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from config.installation import UnableToServe
from config.preparation import migrations_check, pages_prepare
from tests.servers import surroundings

ROOT = Path(__file__).resolve().parents[2]


def prepare(var: Path, *, largest_file: int | None = None) -> subprocess.CompletedProcess[str]:
    limit = None if largest_file is None else (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file,) * 2))
    return subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        cwd=ROOT,
        env=surroundings(var) | {"DEBUG": "1"},
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )


@pytest.mark.django_db
def test_refuses_documents_that_a_newer_version_migrated() -> None:
    migrations_check()
    MigrationRecorder(connection).record_applied("myhouse", "9999_from_the_future")

    with pytest.raises(UnableToServe, match=r"newer version \(it applied myhouse\.9999_from_the_future\)"):
        migrations_check()


@pytest.mark.slow
def test_prepares_an_empty_folder_and_again(tmp_path: Path) -> None:
    for _ in range(2):
        done = prepare(tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "prepared.json").read_text() == '{"simulated": false, "logins": []}'


@pytest.mark.slow
@pytest.mark.embedded("the version of the time series' SQLite file")
def test_refuses_time_series_of_a_newer_version(tmp_path: Path) -> None:
    prepare(tmp_path)
    with closing(sqlite3.connect(tmp_path / "telemetry.sqlite3")) as store:
        store.execute("PRAGMA user_version = 99")

    done = prepare(tmp_path)

    assert done.returncode == 1
    assert "newer version" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.embedded("the disk that holds the documents' SQLite file is full")
def test_a_full_disk_while_preparing_is_one_sentence(tmp_path: Path) -> None:
    done = prepare(tmp_path, largest_file=200_000)

    assert done.returncode == 1
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert prepare(tmp_path).returncode == 0


def test_static_files_are_collected_only_when_a_source_changed(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "built"
    source.mkdir()
    (source / "a.css").write_text("a {}")
    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
    }
    finders = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    with override_settings(
        STATICFILES_DIRS=[source], STATIC_ROOT=target, STORAGES=storages, STATICFILES_FINDERS=finders
    ):
        pages_prepare()
        (first,) = target.glob("a.*.css")
        stamp = (target / ".sources").stat().st_mtime_ns
        pages_prepare()
        assert (target / ".sources").stat().st_mtime_ns == stamp
        (source / "a.css").write_text("a { color: red }")
        pages_prepare()

    assert not first.exists()
    assert len(list(target.glob("a.*.css"))) == 1
