"""Refusals of this app: each says what to do, and which field it is about; `config.errors` maps them to HTTP."""

from __future__ import annotations


class UnableTo(Exception):  # noqa: N818 - the subclass names what could not be done
    """Something asked for is refused; the message is for the person who asked."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotFound(UnableTo):
    """There is no such thing, or not for this reader: both look the same."""
