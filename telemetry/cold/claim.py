"""Which place belongs to which store: a number that both know.

A folder that is not mounted, or one of another installation, looks like an empty or a strange place; writing there
would hide days or damage another's. So the first run leaves a number in the place (the file `_myhouse`, which readers
of Parquet pass over) and in the store (a block under the series key 0), and every later change wants to see both.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import numpy as np

from telemetry.codec import columns_decode, columns_encode
from telemetry.cold.files import SUFFIX, Files
from telemetry.cold.lease import KEY, Lease
from telemetry.cold.place import folder_sync
from telemetry.errors import ColdUnavailableError, StoreBusyError, StoreConfigurationError
from telemetry.model import DAY_MS, Columns
from telemetry.stores.base import Backend, DaySwap

NAME = "_myhouse"
DAY = 1 << 20
"""The number of the block; buckets' leases lie below."""
_NONE = 0


class Claim:
    """The number of a store and of a place."""

    def __init__(self, backend: Backend, files: Files) -> None:
        self._backend = backend
        self._files = files
        self._path = f"{files.place.root}/{NAME}"

    def require(self, lease: Lease) -> None:
        """Claim a place that is nobody's for a store that has none; else refuse whatever does not fit."""
        with self._files.asked():
            rev, stored = self._stored()
            written = self._written()
            if stored == written != _NONE:
                return
            with lease:
                rev, stored = self._stored()
                written = self._written()
                if stored == _NONE and (written == _NONE or not self._is_used()):
                    number = written or secrets.randbits(50) + 1
                    if written == _NONE:
                        self._write(number)
                    self._store(number, rev)
                    return
        if stored == written != _NONE:
            return
        if written == _NONE:
            raise ColdUnavailableError(
                f"The cold storage {self._files.place.name} does not hold what was archived (its file {NAME} is "
                "missing): mount it, or set COLD_URL to where it is. To begin another place, bring the archived days "
                "back first (manage.py archive --back)."
            )
        raise StoreConfigurationError(
            f"The cold storage {self._files.place.name} belongs to another installation: give each a COLD_URL of its "
            "own."
        )

    def leave(self) -> None:
        """Let the store have none: it may begin with another place."""
        rev, stored = self._stored()
        if stored != _NONE:
            self._store(_NONE, rev)
            with self._files.asked():
                self._files.path_drop(self._path)

    def _stored(self) -> tuple[int, int]:
        with self._backend.reading() as snapshot:
            blocks = snapshot.days(KEY, DAY, DAY)
        return (blocks[0].rev, int(columns_decode(blocks[0].data).values[0])) if blocks else (0, _NONE)

    def _store(self, number: int, rev: int) -> None:
        columns = Columns(np.array([DAY * DAY_MS], np.int64), np.array([float(number)]), np.zeros(1, np.uint8))
        swap = DaySwap(KEY, DAY, columns, columns_encode(columns), rev, 0, changed=False)
        if self._backend.days_swap([swap], over_hot=False):
            raise StoreBusyError("Another process is beginning with cold storage; try again.")

    def _written(self) -> int:
        try:
            with self._files.system.open_input_file(self._path) as source:
                return int(source.read().decode("ascii", "replace").split()[0])
        except FileNotFoundError:
            return _NONE
        except (IndexError, ValueError) as error:
            raise StoreConfigurationError(f"{self._path} does not hold a number; bring it back.") from error

    def _is_used(self) -> bool:
        return any(name.endswith(SUFFIX) for name in self._files.listed("", recursive=True))

    def _write(self, number: int) -> None:
        text = f"{number}\nArchived readings of one installation of myhouse. Keep this file with them.\n".encode()
        if self._files.place.scheme != "file":
            with self._files.system.open_output_stream(self._path) as sink:
                sink.write(text)
            return
        path = Path(self._path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
        folder_sync(path.parent)
