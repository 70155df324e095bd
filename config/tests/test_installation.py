"""A data folder that cannot be served is refused in one sentence that says what to do."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from config import installation
from config.installation import (
    Installation,
    UnableToServe,
    files_check,
    folder_check,
    installation_change,
    installation_read,
    installation_write,
    lock_take,
)

SQLITE = b"SQLite format 3\0" + b"\0" * 84


def test_a_folder_without_a_record_is_new(tmp_path: Path) -> None:
    assert installation_read(var=tmp_path).state == "new"


def test_the_record_survives_being_written(tmp_path: Path) -> None:
    installation_write(var=tmp_path, installation=Installation(state="filling"))
    installation_change(var=tmp_path, state="ready", demo={"homes": 2})

    assert installation_read(var=tmp_path) == Installation(state="ready", demo={"homes": 2})


def test_refuses_a_folder_of_a_newer_version(tmp_path: Path) -> None:
    installation_write(var=tmp_path, installation=Installation(format=installation.FORMAT + 1))

    with pytest.raises(UnableToServe, match="newer version"):
        installation_read(var=tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": "x", "state": "new", "demo": {}}'])
def test_refuses_a_record_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "installation.json").write_text(text)

    with pytest.raises(UnableToServe, match="backup"):
        installation_read(var=tmp_path)


def test_only_one_process_takes_a_folder(tmp_path: Path) -> None:
    held = lock_take(var=tmp_path)

    with pytest.raises(UnableToServe, match="Another server already works"):
        lock_take(var=tmp_path)
    held.close()
    lock_take(var=tmp_path).close()


def test_refuses_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(UnableToServe, match="free some space"):
        folder_check(var=tmp_path, free_bytes=1 << 62)


def test_refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")

    with pytest.raises(UnableToServe, match="cannot be written"):
        folder_check(var=tmp_path / "var")


def test_refuses_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    with pytest.raises(UnableToServe, match="too long"):
        folder_check(var=tmp_path / ("x" * 100))


def test_refuses_a_folder_without_its_time_series(tmp_path: Path) -> None:
    installation_write(var=tmp_path, installation=Installation(state="ready"))
    (tmp_path / "documents.sqlite3").write_bytes(SQLITE)

    with pytest.raises(UnableToServe, match=r"telemetry\.sqlite3 is missing"):
        files_check(var=tmp_path)


@pytest.mark.parametrize("name", ["documents.sqlite3", "telemetry.sqlite3"])
def test_refuses_a_database_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"half a file")

    with pytest.raises(UnableToServe, match="damaged"):
        files_check(var=tmp_path)


def test_an_empty_folder_and_a_whole_one_are_accepted(tmp_path: Path) -> None:
    files_check(var=tmp_path)
    for name in ("documents.sqlite3", "telemetry.sqlite3"):
        (tmp_path / name).write_bytes(SQLITE)
    files_check(var=tmp_path)
    folder_check(var=tmp_path)


def test_the_version_is_the_one_of_the_project_file() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

    assert project["project"]["version"] == installation.PRODUCT
