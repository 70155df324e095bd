"""Leading a transfer: who is asked, in which order, and when it may be called done."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.backup.swap import STAGING as SWAPPED
from config.backup.swap import swap_commit, swap_finish
from config.installation import Installation, UnableToServe, installation_write, lock_take
from config.transfer.compare import differences, differing
from config.transfer.errors import UnableToTransfer
from config.transfer.place import DOCUMENTS, KEY, NO_DATA, STAGING, Place, source_check, target_check
from config.transfer.stream import QUICK
from config.transfer.worker import AGAIN, Told, Worker

_PATIENCE_S = 20.0
BROKEN = "Broken pipe"


@dataclass(frozen=True)
class Moved:
    """What was moved, how long writing and comparing took, and what is left to be said."""

    rows: int
    series: int
    readings: int
    ledger: str
    copied_s: float
    compared_s: float
    second_factors_lost: int
    aside: Path | None = None


def transfer(*, source: Place, target: Place, new_key: bool, told: Told) -> Moved:
    """Move everything from one installation to another, and prove that it is there."""
    if source.mark == target.mark:
        raise UnableToTransfer("Source and target are the same installation: name two.")
    source_check(source)
    target_check(target)
    with ExitStack() as stack:
        stack.enter_context(locked(source))
        stack.enter_context(locked(target))
        lost = key_settle(source.key(), target, new_key=new_key)
        output, input_ = os.pipe()
        there = stack.enter_context(Worker(target.environment(staged=True), told=told, stream=output))
        here = stack.enter_context(Worker(source.environment(), told=told, stream=input_))
        state = target_state(there, target, source.mark)
        facts = here.ask("inspect")
        if facts["unfinished"]:
            raise UnableToTransfer(
                f"{source.name} is itself the target of an unfinished transfer: finish that one first."
            )
        with_files = source.folder.resolve() != target.folder.resolve()
        began = time.monotonic()
        here.begin("read", state=state, level=QUICK, proven=False, files=with_files)
        written = _written(there, here, source.mark)
        copied = time.monotonic()
        here.begin("proof", files=with_files)
        there.begin("proof", files=with_files)
        proof = here.answer()
        proven(proof, there.answer(), source=source.name, target=target)
        compared = time.monotonic()
        target_finish(there, target)
        return Moved(
            **written,
            ledger=proof["ledger"],
            copied_s=copied - began,
            compared_s=compared - copied,
            second_factors_lost=facts["second_factors"] if lost else 0,
        )


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Take an embedded installation for this process alone: while it is read or written, no server works on it."""
    if not place.embedded:
        yield
        return
    place.folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = lock_take(var=place.folder)
    except UnableToServe as error:
        raise UnableToTransfer(str(error)) from error
    with closing(lock):
        swap_finish(var=place.folder)
        yield


def key_settle(source_key: str, target: Place, *, new_key: bool) -> bool:
    """See to it that second factors, which derive from the key, go on working; returns whether they will not."""
    if target.embedded and (source_key or new_key):
        staging = target.folder / STAGING
        staging.mkdir(exist_ok=True)
        if not new_key and source_key:
            path = staging / KEY
            path.touch(mode=0o600)
            path.write_text(source_key, encoding="ascii")
        return new_key
    if source_key and target.key() == source_key:
        return False
    if not new_key:
        raise UnableToTransfer(
            "SECRET_KEY is not the key of what is copied: second factors and links in mails derive from it. Set it to "
            f"that key (of an embedded installation: the file {KEY} in its folder), here and for every process that "
            "will work on the target; or repeat with --new-key, then second factors have to be set up anew."
        )
    return True


def target_state(there: Worker, target: Place, mark: str) -> dict[str, Any] | None:
    """Make the target ready; returns how far an earlier attempt of the same came, and refuses anything else."""
    found = there.ask("prepare")
    if found["occupied"]:
        raise UnableToTransfer(
            f"The target {target.name} is not empty ({found['occupied']}): name an empty database and keyspace."
        )
    state: dict[str, Any] | None = found["state"]
    if state is not None and state["source"] != mark:
        raise UnableToTransfer(
            f"The target {target.name} holds an unfinished copy of something else ({state['source']}): finish that "
            "one, or " + _emptying(target)
        )
    return state


def _emptying(target: Place) -> str:
    if target.embedded:
        return f"remove the folder {target.folder / STAGING} to begin anew."
    return "drop the target's database and keyspace to begin anew."


def _written(there: Worker, here: Worker, mark: str) -> dict[str, Any]:
    """Let one process write what the other reads."""
    there.begin("write", source=mark)
    wrote, written = there.failure()
    # What the writer misses is the reader's fault, unless the reader only misses the writer.
    read, _nothing = here.failure(_PATIENCE_S if wrote else None)
    if wrote or read:
        raise UnableToTransfer(f"{read if read and BROKEN not in read else wrote} {AGAIN}")
    return written


def proven(source_proof: dict[str, Any], target_proof: dict[str, Any], *, source: str, target: Place) -> None:
    """Refuse to call it done unless both amount to the same."""
    found = differences(source_proof, target_proof)
    if found:
        raise UnableToTransfer(
            f"The target is not what {source} is now: {differing(found)}. If something worked on one of them "
            f"meanwhile, stop it; then {_emptying(target)}"
        )


def target_finish(there: Worker, target: Place, *, replace: bool = False) -> Path | None:
    """Declare the target whole; a folder's files are put in their place now. Returns where former ones are."""
    there.ask("finish")
    there.end()
    if not target.embedded:
        return None
    staging = target.folder / STAGING
    for database in (DOCUMENTS, "telemetry.sqlite3"):
        with closing(sqlite3.connect(staging / database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    installation_write(var=staging, installation=Installation(state="ready"))
    shutil.rmtree(staging / "run", ignore_errors=True)
    held = {path.name for path in target.folder.iterdir()} - NO_DATA
    staging.rename(target.folder / SWAPPED)
    swap_commit(var=target.folder, aside=f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    aside = swap_finish(var=target.folder)
    if aside is not None and not (replace and held):
        shutil.rmtree(aside)
        return None
    return aside
