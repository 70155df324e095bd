"""What the registry refuses; each message says which field and what to do."""

from __future__ import annotations

from myhouse.errors import Kind, UnableTo


class UnableToRegisterDevice(UnableTo):
    """The device was not registered; nothing was written."""


class UnableToBindChannel(UnableTo):
    """The device's point was not bound to a measurement."""

    kind = Kind.CONFLICT


class UnableToChangeKey(UnableTo):
    """No key was issued or revoked."""

    kind = Kind.CONFLICT


class UnableToAnswerSwap(UnableTo):
    """The question stays open."""

    kind = Kind.CONFLICT
