"""What page tests share: a neighbour signed in, addresses of his market, the keys of forms."""

from __future__ import annotations

import re

from django.test import Client


def signed_in(trader) -> Client:
    client = Client()
    client.force_login(trader.user)
    return client


def at(trader, rest="market/") -> str:
    return f"/households/{trader.household.pk}/{rest}"


def key_of(text: str) -> str:
    """The key the first form of a page is sent with."""
    return re.search(r'name="once" value="(\w+)"', text).group(1)


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def body(answer) -> str:
    return plain(answer.content.decode())
