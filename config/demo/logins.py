"""Who may sign in to the demo: one password per installation, made when it is filled, readable by its owner only."""

from __future__ import annotations

import json
import secrets
from typing import TypedDict

from django.conf import settings

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
ROLES = {
    "household": "household@demo.example",
    "neighbour": "neighbour@demo.example",
    "operator": "operator@demo.example",
}


class Login(TypedDict):
    """What to type in on the sign-in page."""

    role: str
    email: str
    password: str


def demo_logins() -> list[Login]:
    """The logins of the demo, for the start message; empty when there is no demo here."""
    try:
        password = json.loads((settings.VAR_DIR / "demo" / "logins.json").read_text(encoding="utf-8"))["password"]
    except (OSError, ValueError, KeyError):
        return []
    return [Login(role=role, email=email, password=password) for role, email in ROLES.items()]


def password_make() -> str:
    """The demo's password: the kept one, or a new one (about 50 bits) kept in the data folder."""
    known = demo_logins()
    if known:
        return known[0]["password"]
    groups = ["".join(secrets.choice(ALPHABET) for _letter in range(5)) for _group in range(2)]
    password = "-".join(["sonne", *groups])
    path = settings.VAR_DIR / "demo" / "logins.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"password": password}), encoding="utf-8")
    return password
