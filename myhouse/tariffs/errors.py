"""Refusals of the tariff rules; they carry a template, so that the page can say it in the reader's language."""

from __future__ import annotations


def gettext_noop(message: str) -> str:
    """Mark a message for the catalogue; these rules know no Django that would translate it."""
    return message


class UnableToReadTerms(Exception):
    """The terms of a contract break a rule: `field` is the path to it, `template % params` says what to do."""

    def __init__(self, field: str, template: str, **params: object) -> None:
        super().__init__(f"{field}: {template % params}")
        self.field = field
        self.template = template
        self.params = params
