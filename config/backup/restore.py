"""Reading an archive back: everything is checked before anything of the installation is touched."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec
import zstandard

from config.backup.errors import UnableToRestore
from config.backup.make import DOCUMENTS, TELEMETRY, table_counts
from config.backup.manifest import FORMAT, LARGEST_MANIFEST, NAME, Manifest, Part, version_key
from config.backup.swap import STAGING, swap_commit, swap_finish
from config.installation import FORMAT as INSTALLATION_FORMAT
from config.installation import PRODUCT, UnableToServe, lock_take

CHUNK = 1 << 20
Progress = Callable[[str, int, int], None]


def restore(
    *, var: Path, source: Path, replace: bool, known_migrations: set[str], now: datetime, progress: Progress
) -> Path | None:
    """Put the archive in place; returns the folder that keeps the former data, if there were any."""
    try:
        lock = lock_take(var=var)
    except UnableToServe as error:
        raise UnableToRestore(str(error)) from error
    with closing(lock), _meaning_of_errors(source):
        swap_finish(var=var)
        occupied = [name for name in (DOCUMENTS, TELEMETRY, "files") if (var / name).exists()]
        if occupied and not replace:
            raise UnableToRestore(
                f"The data folder {var} is not empty ({occupied[0]}): repeat with --replace to put its contents "
                "aside, or choose an empty folder with MYHOUSE_VAR."
            )
        staging = var / STAGING
        staging.mkdir()
        try:
            manifest = _unpack(source=source, staging=staging, known_migrations=known_migrations, progress=progress)
            _verify(staging=staging, manifest=manifest)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        swap_commit(var=var, aside=f"replaced-{now:%Y%m%dT%H%M%S}")
        aside = swap_finish(var=var)
        if aside is not None and not occupied:
            shutil.rmtree(aside)
            return None
        return aside


def _unpack(*, source: Path, staging: Path, known_migrations: set[str], progress: Progress) -> Manifest:
    with (
        source.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as plain,
        tarfile.open(fileobj=plain, mode="r|") as archive,
    ):
        manifest: Manifest | None = None
        wanted: dict[str, Part] = {}
        total = done = 0
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise UnableToRestore(f"{source} holds {member.name!r}, which is no plain file: it is not a backup.")
            if manifest is None:
                manifest = _manifest(source, member, content)
                _versions(manifest, known_migrations)
                wanted = {part.path: part for part in manifest.parts}
                total = sum(part.size for part in manifest.parts)
                continue
            part = wanted.pop(member.name, None)
            if part is None:
                raise UnableToRestore(f"{source} holds {member.name!r}, which its list does not name.")
            _extract(content, part, _inside(staging, part.path))
            done += part.size
            progress("archive", done, total)
    if manifest is None or wanted:
        missing = next(iter(wanted), NAME)
        raise UnableToRestore(f"{source} is incomplete ({missing} is missing): use another copy of the backup.")
    return manifest


def _manifest(source: Path, member: tarfile.TarInfo, content: IO[bytes]) -> Manifest:
    if member.name != NAME or member.size > LARGEST_MANIFEST:
        raise UnableToRestore(f"{source} is not a backup of this product: it does not begin with {NAME}.")
    try:
        return msgspec.json.decode(content.read(), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnableToRestore(f"{source} has a list of contents that this version cannot read ({error}).") from error


def _versions(manifest: Manifest, known_migrations: set[str]) -> None:
    unknown = [label for label in manifest.migrations if label not in known_migrations]
    if (
        manifest.format > FORMAT
        or manifest.installation_format > INSTALLATION_FORMAT
        or version_key(manifest.product) > version_key(PRODUCT)
        or unknown
    ):
        raise UnableToRestore(
            f"The backup was made by version {manifest.product}, newer than this one ({PRODUCT}): update the program "
            "first, then restore."
        )


def _inside(staging: Path, path: str) -> Path:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise UnableToRestore(f"The backup names {path!r}, a place outside the data folder: it is not to be trusted.")
    return staging.joinpath(*parts)


def _extract(content: IO[bytes], part: Part, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    with target.open("wb") as file:
        target.chmod(0o600)
        while chunk := content.read(CHUNK):
            size += len(chunk)
            if size > part.size:
                break
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if size != part.size or digest.hexdigest() != part.sha256:
        raise UnableToRestore(f"{part.path} in the backup is damaged: use another copy of the backup.")


def _verify(*, staging: Path, manifest: Manifest) -> None:
    for name, counts in manifest.counts.items():
        with closing(sqlite3.connect(staging / name)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok" or table_counts(staging / name) != counts:
            raise UnableToRestore(f"{name} in the backup is damaged: use another copy of the backup.")


@contextmanager
def _meaning_of_errors(source: Path) -> Iterator[None]:
    try:
        yield
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise UnableToRestore(f"{source} cannot be read as a backup ({error}): use another copy.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise UnableToRestore(
                "No space left for the restored data: nothing was changed; free some space."
            ) from error
        raise UnableToRestore(f"{source} could not be restored ({error.strerror}): nothing was changed.") from error
    except sqlite3.Error as error:
        raise UnableToRestore(f"A database in {source} cannot be read ({error}): use another copy.") from error
