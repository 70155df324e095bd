"""The stream as a file: servers' databases into one archive while they work, and from it into empty ones."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.transfer.errors import UnableToTransfer
from config.transfer.place import Place, source_check, target_check
from config.transfer.read import key_print
from config.transfer.run import Moved, key_settle, locked, proven, target_finish, target_state
from config.transfer.stream import MARK, SMALL, frames, is_stream
from config.transfer.worker import AGAIN, Told, Worker
from config.transfer.write import begin_check


@dataclass(frozen=True)
class Contents:
    """What an archive says of itself, and what its data must amount to."""

    begin: dict[str, Any]
    proof: dict[str, Any]
    digest: str


def is_archive(path: Path) -> bool:
    """Tell whether the file is one of these; a missing one is none."""
    try:
        with path.open("rb") as file:
            return is_stream(file.read(len(MARK)))
    except OSError:
        return False


def archive_make(*, source: Place, path: Path, told: Told) -> Contents:
    """Write the archive beside its final name, read it once, then rename it: a file of that name is a whole one."""
    if path.exists():
        raise UnableToTransfer(f"{path} exists already: choose another name, or remove it first.")
    source_check(source)
    partial = path.with_name(path.name + ".partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.set_inheritable(descriptor, False)
    except OSError as error:
        raise UnableToTransfer(f"{path} cannot be written ({error.strerror}): choose another place.") from error
    try:
        with Worker(source.environment(), told=told, stream=descriptor) as reader:
            reader.ask("read", state=None, level=SMALL, proven=True, files=True)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        contents = archive_check(partial, told=told)
        partial.replace(path)
    except UnableToTransfer as error:
        raise UnableToTransfer(f"{path} was not written, nothing is left of it: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return contents


def archive_check(path: Path, *, told: Told) -> Contents:
    """Read an archive from the first to the last byte; refuse one that is not whole, before anything is written."""
    begin: dict[str, Any] = {}
    proof: dict[str, Any] = {}
    digest = ""
    size = path.stat().st_size
    with path.open("rb") as file:
        for kind, *values in frames(file):
            if kind == "begin":
                begin = values[0]
                begin_check(begin)
            elif kind == "proof":
                proof = values[0]
            elif kind == "end":
                digest = values[0]
            told("checking the archive", file.tell(), size)
    if not begin or not proof:
        raise UnableToTransfer("The stream does not say what it holds: it is no archive.")
    return Contents(begin, proof, digest)


def archive_restore(*, path: Path, target: Place, replace: bool, new_key: bool, told: Told) -> Moved:
    """Put an archive into empty databases, or a folder; then compare what is there with what the archive says."""
    try:
        contents = archive_check(path, told=told)
    except OSError as error:
        raise UnableToTransfer(f"{path} cannot be read ({error.strerror}).") from error
    except UnableToTransfer as error:
        raise UnableToTransfer(f"{path}: {error} Nothing was written. Use another copy of the archive.") from error
    target_check(target, replace=replace)
    with locked(target):
        lost = key_settle(_key_of(contents, target), target, new_key=new_key)
        mark = f"archive {contents.digest[:32]}"
        stream = os.open(path, os.O_RDONLY)
        with Worker(target.environment(staged=True), told=told, stream=stream) as there:
            target_state(there, target, mark)
            began = time.monotonic()
            there.begin("write", source=mark)
            failure, written = there.failure()
            if failure:
                raise UnableToTransfer(f"{failure} {AGAIN}")
            copied = time.monotonic()
            proven(contents.proof, there.ask("proof", files=True), source=str(path), target=target)
            compared = time.monotonic()
            aside = target_finish(there, target, replace=replace)
    return Moved(
        **written,
        ledger=contents.proof["ledger"],
        copied_s=copied - began,
        compared_s=compared - copied,
        second_factors_lost=contents.begin["rows"]["myhouse.secondfactor"] if lost else 0,
        aside=aside,
    )


def _key_of(contents: Contents, target: Place) -> str:
    """Return the key that the archive's installation had, if it is known here: archives do not hold it."""
    known = (os.environ.get("SECRET_KEY", ""), target.key())
    return next((key for key in known if key_print(key) == contents.begin["key"]), "")
