"""One side of a transfer as a child process, led step by step."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from config.transfer.errors import UnableToTransfer

Told = Callable[[str, int, int], None]
_ROOT = Path(__file__).resolve().parent.parent.parent
AGAIN = "Nothing is lost: repeat the same command, it goes on where it stopped."


class Worker:
    """A process in the environment of one place, which does what it is asked, one step after the other."""

    def __init__(self, environment: dict[str, str], *, told: Told, stream: int | None = None) -> None:
        """Start it; `stream` is its end of the pipe (or its file), and its alone from now on."""
        self._told = told
        self._step = "start"
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 closed in end
        hears, tells = os.pipe()
        ends = [tells] if stream is None else [tells, stream]
        words = json.dumps({"tell": tells, "stream": stream, "parent": os.getpid()})
        try:
            self.process = subprocess.Popen(  # noqa: S603 the command is ours, no shell
                [sys.executable, "-m", "config.transfer", words],
                env=environment,
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=ends,
            )
        finally:
            for end in ends:
                os.close(end)
        threading.Thread(target=self._listen, args=(hears,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _listen(self, descriptor: int) -> None:
        with os.fdopen(descriptor, encoding="utf-8") as lines:
            for line in lines:
                message = json.loads(line)
                if "what" in message:
                    self._told(message["what"], message["done"], message["total"])
                else:
                    self._answers.put(message)
        self._answers.put({})

    def begin(self, step: str, **options: Any) -> None:
        """Ask for a step; its answer is waited for by `answer`."""
        self._step = step
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"step": step, "options": options}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # It has ended: why is in its answer.
            return

    def failure(self, seconds: float | None = None) -> tuple[str, dict[str, Any]]:
        """Wait for the answer; returns why there is none, and the result. Within so long: nothing of both."""
        try:
            message = self._answers.get(timeout=seconds)
        except queue.Empty:
            return "", {}
        if "result" in message:
            return "", message["result"]
        if "error" in message:
            return message["error"], {}
        code = self.process.wait()
        self._log.seek(0)
        last = self._log.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
        return f"The process for “{self._step}” ended ({code}): {last[-1] if last else 'no word'}", {}

    def answer(self) -> dict[str, Any]:
        """Wait for the result of what was begun; its error is raised here."""
        error, result = self.failure()
        if error:
            raise UnableToTransfer(error)
        return result

    def ask(self, step: str, **options: Any) -> dict[str, Any]:
        """Let it do a step, and return its result."""
        self.begin(step, **options)
        return self.answer()

    def end(self) -> None:
        """End it now; between two steps it holds nothing open, in the middle of one it can be interrupted."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self._log.close()
