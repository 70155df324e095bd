"""Log files that cannot fill the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

LARGEST_BYTES = 10 * 1024 * 1024
KEPT = 3


def rotate(log: Path, *, largest: int = LARGEST_BYTES, kept: int = KEPT) -> bool:
    """Move a log that grew too large aside; the process goes on writing into the same, emptied file."""
    try:
        if log.stat().st_size <= largest:
            return False
        for number in range(kept - 1, 0, -1):
            older = log.with_suffix(f".log.{number}")
            if older.exists():
                older.replace(log.with_suffix(f".log.{number + 1}"))
        # Copied and emptied, not renamed: the process holds the file open, for appending.
        shutil.copyfile(log, log.with_suffix(".log.1"))
        with log.open("r+b") as file:
            file.truncate(0)
    except FileNotFoundError:
        return False
    return True
