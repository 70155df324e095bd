"""One side of a transfer, in a process set up for its place: `python -m config.transfer {…}`.

Started by `config.transfer.worker` with the numbers of two pipes, one for the stream, one to tell how far it is; what
to do is read from its input, a line for each step.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec


def main() -> int:
    """Set Django up for the environment; do what is asked, tell the result, or why there is none and end."""
    from config.serve.process import bind_to_parent

    ends = json.loads(sys.argv[1])
    bind_to_parent(ends["parent"])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    teller = _Teller(ends["tell"])
    try:
        import django

        django.setup()
    except Exception as error:  # noqa: BLE001 whatever the environment lacks is said in its message
        teller.tell(error=str(error))
        return 1
    for line in sys.stdin:
        asked = json.loads(line)
        if not _done(asked["step"], {**asked["options"], "stream": ends["stream"]}, teller):
            return 1
    return 0


def _done(step: str, options: dict[str, Any], teller: _Teller) -> bool:
    """Do one step, and keep nothing in memory of it: the next one reads what is really there."""
    from django.db import DatabaseError

    from config.transfer.errors import UnableToTransfer
    from myhouse.errors import UnableTo
    from telemetry.errors import TelemetryError

    try:
        result = _STEPS[step](options, teller.progress)
        _close()
    except (UnableToTransfer, UnableTo, TelemetryError, DatabaseError, OSError) as error:
        teller.tell(error=str(error) or type(error).__name__)
        return False
    teller.tell(result=result)
    return True


class _Teller:
    """Says how far it is, some times a second."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self._last: tuple[str, float] = ("", 0.0)

    def tell(self, **message: Any) -> None:
        self._file.write(json.dumps(message) + "\n")
        self._file.flush()

    def progress(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._last[0] or now - self._last[1] > 0.2 or done == total:
            self._last = (what, now)
            self.tell(what=what, done=done, total=total)


Progress = Callable[[str, int, int], None]


def _inspect(options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """What must be known of a source before it is read."""
    from django.apps import apps

    from config.transfer.documents import rows_of
    from config.transfer.errors import UnableToTransfer
    from config.transfer.schema import source_check
    from config.transfer.state import state_read
    from telemetry.selectors import store_state

    source_check()
    waiting = store_state().spooled_readings
    if waiting:
        raise UnableToTransfer(
            f"{waiting:,} readings wait in the spool until the time series are reachable: start the installation "
            "until they are written, stop it, then repeat."
        )
    factors = rows_of(apps.get_model("myhouse", "SecondFactor")).count()
    return {"unfinished": state_read() is not None, "second_factors": factors}


def _prepare(options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Bring an empty target's tables into being; touches nothing in one that is not."""
    from config.transfer.schema import occupied_by, target_prepare
    from config.transfer.state import state_read

    state = state_read()
    occupied = occupied_by() if state is None else ""
    if not occupied:
        target_prepare()
    return {"occupied": occupied, "state": msgspec.to_builtins(state)}


def _read(options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from config.transfer.read import read
    from config.transfer.state import State

    done = msgspec.convert(options["state"] or {"source": ""}, State)
    with os.fdopen(options["stream"], "wb") as file:
        read(
            file,
            level=options["level"],
            done=done,
            proven=options["proven"],
            with_files=options["files"],
            # Through a pipe, what was read is told when it is written.
            progress=progress if options["proven"] else _unheard,
        )
    return {}


def _unheard(_what: str, _done: int, _total: int) -> None:
    """Say nothing."""


def _write(options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from config.transfer.write import write

    with os.fdopen(options["stream"], "rb") as file:
        return write(file, source=options["source"], progress=progress)


def _proof(options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from config.transfer.read import proof_of

    return proof_of(with_files=options["files"], progress=progress)


def _finish(options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from config.transfer.state import state_drop

    state_drop()
    return {}


def _close() -> None:
    from django.db import connections

    from telemetry.services import store_release

    store_release()
    connections.close_all()


_STEPS = {
    "inspect": _inspect,
    "prepare": _prepare,
    "read": _read,
    "write": _write,
    "proof": _proof,
    "finish": _finish,
}

if __name__ == "__main__":
    sys.exit(main())
