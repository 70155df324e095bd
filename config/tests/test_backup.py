"""An installation comes back from its archive as it was, and a failed attempt changes nothing."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tarfile
import threading
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from config.backup.errors import UnableToBackUp, UnableToRestore
from config.backup.make import backup_make
from config.backup.restore import restore
from config.backup.swap import STAGING, swap_commit, swap_finish
from config.installation import lock_take

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
KNOWN = {"myhouse.0001_initial"}


def quiet(_what: str, _done: int, _total: int) -> None:
    """Show nothing."""


def folder_with_data(var: Path, *, note: str = "first") -> Path:
    """Make a small installation: a document that names a series and a file."""
    (var / "files").mkdir(parents=True)
    (var / "run").mkdir()
    (var / "log").mkdir()
    (var / "log" / "web.log").write_text("not data")
    (var / "files" / "upload.csv").write_text(note)
    (var / "secret_key").write_text(f"key of {note}")
    with closing(sqlite3.connect(var / "documents.sqlite3", isolation_level=None)) as documents:
        documents.execute("PRAGMA journal_mode=WAL")
        documents.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT)")
        documents.execute("INSERT INTO django_migrations VALUES (1, 'myhouse', '0001_initial')")
        documents.execute("CREATE TABLE measurement (series TEXT)")
        documents.execute("INSERT INTO measurement VALUES (?)", [note])
    with closing(sqlite3.connect(var / "telemetry.sqlite3", isolation_level=None)) as telemetry:
        telemetry.execute("PRAGMA journal_mode=WAL")
        telemetry.execute("CREATE TABLE series (id TEXT)")
        telemetry.execute("INSERT INTO series VALUES (?)", [note])
    return var


def rows(database: Path, table: str, column: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [value for (value,) in connection.execute(f"SELECT {column} FROM {table}")]


def back_up(var: Path, target: Path) -> None:
    backup_make(var=var, target=target, now=NOW, progress=quiet)


def put_back(var: Path, source: Path, *, replace: bool = False) -> Path | None:
    return restore(var=var, source=source, replace=replace, known_migrations=KNOWN, now=NOW, progress=quiet)


def test_a_restored_folder_holds_documents_series_files_and_key(tmp_path: Path) -> None:
    back_up(folder_with_data(tmp_path / "a"), tmp_path / "a.tar.zst")

    aside = put_back(tmp_path / "b", tmp_path / "a.tar.zst")

    assert aside is None
    assert rows(tmp_path / "b" / "documents.sqlite3", "measurement", "series") == ["first"]
    assert rows(tmp_path / "b" / "telemetry.sqlite3", "series", "id") == ["first"]
    assert (tmp_path / "b" / "files" / "upload.csv").read_text() == "first"
    assert (tmp_path / "b" / "secret_key").read_text() == "key of first"
    assert not (tmp_path / "b" / "log" / "web.log").exists()
    assert not (tmp_path / "b" / STAGING).exists()


def test_a_backup_during_writes_names_no_series_that_it_lacks(tmp_path: Path) -> None:
    var = folder_with_data(tmp_path / "a")
    stop = threading.Event()

    def write() -> None:
        with (
            closing(sqlite3.connect(var / "documents.sqlite3", isolation_level=None)) as documents,
            closing(sqlite3.connect(var / "telemetry.sqlite3", isolation_level=None)) as telemetry,
        ):
            for connection in (documents, telemetry):
                connection.execute("PRAGMA busy_timeout=20000")
            while not stop.is_set():
                series = uuid.uuid4().hex + "x" * 500
                telemetry.execute("INSERT INTO series VALUES (?)", [series])
                documents.execute("INSERT INTO measurement VALUES (?)", [series])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            back_up(var, tmp_path / f"{number}.tar.zst")
    finally:
        stop.set()
        writer.join()
    put_back(tmp_path / "b", tmp_path / "4.tar.zst")

    named = set(rows(tmp_path / "b" / "documents.sqlite3", "measurement", "series"))
    present = set(rows(tmp_path / "b" / "telemetry.sqlite3", "series", "id"))
    assert len(named) > 10
    assert named <= present


def test_restoring_over_data_needs_to_be_asked_for_and_keeps_the_old(tmp_path: Path) -> None:
    back_up(folder_with_data(tmp_path / "a"), tmp_path / "a.tar.zst")
    var = folder_with_data(tmp_path / "b", note="second")

    with pytest.raises(UnableToRestore, match="--replace"):
        put_back(var, tmp_path / "a.tar.zst")
    assert rows(var / "documents.sqlite3", "measurement", "series") == ["second"]

    aside = put_back(var, tmp_path / "a.tar.zst", replace=True)
    assert rows(var / "documents.sqlite3", "measurement", "series") == ["first"]
    assert aside is not None
    assert rows(aside / "documents.sqlite3", "measurement", "series") == ["second"]


def test_refuses_to_restore_while_a_server_works_on_the_folder(tmp_path: Path) -> None:
    back_up(folder_with_data(tmp_path / "a"), tmp_path / "a.tar.zst")
    var = folder_with_data(tmp_path / "b", note="second")

    with closing(lock_take(var=var)), pytest.raises(UnableToRestore, match="Another server"):
        put_back(var, tmp_path / "a.tar.zst", replace=True)


def test_a_backup_never_overwrites_a_file(tmp_path: Path) -> None:
    var = folder_with_data(tmp_path / "a")
    (tmp_path / "there").write_text("mine")

    with pytest.raises(UnableToBackUp, match="exists already"):
        back_up(var, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_damaged_archive_leaves_the_data_as_they_were(tmp_path: Path, place: float) -> None:
    archive = tmp_path / "a.tar.zst"
    back_up(folder_with_data(tmp_path / "a"), archive)
    content = bytearray(archive.read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    archive.write_bytes(content)
    var = folder_with_data(tmp_path / "b", note="second")

    with pytest.raises(UnableToRestore):
        put_back(var, archive, replace=True)
    assert rows(var / "documents.sqlite3", "measurement", "series") == ["second"]
    assert not (var / STAGING).exists()


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.zst"
    back_up(folder_with_data(tmp_path / "a"), archive)
    archive.write_bytes(archive.read_bytes()[:-200])

    with pytest.raises(UnableToRestore):
        put_back(tmp_path / "b", archive)


def changed_manifest(archive: Path, target: Path, change: dict[str, object]) -> None:
    """Write the archive again with other statements about itself."""
    with (
        zstandard.open(archive, "rb") as packed,
        tarfile.open(fileobj=packed, mode="r|") as source,
        zstandard.open(target, "wb") as out,
        tarfile.open(fileobj=out, mode="w|") as copy,
    ):
        for member in source:
            content = source.extractfile(member).read()
            if member.name == "manifest.json":
                content = json.dumps(json.loads(content) | change).encode()
            path = target.with_suffix(".member")
            path.write_bytes(content)
            with path.open("rb") as file:
                member.size = len(content)
                copy.addfile(member, file)


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"product": "99.0.0"}, {"installation_format": 99}, {"migrations": ["myhouse.9999_later"]}],
)
def test_refuses_an_archive_of_a_newer_version(tmp_path: Path, change: dict[str, object]) -> None:
    back_up(folder_with_data(tmp_path / "a"), tmp_path / "a.tar.zst")
    changed_manifest(tmp_path / "a.tar.zst", tmp_path / "newer.tar.zst", change)

    with pytest.raises(UnableToRestore, match="newer"):
        put_back(tmp_path / "b", tmp_path / "newer.tar.zst")


def test_refuses_an_archive_that_names_a_place_outside(tmp_path: Path) -> None:
    back_up(folder_with_data(tmp_path / "a"), tmp_path / "a.tar.zst")
    part = {"path": "../outside", "size": 1, "sha256": "0"}
    changed_manifest(tmp_path / "a.tar.zst", tmp_path / "bad.tar.zst", {"parts": [part]})

    with pytest.raises(UnableToRestore):
        put_back(tmp_path / "b", tmp_path / "bad.tar.zst")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("moves", range(8))
def test_an_exchange_interrupted_anywhere_is_finished_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    var = folder_with_data(tmp_path / "b", note="second")
    folder_with_data(var / STAGING)
    for name in ("run", "log"):
        for path in (var / STAGING / name).iterdir():
            path.unlink()
        (var / STAGING / name).rmdir()
    swap_commit(var=var, aside="replaced-x")
    rename = Path.rename
    left = [moves]

    def interrupted(self: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted)
        try:
            swap_finish(var=var)
        except KeyboardInterrupt:
            assert (var / STAGING).exists()
    swap_finish(var=var)

    assert rows(var / "documents.sqlite3", "measurement", "series") == ["first"]
    assert rows(var / "telemetry.sqlite3", "series", "id") == ["first"]
    assert (var / "files" / "upload.csv").read_text() == "first"
    assert rows(var / "replaced-x" / "documents.sqlite3", "measurement", "series") == ["second"]
    assert (var / "replaced-x" / "secret_key").read_text() == "key of second"
    assert not (var / STAGING).exists()


def test_unpacked_but_uncommitted_files_are_cleared_away(tmp_path: Path) -> None:
    var = folder_with_data(tmp_path / "b", note="second")
    folder_with_data(var / STAGING)

    assert swap_finish(var=var) is None
    assert rows(var / "documents.sqlite3", "measurement", "series") == ["second"]
    assert not (var / STAGING).exists()


def test_a_full_disk_ends_a_backup_in_one_sentence_and_leaves_nothing_behind(tmp_path: Path) -> None:
    var = folder_with_data(tmp_path / "a")
    (var / "files" / "large").write_bytes(os.urandom(400_000))
    out = tmp_path / "out"
    out.mkdir()
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from config.backup.make import backup_make\n"
        "from config.backup.errors import UnableToBackUp\n"
        f"try: backup_make(var=Path({str(var)!r}), target=Path({str(out / 'b.tar.zst')!r}), "
        "now=datetime.now(UTC), progress=lambda *a: None)\n"
        "except UnableToBackUp as error: print(error); sys.exit(3)\n"
    )

    # No file of the child may grow beyond 100 kB: for the program that is a disk without space.
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        check=False,
    )

    assert child.returncode == 3, child.stderr
    assert "No space left" in child.stdout
    assert list(out.iterdir()) == []
    assert rows(var / "documents.sqlite3", "measurement", "series") == ["first"]
