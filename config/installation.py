"""What a data folder says about itself: format, state, and whether a server works on it.

Read by the supervisor before anything heavy is loaded, so nothing but the standard library is imported.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

# The product's version, the same as in pyproject.toml.
PRODUCT = "0.1.0"
# The databases of a folder, while no servers keep the data.
FILES = ("documents.sqlite3", "telemetry.sqlite3")
# Raised when a release writes something an older release would misread.
FORMAT = 1
# Less than this and SQLite's own journals may not fit any more.
FREE_BYTES_TO_START = 64 * 1024 * 1024
# sun_path of Linux has 108 bytes, the last one a zero.
SOCKET_PATH_BYTES = 107


class UnableToServe(Exception):
    """The installation cannot be started as it is; the message says what to do, in one sentence."""


@dataclass(frozen=True)
class Installation:
    """The record `installation.json` of a data folder."""

    format: int = FORMAT
    state: str = "new"  # new, filling, ready
    demo: dict[str, Any] = field(default_factory=dict)


def installation_read(*, var: Path) -> Installation:
    """Return the record of the folder; a folder without one is new."""
    path = var / "installation.json"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        found = Installation(format=int(fields["format"]), state=str(fields["state"]), demo=dict(fields["demo"]))
    except FileNotFoundError:
        return Installation()
    except (ValueError, KeyError, TypeError) as error:
        raise UnableToServe(
            f"{path} cannot be read ({error}): restore the data folder from a backup, or move it away to start anew."
        ) from error
    if found.format > FORMAT:
        raise UnableToServe(
            f"The data folder {var} was written by a newer version (format {found.format}, this one knows {FORMAT}): "
            "update the program, or choose another folder with MYHOUSE_VAR."
        )
    return found


def installation_write(*, var: Path, installation: Installation) -> None:
    """Replace the record; after a power loss either the old or the new one is there."""
    path = var / "installation.json"
    fresh = path.with_suffix(".json.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(asdict(installation), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def installation_change(*, var: Path, **fields: Any) -> Installation:
    """Change single fields of the record."""
    changed = replace(installation_read(var=var), **fields)
    installation_write(var=var, installation=changed)
    return changed


def lock_take(*, var: Path) -> IO[str]:
    """Take the folder for this process alone; keep the returned file open as long as it is needed."""
    run = var / "run"
    run.mkdir(parents=True, exist_ok=True)
    run.chmod(0o700)
    file = (run / "serve.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise UnableToServe(
            f"Another server already works on {var} (process {holder}): stop it first, or choose another folder "
            "with MYHOUSE_VAR."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def folder_check(*, var: Path, free_bytes: int = FREE_BYTES_TO_START) -> None:
    """Refuse a folder that cannot be written, is full, or whose socket path no system call would take."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        probe = var / ".writable"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        raise UnableToServe(
            f"The data folder {var} cannot be written ({error.strerror}): free space or change its owner, "
            "or choose another folder with MYHOUSE_VAR."
        ) from error
    free = shutil.disk_usage(var).free
    if free < free_bytes:
        raise UnableToServe(
            f"Only {free // 1_048_576} MB are free for the data folder {var}, {free_bytes // 1_048_576} MB are "
            "needed to start: free some space."
        )
    socket = os.fsencode(var / "run" / "valkey.sock")
    if len(socket) > SOCKET_PATH_BYTES:
        raise UnableToServe(
            f"The path of the data folder {var} is too long for a Unix socket ({len(socket)} of {SOCKET_PATH_BYTES} "
            "bytes): choose a shorter one with MYHOUSE_VAR."
        )


def files_check(*, var: Path, names: Sequence[str] = FILES) -> None:
    """Refuse a folder in which one of its databases is missing or is not a database."""
    present = {}
    for name in names:
        path = var / name
        present[name] = path.exists() and path.stat().st_size > 0
        if present[name]:
            with path.open("rb") as file:
                header = file.read(16)
            if header != b"SQLite format 3\0":
                raise UnableToServe(
                    f"{path} is damaged (not a database): restore the data folder from a backup "
                    "(manage.py restore FILE --replace)."
                )
    missing = [name for name, there in present.items() if not there]
    if 0 < len(missing) < len(names) and installation_read(var=var).state == "ready":
        raise UnableToServe(
            f"The data folder {var} is incomplete: {missing[0]} is missing; restore it from a backup "
            "(manage.py restore FILE --replace) or move the folder away to start anew."
        )
