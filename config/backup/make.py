"""Writing an archive while the installation works.

Order matters: documents name series and files, so documents are copied first and what they name afterwards.
What is created meanwhile is then too much in the copy, never too little.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import zstandard

from config.backup.errors import UnableToBackUp
from config.backup.manifest import FORMAT, NAME, Manifest, Part, digest_of
from config.installation import PRODUCT, installation_read

DOCUMENTS = "documents.sqlite3"
TELEMETRY = "telemetry.sqlite3"
# Not data: processes, logs, queues, what an earlier restore put aside, what is being written right now.
LEFT_OUT = ("run", "log", "valkey", "restore.new")
PAGES_PER_STEP = 2_000

Progress = Callable[[str, int, int], None]


def backup_make(*, var: Path, target: Path, now: datetime, progress: Progress) -> Manifest:
    """Write the archive beside its final name, then rename it: a file of that name is always a whole one."""
    if target.exists():
        raise UnableToBackUp(f"{target} exists already: choose another name, or remove it first.")
    if not (var / DOCUMENTS).exists():
        raise UnableToBackUp(f"There is nothing to back up in {var}: it holds no documents yet.")
    partial = target.with_name(target.name + ".partial")
    with _meaning_of_errors(target), tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        try:
            manifest, sources = _collect(var=var, copies=Path(folder), now=now, progress=progress)
            _write(partial, manifest, sources, progress)
            partial.replace(target)
            _sync_folder(target.parent)
        finally:
            partial.unlink(missing_ok=True)
    return manifest


def _collect(*, var: Path, copies: Path, now: datetime, progress: Progress) -> tuple[Manifest, dict[str, Path]]:
    sources: dict[str, Path] = {}
    counts = {}
    for name in (DOCUMENTS, TELEMETRY):
        if (var / name).exists():
            sources[name] = copies / name
            snapshot(source=var / name, target=copies / name, progress=progress)
            counts[name] = table_counts(copies / name)
    for path in _other_files(var):
        held = copies / "other" / path.relative_to(var)
        if _hold(path, held):
            sources[path.relative_to(var).as_posix()] = held
    parts = [Part(path=name, size=path.stat().st_size, sha256=digest_of(path)) for name, path in sources.items()]
    return (
        Manifest(
            format=FORMAT,
            product=PRODUCT,
            installation_format=installation_read(var=var).format,
            created_at=now.isoformat(),
            migrations=_migrations(copies / DOCUMENTS),
            counts=counts,
            parts=parts,
        ),
        sources,
    )


def _other_files(var: Path) -> Iterator[Path]:
    for top in sorted(var.iterdir()):
        name = top.name
        if name in LEFT_OUT or name.startswith((".", DOCUMENTS, TELEMETRY, "replaced-")) or name.endswith(".new"):
            continue
        if top.is_dir():
            yield from (path for path in sorted(top.rglob("*")) if path.is_file() and not path.is_symlink())
        elif top.is_file():
            yield top


def _hold(path: Path, held: Path) -> bool:
    """Keep a file readable even if it is deleted meanwhile: a second name costs nothing, a copy where it must."""
    held.parent.mkdir(parents=True, exist_ok=True)
    try:
        held.hardlink_to(path)
    except FileNotFoundError:
        return False
    except OSError:
        shutil.copyfile(path, held)
    return True


def snapshot(*, source: Path, target: Path, progress: Progress) -> None:
    """Copy a SQLite database as it is at one moment, while others go on writing into it."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=20, isolation_level=None)) as origin,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        # The open read transaction pins the moment: otherwise each foreign write would start the copy again.
        origin.execute("BEGIN")
        origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
        name = source.name
        origin.backup(copy, pages=PAGES_PER_STEP, progress=lambda _, left, total: progress(name, total - left, total))
        origin.execute("ROLLBACK")
        # One file, without a journal beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise UnableToBackUp(f"{source} is damaged ({verdict}): restore it from an earlier backup.")


def table_counts(database: Path) -> dict[str, int]:
    """Return the number of rows of every table."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            )
        ]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608 names come from sqlite_master


def _migrations(documents: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{documents}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY id")
        return [label for (label,) in rows]


def _write(partial: Path, manifest: Manifest, sources: dict[str, Path], progress: Progress) -> None:
    total = sum(part.size for part in manifest.parts)
    done = 0
    with partial.open("wb") as file:
        partial.chmod(0o600)  # It holds the secret key and everybody's data.
        with (
            zstandard.ZstdCompressor(level=6, write_checksum=True).stream_writer(file, closefd=False) as packed,
            tarfile.open(fileobj=packed, mode="w|") as archive,
        ):
            text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            archive.addfile(_member(NAME, len(text)), io.BytesIO(text))
            for part in manifest.parts:
                with sources[part.path].open("rb") as source:
                    archive.addfile(_member(part.path, part.size), source)
                done += part.size
                progress("archive", done, total)
        file.flush()
        os.fsync(file.fileno())


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    return member


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _meaning_of_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise UnableToBackUp(
                f"No space left for {target}: nothing was written; free some space or choose another disk."
            ) from error
        raise UnableToBackUp(f"{target} cannot be written ({error.strerror}): nothing was written.") from error
    except sqlite3.Error as error:
        raise UnableToBackUp(
            f"The databases could not be copied beside {target} ({error}): nothing was written; free some space "
            "or choose another disk."
        ) from error
