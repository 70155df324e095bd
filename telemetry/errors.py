"""What the store refuses or cannot do; each error says what to do about it."""

from __future__ import annotations


class TelemetryError(Exception):
    """Base of everything the store raises; `kind` is what the error → HTTP table maps to a status."""

    kind = "failed"
    retry_after_s: int | None = None


class UnableToWrite(TelemetryError):
    """Readings were refused whole; `field` names the column, `index` the first reading at fault."""

    kind = "invalid"

    def __init__(self, message: str, field: str = "", index: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.index = index

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes with all three parts."""
        return type(self), (self.message, self.field, self.index)


class StoreBusyError(UnableToWrite):
    """More is waiting to be written than the queue holds; nothing was taken, try again shortly."""

    kind = "busy"
    retry_after_s = 1


class UnableToRead(TelemetryError):
    """A question that is refused: unknown series, upside-down range, too many buckets."""

    kind = "invalid"

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class SeriesConflictError(TelemetryError):
    """The id is registered already with another unit, kind or origin."""

    kind = "conflict"


class StoreUnavailableError(TelemetryError):
    """The store cannot be reached or written (disk full, read-only, locked); nothing was acknowledged."""

    kind = "unavailable"
    retry_after_s = 10


class ColdUnavailableError(StoreUnavailableError):
    """Archived days cannot be read or written: cold storage is away, or COLD_URL is not set; all other days can."""


class StoreIncompatibleError(TelemetryError):
    """The file was written by a newer version, or is not a telemetry store at all; it was left untouched."""

    kind = "incompatible"


class StoreConfigurationError(TelemetryError):
    """TELEMETRY_URL or TELEMETRY_STORES name something that cannot be opened."""

    kind = "configuration"


class CorruptBlockError(TelemetryError):
    """A stored block does not decode; the file is damaged: restore it from the last backup."""

    kind = "corrupt"
