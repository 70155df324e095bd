"""What every server of a cluster can do: start, wait until it works, end with the block it was started for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Server(ABC):
    """One or several processes that are started and ended together."""

    def __enter__(self) -> Self:
        """Start, and leave nothing behind if that fails."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        """End; what is kept stays in the folder."""
        self.stop()

    def start(self) -> None:
        """Start, also after a kill, and wait until it takes work."""
        self.launch()
        self.wait()

    @abstractmethod
    def launch(self) -> None:
        """Start without waiting."""

    @abstractmethod
    def wait(self) -> None:
        """Wait until what was launched takes work."""

    @abstractmethod
    def stop(self) -> None:
        """End it."""
