"""Files beside the databases: uploads and exports that documents name, and what the demo's simulator goes on from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from config.transfer.errors import UnableToTransfer

FOLDERS = ("files", "demo", "simulator")
CHUNK = 1 << 20


def files_listed(folder: Path) -> Iterator[str]:
    """Yield the paths, inside the data folder, of all files that are moved."""
    for name in FOLDERS:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix()


def chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's contents; nothing of one that has gone meanwhile."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        while data := file.read(CHUNK):
            yield data


def file_digest(path: Path) -> str:
    """Return a file's SHA-256."""
    digest = hashlib.sha256()
    for data in chunks(path):
        digest.update(data)
    return digest.hexdigest()


def place_inside(folder: Path, name: str) -> Path:
    """Return where a file of the stream belongs; refuse a place that is none of its."""
    inside = PurePosixPath(name).parts
    if len(inside) < 2 or inside[0] not in FOLDERS or ".." in inside:
        raise UnableToTransfer(f"The stream names {name!r}, a place outside the folders for files: it is not trusted.")
    return folder.joinpath(*inside)


class FilesIn:
    """Puts files in place one after the other, each whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: tuple[IO[bytes], Path] | None = None

    def begin(self, name: str) -> None:
        """Begin a file; the one before is whole."""
        self.end()
        target = place_inside(self._folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(target.name + ".new")
        self._open = (fresh.open("wb"), target)

    def add(self, data: bytes) -> None:
        """Go on with the file that was begun."""
        if self._open is None:
            raise UnableToTransfer("The stream holds contents of no file: it is damaged.")
        self._open[0].write(data)

    def end(self) -> None:
        """Put the file that was begun in its place, synced."""
        if self._open is None:
            return
        file, target = self._open
        file.flush()
        os.fsync(file.fileno())
        file.close()
        Path(file.name).replace(target)
        self._open = None
