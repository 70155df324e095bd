"""What can go wrong when a device is read; each error answers one question: retry, or stop."""

from __future__ import annotations


class UnableToRead(Exception):
    """A device could not be read; `retry` says whether trying again may help."""

    retry: bool = True


class UnableToReach(UnableToRead):
    """Nobody answered in time (off, unplugged, busy, network): try again later."""

    retry = True


class UnableToUnderstand(UnableToRead):
    """The device answers, but not as this model does: stop until somebody corrects the settings."""

    retry = False


class UnknownModel(LookupError):
    """No model of that name is in the catalogue."""
