"""Every path of the site, read from the URL configuration: what is new is walked without being listed anywhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

SAFE = ("GET",)
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
METHODS = (*SAFE, *UNSAFE)
# Open to everybody on purpose.
PUBLIC_NAMES = {
    "landing",
    "sign-in",
    "sign-in-code",
    "sign-out",
    "sign-up",
    "sign-up-sent",
    "sign-up-finish",
    "password-reset",
    "password-reset-sent",
    "password-reset-confirm",
    "theme-set",
    "set_language",
    "join",
    "join-sign-up",
    "display",
    "privacy-erasure",  # who asked for it is signed out; its link is signed and says nothing about whom
    "api-schema",
    "api-docs",
}
PUBLIC_ROUTES = {"healthz", "readyz"}
# The admin guards itself; device endpoints know no users, only device keys.
OTHER_PREFIXES = ("admin/", "ingest/", "static/", "media/")
# What stands for the parts of a path that are no ids; a new one must be given a value that is valid.
VALUES = {
    "unit": "day",
    "start": "2026-06-01",
    "form": "csv",
    "name": "x",
    "slot": "primary",
    "secret": "nothing-of-the-kind",
    "token": "nothing-of-the-kind",
    "uidb64": "MQ",
    "direction": "import",
    "kind": "flat",
}


@dataclass(frozen=True)
class Route:
    """One path of the URL configuration."""

    path: str
    name: str
    callback: Any
    converters: Mapping[str, str]

    @property
    def ids(self) -> set[str]:
        """The names of the ids in the path."""
        return {name for name, kind in self.converters.items() if kind == "UUIDConverter"}

    @property
    def api(self) -> bool:
        """Whether programs ask here, with a token."""
        return self.path.startswith("api/")

    @property
    def public(self) -> bool:
        """Whether everybody may ask here."""
        return self.name in PUBLIC_NAMES or self.path in PUBLIC_ROUTES

    @property
    def direct(self) -> bool:
        """Whether the view runs on the event loop; it then reads on a thread of its own what was committed."""
        return iscoroutinefunction(self.callback)

    def filled(self, ids: Mapping[str, uuid.UUID]) -> str:
        """Return the path with these ids; an id that is not given is one of nothing."""
        path = self.path
        for name, kind in self.converters.items():
            value = str(ids.get(name, uuid.UUID(int=1)) if kind == "UUIDConverter" else VALUES[name])
            for written in ("uuid:", "str:", "int:", "slug:", "path:", ""):
                path = path.replace(f"<{written}{name}>", value)
        return "/" + path


def _patterns(resolver: Any, prefix: str, above: dict[str, str]) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern).replace("^", "").replace("$", "")
        converters = above | {name: type(one).__name__ for name, one in entry.pattern.converters.items()}
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, path, converters)
        elif isinstance(entry, URLPattern):
            yield Route(path, entry.name or "", entry.callback, converters)


def routes() -> list[Route]:
    """List every path but those of the admin, of devices and of files."""
    return [one for one in _patterns(get_resolver(), "", {}) if not one.path.startswith(OTHER_PREFIXES)]


def websockets() -> Any:
    """Return what the running application leads WebSockets by, behind the check of origin and session."""
    from channels.routing import URLRouter

    from config.asgi import application

    inner: Any = application
    while not hasattr(inner, "application_mapping"):
        inner = inner.application
    inner = inner.application_mapping["websocket"]
    while not isinstance(inner, URLRouter):
        inner = getattr(inner, "application", None) or inner.inner
    return inner


def sockets() -> list[Route]:
    """List every path of a WebSocket."""
    return [
        Route(str(one.pattern), "", one.callback, {n: type(c).__name__ for n, c in one.pattern.converters.items()})
        for one in websockets().routes
    ]


ROUTES = routes()
GUARDED = [one for one in ROUTES if not one.public]
OWNED = [one for one in GUARDED if one.ids]
HOUSEHOLDS = [one for one in OWNED if "household_id" in one.ids]
NESTED = [one for one in HOUSEHOLDS if len(one.ids) > 1]
PAGES = [one for one in ROUTES if not one.api and one.path not in PUBLIC_ROUTES]


def named(chosen: list[Route]) -> dict[str, Any]:
    """Return what `parametrize` takes: the routes, each under its path."""
    return {"argvalues": chosen, "ids": [one.path or "/" for one in chosen]}
