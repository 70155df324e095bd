"""Putting restored files in place of the old ones so that a crash at any moment leaves one of the two, whole.

Standard library only: the supervisor finishes here what an interrupted restore began.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

STAGING = "restore.new"
# Written last, after everything else is on the disk: from then on the restore is finished, not undone.
MARKER = "COMPLETE.json"
KEPT = ("run", "log", STAGING)


def swap_commit(*, var: Path, aside: str) -> None:
    """Declare the staged files complete; `aside` is the folder that will hold the old ones."""
    staging = var / STAGING
    old = [path.name for path in var.iterdir() if path.name not in KEPT and not path.name.startswith("replaced-")]
    fresh = staging / (MARKER + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"old": old, "aside": aside}, file)
        file.flush()
        os.fsync(file.fileno())
    os.sync()
    fresh.replace(staging / MARKER)
    _sync(staging)


def swap_finish(*, var: Path) -> Path | None:
    """Finish a committed restore, or clear away one that was not; safe to run again after any crash.

    Returns the folder with the old files, if anything was exchanged.
    """
    staging = var / STAGING
    marker = staging / MARKER
    if not marker.exists():
        shutil.rmtree(staging, ignore_errors=True)
        return None
    plan = json.loads(marker.read_text(encoding="utf-8"))
    aside = var / str(plan["aside"])
    aside.mkdir(exist_ok=True)
    # An old file is one that still has its successor in the staging folder, or has none at all.
    for name in plan["old"]:
        replaced_already = (aside / name).exists()
        if (var / name).exists() and not replaced_already:
            (var / name).rename(aside / name)
    _sync(var)
    for path in sorted(staging.iterdir()):
        if path.name != MARKER:
            path.rename(var / path.name)
    _sync(var)
    marker.unlink()
    staging.rmdir()
    return aside


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
