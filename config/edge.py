"""What is refused before any of our code sees the request: bodies larger than their route takes."""

from __future__ import annotations

import json
from collections.abc import MutableMapping, Sequence
from typing import Any

from config.handlers import Application, Receive, Scope, Send


class _TooLarge(Exception):
    """More arrived than the route takes."""


class BodyLimit:
    """Counts a request's body while it arrives and answers 413 as soon as it grows too large."""

    def __init__(self, application: Application, *, limits: Sequence[tuple[str, int]], default: int) -> None:
        self.application = application
        self.limits = limits
        self.default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless its declared length is too large already."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        limit = self.limit_of(scope["path"])
        if _declared(scope) > limit:
            await _refuse(send, limit)
            return
        received = 0
        started = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _TooLarge
            return message

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.application(scope, counted, noted)
        except _TooLarge:
            if not started:
                await _refuse(send, limit)

    def limit_of(self, path: str) -> int:
        """Return the bytes that a request to the path may bring."""
        return next((limit for part, limit in self.limits if part in path), self.default)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(send: Send, limit: int) -> None:
    body = json.dumps(
        {
            "type": "about:blank",
            "title": "Content too large",
            "status": 413,
            "detail": f"This address takes at most {limit:,} bytes per request: send less at a time.",
            "limit_bytes": limit,
        }
    ).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
