"""One side of a transfer as a child process, heard by the process that leads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from config.transfer.errors import UnableToTransfer

Told = Callable[[str, int, int], None]
_ROOT = Path(__file__).resolve().parent.parent.parent
AGAIN = "Nothing is lost: repeat the same command, it goes on where it stopped."


class Worker:
    """A process that does one step in the environment of one place."""

    def __init__(
        self, step: str, environment: dict[str, str], *, told: Told, stream: int | None = None, **options: Any
    ) -> None:
        """Start it; `stream` is its end of the pipe, and its alone from now on."""
        self._told = told
        self._step = step
        self._result: dict[str, Any] | None = None
        self._error = ""
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 closed in wait
        hears, tells = os.pipe()
        ends = [tells] if stream is None else [tells, stream]
        words = json.dumps({**options, "tell": tells, "stream": stream, "parent": os.getpid()})
        try:
            self.process = subprocess.Popen(  # noqa: S603 the command is ours, no shell
                [sys.executable, "-m", "config.transfer", step, words],
                env=environment,
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=ends,
            )
        finally:
            for end in ends:
                os.close(end)
        self._listener = threading.Thread(target=self._listen, args=(hears,), daemon=True)
        self._listener.start()

    def _listen(self, descriptor: int) -> None:
        with os.fdopen(descriptor, encoding="utf-8") as lines:
            for line in lines:
                message = json.loads(line)
                if "what" in message:
                    self._told(message["what"], message["done"], message["total"])
                elif "error" in message:
                    self._error = message["error"]
                else:
                    self._result = message["result"]

    def end(self) -> None:
        """End it now, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def ended(self, seconds: float) -> str:
        """Give it so long to end by itself, then end it; returns why it failed, or nothing."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            return ""
        return self.wait()

    def wait(self) -> str:
        """Wait until it has ended; returns why it failed, or nothing."""
        code = self.process.wait()
        self._listener.join()
        if code == 0 and self._result is not None:
            return ""
        self._log.seek(0)
        last = self._log.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
        return self._error or f"The process for “{self._step}” ended ({code}): {last[-1] if last else 'no word'}"

    def result(self) -> dict[str, Any]:
        """Wait for its result; its error is raised here."""
        error = self.wait()
        self._log.close()
        if error:
            raise UnableToTransfer(error)
        assert self._result is not None
        return self._result
